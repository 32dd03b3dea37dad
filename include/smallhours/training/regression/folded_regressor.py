"""The base class of the regressors: members over folds of artists, blending and intervals.

Artists are dealt into folds, and for each fold a member learns from the other artists. The
members' predictions for the artists held out give, without a second training, the weights of the
blend, the residuals for intervals, and what is known of each artist beyond its tags. A prediction
for a new artist is the mean over the members.

Example: with five folds, an artist in fold 2 is held out of member 2 and learned from by the other
four. Its held-out predictions are those of member 2. A track of an unknown artist is predicted by
all five, and their mean is returned.

An artist's fold is a hash of its name. So models of different nights can be compared on every
artist, each by the member that has not seen it (`predict_unseen`), and no rows have to be kept from
training for that.

Models work within 0-1, callers in the targets' own unit: `TargetRange` scales between the two.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smallhours.training.evaluation.uncertainty import ResidualIntervals
from smallhours.training.regression.artist_folds import (
    KnownArtists,
    artist_folds,
    artist_names,
    enough_to_hash,
    hashed_folds,
)
from smallhours.training.regression.length_correction import LengthCorrection
from smallhours.training.tags import tag_counts

Floats = npt.NDArray[np.float64]

# Minimum number of tracks by known artists for residual quantiles.
MIN_KNOWN = 100
# What there is of each training row: figures are made of it, predictions are not.
OF_ROWS = frozenset({"fold_", "held_out_", "held_out_known_"})
# Quantiles of the ends of an 80 % interval.
TAILS = (0.1, 0.9)


class TargetRange(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Scale targets to 0-1 and back.

    Args:
        bounds: (low, high) of all targets; None uses the range of each in the training rows.

    Attributes:
        low_, width_: (targets,); the width of a constant target is 1.
        flat_: True if y was (n,), so that predictions must be, too.
    """

    def __init__(self, bounds: tuple[float, float] | None = (0.0, 1.0)) -> None:
        self.bounds = bounds

    def fit(self, y: Any) -> Self:
        """Learn the range of y, (n,) or (n, targets).

        Raises:
            ValueError: when a target is out of bounds.
        """
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        self.flat_ = np.ndim(y) == 1
        if self.bounds is None:
            self.low_ = columns.min(axis=0)
            width = columns.max(axis=0) - self.low_
            self.width_ = np.where(width > 0, width, 1.0)
            return self
        low, high = self.bounds
        if columns.min() < low or columns.max() > high:
            raise ValueError(
                f"targets go from {columns.min():g} to {columns.max():g}, outside of the bounds "
                f"{low:g} to {high:g}: leave these rows out or give other bounds"
            )
        self.low_ = np.full(columns.shape[1], float(low))
        self.width_ = np.full(columns.shape[1], float(high - low))
        return self

    def to_unit(self, y: Any) -> Floats:
        """Scale to 0-1, (n, targets)."""
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        return np.asarray((columns - self.low_) / self.width_)

    def from_unit(self, unit: Floats) -> Floats:
        """Scale back from 0-1, (n,) or (n, targets) as y was."""
        y = np.asarray(self.low_ + self.width_ * unit)
        return y[:, 0] if self.flat_ else y


class FoldedRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Members over folds of artists, for several targets at once; a subclass defines the members.

    A subclass takes at least `track_columns`, `bounds`, `folds` and `n_jobs`. A saved regressor
    lacks the attributes of training rows (`OF_ROWS`).

    Attributes:
        members_: The models of each fold.
        weights_: (experts, targets) of the blend, none negative; `offset_` (targets,).
        hashed_: True if artists are in folds by a hash of their names.
        fold_: (n,) the fold of each training row.
        held_out_: (n, targets) predictions for the training rows by members, and with weights,
            that had not seen their artist.
        held_out_known_: (n, targets) the same with the correction by the artist's other tracks,
            and with `weights_`; NaN where there are none.
        intervals_: By target, residual quantiles on artists not learned from.
        known_intervals_: The same for further tracks of known artists, or None.
        known_: Mean residuals of known artists.
        length_: Correction by the tracks' lengths; models saved before there was one lack it.
        untagged_: (3, targets) mean and 10 % and 90 % quantiles of the training targets: the
            prediction for a track without tags.
    """

    track_columns: int
    bounds: tuple[float, float] | None
    folds: int
    n_jobs: int

    def __getstate__(self) -> dict[str, Any]:
        """Return what is saved: all but the attributes of training rows."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in OF_ROWS}

    @abstractmethod
    def _member(self, X: sparse.csr_matrix, unit: Floats, names: Any, k: int) -> Any:  # noqa: N803
        """Fit a member to some rows; its `predict(X)` returns (n, experts, targets) within 0-1."""

    def fit(self, X: Any, y: Any, groups: Any = None, lengths: Any = None) -> Self:  # noqa: N803
        """Learn from tracks with measured features.

        Args:
            X: (n, columns) counts, sparse or dense, not negative.
            y: (n,) or (n, targets), within the bounds.
            groups: (n,) the artist of each track; without it each track counts as an artist of
                its own, and held-out figures are about new tracks, not new artists.
            lengths: (n,) in milliseconds, NaN where unknown; None for no correction by length.

        Raises:
            ValueError: for fewer than two rows, no tag in any row, negative counts, NaN, targets
                out of bounds, or a row without its artist.
        """
        X, y = validate_data(  # noqa: N806
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float64,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
        X = tag_counts(X, self.track_columns)  # noqa: N806
        self.range_ = TargetRange(self.bounds).fit(y)
        unit = self.range_.to_unit(y)
        self.untagged_ = np.stack([unit.mean(0), *np.quantile(unit, TAILS, axis=0)])
        names = artist_names(groups, len(unit))
        self.hashed_ = enough_to_hash(names, self.folds)
        self.fold_ = artist_folds(names, self.folds)
        answers = self._learn(X, unit, names)
        self.weights_, self.offset_ = _fit_blend(answers, unit)
        held_out, length = self._held_out(answers, unit), _lengths(lengths, len(unit))
        self.length_ = LengthCorrection().fit(held_out, length, unit, self.fold_)
        corrected = self.length_.correct_held_out(held_out, length, self.fold_)
        self.held_out_ = self.range_.from_unit(corrected)
        blended = self.length_.correct_held_out(self._blend(answers), length, self.fold_)
        self._learn_residuals(names, blended, unit)
        return self

    def predict(self, X: Any, groups: Any = None, lengths: Any = None) -> Floats:  # noqa: N803
        """Predict tracks.

        Args:
            X: (n, columns) as in fit.
            groups: (n,) the artist of each track. The prediction for a known artist is corrected
                by its other tracks; None uses tags alone.
            lengths: (n,) in milliseconds, NaN where unknown; None if all are.

        Returns:
            (n,) or (n, targets) as y was, within the bounds. A track without any tag gets the
            mean of the training rows.
        """
        unit, *_ = self._predict(X, groups, lengths)
        return self.range_.from_unit(unit)

    def predict_interval(
        self,
        X: Any,  # noqa: N803
        groups: Any = None,
        lengths: Any = None,
    ) -> tuple[Floats, Floats, Floats]:
        """Predict with the lower and upper ends of the 80 % intervals, each as `predict`."""
        unit, known, untagged = self._predict(X, groups, lengths)
        low, high = np.empty_like(unit), np.empty_like(unit)
        for rows, intervals in ((~known, self.intervals_), (known, self.known_intervals_)):
            for t, stored in enumerate(intervals or self.intervals_):
                within = ResidualIntervals.from_json(stored)
                low[rows, t], high[rows, t] = within.bounds_of(unit[rows, t])
        low[untagged], high[untagged] = self.untagged_[1:]
        return tuple(map(self.range_.from_unit, (unit, low, high)))  # type: ignore[return-value]

    def predict_unseen(self, X: Any, groups: Any, lengths: Any = None) -> Floats:  # noqa: N803
        """Predict each track as if its artist were new: by the member that has not seen it.

        Args:
            X: (n, columns) as in fit.
            groups: (n,) the artist of each track, learned from or not.
            lengths: As in `predict`.

        Returns:
            As `predict`. If `hashed_` is True, an artist that was not learned from is predicted
            by one member, too, so that models can be compared on artists that only one has seen.
        """
        X = self._counts(X)  # noqa: N806
        names = artist_names(groups, X.shape[0])
        if self.hashed_:
            fold = hashed_folds(names, self.folds)
        else:
            at = self.known_.known(names)
            fold = np.where(at < 0, -1, self.known_.fold_[at])
        return self.range_.from_unit(self._by_fold(X, fold, _lengths(lengths, X.shape[0])))

    def _learn(self, X: sparse.csr_matrix, unit: Floats, names: Any) -> Floats:  # noqa: N803
        """Fit the members, and return their predictions for the artists that each has not seen."""
        each = range(self.folds if self.hashed_ else int(self.fold_.max()) + 1)
        # One thread a fold: more inside of each would only wait for one another, and the number
        # of threads would change the last digits.
        with threadpool_limits(limits=1):
            learned = [self.fold_ != k for k in each]
            self.members_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(self._member)(X[rows], unit[rows], names[rows], k)
                for k, rows in enumerate(learned)
            )
            found = {
                k: self.members_[k].predict(X[~rows])
                for k, rows in enumerate(learned)
                if not rows.all()
            }
        answers = np.empty((len(unit), *next(iter(found.values())).shape[1:]))
        for k, held_out in found.items():
            answers[~learned[k]] = held_out
        return answers

    def _held_out(self, answers: Floats, unit: Floats) -> Floats:
        """Return the blend for each row, by weights that were fitted without its fold.

        Weights that were fitted with it would never do worse than the mean, not even on noise.
        """
        blended = np.empty_like(unit)
        for k in np.unique(self.fold_):
            held = self.fold_ == k
            others = ~held if not held.all() else held
            weights, offset = _fit_blend(answers[others], unit[others])
            blended[held] = _blended(answers[held], weights, offset)
        return blended

    def _learn_residuals(self, names: Any, held_out: Floats, unit: Floats) -> None:
        residuals = unit - held_out
        self.intervals_ = _intervals(held_out, unit)
        self.known_ = KnownArtists().fit(names, self.fold_, residuals)
        several, corrections = self.known_.leave_one_out(names, residuals)
        corrected = np.full_like(held_out, np.nan)
        corrected[several] = np.clip(held_out[several] + corrections, 0.0, 1.0)
        self.known_intervals_ = None
        if several.sum() >= MIN_KNOWN:
            self.known_intervals_ = _intervals(corrected[several], unit[several])
        self.held_out_known_ = self.range_.from_unit(corrected)

    def _predict(self, X: Any, groups: Any, lengths: Any) -> tuple[Floats, Any, Any]:  # noqa: N803
        """Return predictions within 0-1, and flags of known artists' and of untagged rows."""
        X = self._counts(X)  # noqa: N806
        at = np.full(X.shape[0], -1)
        if groups is not None:
            at = self.known_.known(artist_names(groups, X.shape[0]))
        known = at >= 0
        fold = np.where(known, self.known_.fold_[at], -1)
        unit = self._by_fold(X, fold, _lengths(lengths, X.shape[0]))
        unit[known] += self.known_.correction(at[known])
        untagged = ~known & (np.diff(X.indptr) == 0)
        return np.clip(unit, 0.0, 1.0), known, untagged

    def _by_fold(self, X: sparse.csr_matrix, fold: Any, lengths: Floats) -> Floats:  # noqa: N803
        """Predict within 0-1 by the member of each row's fold, or by all where that is -1."""
        correction: Any = getattr(self, "length_", LengthCorrection.none())
        unit = np.empty((X.shape[0], len(self.offset_)))
        with threadpool_limits(limits=1):
            for k in np.unique(fold):
                rows = fold == k
                each = range(len(self.members_)) if k < 0 else [k]
                answers = [
                    correction.correct(
                        self._blend(self.members_[m].predict(X[rows])), lengths[rows], m
                    )
                    for m in each
                ]
                unit[rows] = np.mean(answers, axis=0)
        unit[(fold < 0) & (np.diff(X.indptr) == 0)] = self.untagged_[0]
        return unit

    def _blend(self, answers: Floats) -> Floats:
        return _blended(answers, self.weights_, self.offset_)

    def _counts(self, X: Any) -> sparse.csr_matrix:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(  # noqa: N806
            self, X, accept_sparse="csr", dtype=np.float64, reset=False
        )
        return tag_counts(X, self.track_columns)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def _lengths(lengths: Any, n: int) -> Floats:
    """Return lengths (n,); NaN where one is unknown or not above 0."""
    if lengths is None:
        return np.full(n, np.nan)
    given = np.asarray(lengths, dtype=np.float64)
    return np.where(given > 0, given, np.nan)


def _fit_blend(answers: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Fit weights and offsets of the blend; a single expert has all the weight."""
    if answers.shape[1] == 1:
        return np.ones(answers.shape[1:]), np.zeros(unit.shape[1])
    return blend_weights(answers, unit)


def blend_weights(answers: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Fit the blend by non-negative least squares, per target (Breiman 1996, stacked regressions).

    Args:
        answers: (n, experts, targets) predictions for rows that the experts had not seen.
        y: (n, targets).

    Returns:
        Weights (experts, targets), and offsets (targets,) so that the prediction is
        `offset + sum(weights * answers)`.
    """
    mean_answer, mean = answers.mean(axis=0), y.mean(axis=0)
    weights = np.stack(
        [
            optimize.nnls(answers[:, :, t] - mean_answer[:, t], y[:, t] - mean[t])[0]
            for t in range(y.shape[1])
        ],
        axis=1,
    )
    return weights, mean - (weights * mean_answer).sum(axis=0)


def _blended(answers: Floats, weights: Floats, offset: Floats) -> Floats:
    blended = offset + np.einsum("net,et->nt", answers, weights)
    return np.asarray(np.clip(blended, 0.0, 1.0))


def _intervals(predicted: Floats, actual: Floats) -> list[dict[str, Sequence[float]]]:
    return [
        {**ResidualIntervals.fit(predicted[:, t], actual[:, t]).to_json()}
        for t in range(actual.shape[1])
    ]
