"""Questions about many things at once, and what to do when a batch fails.

An id that the service's error names is left out, and the batch is asked again. Another failed batch
is asked in halves, down to the single row that fails. A thing that could not be asked is never
taken for one that the service does not know.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from smallhours.errors import Refused, ServiceError
from smallhours.services.retry_and_rate_limit import is_of_one_question

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

# Told of each row that failed, and why; it returns the error that ends the asking, or None.
OnFailure = Callable[[K, ServiceError], ServiceError | None]


def ask_in_batches(
    keys: Sequence[K],
    size: int,
    ask: Callable[[Sequence[K]], Mapping[K, T]],
    on_failure: OnFailure[K] | None,
) -> dict[K, T]:
    """Return the answers about many things, by key; what the service does not know is absent.

    Args:
        keys: What to ask about; each once.
        size: How many may be asked about at once.
        ask: Asks about one batch.
        on_failure: Told of each row that failed; without it the first one ends the asking.

    Raises:
        ServiceError: a rate limit, a refusal of everything, or what `on_failure` returns.
    """
    unique = list(dict.fromkeys(keys))
    batches = [unique[start : start + size] for start in range(0, len(unique), size)][::-1]
    found: dict[K, T] = {}
    while batches:
        batch = batches.pop()
        try:
            found |= ask(batch)
        except ServiceError as error:
            if not is_of_one_question(error):
                raise
            odd = [key for key in batch if isinstance(error, Refused) and str(key) in error.what]
            if not odd and len(batch) > 1:
                middle = len(batch) // 2
                batches += [batch[middle:], batch[:middle]]
                continue
            for key in odd or batch:
                ending = error if on_failure is None else on_failure(key, error)
                if ending is not None:
                    raise ending from None
            if left := [key for key in batch if key not in odd and odd]:
                batches.append(left)
    return found
