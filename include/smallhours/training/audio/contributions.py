"""Each tag's contribution to each predicted audio feature.

A linear model is its own explanation: a tag adds its coefficient times its encoded count. The blend
of kernel, network and trees is divided among the tags by Shapley's rule, asking the whole blend
with and without each of them. XGBoost's TreeSHAP cannot read trees with several outputs, and would
explain encoded columns instead of tags. Either way the parts add up to the prediction.

By Shapley's rule (1953), a part's share is what it adds to the prediction when it joins the parts
before it, averaged over all orders in which the parts could join. The parts are the few tags that a
person named, so it can be computed for any model by calling it.

Example: a prediction is 0.3 without tags, 0.5 with `rock`, 0.4 with `loud` and 0.8 with both. The
tag `rock` adds 0.2 if it joins first and 0.4 if it joins second, so its share is 0.3; that of
`loud` is the mean of 0.1 and 0.3, 0.2. Together with the 0.3 they give 0.8.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.model import AudioModel, FeatureModel
from smallhours.training.regression import FoldedRegressor, LinearTagRegressor
from smallhours.training.tags import Counts

Masks = npt.NDArray[np.bool_]

# Up to eight parts, all 256 sets of them are evaluated. With more parts, this many orders are
# drawn, each with its reverse.
MAX_EXACT_PARTS = 8
ORDERS = 16
SEED = 1983
Floats = npt.NDArray[np.float64]


def shapley_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    """Divide a prediction among its parts.

    Args:
        answer: Takes (m, parts) flags of the parts that are present; returns (m, targets).
        parts: Number of parts.

    Returns:
        The prediction without any part (targets,), and each part's share (parts, targets). They
        add up to the prediction with all parts. With more than eight parts the shares are
        estimates from 32 orders, and still add up.
    """
    if parts <= MAX_EXACT_PARTS:
        return _exact_shares(answer, parts)
    return _sampled_shares(answer, parts)


def _exact_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    sets = np.arange(2**parts)
    there = (sets[:, None] >> np.arange(parts) & 1).astype(bool)
    answers = answer(there)
    shares = np.zeros((parts, answers.shape[1]))
    for part in range(parts):
        without = sets[~there[:, part]]
        before = there[without].sum(axis=1)
        chance = np.array(
            [factorial(b) * factorial(parts - b - 1) / factorial(parts) for b in before.tolist()]
        )
        shares[part] = chance @ (answers[without | 1 << part] - answers[without])
    return answers[0], shares


def _sampled_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(SEED)
    drawn = [rng.permutation(parts) for _ in range(ORDERS)]
    orders = [*drawn, *(order[::-1] for order in drawn)]
    there = np.zeros((len(orders), parts + 1, parts), dtype=bool)
    for at, order in enumerate(orders):
        for joined, part in enumerate(order.tolist(), start=1):
            there[at, joined:, part] = True
    distinct, place = np.unique(there.reshape(-1, parts), axis=0, return_inverse=True)
    answers = answer(distinct)[place.ravel()].reshape(len(orders), parts + 1, -1)
    gains = np.diff(answers, axis=1)
    shares = np.zeros((parts, answers.shape[2]))
    for at, order in enumerate(orders):
        shares[order] += gains[at]
    return answers[0, 0], shares / len(orders)


@dataclass(frozen=True)
class Contributions:
    """The parts that one feature's prediction is the sum of.

    Attributes:
        baseline: The prediction for a track without tags, in the feature's unit.
        tags: (tags,) the contribution of each tag, in the order in which they were given.
        held_back: The correction that keeps the prediction within the feature's bounds.
    """

    baseline: float
    tags: tuple[float, ...]
    held_back: float

    @property
    def value(self) -> float:
        """Return the prediction, which is the sum of all parts."""
        return self.baseline + sum(self.tags) + self.held_back


def contributions(model: AudioModel, counts: Counts) -> dict[str, Contributions]:
    """Explain a model's predictions for a track with these tags, by feature.

    Args:
        model: The model.
        counts: Tags by name, taken as the track's own and its artist's.
    """
    found: dict[str, Contributions] = {}
    for part in model.models:
        if not part.predicted:
            continue
        linear = isinstance(part.regressor, LinearTagRegressor)
        baseline, shares, held_back = (_linear if linear else _shapley)(model, part, counts)
        found |= {
            name: Contributions(
                float(baseline[at]), tuple(shares[:, at].tolist()), float(held_back[at])
            )
            for at, name in enumerate(part.features)
            if name in part.predicted
        }
    return found


def _shapley(
    model: AudioModel, part: FeatureModel, counts: Counts
) -> tuple[Floats, Floats, Floats]:
    tags = list(counts.items())

    def answer(there: Masks) -> Floats:
        rows = [dict(_chosen(tags, flags)) for flags in there]
        return part.regressor.predict(model.inputs.matrix(rows, rows))

    baseline, shares = shapley_shares(answer, len(tags))
    return baseline, shares, np.zeros_like(baseline)


def _chosen(tags: Sequence[tuple[str, int]], flags: Masks) -> list[tuple[str, int]]:
    return [tag for tag, there in zip(tags, flags.tolist(), strict=True) if there]


def _linear(model: AudioModel, part: FeatureModel, counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Return coefficients times encoded counts, averaged over members; exact but for the bounds."""
    regressor: FoldedRegressor = part.regressor
    row = model.inputs.matrix([counts], [counts])
    weights, width = regressor.weights_, regressor.range_.width_
    added = np.mean([m.contributions(row, weights) for m in regressor.members_], axis=0) * width
    shares = np.zeros((len(counts), added.shape[1]))
    place = {tag: at for at, tag in enumerate(counts)}
    names = model.inputs.names()
    for column in row.indices.tolist():
        shares[place[names[column]]] += added[column]
    intercept = np.mean([(weights * m.intercept_).sum(axis=0) for m in regressor.members_], axis=0)
    baseline = regressor.range_.low_ + width * (regressor.offset_ + intercept)
    value = np.asarray(regressor.predict(row)).reshape(-1)
    return baseline, shares, value - baseline - shares.sum(axis=0)
