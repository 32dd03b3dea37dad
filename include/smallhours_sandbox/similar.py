"""Similar artists and tracks, of a generated world and of one from a real scrobble log.

In a generated world this stands in for Last.fm's co-listening: closeness in the hidden style space,
plus a bonus for popularity, plus noise. Computed in blocks within a family and its neighbours, to
limit memory. In a replayed log, artists are similar by shared sessions and tags, and tracks by
neighbouring plays and similar artists.
"""

import numpy as np
import scipy.sparse as sparse

from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints, Longs, Ragged

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


_SESSION_GAP_S = 1_800
_ROWS_AT_ONCE = 500
# Tags have more weight than the listener's sessions: other people's sessions, which would lead to
# music new to this listener, are not in the log.
_TAG_SHARE, _TOGETHER_SHARE = 0.7, 0.35
_MIN_MATCH = 0.08
# A list of similar tracks holds tracks of this many artists, with this many tracks each.
_ARTISTS_PER_TRACK, _TRACKS_PER_ARTIST = 32, 3
_NEIGHBOURS = 2


def _sessions(at: Longs) -> Ints:
    """Return the session of each play: a pause of half an hour begins a new one."""
    return np.cumsum(np.diff(at, prepend=at[:1]) > _SESSION_GAP_S).astype(np.int32)


def listened_together(
    at: Longs, artist: Ints, tags: Ragged, n_tags: int, taggers: Doubles
) -> Ragged:
    """Return up to 100 similar artists of each: shared sessions plus cosine of tags.

    The share of sessions is the cosine of the artists' session sets, shrunk where they met less
    than about three times; tags are weighted by their rarity, and an artist tagged by one or two
    people counts for little.

    Args:
        at: int64 (plays,) unix seconds, ascending.
        artist: int32 (plays,).
        tags: per artist.
        n_tags: size of the vocabulary.
        taggers: float64 (artists,).
    """
    n_artists = len(tags)
    tagged = _tag_vectors(tags, n_tags)
    trusted = sparse.diags_array(1 - np.exp(-taggers / 6.0)).astype(np.float32)
    against = (trusted @ tagged).T.tocsc()
    together = _session_cosine(at, artist, n_artists)
    rows, ids, values = [], [], []
    for first in range(0, n_artists, _ROWS_AT_ONCE):
        stop = min(first + _ROWS_AT_ONCE, n_artists)
        score = _TAG_SHARE * (tagged[first:stop] @ against) + together[first:stop]
        block = score.toarray().astype(np.float32, copy=False)
        block[np.arange(stop - first), np.arange(first, stop)] = 0
        width = min(MAX_SIMILAR, n_artists - 1)
        best = np.argpartition(-block, width - 1, axis=1)[:, :width]
        match = np.take_along_axis(block, best, axis=1)
        keep = match > _MIN_MATCH
        row, place = np.nonzero(keep)
        rows.append((row + first).astype(np.int32))
        ids.append(best[row, place].astype(np.int32))
        values.append(match[row, place] / match.max(axis=1)[row])
    match_values = np.round(np.concatenate(values), 6).astype(np.float32)
    return Ragged.from_triplets(np.concatenate(rows), np.concatenate(ids), match_values, n_artists)


def _tag_vectors(tags: Ragged, n_tags: int) -> "sparse.csr_array":
    counts = np.log1p(tags.values.astype(np.float32))
    used = np.bincount(tags.ids, minlength=n_tags)
    rarity = np.log((1 + len(tags)) / (1 + used)).astype(np.float32)
    weight = counts * rarity[tags.ids]
    square = np.bincount(tags.rows, weights=weight.astype(np.float64) ** 2, minlength=len(tags))
    length = np.sqrt(np.maximum(square, 1e-12)).astype(np.float32)
    return sparse.csr_array(
        (weight / length[tags.rows], tags.ids, tags.indptr), shape=(len(tags), n_tags)
    )


def _session_cosine(at: Longs, artist: Ints, n_artists: int) -> "sparse.csr_array":
    session = _sessions(at)
    met = sparse.csr_array(
        (np.ones(len(at), dtype=np.float32), (artist, session)),
        shape=(n_artists, int(session[-1]) + 1),
    )
    met.sum_duplicates()
    met.data[:] = 1.0
    pairs = (met @ met.T).tocoo()
    row, column = pairs.coords
    often = np.asarray(met.sum(axis=1)).ravel()
    cosine = pairs.data / np.sqrt(often[row] * often[column])
    shrunk = _TOGETHER_SHARE * cosine * pairs.data / (pairs.data + 3.0)
    return sparse.csr_array(
        (shrunk.astype(np.float32), (row, column)), shape=(n_artists, n_artists)
    )


def similar_by_artist(
    at: Longs, track: Ints, track_artist: Ints, popularity: Doubles, artist_similar: Ragged
) -> Ragged:
    """Return up to 100 similar tracks of each track in the log, and of two per other artist.

    A list holds the best tracks of similar artists, more by the same artist, and tracks played
    right before or after it more than once.
    """
    n_tracks = len(track_artist)
    n_artists = len(artist_similar)
    best = _best_tracks(track_artist, popularity, n_artists)
    listed = np.zeros(n_tracks, dtype=np.bool_)
    listed[track] = True
    listed[best.ids[best.values < 2]] = True
    near = _artist_rows(artist_similar, best)
    parts = [_for_tracks(listed, track_artist, near), _neighbours(at, track, n_tracks)]
    rows, ids, match = (np.concatenate(column) for column in zip(*parts, strict=True))
    other = rows != ids
    summed = sparse.coo_array(
        (match[other], (rows[other], ids[other])), shape=(n_tracks, n_tracks)
    ).tocsr()
    summed.sum_duplicates()
    row = np.repeat(np.arange(n_tracks, dtype=np.int32), np.diff(summed.indptr))
    everything = Ragged.from_triplets(row, summed.indices, summed.data, n_tracks)
    place = np.arange(len(everything.ids)) - everything.indptr[everything.rows]
    keep: Bools = place < MAX_SIMILAR
    top = np.maximum(everything.values[np.minimum(everything.indptr[:-1], len(place) - 1)], 1e-6)
    scaled = np.round(everything.values / top[everything.rows], 6).astype(np.float32)
    return Ragged.from_triplets(everything.rows[keep], everything.ids[keep], scaled[keep], n_tracks)


def _best_tracks(track_artist: Ints, popularity: Doubles, n_artists: int) -> Ragged:
    """Return each artist's best tracks with their rank as value."""
    order = np.lexsort((-popularity, track_artist))
    starts = np.concatenate([[0], np.cumsum(np.bincount(track_artist, minlength=n_artists))])
    rank = np.arange(len(order)) - starts[track_artist[order]]
    keep = rank < 2 * _TRACKS_PER_ARTIST
    indptr = np.zeros(n_artists + 1, dtype=np.int64)
    np.cumsum(np.bincount(track_artist[order][keep], minlength=n_artists), out=indptr[1:])
    return Ragged(indptr, order[keep].astype(np.int32), rank[keep].astype(np.int32))


def _artist_rows(artist_similar: Ragged, best: Ragged) -> Ragged:
    """Return, for each artist, the tracks that its own tracks are similar to, with match."""
    owner = artist_similar.rows
    place = np.arange(len(owner)) - artist_similar.indptr[owner]
    chosen = place < _ARTISTS_PER_TRACK
    everyone = np.arange(len(best), dtype=np.int32)
    owner = np.concatenate([owner[chosen], everyone])
    other = np.concatenate([artist_similar.ids[chosen], everyone])
    match = np.concatenate([artist_similar.values[chosen], np.full(len(best), 0.75, np.float32)])
    # The artist's own tracks may take more places in the list than those of another artist.
    limit = np.where(owner == other, 2 * _TRACKS_PER_ARTIST, _TRACKS_PER_ARTIST)
    size = np.minimum(best.lengths[other], limit)
    pair = np.repeat(np.arange(len(owner)), size)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
    at = best.indptr[other[pair]] + within
    value = (match[pair] / (within + 1.0) ** 0.35).astype(np.float32)
    return Ragged.from_triplets(owner[pair], best.ids[at], value, len(best))


def _for_tracks(listed: Bools, track_artist: Ints, near: Ragged) -> tuple[Ints, Ints, Floats]:
    tracks = np.flatnonzero(listed).astype(np.int32)
    size = near.lengths[track_artist[tracks]]
    pair = np.repeat(np.arange(len(tracks)), size)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
    at = near.indptr[track_artist[tracks[pair]]] + within
    return tracks[pair], near.ids[at], 0.7 * near.values[at]


def _neighbours(at: Longs, track: Ints, n_tracks: int) -> tuple[Ints, Ints, Floats]:
    """Return pairs played within two places of each other in a session, at least twice."""
    session = _sessions(at)
    left, right = [], []
    for distance in range(1, _NEIGHBOURS + 1):
        same = session[distance:] == session[:-distance]
        left.append(track[:-distance][same])
        right.append(track[distance:][same])
    one, two = np.concatenate(left), np.concatenate(right)
    rows, ids = np.concatenate([one, two]), np.concatenate([two, one])
    keys, count = np.unique(rows.astype(np.int64) * n_tracks + ids, return_counts=True)
    often = count >= 2
    keys, count = keys[often], count[often]
    match = (0.6 * (count - 1) / (count + 1)).astype(np.float32)
    return (keys // n_tracks).astype(np.int32), (keys % n_tracks).astype(np.int32), match
