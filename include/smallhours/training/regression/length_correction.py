"""Correction of the predictions of audio features by the length of the track.

Interludes of a minute are calmer and more acoustic than their artist's tags say, tracks of a
quarter of an hour darker and less danceable. Small trees learn what the blend of a fold misses from
what it predicts for all features and from the logarithm of the length. One set of trees learns for
each fold of artists from the predictions for the other folds' artists, by members that had not seen
them; so the artists of the fold are new to the trees, too. A track of unknown length keeps its
prediction.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.base import BaseEstimator

from smallhours.training.regression.saved_trees import dump_trees, load_trees

Floats = npt.NDArray[np.float64]

# With fewer tracks of known length the trees would learn noise.
MIN_LENGTHS = 1000


class LengthCorrection(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Boosted trees that correct predictions within 0-1 by the tracks' lengths.

    Args:
        trees, leaves, step: Number of trees for each target, their leaves and learning rate.

    Attributes:
        boosters_: Of each fold, the trees as `dump_trees` returns them; none where too few lengths
            are known.
    """

    def __init__(self, trees: int = 120, leaves: int = 12, step: float = 0.05) -> None:
        self.trees = trees
        self.leaves = leaves
        self.step = step

    @classmethod
    def none(cls) -> Self:
        """Return a correction that changes nothing."""
        correction = cls()
        correction.boosters_ = []
        return correction

    def fit(self, held_out: Floats, lengths: Floats, unit: Floats, fold: Any) -> Self:
        """Learn from held-out predictions (n, targets), lengths (n,) in ms, truth and folds."""
        settings = {
            "tree_method": "hist",
            "multi_strategy": "one_output_per_tree",
            "objective": "reg:squarederror",
            "learning_rate": self.step,
            "grow_policy": "lossguide",
            "max_leaves": self.leaves,
            "max_depth": 0,
            "min_child_weight": 100,
            "reg_lambda": 5.0,
            "nthread": 1,
        }
        self.boosters_ = []
        known = np.isfinite(lengths)
        if known.sum() < MIN_LENGTHS:
            return self
        columns = _columns(held_out, lengths)
        for k in range(int(fold.max()) + 1):
            learned = known & (fold != k)
            rows = xgboost.QuantileDMatrix(
                columns[learned], label=(unit - held_out)[learned], nthread=1
            )
            booster = xgboost.train(settings, rows, num_boost_round=self.trees)
            self.boosters_.append(dump_trees(booster))
        return self

    def correct(self, predicted: Floats, lengths: Floats, k: int) -> Floats:
        """Return predictions (n, targets) of a fold's member, corrected where a length is known."""
        known = np.isfinite(lengths)
        if not self.boosters_ or not known.any():
            return predicted
        booster = load_trees(self.boosters_[k])
        rows = xgboost.DMatrix(_columns(predicted[known], lengths[known]), nthread=1)
        corrected = predicted.copy()
        corrected[known] += booster.predict(rows).reshape(int(known.sum()), -1)
        return np.asarray(np.clip(corrected, 0.0, 1.0))

    def correct_held_out(self, predicted: Floats, lengths: Floats, fold: Any) -> Floats:
        """Return the predictions for rows that were learned from, each corrected by its fold's."""
        corrected = np.empty_like(predicted)
        for k in np.unique(fold):
            rows = fold == k
            corrected[rows] = self.correct(predicted[rows], lengths[rows], k)
        return corrected


def _columns(predicted: Floats, lengths: Floats) -> Floats:
    return np.column_stack([predicted, np.log(lengths)])
