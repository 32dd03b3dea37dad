"""Similar artists and tracks of a generated world.

This stands in for Last.fm's co-listening: closeness in the hidden style space, plus a bonus for
popularity, plus noise. Computed in blocks within a family and its neighbours, to limit memory.
"""

import numpy as np

from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints, Ragged

MAX_SIMILAR = 100  # maximum of track.getSimilar and artist.getSimilar
_BLOCK = 1_000
_POPULARITY_PULL = 0.035
_NOISE = 0.05
# Number of tracks compared per family: the popular ones, which also dominate real lists.
_CANDIDATES_PER_FAMILY = 2_500


def similar_artists(rng: np.random.Generator, style: Floats, popularity: Doubles) -> Ragged:
    """Return up to 100 similar artists of each, by descending match (the best has 1)."""
    everyone = np.arange(len(style), dtype=np.int32)
    pull = _popularity_bonus(popularity)
    width = max(1, min(MAX_SIMILAR, len(style) // 6))
    parts = [
        _nearest(rng, style, pull, everyone[first : first + _BLOCK], everyone, width)
        for first in range(0, len(style), _BLOCK)
    ]
    return _assemble(parts, len(style), rng, drop_below=0.04)


def similar_tracks(
    rng: np.random.Generator,
    style: Floats,
    popularity: Doubles,
    families: Bools,
    main_family: Ints,
    original: Bools,
) -> Ragged:
    """Return up to 100 similar tracks of each track that is sufficiently popular.

    Args:
        rng: source of randomness.
        style: float32 (tracks, dims), unit rows.
        popularity: weights summing to 1.
        families: bool (tracks, families), the families of each track's genres.
        main_family: int32 (tracks,).
        original: mask of the tracks that may appear in a list; versions only have a list.
    """
    count = len(style)
    known = np.argsort(np.argsort(popularity)) >= 0.3 * count
    pull = _popularity_bonus(popularity)
    favour = pull + 0.04 * rng.standard_normal(count).astype(np.float32)
    width = max(1, min(MAX_SIMILAR, count // 20))
    parts: list[tuple[Ints, Ints, Floats]] = []
    for family in range(families.shape[1]):
        queries = np.flatnonzero((main_family == family) & known).astype(np.int32)
        candidates = np.flatnonzero(families[:, family] & original).astype(np.int32)
        if len(candidates) > _CANDIDATES_PER_FAMILY:
            best = np.argpartition(-favour[candidates], _CANDIDATES_PER_FAMILY)
            candidates = np.sort(candidates[best[:_CANDIDATES_PER_FAMILY]])
        for first in range(0, len(queries), _BLOCK):
            block = queries[first : first + _BLOCK]
            parts.append(_nearest(rng, style, pull, block, candidates, width))
    return _assemble(parts, count, rng, drop_below=0.02)


def _popularity_bonus(popularity: Doubles) -> Floats:
    logged = np.log(popularity)
    spread = logged.std() or 1.0
    pull: Floats = (_POPULARITY_PULL * (logged - logged.mean()) / spread).astype(np.float32)
    return pull


def _nearest(
    rng: np.random.Generator,
    style: Floats,
    pull: Floats,
    queries: Ints,
    candidates: Ints,
    width: int,
) -> tuple[Ints, Ints, Floats]:
    """Return (query, candidate, match) triplets for the `width` best of each query."""
    score = style[queries] @ style[candidates].T
    score += pull[candidates]
    score += _NOISE * rng.standard_normal(score.shape, dtype=np.float32)
    score[queries[:, None] == candidates[None, :]] = -np.inf
    width = min(width, len(candidates) - 1)
    if width < 1:
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32)
    best = np.argpartition(-score, width, axis=1)[:, :width]
    found = np.take_along_axis(score, best, axis=1)
    top = found.max(axis=1, keepdims=True)
    floor = np.minimum(np.median(score, axis=1, keepdims=True), top - 1e-3)
    match = np.clip((found - floor) / (top - floor), 0.0, 1.0) ** 2.5
    rows = np.repeat(queries, width)
    return rows, candidates[best].ravel(), match.ravel().astype(np.float32)


def _assemble(
    parts: list[tuple[Ints, Ints, Floats]],
    n_rows: int,
    rng: np.random.Generator,
    drop_below: float,
) -> Ragged:
    if not parts:
        return Ragged.empty(n_rows)
    rows, ids, match = (np.concatenate(column) for column in zip(*parts, strict=True))
    # The best match of a list is always kept; weak ones are dropped.
    keep = match >= drop_below + 0.02 * rng.random(len(match), dtype=np.float32)
    return Ragged.from_triplets(rows[keep], ids[keep], np.round(match[keep], 6), n_rows)
