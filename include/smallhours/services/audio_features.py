"""Clients of the services that give audio features without a key: ReccoBeats and AcousticBrainz.

ReccoBeats gives those of tracks by Spotify id, free (reccobeats.com/docs). Where its figures come
from is not published.

AcousticBrainz gives those of recordings by MusicBrainz recording id. They were computed from the
audio by Essentia, are free (CC0), and were frozen in 2022 (acousticbrainz.readthedocs.io/api.html).
Its two documents become features as follows:

    tempo              low-level  rhythm.bpm
    key                low-level  tonal.key_key, C = 0
    mode               low-level  tonal.key_scale, major = 1
    loudness           low-level  metadata.audio_properties.replay_gain: -20 dB less the gain, as
                                  Essentia's reference of 83 dB is -20 dB of full scale
    danceability       high-level P(danceable)
    acousticness       high-level P(acoustic) of mood_acoustic
    instrumentalness   high-level P(instrumental) of voice_instrumental

The last three are probabilities of a classifier, not amounts; they fill gaps and are not equal to
Spotify's. Nothing here measures energy, valence, speechiness or liveness, and `average_loudness` is
no loudness in dB (it tells how much the level varies), so none of them is made up. A gain of -3 dB
means a loudness of -20 - (-3) = -17 dB.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar, Final

from smallhours.errors import BrokenReply
from smallhours.service_settings import AcousticbrainzSettings, ReccobeatsSettings
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket, shared_rate_limit
from smallhours.services.transport import Client, Reply, Request, Transport, fingerprint

# Features by name, of each id that the service knows.
Features = dict[str, dict[str, float]]

# The values that a feature can have; all others go from 0 to 1. A key of -1 means "none detected".
RANGES: Final = {
    "loudness": (-70.0, 10.0),
    "tempo": (20.0, 400.0),
    "key": (0.0, 11.0),
    "mode": (0.0, 1.0),
    "duration_ms": (1.0, 2.0**31),
}
WHOLE: Final = ("key", "mode")

RECCOBEATS_PATH: Final = "audio-features"
# "ids: maximum 40", says its documentation.
MAX_RECCOBEATS_IDS: Final = 40
RECCOBEATS_FEATURES: Final = (
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

# "You can specify up to 25 MBIDs in a request", says its documentation.
MAX_ACOUSTICBRAINZ_IDS: Final = 25
LEVELS: Final = ("low-level", "high-level")
# All that is used of a low-level document, which is a hundred times as long.
LOW_LEVEL_PARTS: Final = (
    "rhythm.bpm",
    "tonal.key_key",
    "tonal.key_scale",
    "metadata.audio_properties.replay_gain",
)
# The classifier, the class whose probability counts, and the feature that it becomes.
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
REPLAY_GAIN_TARGET_DB: Final = -20.0
_MBID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FeatureClient(Client):
    """A client of such a service.

    Args:
        settings: Where it is, and how much is asked of it.
        rate_limit: How fast requests may start; the process's own for this service by default.
        retry_policy: What is tried again.
        contact: Whom the service may write to.
    """

    # Its section of the settings, and how long a rate limit lasts that names no time.
    section: ClassVar[str]
    rate_limit_s: ClassVar[float]

    def __init__(
        self,
        *,
        settings: ReccobeatsSettings | AcousticbrainzSettings,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
        contact: str = "",
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        self.access = fingerprint(settings.api_url, contact)
        super().__init__(
            Transport(
                self.service,
                self.section,
                timeout_s=settings.timeout_s,
                rate_limit=rate_limit or shared_rate_limit(self.service, settings.calls_per_second),
                retry_policy=retry_policy or RetryPolicy(),
                rate_limit_s=self.rate_limit_s,
                contact=contact,
            )
        )

    def _get(self, path: str, **params: str) -> Request:
        return Request("GET", f"{self._url}/{path}", f"GET {path}", more={"params": params})

    def _json(self, reply: Reply) -> JsonCursor:
        """Return a cursor over a good reply."""
        body = reply.json()
        if not reply.ok:
            told = body if isinstance(body, dict) else {}
            raise self._http.failure(reply, told.get("message") or told.get("error") or "")
        if body is None:
            raise BrokenReply(self.service, "the reply is not JSON.", remedy=REMEDY)
        return self._http.cursor(body)


def read_features(row: JsonCursor, names: Iterable[str]) -> dict[str, float]:
    """Return the features in a row, as far as they are there and possible.

    Raises:
        BrokenReply: when one of them is no number.
    """
    values = {name: row[name].number() for name in names if not row[name].absent}
    return {name: value for name, value in values.items() if is_possible(name, value)}


def is_possible(name: str, value: float) -> bool:
    """Return whether a feature can have a value."""
    low, high = RANGES.get(name, (0.0, 1.0))
    return low <= value <= high and (name not in WHOLE or value.is_integer())


class ReccobeatsClient(FeatureClient):
    """ReccoBeats' API."""

    service = "ReccoBeats"
    section = "reccobeats"
    rate_limit_s = 60.0

    def audio_features(self, ids: Sequence[str]) -> Features:
        """Return the features of each track that ReccoBeats knows; a call per forty.

        Args:
            ids: Spotify track ids; ISRCs are understood too.

        Returns:
            For each id that is known its features by name (`RECCOBEATS_FEATURES`), as far as they
            are known: 0-1, but loudness (dB), tempo (beats per minute), key (0-11) and mode (0 or
            1). Unknown ids are absent.

        Raises:
            RetryLater: a rate limit, or no usable reply in three tries.
            SourceRefused: when it answers nobody from here.
            Refused: when it will not answer this.
            BrokenReply: when its reply can't be understood.
        """
        wanted = list(dict.fromkeys(ids))
        found: Features = {}
        for start in range(0, len(wanted), MAX_RECCOBEATS_IDS):
            batch = wanted[start : start + MAX_RECCOBEATS_IDS]
            found |= self._http.call(
                self._get(RECCOBEATS_PATH, ids=",".join(batch)), partial(self._read, asked=batch)
            )
        return found

    def _read(self, reply: Reply, asked: Sequence[str]) -> Features:
        return parse_features(self._json(reply), asked)


def parse_features(reply: JsonCursor, asked: Sequence[str]) -> Features:
    """Return the features in a reply, by the id that was asked for.

    Unknown ids are missing from the reply and an ISRC may bring several rows, so a row is joined
    by the Spotify id in its link, or by its ISRC; of several rows the first one counts. A row that
    can't be read is left out.

    Raises:
        BrokenReply: when it is not as documented.
    """
    wanted = set(asked)
    found: Features = {}
    for names, features in reply["content"].rows(_parse_row):
        for name in names:
            if name in wanted and features:
                found.setdefault(name, features)
    return found


def _parse_row(row: JsonCursor) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the ids by which a row can be joined, and its features."""
    link = _TRACK_LINK.search(row["href"].text_or_none() or "")
    isrc = row["isrc"].text_or_none()
    names = tuple(name for name in (link and link.group(1), isrc) if name)
    if not names:
        raise row["href"].broken("a link to a track")
    return names, read_features(row, RECCOBEATS_FEATURES)


class AcousticbrainzClient(FeatureClient):
    """AcousticBrainz' API."""

    service = "AcousticBrainz"
    section = "acousticbrainz"
    rate_limit_s = 10.0  # 100 requests in ten seconds are allowed

    def audio_features(self, mbids: Sequence[str]) -> Features:
        """Return the features of each recording that AcousticBrainz knows; two calls per 25.

        Args:
            mbids: MusicBrainz recording ids, in either case. What is none is not asked for.

        Returns:
            For each id that is known, as given, its features by name, as far as they are known:
            0-1, but loudness (dB), tempo (beats per minute), key (0-11) and mode (0 or 1). Unknown
            ids are absent.

        Raises:
            RetryLater: a rate limit, or no usable reply in three tries.
            SourceRefused: when it answers nobody from here.
            Refused: when it will not answer this.
            BrokenReply: when its reply can't be understood.
        """
        given = {mbid: mbid.strip().lower() for mbid in mbids}
        wanted = sorted({mbid for mbid in given.values() if _MBID.fullmatch(mbid)})
        found: Features = {}
        for level in LEVELS:
            for start in range(0, len(wanted), MAX_ACOUSTICBRAINZ_IDS):
                batch = wanted[start : start + MAX_ACOUSTICBRAINZ_IDS]
                answers = self._http.call(
                    self._get(level, **_query(level, batch)),
                    partial(self._read, level=level, asked=batch),
                )
                for mbid, features in answers.items():
                    found.setdefault(mbid, {}).update(features)
        return {mbid: found[key] for mbid, key in given.items() if found.get(key)}

    def _read(self, reply: Reply, level: str, asked: Sequence[str]) -> Features:
        return parse_documents(self._json(reply), level, asked)


def _query(level: str, batch: Sequence[str]) -> dict[str, str]:
    query = {"recording_ids": ";".join(batch)}
    if level == LEVELS[0]:
        query["features"] = ";".join(LOW_LEVEL_PARTS)
    return query


def parse_documents(reply: JsonCursor, level: str, asked: Sequence[str]) -> Features:
    """Return the features in a bulk reply, by the id that was asked for.

    A recording may have been submitted several times; the first submission is what a reply
    holds. Where MusicBrainz merged recordings, `mbid_mapping` names the id that the reply uses.

    Raises:
        BrokenReply: when it is not as documented.
    """
    mapping = reply["mbid_mapping"]
    read = _low_level if level == LEVELS[0] else _high_level
    found: Features = {}

    def document_of(mbid: JsonCursor) -> Features | None:
        merged = None if mapping.absent else mapping[mbid.value].text_or_none()
        document = reply[mbid.value]
        if document.absent and merged is not None:
            document = reply[merged]
        if document.absent or (first := document["0"]).absent:
            return None
        return {mbid.value: read(first)}

    # Those that can't be read are left out and counted, as the rows of a list would be.
    if not isinstance(mapping.value, dict | None):
        raise mapping.broken("an object")
    for each in JsonCursor(reply.service, list(asked), odd_rows=reply.odd_rows).rows(document_of):
        found |= each
    return found


def _low_level(document: JsonCursor) -> dict[str, float]:
    features: dict[str, float] = {}
    gain = _within(document, "metadata", "audio_properties", "replay_gain")
    if not gain.absent:
        features["loudness"] = REPLAY_GAIN_TARGET_DB - gain.number()
    # 0 is what the beat tracker says of silence and noise.
    bpm = _within(document, "rhythm", "bpm")
    if not bpm.absent:
        features["tempo"] = bpm.number()
    key = KEYS.get(_within(document, "tonal", "key_key").text_or_none() or "")
    scale = SCALES.get(_within(document, "tonal", "key_scale").text_or_none() or "")
    if key is not None and scale is not None:
        features |= {"key": float(key), "mode": scale}
    return {name: value for name, value in features.items() if is_possible(name, value)}


def _high_level(document: JsonCursor) -> dict[str, float]:
    features: dict[str, float] = {}
    for verdict, yes, name in CLASSES:
        chance = _within(document, "highlevel", verdict, "all", yes)
        # Probabilities of a sum that is rounded may pass 1 in the last place.
        if not chance.absent and is_possible(name, round(chance.number(), 3)):
            features[name] = min(max(chance.number(), 0.0), 1.0)
    return features


def _within(document: JsonCursor, *path: str) -> JsonCursor:
    """Return a place in a document; absent when any step of the path is."""
    place = document
    for step in path:
        if place.absent:
            break
        place = place[step]
    return place
