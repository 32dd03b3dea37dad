"""Each tag's contribution to each predicted audio feature.

A linear model is its own explanation: a tag adds its coefficient times its encoded count. The blend
of kernel, network and trees is divided among the tags by Shapley's rule, asking the whole blend
with and without each of them. XGBoost's TreeSHAP cannot read trees with several outputs, and would
explain encoded columns instead of tags. Either way the parts add up to the prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.model import AudioModel, FeatureModel
from smallhours.training.regression import FoldedRegressor, LinearTagRegressor
from smallhours.training.regression.shapley import Masks, shapley_shares
from smallhours.training.tags import Counts

Floats = npt.NDArray[np.float64]


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
