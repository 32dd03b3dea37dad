"""Ablation of the taste model: the same years, with one change at a time.

Every variant learns from the same likes as ours on the same past days, and ranks the same artists.
A difference is paired by year and bootstrapped over the years.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC
from sklearn.utils.extmath import randomized_svd
from xgboost import XGBClassifier

from benchmarks.support.taste_data import PastDay, TasteWorld, past_of
from smallhours.identity import artist_key_of
from smallhours.settings import EvidenceWeights
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.model import TagColumns
from smallhours.training.taste.training_rows import (
    training_rows_at,
)

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Variant = Callable[[PastDay], Floats]

AUDIO = ("danceability", "acousticness", "energy", "valence", "instrumentalness")
FACTORS = 50
# A half-life so long that nothing fades within one log.
NO_FADING_DAYS = 1e6
TREES = 200
MIN_STRANGE = 20


@dataclass(frozen=True)
class Inputs:
    """The catalog as matrices, one row an artist.

    Attributes:
        world: The data.
        words: Counts of tags as written, in lower case.
        names: Counts of tags by their names.
        audio: Five audio features, standardised: measured where known, else predicted from tags;
            None without a table of features.
        others: Factors of the artist's other listeners.
        seed: Seed of everything random.
    """

    world: TasteWorld
    words: sparse.csr_matrix
    names: sparse.csr_matrix
    audio: Floats | None
    others: Floats
    seed: int

    @classmethod
    def of(cls, world: TasteWorld, features: Path | None, *, seed: int) -> "Inputs":
        """Build the matrices."""
        words = _counts(world, past_of(world))
        by_name = replace(past_of(world), tags=world.tags.normalised())
        fans = world.fans @ sparse.diags_array(1 / np.sqrt(np.maximum(world.popularity, 1.0)))
        _, _, factors = randomized_svd(fans, FACTORS, random_state=seed)
        others = normalize(factors.T)
        audio = None if features is None else _audio(world, words, features)
        return cls(world, words, _counts(world, by_name), audio, others, seed)


def variants(inputs: Inputs) -> Mapping[str, Variant]:
    """Return ours first, then one change each."""
    found: dict[str, Variant] = {
        "ours": lambda day: _ours(day, inputs.words),
        "tags by normalised names": lambda day: _ours(day, inputs.names),
        "rare tags no louder": lambda day: _logistic(day, _carried(inputs), 0.1),
        "three background tracks a like": lambda day: _ours(_fewer(inputs, day), inputs.words),
        "TF-IDF, rows of one length": lambda day: _logistic(day, _tfidf(inputs), 3.0),
        "linear SVM": lambda day: _svm(day, _carried(inputs)),
        "XGBoost": lambda day: _trees(inputs, day),
        "disjoint-tag negatives": lambda day: _disjoint_negatives(inputs, day),
        "likes of equal weight": lambda day: _ours(day, inputs.words, equal=True),
        "evidence does not fade": lambda day: _unfaded(inputs, day),
        "with factors of other listeners": lambda day: _with(inputs, day, inputs.others),
    }
    if inputs.audio is not None:
        audio = inputs.audio
        found["with audio features"] = lambda day: _with(inputs, day, audio)
        found["audio features alone"] = lambda day: _logistic(day, audio, 1.0)
    return found


def _counts(world: TasteWorld, past: ListeningHistory) -> sparse.csr_matrix:
    return TagColumns.of(past.tags, world.catalog).counts(past.tags, world.catalog)


def _learned_from(day: PastDay) -> tuple[Rows, npt.NDArray[np.intp], Floats]:
    """Return row numbers in the catalog, labels and weights of a day's training rows."""
    at = np.array([day.column[key] for key in day.rows.tracks], dtype=np.intp)
    return at, day.rows.y, day.rows.weight


def _ours(day: PastDay, counts: sparse.csr_matrix, *, equal: bool = False) -> Floats:
    at, y, weight = _learned_from(day)
    heavy = np.where(y == 1, 1.0, weight) if equal else weight
    model = TasteClassifier().fit(counts[at], y, sample_weight=heavy)
    return model.decision_function(counts)


def _carried(inputs: Inputs) -> sparse.csr_matrix:
    return inputs.words.astype(bool).astype(np.float64)


def _tfidf(inputs: Inputs) -> sparse.csr_matrix:
    found = inputs.words.copy()
    carried = np.bincount(found.indices, minlength=found.shape[1])
    idf = np.log((1 + found.shape[0]) / (1 + carried)) + 1
    found.data = np.log1p(found.data) * idf[found.indices]
    return sparse.csr_matrix(normalize(found))


def _logistic(day: PastDay, matrix: Floats | sparse.csr_matrix, strength: float) -> Floats:
    at, y, weight = _learned_from(day)
    model = LogisticRegression(C=strength, solver="liblinear", max_iter=1000)
    model.fit(matrix[at], y, sample_weight=weight)
    return np.asarray(model.decision_function(matrix))


def _svm(day: PastDay, matrix: sparse.csr_matrix) -> Floats:
    at, y, weight = _learned_from(day)
    model = LinearSVC(C=0.01, dual=True, max_iter=5000, random_state=0)
    model.fit(matrix[at], y, sample_weight=weight)
    return np.asarray(model.decision_function(matrix))


def _trees(inputs: Inputs, day: PastDay) -> Floats:
    at, y, weight = _learned_from(day)
    carried = np.bincount(inputs.words[at].indices, minlength=inputs.words.shape[1])
    matrix = inputs.words[:, carried >= 2]
    model = XGBClassifier(
        n_estimators=TREES,
        max_depth=4,
        learning_rate=0.1,
        subsample=0.8,
        colsample_bytree=0.3,
        min_child_weight=3,
        n_jobs=1,
        random_state=inputs.seed,
    )
    model.fit(matrix[at], y, sample_weight=weight)
    return np.asarray(model.predict_proba(matrix)[:, 1], dtype=np.float64)


def _disjoint_negatives(inputs: Inputs, day: PastDay) -> Floats:
    """Score with negatives of unheard artists without the ten most liked tags, not background."""
    at, y, weight = _learned_from(day)
    likes = at[y == 1]
    carried = _carried(inputs)
    common = np.argsort(-np.asarray(carried[likes].sum(axis=0)).ravel(), kind="stable")
    for most in (10, 1, 0):  # where every artist has one of the ten, the commonest must do
        strange = np.asarray(carried[:, common[:most]].sum(axis=1)).ravel() == 0
        pool = np.flatnonzero(strange & day.new)
        if len(pool) >= MIN_STRANGE:
            break
    rng = np.random.default_rng([inputs.seed, day.fold.cut.toordinal()])
    taken = rng.choice(pool, min(len(pool), int((y == 0).sum())), replace=False)
    rows = np.concatenate([likes, taken])
    labels = np.repeat([1, 0], [len(likes), len(taken)])
    heavy = np.concatenate([weight[y == 1], np.full(len(taken), len(likes) / len(taken))])
    model = TasteClassifier().fit(inputs.words[rows], labels, sample_weight=heavy)
    return model.decision_function(inputs.words)


def _fewer(inputs: Inputs, day: PastDay) -> PastDay:
    """Return the day with three background rows per like in place of ten, each of weight one."""
    likes = np.flatnonzero(day.rows.y == 1)
    others = np.flatnonzero(day.rows.y == 0)
    rng = np.random.default_rng([inputs.seed, day.fold.cut.toordinal()])
    taken = rng.choice(others, min(len(others), 3 * len(likes)), replace=False)
    fewer = day.rows.subset(np.sort(np.concatenate([likes, taken])))
    return replace(day, rows=replace(fewer, weight=np.where(fewer.y == 1, fewer.weight, 1.0)))


def _unfaded(inputs: Inputs, day: PastDay) -> Floats:
    weights = EvidenceWeights(half_life_days=NO_FADING_DAYS)
    rng = np.random.default_rng([inputs.seed, day.fold.cut.toordinal()])
    rows = training_rows_at(past_of(inputs.world), day.fold.cut, weights=weights, rng=rng)
    return _ours(replace(day, rows=rows), inputs.words)


def _with(inputs: Inputs, day: PastDay, more: Floats) -> Floats:
    """Score with further dense columns beside the tags, scaled as the tags are."""
    encoder = TasteClassifier()
    at, y, weight = _learned_from(day)
    encoder.fit(inputs.words[at], y, sample_weight=weight)
    both = sparse.hstack([encoder.encode(inputs.words), sparse.csr_matrix(more)]).tocsr()
    return _logistic(day, both, encoder.C)


def _audio(world: TasteWorld, words: sparse.csr_matrix, path: Path) -> Floats:
    """Return means of an artist's measured tracks; for the others, ridge regression from tags."""
    table = pd.read_csv(path, usecols=["artist", *AUDIO])
    keys = {name: artist_key_of(str(name)) for name in table["artist"].unique()}
    means = table.groupby(table["artist"].map(keys))[list(AUDIO)].mean()
    measured = means.reindex(list(world.catalog)).to_numpy(dtype=np.float64)
    known = ~np.isnan(measured).any(axis=1)
    tags = normalize(words.astype(bool).astype(np.float64))
    ridge = Ridge(alpha=3.0, solver="lsqr").fit(tags[known], measured[known])
    values = np.where(known[:, None], measured, ridge.predict(tags))
    standard: Floats = (values - values.mean(axis=0)) / values.std(axis=0)
    return standard
