"""The shortlist: the most relevant tracks, with all data that filling a list needs.

Part of it is the mix of tags that the list should have (calibration). A list of the best tracks
alone is full of the strongest taste. While the list is filled, the divergence of its mix of tags
from the listener's mix is held down (H. Steck, "Calibrated Recommendations", RecSys 2018).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_in, song_key_of
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.vocabulary import Route

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Steck's smoothing: a little of the listener's mix is added to the list's, so that the divergence
# of a taste that the list lacks is large but finite.
ALPHA = 0.01
# A listener's mix has a long tail; the tags beyond these count together as one.
TAGS_KEPT = 40
# The weight of all older plays together, in recent plays.
PRIOR_PLAYS = 50.0


@dataclass(frozen=True, slots=True)
class TagMix:
    """A listener's mix of tags.

    Attributes:
        tags: The tags that count on their own, the strongest first.
        shares: (len(tags) + 1,): each one's share and, last, that of all others; sums to 1.
    """

    tags: pd.Index
    shares: Floats

    @classmethod
    def none(cls) -> "TagMix":
        """Return an unknown mix, which every list fits."""
        return cls(pd.Index([], dtype=object), np.ones(1))

    @classmethod
    def of(cls, space: TagVectors, weights: pd.Series) -> "TagMix":
        """Return the mix of some tracks.

        Args:
            space: Holds the tracks' tags.
            weights: How much each track counts, by key; unknown and untagged ones are ignored.
        """
        profile = space.profile(weights)
        kept = profile.iloc[:TAGS_KEPT]
        if kept.empty:
            return cls.none()
        shares = np.append(kept.to_numpy(dtype=float), max(0.0, 1.0 - float(kept.sum())))
        return cls(kept.index, shares / shares.sum())

    def shares_of(self, space: TagVectors, tracks: pd.Index) -> Floats:
        """Return each track's share of every tag of the mix, (len(tracks), len(tags) + 1).

        A row sums to 1; to 0 where the track has no tags.
        """
        if not len(space.tags):
            return np.zeros((len(tracks), len(self.shares)))
        rows = space.rows(tracks)
        columns = space.tags.get_indexer(self.tags)
        total = np.asarray(rows.sum(axis=1)).ravel()
        named = rows[:, columns].toarray() / np.where(total > 0, total, 1.0)[:, None]
        others = np.where(total > 0, 1.0 - named.sum(axis=1), 0.0)
        return np.column_stack([named, others.clip(0.0)])


def recent_weights(
    recent: pd.Series, overall: pd.Series, *, brought: Collection[str] = ()
) -> pd.Series:
    """Return the weight of each known track in the mix, by key.

    The recent plays decide; where they are few, the weights of all times help, as if they were
    `PRIOR_PLAYS` plays: with 10 recent plays of A and the overall weights A 1 and B 3, A weighs
    10 + 50 * 1/4 = 22.5 and B 50 * 3/4 = 37.5. Tracks from our own lists do not count: a list that
    follows itself grows narrower every night.

    Args:
        recent: Recent plays, by track key.
        overall: Weights of all times, by track key.
        brought: Keys of the tracks that our lists brought.
    """
    recent, overall = (each[~each.index.isin(brought)] for each in (recent, overall))
    older = overall / overall.sum() if overall.sum() > 0 else overall
    return recent.astype(float).add(older * PRIOR_PLAYS, fill_value=0.0)


def divergence(mix: Floats, got: Floats) -> Floats:
    """Return KL(mix || got), `got` smoothed: the sum over tags of p * log(p / ((1 - a) q + a p)).

    Args:
        mix: p, (tags,), sums to 1.
        got: q, (..., tags); each row sums to 1.

    Returns:
        (...), in nats; 0 where the mixes are the same.

    >>> even = np.array([0.5, 0.5])
    >>> divergence(even, np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.0, 1.959]
    """
    smooth = (1 - ALPHA) * got + ALPHA * mix
    ratio = np.where(mix > 0, mix / np.where(smooth > 0, smooth, 1.0), 1.0)
    found: Floats = np.asarray((mix * np.log(ratio)).sum(axis=-1))
    return found


def divergence_of(mix: Floats, shares: Floats) -> float:
    """Return KL of a list's mix from the listener's; NaN where no track of the list has tags.

    Args:
        mix: (tags,).
        shares: (tracks, tags); rows of zeros are left out.
    """
    tagged = shares[shares.sum(axis=1) > 0]
    if not len(tagged):
        return float("nan")
    return float(divergence(mix, tagged.mean(axis=0)))


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
        held_back: (n,), True for tracks that come only where nothing else is left: their artist was
            recommended a few nights ago, or nothing but one tag leads to them.
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
    held_back: Flags

    @classmethod
    def of(
        cls,
        relevance: pd.Series,
        *,
        votes: pd.DataFrame,
        albums: pd.Series,
        space: TagVectors,
        mix: TagMix,
        resting: Collection[str] = (),
    ) -> "Shortlist":
        """Return the most relevant tracks with their data.

        Args:
            relevance: By track key, in any order; ties go in key order.
            votes: `track_key`, `route`, `seed_key` and `strength`.
            albums: Album titles by track key, null where unknown.
            space: Holds the tracks' tags.
            mix: The mix of tags that the list should have.
            resting: Keys of the artists that were recommended a few nights ago.
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
            held_back=np.array([artist in resting for artist in artists], dtype=bool)
            | tracks.isin(by_one_tag(mine)),
        )


def by_one_tag(votes: pd.DataFrame) -> pd.Index:
    """Return the tracks to which a single tag leads and nothing else: what many tracks share.

    Args:
        votes: `track_key`, `route` and `seed_key`.
    """
    seeds = votes.drop_duplicates(["track_key", "route", "seed_key"])
    count = seeds.groupby("track_key", observed=True).size()
    single = seeds[seeds["track_key"].isin(count.index[count == 1])]
    tracks: pd.Index = pd.Index(single.loc[single["route"] == Route.TAG, "track_key"])
    return tracks


def seed_owner(route: str, seed: str) -> str:
    """Return the artist or tag that a seed stands for: a track's artist, else the seed itself."""
    return artist_key_in(seed) if route in (Route.SIMILAR_TRACK, Route.TWO_STEPS) else seed


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
