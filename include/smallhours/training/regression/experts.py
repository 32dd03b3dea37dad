"""Which three models answer together? A kernel, a network and trees over one encoding of the tags.

Their errors differ: the smooth kernel does best alone, the network weighs single tags, the trees
find thresholds. Each takes part with its own weight per target, found on artists that it has not
met.
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

EXPERTS = ("kernel", "network", "trees")


class TagExperts(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """The three models on the same rows.

    Args:
        track_columns: How many leading columns are the track's own tags.
        artist_scale, factors: Of the encoder.
        landmarks: Of the kernel.
        trees: Of the trees.
        epochs, networks: Of the network.
        random_state: Seed of all.
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
        """(n, experts, targets), in the order of EXPERTS and within 0-1."""
        inputs = self.encoder_.transform(X)
        answers = (
            self.kernel_.predict(inputs),
            self.network_.predict(inputs.tags),
            self.trees_.predict(inputs),
        )
        return np.clip(np.stack(answers, axis=1), 0.0, 1.0)


def blend_weights(answers: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Non-negative least squares, one target at a time (Breiman 1996, stacked regressions).

    Args:
        answers: (n, experts, targets) for rows that the experts had not seen.
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
