"""Requests to ListenBrainz and its labs, and what their errors mean.

ListenBrainz counts requests by address, whoever makes them: 30 in 10 seconds. It blocks an address
for some minutes, at all of MetaBrainz' services, when a request does not name a contact; that shows
as refused connections. So no request is made without one. A token is sent along whenever there is
one, because more and more questions need it.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote

from smallhours.errors import BrokenReply, NotFound, Refused, ServiceError, SourceRefused
from smallhours.service_settings import ListenbrainzSettings
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.listenbrainz_replies import SERVICE
from smallhours.services.retry_and_rate_limit import (
    RetryPolicy,
    TokenBucket,
    redact,
    shared_rate_limit,
)
from smallhours.services.transport import Client, Reply, Request, Transport, fingerprint

T = TypeVar("T")

LABS: Final = f"{SERVICE} Labs"
# The window within which it counts requests.
RATE_LIMIT_S: Final = 10.0
NO_CONTACT: Final = (
    "Set `contact` under [services.listenbrainz] to your e-mail or web address, or `listenbrainz` "
    "of a listener to their user name there."
)
_ALGORITHM: Final = re.compile(r"session_based_[A-Za-z0-9_]+")


class UnknownAlgorithm(Refused):
    """Labs does not have the algorithm that was asked for; `known` are those that it has."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(LABS, "it does not have this algorithm any more.", remedy=REMEDY)
        self.known = known


class ListenBrainzCalls(Client):
    """The calls to ListenBrainz; its questions are in the classes that build on this one.

    Args:
        token: The user's, from listenbrainz.org/settings; None to ask what needs none.
        settings: Where it is, and how much is asked of it.
        contact: Named in each request; empty: nothing is asked.
        rate_limit: How fast requests may start; the process's own by default.
        labs_rate_limit: The same for Labs.
        retry_policy: What is tried again.
        listener: Names the connection in messages.
    """

    service = SERVICE

    def __init__(
        self,
        token: str | None = None,
        *,
        settings: ListenbrainzSettings,
        contact: str,
        rate_limit: TokenBucket | None = None,
        labs_rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
        listener: str = "<listener>",
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        self._labs_url = settings.labs_url.rstrip("/")
        self._labs_rate_limit = labs_rate_limit or shared_rate_limit(
            LABS, settings.labs_calls_per_second
        )
        self._token = token
        self._contact = contact
        self._listener = listener
        self._algorithms: dict[str, str] = {}
        self.access = fingerprint(settings.api_url, settings.labs_url, token, contact)
        super().__init__(
            Transport(
                SERVICE,
                "listenbrainz",
                timeout_s=settings.timeout_s,
                rate_limit=rate_limit or shared_rate_limit(SERVICE, settings.calls_per_second),
                retry_policy=retry_policy or RetryPolicy(),
                rate_limit_s=RATE_LIMIT_S,
                secrets=lambda: (token,),
                contact=contact,
            )
        )

    @property
    def has_token(self) -> bool:
        """Whether questions can be asked that need a token."""
        return self._token is not None

    def _get(
        self, path: str, route: str, read: Callable[[JsonCursor], T], **params: str | int
    ) -> T:
        """Ask a question and parse its reply.

        Args:
            path: Behind `1/`.
            route: Its name in messages, without names and ids.
            read: Parses the reply.
            params: The query.
        """
        return self._ask("GET", path, route, read, params=params)

    def _post(
        self,
        path: str,
        route: str,
        body: Any,
        read: Callable[[JsonCursor], T],
        *,
        repeatable: bool = True,
    ) -> T:
        """Ask a question that has a body, or change something."""
        return self._ask("POST", path, route, read, repeatable=repeatable, json=body)

    def _ask(
        self,
        method: str,
        path: str,
        route: str,
        read: Callable[[JsonCursor], T],
        *,
        repeatable: bool = True,
        **more: Any,
    ) -> T:
        self._check_contact()
        if self._token is not None:
            more["headers"] = {"Authorization": f"Token {self._token}"}
        request = Request(
            method, f"{self._url}/1/{path}", f"{method} {route}", repeatable=repeatable, more=more
        )
        return self._http.call(request, lambda reply: read(self._json(reply)))

    def _ask_labs(self, slug: str, inputs: list[dict[str, Any]]) -> JsonCursor:
        """Ask Labs about some inputs."""
        self._check_contact()
        request = Request(
            "POST",
            f"{self._labs_url}/{slug}/json",
            f"POST labs/{slug}",
            more={"json": inputs},
            rate_limit=self._labs_rate_limit,
        )
        return self._http.call(request, self._labs_json)

    def _check_token(self, route: str) -> None:
        """Check that there is a token for a question that needs one.

        Raises:
            Refused: when there is none; nothing is sent.
        """
        if self._token is None:
            raise Refused(SERVICE, f"{route} needs a token.", remedy=self._token_remedy)

    def _check_contact(self) -> None:
        if not self._contact:
            raise SourceRefused(
                SERVICE,
                "it blocks whoever does not name a contact, so it is not asked.",
                remedy=NO_CONTACT,
            )

    def _json(self, reply: Reply) -> JsonCursor:
        """Return a cursor over a good reply; None in it where there is nothing yet."""
        if reply.status == 204:
            raise NotFound(
                SERVICE,
                f"for {reply.route} it has computed nothing yet.",
                remedy="Nothing needs doing; it computes such things once a day or week.",
            )
        body = reply.json()
        if reply.ok and body is not None:
            return self._http.cursor(body)
        if reply.ok:
            raise BrokenReply(SERVICE, f"the reply to {reply.route} is not JSON.", remedy=REMEDY)
        raise self._failure(reply, body)

    def _failure(self, reply: Reply, body: Any) -> ServiceError:
        told = body if isinstance(body, dict) else {}
        said = redact(told.get("error") or told.get("message") or "", (self._token,))
        what = f"{reply.route} was answered with {reply.status} ({said or 'no explanation'})."
        if reply.status == 401:
            return SourceRefused(SERVICE, what, remedy=self._token_remedy)
        if reply.status == 403 and said:
            return Refused(SERVICE, what, remedy="The account of the token may not do this.")
        if reply.status == 404 and said.startswith("Cannot find user"):
            return NotFound(
                SERVICE, what, remedy="Correct this listener's `listenbrainz` in smallhours.toml."
            )
        return self._http.failure(reply, said)

    def _labs_json(self, reply: Reply) -> JsonCursor:
        body = reply.json()
        if reply.ok and body is not None:
            return self._http.cursor(body)
        if reply.status == 400:
            text = reply.body.decode("utf-8", "replace")
            if known := sorted(set(_ALGORITHM.findall(text))):
                raise UnknownAlgorithm(known)
            raise Refused(SERVICE, f"{reply.route} was answered with 400.", remedy=REMEDY)
        if reply.ok:
            raise BrokenReply(SERVICE, f"the reply to {reply.route} is not JSON.", remedy=REMEDY)
        raise self._http.failure(reply)

    @property
    def _token_remedy(self) -> str:
        return (
            f"Run `smallhours login listenbrainz --listener {self._listener}` with the token from "
            "listenbrainz.org/settings."
        )


def path_of(user: str) -> str:
    """Return a user's name as a part of an address."""
    return quote(user, safe="")
