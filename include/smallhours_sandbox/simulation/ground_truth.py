"""The world of the simulated nights, and the truth about a list in it, from the hidden taste.

A list can get better because the recommender learned, or worse because good tracks were used up:
tracks that were heard are not recommended again. So each list is compared with the best list (an
oracle that knows the hidden taste) and a random list of the same candidates on the same morning.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.identity import artist_key_in, identify
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import CANDIDATES, FEEDBACK, LIBRARY, PLAYS
from smallhours.listening.feedback import last_shown
from smallhours.nights import Night
from smallhours.playlist_settings import PlaylistSettings
from smallhours.training.evaluation.metrics import intra_list_diversity
from smallhours.vocabulary import REJECTED, Route
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

# Probability that a simulated listener plays a track to its end, as in `sandbox.simulate`: it
# rises linearly with liking, from .12 at 0 to .96 at 1.
MIN_FINISHED, FINISHED_BY_LIKING = 0.12, 0.84


@dataclass(frozen=True)
class WorldSize:
    """The size of the world.

    Large enough that sixty nights do not use up the tracks that a listener likes, with a history
    short enough to leave something to learn.

    Attributes:
        artists: Number of artists.
        tracks: Number of tracks; a listener likes about one in seven.
        scrobbles: Number of plays of the first listener before the first night; the others have
            less than half of that.
    """

    artists: int = 3_000
    tracks: int = 40_000
    scrobbles: int = 150


@lru_cache(maxsize=4)
def simulated_world(seed: int, size: WorldSize, listeners: tuple[str, ...]) -> World:
    """Return the world of a seed; equal arguments give an equal world."""
    return generate_world(
        seed,
        artists=size.artists,
        tracks=size.tracks,
        scrobbles=size.scrobbles,
        listeners=listeners,
        generator=1,  # the published figures are those of its worlds
    )


@dataclass(frozen=True)
class PlaylistQuality:
    """The true quality of a listener's playlist on one morning.

    Attributes:
        size: Number of tracks.
        acceptance: Mean probability, over its tracks, that the listener plays them to the end.
        diversity: Mean distance of its pairs, 1 - cosine of their artists' tags.
        artists: Number of different artists.
    """

    size: int
    acceptance: float
    diversity: float
    artists: int


def acceptance_of(world: World, name: str) -> npt.NDArray[np.float64]:
    """Return the probability that the listener plays each track to its end, (tracks,)."""
    liking = world.listeners[name].taste.liking.astype(np.float64)
    return MIN_FINISHED + FINISHED_BY_LIKING * liking


def playlist_quality(state: SandboxState, name: str) -> PlaylistQuality | None:
    """Return the true quality of the playlist in the listener's account; None without one."""
    tracks = [track for listed in state.app_playlists(name).values() for track in listed]
    if not tracks:
        return None
    at = np.asarray(tracks)
    finished = acceptance_of(state.world, name)[at]
    artists = state.world.track_artist[at]
    vectors = _tag_vectors(state.world, artists)
    return PlaylistQuality(
        len(tracks),
        float(finished.mean()),
        intra_list_diversity(vectors),
        len(set(artists.tolist())),
    )


def _tag_vectors(world: World, artists: npt.NDArray[np.int32]) -> sparse.csr_matrix:
    rows, columns, values = [], [], []
    for row, artist in enumerate(artists.tolist()):
        tags, counts = world.artist_tags[artist]
        length = float(np.linalg.norm(counts.astype(float))) or 1.0
        rows += [row] * len(tags)
        columns += tags.tolist()
        values += (counts / length).tolist()
    shape = (len(artists), len(world.tags))
    return sparse.csr_matrix((values, (rows, columns)), shape=shape)


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
