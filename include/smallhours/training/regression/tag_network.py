"""A small neural network on the sparse tags.

One hidden layer of rectified units and one sigmoid output per target, so that predictions stay
within 0-1. It is trained on cross-entropy with the target as a soft label, each target divided by
its variance; Adam (Kingma and Ba 2015) with decoupled decay and a step that falls to zero. Tags
and hidden units are dropped at random while it learns. Several seeds are averaged.

scikit-learn's MLPRegressor has neither dropout nor bounded outputs; both matter here.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

Singles = npt.NDArray[np.float32]
Layers = list[Singles]

FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.99, 1e-8
MIN_SPREAD = 1e-3
INPUT_SPREAD, OUTPUT_SPREAD = 0.3, 0.5


class TagNetwork(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """A network with one hidden layer for targets within 0-1.

    Args:
        hidden: Units of the hidden layer.
        epochs: Passes over the rows.
        step: First step of Adam.
        decay: Weight decay, as a share of the step.
        dropout: Share of hidden units dropped.
        tag_dropout: Share of tags dropped.
        batch: Rows per step.
        seeds: Number of networks that are averaged.
        random_state: Seed of the first.

    Attributes:
        networks_: Weights and offsets of both layers, a list of four arrays per network, in 16
            bits: with 32, predictions differ by .00002 in the mean.
    """

    def __init__(
        self,
        hidden: int = 64,
        epochs: int = 15,
        step: float = 4e-3,
        decay: float = 0.03,
        dropout: float = 0.3,
        tag_dropout: float = 0.1,
        batch: int = 256,
        seeds: int = 2,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.step = step
        self.decay = decay
        self.dropout = dropout
        self.tag_dropout = tag_dropout
        self.batch = batch
        self.seeds = seeds
        self.random_state = random_state

    def fit(self, tags: sparse.csr_matrix, y: npt.NDArray[np.float64]) -> Self:
        """Train the networks.

        Args:
            tags: (n, tags).
            y: (n, targets), each within 0-1.
        """
        inputs, targets = tags.astype(np.float32), y.astype(np.float32)
        trained = [
            self._train(inputs, targets, np.random.default_rng([self.random_state, seed]))
            for seed in range(self.seeds)
        ]
        self.networks_ = [[layer.astype(np.float16) for layer in layers] for layers in trained]
        return self

    def predict(self, tags: sparse.csr_matrix) -> npt.NDArray[np.float64]:
        """Predict (n, targets), within 0-1."""
        check_is_fitted(self)
        inputs = tags.astype(np.float32)
        networks = [[layer.astype(np.float32) for layer in each] for each in self.networks_]
        outputs = [_sigmoid(np.maximum(inputs @ w + b, 0.0) @ v + c) for w, b, v, c in networks]
        return np.asarray(np.mean(outputs, axis=0), dtype=np.float64)

    def _train(
        self, inputs: sparse.csr_matrix, targets: Singles, rng: np.random.Generator
    ) -> Layers:
        n, columns = inputs.shape
        layers = _first_weights(columns, self.hidden, targets, rng)
        scale = 1 / np.maximum(targets.var(axis=0), MIN_SPREAD**2)
        adam = _Adam(layers, self.decay)
        steps = self.epochs * -(-n // self.batch)
        for _ in range(self.epochs):
            order = rng.permutation(n)
            for start in range(0, n, self.batch):
                rows = order[start : start + self.batch]
                gradients = self._gradients(layers, inputs[rows], targets[rows], scale, rng)
                adam.update(layers, gradients, self.step * (1 - adam.steps / steps))
        return layers

    def _gradients(
        self,
        layers: Layers,
        inputs: sparse.csr_matrix,
        targets: Singles,
        scale: Any,
        rng: np.random.Generator,
    ) -> Layers:
        w, b, v, c = layers
        # The rows were taken out of the matrix by number: this is their own copy.
        inputs.data *= _kept(inputs.data.shape, self.tag_dropout, rng)
        units = inputs @ w + b
        kept = _kept(units.shape, self.dropout, rng)
        active = np.maximum(units, 0.0) * kept
        error = ((_sigmoid(active @ v + c) - targets) * scale / len(targets)).astype(np.float32)
        behind = (error @ v.T) * kept * (units > 0)
        return [
            np.asarray(inputs.T @ behind),
            behind.sum(axis=0),
            active.T @ error,
            error.sum(axis=0),
        ]


class _Adam:
    """The Adam optimiser; decay acts on weights, not on offsets."""

    def __init__(self, layers: Layers, decay: float) -> None:
        self.first = [np.zeros_like(layer) for layer in layers]
        self.second = [np.zeros_like(layer) for layer in layers]
        self.decay = np.float32(decay)
        self.steps = 0

    def update(self, layers: Layers, gradients: Layers, step: float) -> None:
        self.steps += 1
        bias = 1 - FIRST_MOMENT**self.steps
        root_bias = np.float32(np.sqrt(1 - SECOND_MOMENT**self.steps))
        size = np.float32(step / bias * root_bias)
        for layer, gradient, first, second in zip(
            layers, gradients, self.first, self.second, strict=True
        ):
            first += np.float32(1 - FIRST_MOMENT) * (gradient - first)
            second += np.float32(1 - SECOND_MOMENT) * (gradient * gradient - second)
            if layer.ndim > 1:
                layer *= 1 - np.float32(step) * self.decay
            layer -= size * first / (np.sqrt(second) + np.float32(TINY))


def _first_weights(columns: int, hidden: int, targets: Singles, rng: np.random.Generator) -> Layers:
    """Return random weights; the outputs' offsets start at the targets' means."""
    mean = np.clip(targets.mean(axis=0), MIN_SPREAD, 1 - MIN_SPREAD)
    spread = OUTPUT_SPREAD / np.sqrt(hidden)
    return [
        rng.standard_normal((columns, hidden), dtype=np.float32) * np.float32(INPUT_SPREAD),
        np.zeros(hidden, dtype=np.float32),
        rng.standard_normal((hidden, len(mean)), dtype=np.float32) * np.float32(spread),
        np.log(mean / (1 - mean)).astype(np.float32),
    ]


def _kept(shape: tuple[int, ...], dropped: float, rng: np.random.Generator) -> Singles:
    """Return a dropout mask: 0 for dropped entries, 1 / (1 - dropped) for the others."""
    kept = rng.random(shape, dtype=np.float32) >= dropped
    return kept.astype(np.float32) / np.float32(1 - dropped)


def _sigmoid(x: Any) -> Singles:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), dtype=np.float32)
