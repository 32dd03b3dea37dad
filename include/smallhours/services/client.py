"""The base of all clients: it closes connections and counts requests."""

import weakref
from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Self

from smallhours.services.retry import CallCounter


class Client:
    """A service's client; as a context, it closes its connections at the end.

    Args:
        close: Closes the connections. It is called, too, when the client is dropped.
        counter: Counts the requests that are sent.

    Attributes:
        service: The service's name, as errors have it.
    """

    service: ClassVar[str]

    def __init__(self, close: Callable[[], None], counter: CallCounter) -> None:
        self._counter = counter
        self._close = weakref.finalize(self, close)

    @property
    def calls(self) -> Counter[str]:
        """Requests sent so far, by method and path (`GET playlists/{id}/items`), or by name."""
        return self._counter.counts

    def observe(self, on_reply: Callable[[str, int, bytes], None]) -> None:
        """Pass each further reply on, as it came: its method, HTTP status and body."""
        self._counter.on_reply = on_reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; dropping the client does so too."""
        self._close()
