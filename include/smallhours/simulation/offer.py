"""What could a night's list have been: at best, and by chance?

A list that gets better may owe it to what was learned, and one that gets worse to what was used up:
what was heard is not offered again. So beside each list stand the two that knowledge of the hidden
taste, and none at all, would have made of the same tracks on the same morning.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.identity import artist_key_in, identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import CANDIDATES, FEEDBACK, LIBRARY, PLAYLISTS, PLAYS
from smallhours.nights import Night
from smallhours.playlist.evidence import BACKGROUND, REJECTIONS
from smallhours.playlist.ledger import last_shown
from smallhours.sandbox.world import World
from smallhours.wishes import PlaylistWishes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Offer:
    """Two lists of the same length from the same tracks, as the sandbox knows the listener.

    Attributes:
        tracks: How many could be chosen from.
        best: Mean acceptance of the best of them, under the same cap on tracks by one artist.
        chance: Mean acceptance of all of them: of a list that is drawn blindly.
    """

    tracks: int
    best: float
    chance: float


def tracks_by_key(world: World) -> dict[str, int]:
    """The world's tracks by the key that the product gives them; of several the best known."""
    found: dict[str, int] = {}
    for track in np.argsort(-world.track_popularity, kind="stable").tolist():
        artist = world.artist_name[world.track_artist[track]]
        found.setdefault(identify(artist, world.track_lastfm_title[track]).track_key, track)
    return found


def offer_of(
    lake: Lake,
    listener: str,
    *,
    night: Night,
    wishes: PlaylistWishes,
    acceptance: Floats,
    tracks: dict[str, int],
) -> Offer | None:
    """What tonight's list could have been; None without candidates.

    Args:
        lake: As the night's list was chosen from it.
        listener: Whose.
        night: Tonight.
        wishes: For the list.
        acceptance: (tracks of the world,), how probably the listener hears each to its end.
        tracks: Of `tracks_by_key`.
    """
    own = {"listener": listener}
    votes = lake.frame(CANDIDATES, columns=["track_key", "route"], where=own)
    keys = set(votes.loc[votes["route"] != BACKGROUND, "track_key"]) & tracks.keys()
    for table in (PLAYS, LIBRARY):
        keys -= set(lake.frame(table, columns=["track_key"], where=own)["track_key"])
    told = lake.frame(FEEDBACK, columns=["track_key", "reaction"], where=own)
    keys -= set(told.loc[told["reaction"].isin(REJECTIONS), "track_key"])
    for key, date in last_shown(lake.frame(PLAYLISTS, where=own), before=night.date).items():
        if (night.date - date).days < wishes.not_again_nights:
            keys.discard(key)
    if not keys:
        return None
    ordered = sorted(keys, key=lambda key: (-acceptance[tracks[key]], key))
    values = acceptance[[tracks[key] for key in ordered]]
    at = _capped(ordered, wishes)
    return Offer(len(keys), float(values[at].mean()), float(values.mean()))


def _capped(ordered: list[str], wishes: PlaylistWishes) -> list[int]:
    """The places of the first tracks, as many as a list holds, of which no artist has too many."""
    of_artist: Counter[str] = Counter()
    chosen: list[int] = []
    for place, key in enumerate(ordered):
        artist = artist_key_in(key)
        if of_artist[artist] < wishes.artist_cap:
            of_artist[artist] += 1
            chosen.append(place)
        if len(chosen) == wishes.size:
            break
    return chosen
