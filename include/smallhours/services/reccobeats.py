"""ReccoBeats client: audio features of tracks by Spotify id.

Free and without a key (reccobeats.com/docs). Where its figures come from is not published.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from smallhours.services.feature_client import FeatureClient, Features, read_features
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.transport import Reply

SERVICE: Final = "ReccoBeats"
PATH: Final = "audio-features"
# "ids: maximum 40", says its documentation.
MAX_IDS: Final = 40
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


class ReccobeatsClient(FeatureClient):
    """ReccoBeats' API."""

    service = SERVICE
    section = "reccobeats"
    rate_limit_s = 60.0

    def audio_features(self, ids: Sequence[str]) -> Features:
        """Return the features of each track that ReccoBeats knows; a call per forty.

        Args:
            ids: Spotify track ids; ISRCs are understood too.

        Returns:
            For each id that is known its features by name (`FEATURES`), as far as they are
            known: 0-1, but loudness (dB), tempo (beats per minute), key (0-11) and mode (0 or
            1). Unknown ids are absent.

        Raises:
            RetryLater: a rate limit, or no usable reply in three tries.
            SourceRefused: when it answers nobody from here.
            Refused: when it will not answer this.
            BrokenReply: when its reply can't be understood.
        """
        wanted = list(dict.fromkeys(ids))
        found: Features = {}
        for start in range(0, len(wanted), MAX_IDS):
            batch = wanted[start : start + MAX_IDS]
            found |= self._http.call(
                self._get(PATH, ids=",".join(batch)), partial(self._read, asked=batch)
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
    return names, read_features(row, FEATURES)
