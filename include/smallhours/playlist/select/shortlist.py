"""The shortlist: the most relevant tracks with all data that filling a list needs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_in, song_key_of
from smallhours.playlist.select.calibration import TagMix
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.vocabulary import Route

Floats = npt.NDArray[np.float64]

# The number of best tracks that are compared with each other.
MAX_TRACKS = 1_000
# A seed leads to a track if it is at least this strong relative to the strongest: of the strengths
# 0.9, 0.65 and 0.5 the first two (0.7 * 0.9 = 0.63).
MIN_LEAD_STRENGTH = 0.7
MAX_LEADS = 3


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Tracks that may be chosen, the most relevant first.

    Attributes:
        tracks: Their keys.
        relevance: (n,), after the listener's dials.
        artists: Artist key of each.
        songs: What is the same for all versions of a song.
        albums: Artist and album of each, in lower case; empty where the album is not known.
        leads: Artist keys and tags of the listener's that lead to each, the strongest first.
        vectors: (n, tags), rows of length 1.
        seeds: (n, seeds), rows of length 1.
        mix: (mixed tags,): the mix of tags that the list should have.
        shares: (n, mixed tags): what each track adds to it.
    """

    tracks: tuple[str, ...]
    relevance: Floats
    artists: tuple[str, ...]
    songs: tuple[str, ...]
    albums: tuple[str, ...]
    leads: tuple[tuple[str, ...], ...]
    vectors: sparse.csr_matrix
    seeds: sparse.csr_matrix
    mix: Floats
    shares: Floats

    @classmethod
    def of(
        cls,
        relevance: pd.Series,
        *,
        votes: pd.DataFrame,
        albums: pd.Series,
        space: TagVectors,
        mix: TagMix,
    ) -> "Shortlist":
        """Return the most relevant tracks with their data.

        Args:
            relevance: By track key, in any order; ties go in key order.
            votes: `track_key`, `route`, `seed_key` and `strength`.
            albums: Album titles by track key, null where unknown.
            space: Holds the tracks' tags.
            mix: The mix of tags that the list should have.
        """
        best = relevance.sort_index().sort_values(ascending=False, kind="stable").iloc[:MAX_TRACKS]
        tracks = best.index
        mine = votes[votes["track_key"].isin(tracks)]
        leads = leads_of(mine)
        artists = tuple(artist_key_in(key) for key in tracks)
        known = albums.reindex(tracks)
        return cls(
            tracks=tuple(tracks),
            relevance=best.to_numpy(dtype=float),
            artists=artists,
            songs=tuple(song_key_of(key) for key in tracks),
            albums=tuple(
                f"{artist}\0{album.casefold()}" if isinstance(album, str) and album else ""
                for artist, album in zip(artists, known.astype(object), strict=True)
            ),
            leads=tuple(leads.get(key, ()) for key in tracks),
            vectors=space.rows(tracks),
            seeds=_seed_vectors(mine, tracks),
            mix=mix.shares,
            shares=mix.shares_of(space, tracks),
        )


def seed_owner(route: str, seed: str) -> str:
    """Return the artist or tag that a seed stands for: a track's artist, else the seed itself."""
    return artist_key_in(seed) if route == Route.SIMILAR_TRACK else seed


def leads_of(votes: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the listener's artists and tags that lead to each track, the strongest first.

    Args:
        votes: `track_key`, `route`, `seed_key` and `strength`.
    """
    ordered = votes.sort_values(
        ["track_key", "strength", "route", "seed_key"], ascending=[True, False, True, True]
    )
    found: dict[str, dict[str, float]] = {}
    for key, route, seed, strength in zip(
        ordered["track_key"],
        ordered["route"],
        ordered["seed_key"],
        ordered["strength"],
        strict=True,
    ):
        found.setdefault(key, {}).setdefault(seed_owner(route, seed), strength)
    return {key: _strongest(owners) for key, owners in found.items()}


def _strongest(owners: dict[str, float]) -> tuple[str, ...]:
    least = MIN_LEAD_STRENGTH * max(owners.values())
    return tuple(owner for owner, strength in owners.items() if strength >= least)[:MAX_LEADS]


def _seed_vectors(votes: pd.DataFrame, tracks: pd.Index) -> sparse.csr_matrix:
    """Return the tracks as unit vectors over the seeds that brought them."""
    columns, seeds = pd.factorize(votes["seed_key"], sort=True)
    rows = tracks.get_indexer(pd.Index(votes["track_key"]))
    strength = votes["strength"].to_numpy(dtype=float)
    held = sparse.csr_matrix((strength, (rows, columns)), shape=(len(tracks), len(seeds)))
    length = np.sqrt(np.asarray(held.multiply(held).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ held)
