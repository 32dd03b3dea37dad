"""Spotify's own audio features, for old apps that may still ask for them.

Apps from before 2024-11-27 with extended quota may; all others are answered with 403
(developer.spotify.com/blog/2024-11-27-changes-to-the-web-api).
"""

from collections.abc import Sequence
from typing import Final

from smallhours.lake.tables import FEATURES
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.spotify import SpotifyClient

# Its documentation: at most 100 ids a call.
MAX_IDS: Final = 100
NO_KEY: Final = -1.0


def spotify_features(client: SpotifyClient, ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the features of each track that Spotify has analysed; a call per hundred.

    Args:
        client: As whom to ask.
        ids: Spotify track ids.

    Returns:
        For each id that is known its features by name (`FEATURES`), in Spotify's own units.

    Raises:
        Refused: the app may not ask, and never will.
        ServiceError: any other that the client raises.
    """
    wanted = list(dict.fromkeys(ids))
    found: dict[str, dict[str, float]] = {}
    for start in range(0, len(wanted), MAX_IDS):
        batch = wanted[start : start + MAX_IDS]
        found |= parse_features(client.legacy_audio_features(batch), batch)
    return found


def parse_features(reply: JsonCursor, asked: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the rows of a reply by their id; unknown tracks are null in it.

    Raises:
        BrokenReply: when it is not as documented.
    """
    wanted = set(asked)
    found = {}
    for row in reply["audio_features"]:
        if row.absent:
            continue
        track = row["id"].some_text()
        values = {name: row[name].number() for name in FEATURES if not row[name].absent}
        if values.get("key") == NO_KEY:
            del values["key"]
        if track in wanted and values:
            found[track] = values
    return found
