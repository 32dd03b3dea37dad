"""What does a track with these tags sound like, and how sure is that? The nightly regressor.

Artists are dealt into folds. For each fold, three models (kernel, network, trees) learn from the
other artists. Their answers for the artists held out give, without a second training, the weights
of the blend, the residuals that intervals are made of, and what is known of each artist beyond
its tags. A prediction for a new artist is the mean over the folds.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smallhours.training.intervals import ResidualIntervals
from smallhours.training.regression.artists import artist_folds, artist_names
from smallhours.training.regression.experts import EXPERTS, TagExperts, blend_weights
from smallhours.training.regression.known_artists import KnownArtists
from smallhours.training.regression.tag_encoder import tag_counts
from smallhours.training.regression.targets import TargetRange

Floats = npt.NDArray[np.float64]

# Residual quantiles of fewer tracks by known artists say nothing.
FEWEST_KNOWN = 100
# What an 80 % interval leaves out on either side.
TAILS = (0.1, 0.9)


class TagFeatureRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Blend of kernel, network and trees over folds of artists, for several targets at once.

    Args:
        track_columns: How many leading columns of X are counts of the track's own tags; the
            others count its artist's.
        bounds: What targets lie between; None takes the training targets' own range.
        folds: Folds of artists, and so models of each kind.
        landmarks, trees, epochs, networks: Size of the models (see `TagExperts`).
        random_state: Seed of all.
        n_jobs: Folds trained at a time, each on one thread. Results do not depend on it.

    Attributes:
        members_: The models of each fold.
        weights_: (experts, targets) of the blend, none negative; `offset_` (targets,).
        intervals_: By target, residual quantiles on artists not learned from.
        known_intervals_: The same for further tracks of known artists, or None.
        known_: What is known of artists beyond their tags.
        untagged_: (3, targets) mean and 10 % and 90 % quantiles of the training targets: the answer
            for a track of which no tag is given.
        held_out_: (n, targets) predictions for the training rows by models that had not met
            their artist.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> tags = rng.integers(0, 2, (60, 6)) * 50
    >>> loud = 0.2 + 0.6 * (tags[:, [0]] > 0)
    >>> model = TagFeatureRegressor(trees=10, landmarks=30, networks=1).fit(tags, loud)
    >>> model.predict(tags[:2]).shape
    (2, 1)
    """

    def __init__(
        self,
        track_columns: int = 0,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        folds: int = 5,
        landmarks: int = 1500,
        trees: int = 250,
        epochs: int = 15,
        networks: int = 2,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.track_columns = track_columns
        self.bounds = bounds
        self.folds = folds
        self.landmarks = landmarks
        self.trees = trees
        self.epochs = epochs
        self.networks = networks
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803
        """Learn from tracks with measured features.

        Args:
            X: (n, columns) counts, sparse or dense, not negative.
            y: (n,) or (n, targets), within the bounds.
            groups: (n,) the artist of each track; without it each track counts as an artist of
                its own, and held-out figures are about new tracks, not new artists.

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
        fold = artist_folds(names, self.folds, self.random_state)
        each = range(int(fold.max()) + 1)
        # One thread a fold: more inside of each would only wait for one another, and the number
        # of threads would change the last digits.
        with threadpool_limits(limits=1):
            self.members_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(self._member)(X, unit, names, fold != k, k) for k in each
            )
            answers = np.empty((len(unit), len(EXPERTS), unit.shape[1]))
            for k in each:
                answers[fold == k] = self.members_[k].predict(X[fold == k])
        self.weights_, self.offset_ = blend_weights(answers, unit)
        held_out = self._blend(answers)
        self._learn_residuals(names, fold, held_out, unit)
        self.held_out_ = self.range_.from_unit(held_out)
        return self

    def predict(self, X: Any, groups: Any = None) -> Floats:  # noqa: N803
        """Predict tracks.

        Args:
            X: (n, columns) as in fit.
            groups: (n,) the artist of each track. Where it was learned from, its other tracks
                count as well; without groups, nothing but tags does.

        Returns:
            (n,) or (n, targets) as y was, within the bounds. A track without any tag gets the
            mean of the training rows.
        """
        unit, *_ = self._predict(X, groups)
        return self.range_.from_unit(unit)

    def predict_interval(
        self,
        X: Any,  # noqa: N803
        groups: Any = None,
    ) -> tuple[Floats, Floats, Floats]:
        """Predictions with the lower and upper ends of their 80 % intervals, each as `predict`."""
        unit, known, untagged = self._predict(X, groups)
        low, high = np.empty_like(unit), np.empty_like(unit)
        for rows, intervals in ((~known, self.intervals_), (known, self.known_intervals_)):
            for t, stored in enumerate(intervals or self.intervals_):
                within = ResidualIntervals.from_json(stored)
                low[rows, t], high[rows, t] = within.around(unit[rows, t])
        low[untagged], high[untagged] = self.untagged_[1:]
        return tuple(map(self.range_.from_unit, (unit, low, high)))  # type: ignore[return-value]

    def _member(self, X: Any, unit: Floats, names: Any, learned: Any, k: int) -> TagExperts:  # noqa: N803
        return TagExperts(
            self.track_columns,
            landmarks=self.landmarks,
            trees=self.trees,
            epochs=self.epochs,
            networks=self.networks,
            random_state=self.random_state + k,
        ).fit(X[learned], unit[learned], names[learned])

    def _learn_residuals(self, names: Any, fold: Any, held_out: Floats, unit: Floats) -> None:
        residuals = unit - held_out
        self.intervals_ = _intervals(held_out, unit)
        self.known_ = KnownArtists().fit(names, fold, residuals)
        several, corrections = self.known_.left_out(names, residuals)
        self.known_intervals_ = None
        if several.sum() >= FEWEST_KNOWN:
            corrected = np.clip(held_out[several] + corrections, 0.0, 1.0)
            self.known_intervals_ = _intervals(corrected, unit[several])

    def _predict(self, X: Any, groups: Any) -> tuple[Floats, Any, Any]:  # noqa: N803
        """Predictions within 0-1, which rows are by known artists, and which lack tags."""
        check_is_fitted(self)
        X = validate_data(  # noqa: N806
            self, X, accept_sparse="csr", dtype=np.float64, reset=False
        )
        X = tag_counts(X, self.track_columns)  # noqa: N806
        at = np.full(X.shape[0], -1)
        if groups is not None:
            at = self.known_.known(artist_names(groups, X.shape[0]))
        unit = np.empty((X.shape[0], len(self.offset_)))
        new = at < 0
        with threadpool_limits(limits=1):
            if new.any():
                unit[new] = np.mean([self._blend(m.predict(X[new])) for m in self.members_], 0)
            fold = np.where(new, -1, self.known_.fold_[at])
            for k in np.unique(fold[~new]):
                rows = fold == k
                answers = self.members_[k].predict(X[rows])
                unit[rows] = self._blend(answers) + self.known_.correction(at[rows])
        untagged = new & (np.diff(X.indptr) == 0)
        unit[untagged] = self.untagged_[0]
        return np.clip(unit, 0.0, 1.0), ~new, untagged

    def _blend(self, answers: Floats) -> Floats:
        blended = self.offset_ + np.einsum("net,et->nt", answers, self.weights_)
        return np.asarray(np.clip(blended, 0.0, 1.0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def _intervals(predicted: Floats, actual: Floats) -> list[dict[str, Sequence[float]]]:
    return [
        {**ResidualIntervals.fit(predicted[:, t], actual[:, t]).to_json()}
        for t in range(actual.shape[1])
    ]
