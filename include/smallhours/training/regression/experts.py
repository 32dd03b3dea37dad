"""The three models of the nightly regressor: a kernel, a network and trees over one tag encoding.

Their errors differ: the smooth kernel is best alone, the network weights single tags, the trees
find thresholds. The weight of each, per target, is fitted on artists that it has not seen.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from sklearn.base import BaseEstimator

from smallhours.training.regression.kernel_ridge import NystroemKernelRidge
from smallhours.training.regression.tag_encoder import TagEncoder
from smallhours.training.regression.tag_network import TagNetwork
from smallhours.training.regression.tag_trees import TagTrees

Floats = npt.NDArray[np.float64]


class TagExperts(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """The three models on the same rows.

    Args:
        track_columns: Number of leading columns with the track's own tags.
        artist_scale, factors: Parameters of the encoder.
        landmarks: Parameter of the kernel.
        trees: Number of trees.
        epochs, networks: Parameters of the network.
        random_state: Seed of all models.
    """

    def __init__(
        self,
        track_columns: int = 0,
        artist_scale: float = 0.5,
        factors: int = 50,
        landmarks: int = 1500,
        trees: int = 250,
        epochs: int = 15,
        networks: int = 2,
        random_state: int = 0,
    ) -> None:
        self.track_columns = track_columns
        self.artist_scale = artist_scale
        self.factors = factors
        self.landmarks = landmarks
        self.trees = trees
        self.epochs = epochs
        self.networks = networks
        self.random_state = random_state

    def fit(self, X: sparse.csr_matrix, y: Floats, groups: npt.NDArray[Any]) -> Self:  # noqa: N803
        """Fit encoder and models; X (n, columns) counts, y (n, targets) within 0-1."""
        seed = self.random_state
        self.encoder_ = TagEncoder(
            self.track_columns, self.artist_scale, self.factors, random_state=seed
        ).fit(X, groups)
        inputs = self.encoder_.transform(X)
        own = len(self.encoder_.track_kept_)
        self.kernel_ = NystroemKernelRidge(self.landmarks, random_state=seed)
        self.kernel_.fit(inputs, y, groups)
        self.network_ = TagNetwork(epochs=self.epochs, seeds=self.networks, random_state=seed)
        self.network_.fit(inputs.tags, y)
        self.trees_ = TagTrees(own, self.trees, random_state=seed).fit(inputs, y)
        return self

    def predict(self, X: sparse.csr_matrix) -> Floats:  # noqa: N803
        """Predict (n, experts, targets), in the order kernel, network, trees and within 0-1."""
        inputs = self.encoder_.transform(X)
        answers = (
            self.kernel_.predict(inputs),
            self.network_.predict(inputs.tags),
            self.trees_.predict(inputs),
        )
        return np.clip(np.stack(answers, axis=1), 0.0, 1.0)


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
