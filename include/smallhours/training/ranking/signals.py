"""The signals of the ranking, and all of them that need no trained model and no list of ours.

Small pure functions: evidence in, one number per track out, indexed by the given tracks. Higher is
better, units don't matter (`fusion` makes them comparable), and NaN means that the signal is
unknown for a track. `candidate_signals` calls them for the nightly ranking and for the lists of the
past, so that what is measured is what ranks at night.

The reception signal is how a track would be received, by the reception of past picks like it:
Bayesian linear regression on the tags, and on the artists' lent tags and lists of similar artists
(Rasmussen and Williams, 2006, section 2.1). A pick's grade is the mean grade, plus a little for
each of its tags and for each artist around its own, plus noise, and noise is most of it. So a
single pick changes little, and many picks show what the welcome ones share:

    f(x) = x . X' (X X' + GRADE_VARIANCE / TASTE_VARIANCE I)^-1 (grade - mean)

with vectors of length one, of which the tags, the lent tags and the artists are a third each. Where
tags are genres, and few, the artists tell most.

Only what was recommended is learned about, so that whoever goes by the expected grade alone stays
with the first music that is received well enough. A track is ranked by what its grade may well be
(an upper confidence bound, as GP-UCB: Srinivas et al., ICML 2010): the expected grade and
`OPTIMISM` times its standard deviation, which is small around many picks. With an expected 0.02
and a deviation of 0.03, a track near many picks comes after one like none, with 0 and 0.08.

The taste model learns from what a listener plays by themselves against a random background, and so
predicts which music they know; this one predicts how they react to recommendations.
"""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.linalg import solve_triangular

from smallhours.catalog.features import most_reliable
from smallhours.identity import artist_key_in
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.playlist_settings import MAIN
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.fusion import (
    ARTIST_AFFINITY,
    AUDIO_FIT,
    NEAR_ARTISTS,
    NEAR_TRACKS,
    POPULARITY,
    SEED_SUPPORT,
    TAG_AFFINITY,
    Floats,
)
from smallhours.training.ranking.tag_vectors import TagVectors, taste_centres
from smallhours.vocabulary import ACCEPTED, REJECTED, Provenance, Reaction, Route

# Maximum of a single vote: one seed alone never makes a candidate certain.
MAX_VOTE = 0.99
# Half-life of a candidate's freshness.
NEW_FOR_NIGHTS = 30.0
# Of a normal distribution, 80 % lie within this many standard deviations of the mean.
Z80 = 1.2816
# Minimum spread of a listener's values, however few tracks it is computed from.
MIN_SPREAD = 0.05
# Standard deviation of a measured value.
MEASURED_SPREAD = 0.05
CHUNK = 4096

# Routes that count for each signal. Candidates that came by a tag are scored by their tags.
TRACK_ROUTES = (Route.SIMILAR_TRACK, Route.TWO_STEPS)
ARTIST_ROUTES = (Route.SIMILAR_ARTIST, Route.KNOWN_ARTIST)


def consensus(votes: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """Return how strongly the seeds agree on each track: 1 - prod(1 - strength) over its seeds.

    As if each seed were right independently with the probability `strength`. Many weak votes can
    outweigh a strong one; no number of them exceeds 1. Example: votes of 0.5 and 0.4 give
    1 - 0.5 x 0.6 = 0.7.

    Args:
        votes: `track_key` and `strength` (0-1), one row per seed of a track.
        tracks: The tracks to score; 0 for one without votes.
    """
    doubt = np.log1p(-votes["strength"].clip(0.0, MAX_VOTE).to_numpy(dtype=float))
    return pd.Series(-np.expm1(_sums(votes, doubt, tracks)), index=tracks)


def seed_support(votes: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """Return the number of different seeds that lead to each track, whatever their strength.

    The best single signal on co-listening lists. A seed that leads to a track by two routes counts
    once.

    Args:
        votes: `track_key` and `seed_key`.
        tracks: The tracks to score; 0 for one without votes.
    """
    single = votes.drop_duplicates(["track_key", "seed_key"])
    return pd.Series(_sums(single, np.ones(len(single)), tracks), index=tracks)


def popularity(listeners: pd.Series) -> pd.Series:
    """Return the percentile of the number of listeners among the tracks, 0-1; unknown is .5."""
    return listeners.astype(float).rank(pct=True).fillna(0.5)


def artist_affinity(artists: pd.Series, tracks: pd.Index) -> pd.Series:
    """Return the weight of each track's artist for the listener, 0-1; 0 for an unknown artist.

    Args:
        artists: Weight by artist key, recent plays counting most (`catalog.candidates`).
        tracks: The tracks to score.
    """
    keys = pd.Index([artist_key_in(key) for key in tracks])
    known = artists.reindex(keys).fillna(0.0).to_numpy(dtype=float)
    return pd.Series(known, index=tracks)


def freshness(first_seen: pd.Series, night: dt.date) -> pd.Series:
    """Return how new a track is to us: 2^(-nights since it was first a candidate / 30).

    Args:
        first_seen: A date by track, null when unknown.
        night: Tonight.
    """
    age = (pd.Timestamp(night) - pd.to_datetime(first_seen)).dt.days.clip(lower=0)
    return pd.Series(np.exp2(-age.to_numpy(dtype=float) / NEW_FOR_NIGHTS), index=first_seen.index)


def max_similarity(vectors: sparse.csr_matrix, directions: Floats) -> Floats:
    """Return the highest cosine of each track to any of some directions, (tracks,), 0-1.

    Args:
        vectors: (tracks, tags), rows of length one.
        directions: (n, tags), rows of length one: taste centres, for instance.

    Returns:
        NaN for a track without tags, and for all without directions.
    """
    if not len(directions):
        return np.full(vectors.shape[0], np.nan)
    best = np.asarray(vectors @ directions.T).max(axis=1)
    return np.where(np.diff(vectors.indptr) > 0, np.clip(best, 0.0, 1.0), np.nan)


def distance_from(vectors: sparse.csr_matrix, recent: sparse.csr_matrix) -> Floats:
    """Return 1 - the highest cosine of each track to any recent recommendation, (tracks,), 0-1.

    Args:
        vectors: (tracks, tags), rows of length one.
        recent: (n, tags), likewise.

    Returns:
        NaN for a track without tags, and for all when nothing was recommended lately.
    """
    if not recent.shape[0]:
        return np.full(vectors.shape[0], np.nan)
    others = recent.T.tocsc()
    near = np.zeros(vectors.shape[0])
    for start in range(0, len(near), CHUNK):
        rows = vectors[start : start + CHUNK]
        near[start : start + CHUNK] = (rows @ others).max(axis=1).toarray().ravel()
    return np.where(np.diff(vectors.indptr) > 0, 1 - np.clip(near, 0.0, 1.0), np.nan)


def audio_fit(features: pd.DataFrame, own: pd.Series, tracks: pd.Index) -> pd.Series:
    """Return how well a track's sound fits the listener's, as a mean log-likelihood.

    For each of the five features, the listener's plays are a normal distribution (m, s), and
    the track's value is another (v, e), with e from the 80 % interval of a prediction:

        fit = mean over features of  -(v - m)² / 2(s² + e²) - ln sqrt(s² + e²)

    so that an uncertain prediction counts neither for a track nor much against it.

    Args:
        features: Rows of `audio_features` of the tracks and of those that the listener knows:
            `track_key`, `source`, `feature`, `value`, `low`, `high`.
        own: Weight of each known track, by track key.
        tracks: The tracks to score; NaN for one without any feature.
    """
    wanted = features["feature"].isin(PREDICTED_FEATURES)
    best = most_reliable(features[wanted])
    value = best.pivot(index="track_key", columns="feature", values="value")
    width = (best["high"] - best["low"]).where(best["source"] == Provenance.PREDICTED) / (2 * Z80)
    spread = best.assign(spread=width.fillna(MEASURED_SPREAD)).pivot(
        index="track_key", columns="feature", values="spread"
    )
    weight = own.reindex(value.index).fillna(0.0).to_numpy(dtype=float)
    if not weight.sum() > 0:
        return pd.Series(np.nan, index=tracks)
    mean, deviation = _moments(value.to_numpy(dtype=float), weight)
    total = deviation**2 + spread.to_numpy(dtype=float) ** 2
    each = -((value.to_numpy(dtype=float) - mean) ** 2) / (2 * total) - np.log(total) / 2
    known = ~np.isnan(each)
    fit = np.where(known, each, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    fit[~known.any(axis=1)] = np.nan
    return pd.Series(fit, index=value.index).reindex(tracks)


def _moments(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return weighted mean and standard deviation of each column; NaN without known values."""
    share = np.where(np.isnan(values), 0.0, weight[:, None])
    total = share.sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    mean = (share * np.nan_to_num(values)).sum(axis=0) / total
    variance = (share * np.nan_to_num(values - mean) ** 2).sum(axis=0) / total
    return mean, np.maximum(np.sqrt(variance), MIN_SPREAD)


def _sums(votes: pd.DataFrame, values: Floats, tracks: pd.Index) -> Floats:
    """Return the sum of some values over each track's votes, (tracks,)."""
    places = tracks.get_indexer(pd.Index(votes["track_key"]))
    known = places >= 0
    found = np.bincount(places[known], weights=values[known], minlength=len(tracks))
    return found.astype(np.float64)


COLUMNS = ["night", "track_key", "welcome", "grade"]
NEGATIVE_REACTIONS = (Reaction.SKIPPED, Reaction.PASSED, *REJECTED)
# Accepted by an act of its own: a play is not one.
EXPLICIT_APPROVAL = (Reaction.SAVED, Reaction.THUMBS_UP)
# Grades of a pick: heard to the end; skipped or passed over; saved or thumbed up; removed or
# otherwise rejected.
GRADE_HEARD, GRADE_NOT_HEARD, GRADE_APPROVED, GRADE_REJECTED = 1.0, 0.0, 1.5, -0.5
# Variance of a grade by chance, and by taste. Chance is large: of two picks that are equally
# liked, one is heard to its end and the other is not.
GRADE_VARIANCE, TASTE_VARIANCE = 0.23, 0.01
# A track's tags, and its artist's lent tags and lists.
LIKENESSES = 3
# How many standard deviations of its expected grade a track gets the benefit of.
OPTIMISM = 0.7
# Only the newest picks count: older ones take time to fit and are out of date.
MAX_PICKS = 1_000
MIN_PICKS = 30


def empty_picks() -> pd.DataFrame:
    """Return the picks of a listener without recommendations: no rows."""
    return pd.DataFrame({name: [] for name in COLUMNS}).astype({"welcome": bool, "grade": float})


def graded_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the picks of the main list that the listener reached, oldest first.

    A pick that they never reached is left out, so that its place in the list does not count against
    it.

    Example: a pick that was played (grade 1) and saved has the grade 1.5; one that was played and
    then removed has -0.5; one that was only passed over has 0.

    Args:
        feedback: Rows of `feedback` of one listener.

    Returns:
        `night`, `track_key`, `welcome` and `grade`; a pick of several nights counts for the first.
    """
    told = feedback[feedback["intent"] == MAIN]
    if told.empty:
        return empty_picks()
    reached = reached_picks(told).drop_duplicates("track_key")
    heard = np.where(reached["approved"], GRADE_APPROVED, GRADE_HEARD)
    unheard = np.where(reached["rejected"], GRADE_REJECTED, GRADE_NOT_HEARD)
    found = reached.assign(grade=np.where(reached["welcome"], heard, unheard))
    return found[COLUMNS].reset_index(drop=True)


def reached_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the picks that the listener reached, and which of them were welcome.

    A pick that was removed or otherwise rejected was not welcome, even if it was heard. A pick that
    was heard once and skipped another time was welcome.

    Args:
        feedback: `night`, `track_key` and `reaction` of one playlist.

    Returns:
        `night`, `track_key`, and the flags `welcome`, `approved` and `rejected`, oldest first.
    """
    reaction = feedback["reaction"]
    flags = feedback[["night", "track_key"]].assign(
        welcome=reaction.isin(ACCEPTED),
        unwelcome=reaction.isin(NEGATIVE_REACTIONS),
        approved=reaction.isin(EXPLICIT_APPROVAL),
        rejected=reaction.isin(REJECTED),
    )
    of_pick = flags.groupby(["night", "track_key"], as_index=False).any()
    reached = of_pick[of_pick["welcome"] | of_pick["unwelcome"]].drop(columns="unwelcome")
    return reached.assign(welcome=reached["welcome"] & ~reached["rejected"])


def reception(
    vectors: TagVectors, graph: ArtistGraph, picks: pd.DataFrame, tracks: pd.Index
) -> pd.Series:
    """Return what each track's grade may well be, minus the mean grade.

    Args:
        vectors: Tag vectors of picks and tracks.
        graph: The similar artists of their artists.
        picks: The result of `graded_picks`.
        tracks: The tracks to score.

    Returns:
        NaN for all tracks with fewer than 30 picks of which anything is known, or if all of them
        were welcome or none; 0 for a track about which nothing can be known.
    """
    unknown = pd.Series(np.nan, index=tracks)
    newest = picks.tail(MAX_PICKS)
    if len(newest) < MIN_PICKS:
        return unknown
    picked = pd.Index(newest["track_key"])
    of_artists = graph.likeness()
    tags, artists = vectors.rows(picked), _of_owners(of_artists, graph, picked)
    known = np.diff(tags.indptr) + np.diff(artists.indptr) > 0
    tags, artists, told = tags[known], artists[known], newest[known]
    if len(told) < MIN_PICKS or told["welcome"].nunique() < 2:
        return unknown
    grades: Floats = told["grade"].to_numpy(dtype=float)
    alike = np.asarray((tags @ tags.T + artists @ artists.T).todense()) / LIKENESSES
    alike[np.diag_indices_from(alike)] += GRADE_VARIANCE / TASTE_VARIANCE
    share = np.linalg.solve(alike, grades - grades.mean()) / LIKENESSES
    owners, owner = np.unique(_owners_of(tracks, graph), return_inverse=True)
    theirs = _rows_at(of_artists, owners)
    own = vectors.rows(tracks)
    expected = own @ (tags.T @ share) + (theirs @ (artists.T @ share))[owner]
    itself = (_squares(own) + _squares(theirs)[owner]) / LIKENESSES
    near_owners = np.asarray((theirs @ artists.T).todense())
    lower = np.linalg.cholesky(alike)
    seen: Floats = np.zeros(len(tracks))
    for first in range(0, len(tracks), CHUNK):
        some = slice(first, first + CHUNK)
        near = (np.asarray((own[some] @ tags.T).todense()) + near_owners[owner[some]]) / LIKENESSES
        seen[some] = (solve_triangular(lower, near.T, lower=True) ** 2).sum(axis=0)
    spread = np.sqrt(TASTE_VARIANCE * np.maximum(itself - seen, 0.0))
    return pd.Series(expected + OPTIMISM * spread, index=tracks)


def _squares(rows: sparse.csr_matrix) -> Floats:
    """Return the squared length of each row."""
    return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()


def _of_owners(rows: sparse.csr_matrix, graph: ArtistGraph, tracks: pd.Index) -> sparse.csr_matrix:
    """Return the rows of the tracks' artists; rows of 0 for an artist who is not in the graph."""
    return _rows_at(rows, _owners_of(tracks, graph))


def _owners_of(tracks: pd.Index, graph: ArtistGraph) -> npt.NDArray[np.intp]:
    """Return the place of each track's artist in the graph; -1 where it is not there."""
    return graph.artists.get_indexer(pd.Index([artist_key_in(key) for key in tracks], dtype="str"))


def _rows_at(rows: sparse.csr_matrix, at: npt.NDArray[np.intp]) -> sparse.csr_matrix:
    """Return some rows; rows of 0 for those at -1."""
    held = sparse.csr_matrix(rows[np.where(at >= 0, at, 0)])
    return sparse.csr_matrix(sparse.diags_array((at >= 0).astype(float)) @ held)


def candidate_signals(
    tracks: pd.Index,
    *,
    votes: pd.DataFrame,
    weights: pd.Series,
    artists: pd.Series,
    listeners: pd.Series,
    vectors: TagVectors,
    graph: ArtistGraph,
    features: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return one column a signal, indexed by the tracks; higher is better, NaN is unknown.

    Args:
        tracks: Keys of the tracks to score.
        votes: Rows of `candidates`: `track_key`, `route`, `seed_key`, `strength`.
        weights: Weights of the listener's tracks by key.
        artists: Weights of the listener's artists by key.
        listeners: How many people know each track, by key.
        vectors: Tags of all these tracks.
        graph: The similar artists of these tracks' artists.
        features: Rows of `audio_features` of all these tracks.
        rng: Draws the first taste centres, and what the lent tags are learned against.
    """
    own = weights.reindex(vectors.tracks).fillna(0.0).to_numpy(dtype=float)
    centres = taste_centres(vectors.vectors, own, rng)
    route = votes["route"]
    found = pd.DataFrame(
        {
            NEAR_TRACKS: consensus(votes[route.isin(TRACK_ROUTES)], tracks),
            NEAR_ARTISTS: consensus(votes[route.isin(ARTIST_ROUTES)], tracks),
            SEED_SUPPORT: seed_support(votes[route != Route.TWO_STEPS], tracks),
            TAG_AFFINITY: max_similarity(vectors.rows(tracks), centres),
            ARTIST_AFFINITY: artist_affinity(artists, tracks),
            AUDIO_FIT: audio_fit(features, weights, tracks),
            POPULARITY: popularity(listeners.reindex(tracks)),
        },
        index=tracks,
    )
    of_artists = graph.signals(artists, rng)
    owners = pd.Index([artist_key_in(key) for key in tracks])
    return found.join(of_artists.reindex(owners).set_axis(tracks))
