"""What does AcousticBrainz know of a recording?

Computed from the audio by Essentia, free (CC0), found by MusicBrainz recording id; frozen in 2022
(acousticbrainz.readthedocs.io/api.html). Its two documents become features as follows:

    tempo              low-level  rhythm.bpm
    key                low-level  tonal.key_key, C = 0
    mode               low-level  tonal.key_scale, major = 1
    loudness           low-level  metadata.audio_properties.replay_gain: -14 dB less the gain, as
                                  ReplayGain brings a track to -14 dB of full scale
    danceability       high-level P(danceable)
    acousticness       high-level P(acoustic) of mood_acoustic
    instrumentalness   high-level P(instrumental) of voice_instrumental

The last three are what a classifier holds likely, not how much of something there is; they fill
gaps and are not equal to Spotify's. There is nothing here that measures energy, valence,
speechiness or liveness, and `average_loudness` is no loudness in dB (it tells how much the level
varies): none of them is made up.
"""

import re
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Final, Self

import requests

from smallhours.errors import BrokenReply, QuotaExceeded, Refused, RetryLater
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
from smallhours.settings import Acousticbrainz

SERVICE: Final = "AcousticBrainz"
# "You can specify up to 25 MBIDs in a request", says its documentation.
MOST_IDS: Final = 25
LEVELS: Final = ("low-level", "high-level")
FEATURES: Final = (
    "danceability",
    "acousticness",
    "instrumentalness",
    "loudness",
    "tempo",
    "key",
    "mode",
)
# All that is used of a low-level document, which is a hundred times as long.
LOW_LEVEL_PARTS: Final = (
    "rhythm.bpm",
    "tonal.key_key",
    "tonal.key_scale",
    "metadata.audio_properties.replay_gain",
)
# The verdict, the class whose probability counts, and the feature that it becomes.
CLASSES: Final = (
    ("danceability", "danceable", "danceability"),
    ("mood_acoustic", "acoustic", "acousticness"),
    ("voice_instrumental", "instrumental", "instrumentalness"),
)
KEYS: Final = {
    name: number
    for number, names in enumerate(
        ("C", "C# Db", "D", "D# Eb", "E", "F", "F# Gb", "G", "G# Ab", "A", "A# Bb", "B")
    )
    for name in names.split()
}
SCALES: Final = {"minor": 0.0, "major": 1.0}
REPLAY_GAIN_TARGET_DB: Final = -14.0
SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0
_MBID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A longer wait than this is not a rate limit any more (100 requests in ten seconds).
LONGEST_RATE_LIMIT_S: Final = 3600.0


class AcousticbrainzClient:
    """AcousticBrainz' API.

    Args:
        settings: Where it is, and how much is asked of it.
        budget: How fast requests may start; the process's own for AcousticBrainz by default.
        patience: What is tried again.
    """

    def __init__(
        self,
        *,
        settings: Acousticbrainz,
        budget: TokenBucket | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._url = settings.api_url.rstrip("/")
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

    def audio_features(self, mbids: Sequence[str]) -> dict[str, dict[str, float]]:
        """The features of each recording that AcousticBrainz knows; two calls per 25.

        Args:
            mbids: MusicBrainz recording ids, in either case. What is none is not asked for.

        Returns:
            For each id that is known, as given, its features by name (`FEATURES`), as far as
            they are known: 0-1, but loudness (dB), tempo (beats per minute), key (0-11) and mode
            (0 or 1). Unknown ids are absent.

        Raises:
            RetryLater: a rate limit, or no usable reply in three tries.
            Refused: when it will not answer.
            BrokenReply: when its reply can't be understood.
        """
        given = {mbid: mbid.strip().lower() for mbid in mbids}
        wanted = sorted({mbid for mbid in given.values() if _MBID.fullmatch(mbid)})
        found: dict[str, dict[str, float]] = {}
        for start in range(0, len(wanted), MOST_IDS):
            batch = wanted[start : start + MOST_IDS]
            for level in LEVELS:
                reply = persist(lambda: self._ask(level, batch), self._patience)  # noqa: B023
                for mbid, features in parse_documents(reply, level, batch).items():
                    found.setdefault(mbid, {}).update(features)
        return {mbid: found[key] for mbid, key in given.items() if found.get(key)}

    def _ask(self, level: str, batch: Sequence[str]) -> Json:
        self._budget.acquire()
        self._counter.add(f"GET {level}")
        params = {"recording_ids": ";".join(batch)}
        if level == LEVELS[0]:
            params["features"] = ";".join(LOW_LEVEL_PARTS)
        try:
            response = self._session.get(
                f"{self._url}/{level}", params=params, timeout=self._timeout_s
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
        _check_status(level, response, body)
        return Json(SERVICE, body)


def parse_documents(reply: Json, level: str, asked: Sequence[str]) -> dict[str, dict[str, float]]:
    """The features in a bulk reply, by the id that was asked for.

    A recording may have been submitted several times; the first submission is what a reply
    holds. Where MusicBrainz merged recordings, `mbid_mapping` names the id that the reply uses.

    Raises:
        BrokenReply: when it is not as documented.
    """
    mapping = reply["mbid_mapping"]
    read = _low_level if level == LEVELS[0] else _high_level
    found = {}
    for mbid in asked:
        merged = None if mapping.absent else mapping[mbid].text_or_none()
        document = reply[mbid] if merged is None or not reply[mbid].absent else reply[merged]
        if not document.absent and not (first := document["0"]).absent:
            found[mbid] = read(first)
    return found


def _low_level(document: Json) -> dict[str, float]:
    features: dict[str, float] = {}
    gain = _within(document, "metadata", "audio_properties", "replay_gain")
    if not gain.absent:
        features["loudness"] = REPLAY_GAIN_TARGET_DB - gain.number()
    bpm = _within(document, "rhythm", "bpm")
    # 0 is what the beat tracker says of silence and noise.
    if not bpm.absent and SLOWEST_BPM <= bpm.number() <= FASTEST_BPM:
        features["tempo"] = bpm.number()
    key = KEYS.get(_within(document, "tonal", "key_key").text_or_none() or "")
    scale = SCALES.get(_within(document, "tonal", "key_scale").text_or_none() or "")
    if key is not None and scale is not None:
        features |= {"key": float(key), "mode": scale}
    return features


def _high_level(document: Json) -> dict[str, float]:
    features: dict[str, float] = {}
    for verdict, yes, name in CLASSES:
        chance = _within(document, "highlevel", verdict, "all", yes)
        if not chance.absent:
            # Probabilities of a sum that is rounded may pass 1 in the last place.
            features[name] = min(max(chance.number(), 0.0), 1.0)
    return features


def _within(document: Json, *path: str) -> Json:
    """A place in a document; absent when any step towards it is."""
    place = document
    for step in path:
        if place.absent:
            break
        place = place[step]
    return place


def _check_status(level: str, response: requests.Response, body: object) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        if body is None:
            raise BrokenReply(SERVICE, "the reply is not JSON.", remedy=REMEDY)
        return
    said = quote(body.get("message") or "", []) if isinstance(body, dict) else ""
    what = f"GET {level} was answered with {status}" + (f" ({said})." if said else ".")
    if status == requests.codes.too_many_requests:
        wait = response.headers.get("Retry-After") or response.headers.get("X-RateLimit-Reset-In")
        after = retry_after(wait, default=10.0)
        raise (QuotaExceeded if after > LONGEST_RATE_LIMIT_S else RetryLater)(
            SERVICE, what, remedy="The next try carries on from here.", after=after
        )
    if status >= requests.codes.internal_server_error:
        raise PassingFault(
            SERVICE,
            what,
            remedy="It is AcousticBrainz' own trouble; the next try carries on from here.",
            after=AFTER_FAULTS_S,
        )
    if not said:
        raise BrokenReply(SERVICE, what, remedy=REMEDY)
    raise Refused(
        SERVICE,
        what,
        remedy="If it lasts, set `enabled = false` under [services.acousticbrainz] in "
        "smallhours.toml.",
    )
