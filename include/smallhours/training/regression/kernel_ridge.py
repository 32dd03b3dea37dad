"""Kernel ridge regression over tags on a sample of landmark tracks.

A Gaussian kernel over tags and factors, by the Nyström method (Williams and Seeger 2001): the
function is a sum over landmarks, and the penalty is its exact norm. Rows are visited in blocks, so
that the (tracks x landmarks) kernel never exists as a whole.
"""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from smallhours.training.regression.tag_encoder import Encoded, TagEncoder

Floats = npt.NDArray[np.float64]

ROWS_AT_A_TIME = 500
# Keeps the landmarks' kernel positive definite where two landmarks are the same.
JITTER = 1e-6


class NystroemKernelRidge(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Kernel ridge regression on landmarks.

    Args:
        landmarks: Maximum number of landmarks. An artist is drawn with a probability proportional
            to the square root of its number of tracks.
        gamma: Width of the kernel exp(-gamma x squared distance).
        factor_scale: Length of the factors next to the track's tags, which have length 1.
        alpha: Weight of the penalty.
        random_state: Seed of the draw.

    Attributes:
        tags_: The landmarks, in 32 bits; their factors follow from them (`TagEncoder`).
        coef_: (landmarks, targets), in 32 bits.
        intercept_: (targets,) means of the training rows.
    """

    def __init__(
        self,
        landmarks: int = 1500,
        gamma: float = 0.5,
        factor_scale: float = 0.7,
        alpha: float = 2.0,
        random_state: int = 0,
    ) -> None:
        self.landmarks = landmarks
        self.gamma = gamma
        self.factor_scale = factor_scale
        self.alpha = alpha
        self.random_state = random_state

    def fit(
        self, inputs: Encoded, y: Floats, groups: npt.NDArray[Any], encoder: TagEncoder
    ) -> Self:
        """Solve the normal equations.

        Args:
            inputs: Encoded tags of n tracks.
            y: (n, targets).
            groups: (n,) the artist of each track.
            encoder: The encoder of the tags.
        """
        _, artist, tracks = np.unique(groups, return_inverse=True, return_counts=True)
        chance = 1 / np.sqrt(tracks[artist])
        rng = np.random.default_rng(self.random_state)
        m = min(self.landmarks, len(y))
        chosen = rng.choice(len(y), m, replace=False, p=chance / chance.sum())
        chosen.sort()
        self.tags_ = inputs.tags[chosen].astype(np.float32)
        landmarks = self._landmarks(encoder)
        self.intercept_ = y.mean(axis=0)

        between = self._kernel(landmarks, landmarks)
        gram = self.alpha * (between + JITTER * np.eye(m))
        moments = np.zeros((m, y.shape[1]))
        for part, kernel in self._in_blocks(inputs, landmarks):
            gram += kernel.T @ kernel
            moments += kernel.T @ (y[part] - self.intercept_)
        coef = linalg.solve(gram, moments, assume_a="pos", overwrite_a=True)
        self.coef_ = coef.astype(np.float32)
        return self

    def predict(self, inputs: Encoded, encoder: TagEncoder) -> Floats:
        """Predict (n, targets) with the encoder that the model was fitted with."""
        check_is_fitted(self)
        landmarks = self._landmarks(encoder)
        out = np.empty((len(inputs), len(self.intercept_)))
        for part, kernel in self._in_blocks(inputs, landmarks):
            out[part] = kernel @ self.coef_ + self.intercept_
        return out

    def _landmarks(self, encoder: TagEncoder) -> Encoded:
        return encoder.with_factors(self.tags_.astype(np.float64))

    def _in_blocks(self, inputs: Encoded, landmarks: Encoded) -> Iterator[tuple[slice, Floats]]:
        for start in range(0, len(inputs), ROWS_AT_A_TIME):
            part = slice(start, min(start + ROWS_AT_A_TIME, len(inputs)))
            yield part, self._kernel(inputs.rows(part), landmarks)

    def _kernel(self, inputs: Encoded, landmarks: Encoded) -> Floats:
        scale = self.factor_scale**2
        near: Floats = (inputs.tags @ landmarks.tags.T).toarray()
        near += scale * (inputs.factors @ landmarks.factors.T)
        here = _squares(inputs.tags) + scale * (inputs.factors**2).sum(axis=1)
        there = _squares(landmarks.tags) + scale * (landmarks.factors**2).sum(axis=1)
        near *= 2
        near -= here[:, None]
        near -= there
        np.minimum(near, 0.0, out=near)
        near *= self.gamma
        np.exp(near, out=near)
        return near


def _squares(rows: sparse.csr_matrix) -> Floats:
    return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
