"""ReccoBeats client: audio features of tracks by Spotify id.

Free and without a key (reccobeats.com/docs). Where its figures come from is not published.
"""

import re
from collections.abc import Sequence
from typing import Final

from smallhours.services.json_cursor import JsonCursor
from smallhours.services.keyless_client import Features, KeylessClient

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


class ReccobeatsClient(KeylessClient):
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
        return self.fetch_features(
            PATH,
            list(dict.fromkeys(ids)),
            most=MAX_IDS,
            params=lambda batch: {"ids": ",".join(batch)},
            parse=parse_features,
        )


def parse_features(reply: JsonCursor, asked: Sequence[str]) -> Features:
    """Return the features in a reply, by the id that was asked for.

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
