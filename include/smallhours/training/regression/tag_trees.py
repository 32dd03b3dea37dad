"""Boosted trees on the encoded tags.

XGBoost on the track's tags and the artist's factors, a tree for each target in turn: trees that
predict all targets at once take two to five times as long and are no better. With thousands of rare
artist tags as columns trees are slower and worse than with fifty factors.
"""

from typing import Self

import numpy as np
import numpy.typing as npt
import xgboost
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from smallhours.training.regression.saved_trees import dump_trees, load_trees
from smallhours.training.regression.tag_encoder import Encoded


class TagTrees(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Boosted trees for several targets.

    Args:
        track_tags: Number of leading columns of the encoded tags that are the track's own.
        trees, depth, step: Number of trees for each target, their depth and learning rate.
        random_state: Seed of the row and column samples.

    Attributes:
        booster_: The trees as `dump_trees` returns them.
    """

    def __init__(
        self,
        track_tags: int = 0,
        trees: int = 250,
        depth: int = 5,
        step: float = 0.05,
        random_state: int = 0,
    ) -> None:
        self.track_tags = track_tags
        self.trees = trees
        self.depth = depth
        self.step = step
        self.random_state = random_state

    def fit(self, inputs: Encoded, y: npt.NDArray[np.float64]) -> Self:
        """Grow the trees; inputs of n tracks, y (n, targets)."""
        settings = {
            "tree_method": "hist",
            "multi_strategy": "one_output_per_tree",
            "objective": "reg:squarederror",
            "learning_rate": self.step,
            "max_depth": self.depth,
            # Tags are binary, and more bins of a factor cost time without better predictions.
            "max_bin": 16,
            "subsample": 0.7,
            "colsample_bytree": 0.3,
            "min_child_weight": 5,
            "reg_lambda": 5.0,
            "seed": self.random_state,
            "nthread": 1,
        }
        rows = xgboost.QuantileDMatrix(
            self._columns(inputs), label=y, max_bin=settings["max_bin"], nthread=1
        )
        booster = xgboost.train(settings, rows, num_boost_round=self.trees)
        self.booster_ = dump_trees(booster)
        return self

    def predict(self, inputs: Encoded) -> npt.NDArray[np.float64]:
        """Predict (n, targets)."""
        check_is_fitted(self)
        columns = xgboost.DMatrix(self._columns(inputs), nthread=1)
        predicted = load_trees(self.booster_).predict(columns)
        return np.asarray(predicted, dtype=np.float64).reshape(len(inputs), -1)

    def _columns(self, inputs: Encoded) -> sparse.csr_matrix:
        if not inputs.factors.shape[1]:
            return inputs.tags.astype(np.float32)  # too few tags for factors: all of them, then
        track = inputs.tags[:, : self.track_tags]
        return sparse.hstack([track, sparse.csr_matrix(inputs.factors)]).tocsr().astype(np.float32)
