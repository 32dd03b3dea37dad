"""Upper bound and chance level of a night's list, from the listener's hidden taste.

A list can get better because the recommender learned, or worse because good tracks were used up:
tracks that were heard are not recommended again. So each list is compared with the best list (an
oracle that knows the hidden taste) and a random list of the same candidates on the same morning.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.identity import artist_key_in, identify
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import CANDIDATES, FEEDBACK, LIBRARY, PLAYS
from smallhours.nights import Night
from smallhours.playlist.publish.ledger import last_shown
from smallhours.playlist_settings import PlaylistSettings
from smallhours.vocabulary import REJECTED, Route
from smallhours_sandbox.world import World

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OracleBounds:
    """Acceptance of the best and of a random list of the same candidates.

    Attributes:
        tracks: Number of eligible candidates.
        best: Mean acceptance of the best list, with the same limit of tracks per artist.
        chance: Mean acceptance of all candidates: the expected value of a random list.
    """

    tracks: int
    best: float
    chance: float


def tracks_by_key(world: World) -> dict[str, int]:
    """Return the world's tracks by the product's track key; the most popular one of each key."""
    found: dict[str, int] = {}
    for track in np.argsort(-world.track_popularity, kind="stable").tolist():
        artist = world.artist_name[world.track_artist[track]]
        found.setdefault(identify(artist, world.track_lastfm_title[track]).track_key, track)
    return found


def oracle_bounds(
    lake: Lake,
    listener: str,
    *,
    night: Night,
    playlist_settings: PlaylistSettings,
    acceptance: Floats,
    tracks: dict[str, int],
) -> OracleBounds | None:
    """Return the best and the random list of tonight's candidates; None without candidates.

    Args:
        lake: The lake from which the night's list was chosen.
        listener: Name of the listener.
        night: Tonight.
        playlist_settings: Settings of the list.
        acceptance: (tracks of the world,), probability that the listener plays each to its end.
        tracks: From `tracks_by_key`.
    """
    own = {"listener": listener}
    votes = lake.frame(CANDIDATES, columns=["track_key", "route"], where=own)
    keys = set(votes.loc[votes["route"] != Route.BACKGROUND, "track_key"]) & tracks.keys()
    for table in (PLAYS, LIBRARY):
        keys -= set(lake.frame(table, columns=["track_key"], where=own)["track_key"])
    told = lake.frame(FEEDBACK, columns=["track_key", "reaction"], where=own)
    keys -= set(told.loc[told["reaction"].isin(REJECTED), "track_key"])
    for key, date in last_shown(lake.frame(PLAYLISTS, where=own), before=night.date).items():
        if (night.date - date).days < playlist_settings.not_again_nights:
            keys.discard(key)
    if not keys:
        return None
    ordered = sorted(keys, key=lambda key: (-acceptance[tracks[key]], key))
    values = acceptance[[tracks[key] for key in ordered]]
    at = _within_artist_cap(ordered, playlist_settings)
    return OracleBounds(len(keys), float(values[at].mean()), float(values.mean()))


def _within_artist_cap(ordered: list[str], playlist_settings: PlaylistSettings) -> list[int]:
    """Return the indices of the first tracks that fill a list within the limit per artist."""
    of_artist: Counter[str] = Counter()
    chosen: list[int] = []
    for place, key in enumerate(ordered):
        artist = artist_key_in(key)
        if of_artist[artist] < playlist_settings.artist_cap:
            of_artist[artist] += 1
            chosen.append(place)
        if len(chosen) == playlist_settings.size:
            break
    return chosen
