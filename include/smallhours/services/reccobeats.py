"""What audio features does ReccoBeats know of a track?

Free and without a key (reccobeats.com/docs). Where its figures come from is not published.
"""

import re
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Final, Self

import requests

from smallhours.errors import BrokenReply, NotFound, QuotaExceeded, Refused, RetryLater
from smallhours.services.budget import TokenBucket, shared_budget
from smallhours.services.http_session import new_session
from smallhours.services.json_reply import REMEDY, Json
from smallhours.services.patience import (
    AFTER_FAULTS_S,
    CallCounter,
    PassingFault,
    Patience,
    persist,
    quote,
    retry_after,
)
from smallhours.settings import Reccobeats

SERVICE: Final = "ReccoBeats"
ROUTE: Final = "GET audio-features"
# "ids: maximum 40", says its documentation.
MOST_IDS: Final = 40
FEATURES: Final = (
    "danceability",
    "acousticness",
    "energy",
    "valence",
    "instrumentalness",
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
    "key",
    "mode",
)
_TRACK_LINK: Final = re.compile(r"[:/]track[:/]([0-9A-Za-z]{22})(?:$|[?#])")
# A longer wait than this is a day's limit.
LONGEST_RATE_LIMIT_S: Final = 3600.0


class ReccobeatsClient:
    """ReccoBeats' API.

    Args:
        settings: Where it is, and how much is asked of it.
        budget: How fast requests may start; the process's own for ReccoBeats by default.
        patience: What is tried again.
    """

    def __init__(
        self,
        *,
        settings: Reccobeats,
        budget: TokenBucket | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._url = settings.api_url.rstrip("/") + "/audio-features"
        self._timeout_s = settings.timeout_s
        self._budget = budget or shared_budget(SERVICE, settings.calls_per_second)
        self._patience = patience or Patience()
        self._counter = CallCounter()
        self._session = new_session()
        weakref.finalize(self, self._session.close)

    @property
    def calls(self) -> Counter[str]:
        """Requests sent so far, by route."""
        return self._counter.counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; dropping the client does so too."""
        self._session.close()

    def audio_features(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """The features of each track that ReccoBeats knows; a call per forty.

        Args:
            ids: Spotify track ids; ISRCs are understood too.

        Returns:
            For each id that is known its features by name (`FEATURES`), as far as they are
            known: 0-1, but loudness (dB), tempo (beats per minute), key (0-11) and mode (0 or
            1). Unknown ids are absent.

        Raises:
            RetryLater: a rate limit, or no usable reply in three tries.
            Refused: when it will not answer.
            BrokenReply: when its reply can't be understood.
        """
        wanted = list(dict.fromkeys(ids))
        found: dict[str, dict[str, float]] = {}
        for start in range(0, len(wanted), MOST_IDS):
            batch = wanted[start : start + MOST_IDS]
            found |= persist(lambda batch=batch: self._ask(batch), self._patience)  # type: ignore[misc]
        return found

    def _ask(self, batch: Sequence[str]) -> dict[str, dict[str, float]]:
        self._budget.acquire()
        self._counter.add(ROUTE)
        try:
            response = self._session.get(
                self._url, params={"ids": ",".join(batch)}, timeout=self._timeout_s
            )
        except requests.RequestException as error:
            raise PassingFault(
                SERVICE,
                f"no reply ({type(error).__name__}).",
                remedy="Check the internet connection; the next try carries on from here.",
                after=AFTER_FAULTS_S,
            ) from None
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        _check_status(response, body)
        return parse_features(Json(SERVICE, body), batch)


def parse_features(reply: Json, asked: Sequence[str]) -> dict[str, dict[str, float]]:
    """The rows of a reply, by the id that was asked for.

    Unknown ids are missing from the reply and an ISRC may bring several rows, so a row is joined
    by the Spotify id in its link, or by its ISRC; of several rows the first one counts.

    Raises:
        BrokenReply: when it is not as documented.
    """
    wanted = set(asked)
    found: dict[str, dict[str, float]] = {}
    for row in reply["content"]:
        link = _TRACK_LINK.search(row["href"].text_or_none() or "")
        names = (link.group(1) if link else None, row["isrc"].text_or_none())
        features = {name: row[name].number() for name in FEATURES if not row[name].absent}
        for name in names:
            if name in wanted and features:
                found.setdefault(name, features)
    return found


def _check_status(response: requests.Response, body: object) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        if body is None:
            raise BrokenReply(SERVICE, "the reply is not JSON.", remedy=REMEDY)
        return
    said = ""
    if isinstance(body, dict):
        said = quote(body.get("message") or body.get("error") or "", [])
    what = f"{ROUTE} was answered with {status}" + (f" ({said})." if said else ".")
    if status == requests.codes.too_many_requests:
        after = retry_after(response.headers.get("Retry-After"), default=60.0)
        raise (QuotaExceeded if after > LONGEST_RATE_LIMIT_S else RetryLater)(
            SERVICE, what, remedy="The next try carries on from here.", after=after
        )
    if status >= requests.codes.internal_server_error:
        raise PassingFault(
            SERVICE,
            what,
            remedy="It is ReccoBeats' own trouble; the next try carries on from here.",
            after=AFTER_FAULTS_S,
        )
    if not said:
        raise BrokenReply(SERVICE, what, remedy=REMEDY)
    remedy = "If it lasts, set `enabled = false` under [services.reccobeats] in smallhours.toml."
    kind = NotFound if status == requests.codes.not_found else Refused
    raise kind(SERVICE, what, remedy=remedy)
