"""The mild oddities of a generated world: rows that the real services send without any fault.

The shares are those of recorded replies. Which rows are odd follows from a hash of their ids, so
that a world is odd in the same places whenever it is served. Worlds of the generator's first
version have none of them.
"""

from collections.abc import Mapping

from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.world import World

# Share of the rows that are odd, by kind.
SHARES: Mapping[str, float] = {
    "unplayable": 1 / 48,  # a track that is not licensed in the listener's country
    "missing_row": 1 / 48,  # a row that a page of top tracks leaves out, so that it is short
    "null_row": 1 / 40,  # a row of a page of top tracks that is null
    "no_key": 1 / 30,  # a track whose key ReccoBeats could not detect
    "null_feature": 1 / 40,  # a track of which ReccoBeats knows all features but one
    "no_album": 14 / 16,  # a scrobble of the early years without an album
    "no_mbid": 24 / 89,  # a loved track without a MusicBrainz id
    "undated": 1 / 89,  # a loved track whose date is 0
}


def has_oddities(world: World) -> bool:
    """Return whether a world is of a version that has oddities at all."""
    return world.generator > 1


def is_odd(world: World, kind: str, key: str | int) -> bool:
    """Return whether the row with that key is odd in that way."""
    return has_oddities(world) and hashed_share(f"{world.seed} {kind} {key}") < SHARES[kind]
