"""In which world do the simulated nights take place, and what is the truth about a list there?"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.sandbox.generate import generate_world
from smallhours.sandbox.state import SandboxState
from smallhours.sandbox.world import World
from smallhours.training.evaluation.lists import intra_list_diversity

# How probably a simulated listener hears a track to its end: the sandbox's own rule.
LEAST_FINISHED, FINISHED_BY_LIKING = 0.12, 0.84


@dataclass(frozen=True)
class Size:
    """How large the world is.

    Large enough that sixty nights do not use up what a listener likes, and with a past so short
    that there is something to be learned.

    Attributes:
        artists: How many.
        tracks: How many; a listener likes about one in seven.
        scrobbles: What the first listener has played before the first night; the others have
            played less than half of that.
    """

    artists: int = 3_000
    tracks: int = 40_000
    scrobbles: int = 150


@lru_cache(maxsize=4)
def world_of(seed: int, size: Size, listeners: tuple[str, ...]) -> World:
    """The world of a seed; equal arguments give an equal world."""
    return generate_world(
        seed,
        artists=size.artists,
        tracks=size.tracks,
        scrobbles=size.scrobbles,
        listeners=listeners,
    )


@dataclass(frozen=True)
class Truth:
    """What is true of the listener's playlist on one morning.

    Attributes:
        size: Tracks in it.
        acceptance: Mean probability, over its tracks, that the listener hears them to the end.
        diversity: Mean distance of its pairs, 1 - cosine of their artists' tags.
        artists: Different artists.
    """

    size: int
    acceptance: float
    diversity: float
    artists: int


def acceptance_of(world: World, name: str) -> npt.NDArray[np.float64]:
    """How probably the listener hears each of the world's tracks to its end, (tracks,)."""
    liking = world.listeners[name].taste.liking.astype(np.float64)
    return LEAST_FINISHED + FINISHED_BY_LIKING * liking


def truth_of(state: SandboxState, name: str) -> Truth | None:
    """The truth about the playlist that stands in the listener's account; None without one."""
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
    return Truth(
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
