"""The world of the simulated nights, and the true quality of a list in it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.training.evaluation.metrics import intra_list_diversity
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
    tracks = [
        item.track
        for playlist in state.playlists.values()
        if playlist.owner == name and playlist.by_app and playlist.followed
        for item in playlist.items
        if item.track is not None
    ]
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
