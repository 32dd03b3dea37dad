"""What does a track with these tags sound like? The saved regressor, ready to be asked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from smallhours.lake.store import Lake
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.training.audio import BAYESIAN_RIDGE, XGBOOST, predict_within
from smallhours.training.intervals import ResidualIntervals
from smallhours.training.persistence import dump_model, load_model, refuse
from smallhours.training.registry import SHARED, Registry, SavedModel
from smallhours.training.tag_matrix import TopTags

NAME = "audio_features"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AudioPredictor:
    """Tags in, five features out.

    Attributes:
        vocabulary: The tags that it knows.
        regressor: The model in use.
        intervals: Its residuals on unseen artists, by feature.
        version: Of the saved model.
    """

    vocabulary: TopTags
    regressor: Any
    intervals: Mapping[str, ResidualIntervals]
    version: str

    def predict(self, tags: Sequence[Mapping[str, float]]) -> tuple[Floats, Floats, Floats]:
        """Predict the five features of some tracks.

        Args:
            tags: (n,) tag in lower case -> count (0-100).

        Returns:
            Values and the lower and upper ends of their 80 % intervals, each (n, 5) in the order
            of PREDICTED_FEATURES and within 0-1.
        """
        values = predict_within(self.regressor, self.vocabulary.transform(tags))
        ends = [
            self.intervals[feature].around(values[:, at])
            for at, feature in enumerate(PREDICTED_FEATURES)
        ]
        return values, np.stack([e[0] for e in ends], 1), np.stack([e[1] for e in ends], 1)


def files_of(
    vocabulary: TopTags,
    models: Mapping[str, Any],
    chosen: str,
    intervals: Mapping[str, ResidualIntervals],
) -> dict[str, bytes]:
    """The files of a saved model: both regressors, the tags, and which one is in use."""
    use = {"chosen": chosen, "intervals": {name: i.to_json() for name, i in intervals.items()}}
    return {
        "tags.skops": dump_model(vocabulary),
        "bayesian_ridge.skops": dump_model(models[BAYESIAN_RIDGE]),
        "xgboost.ubj": bytes(models[XGBOOST].get_booster().save_raw("ubj")),
        "use.json": (json.dumps(use, sort_keys=True) + "\n").encode(),
    }


def load_audio_predictor(lake: Lake) -> AudioPredictor | None:
    """The regressor in use, or None when none was trained yet.

    Raises:
        UnreadableModel: when a file of it is damaged, missing, or holds an untrusted type.
    """
    saved = Registry.of(lake).current(SHARED, NAME)
    if saved is None:
        return None
    use = json.loads(saved.read("use.json"))
    return AudioPredictor(
        vocabulary=load_model(saved.read("tags.skops"), where=saved.address("tags.skops")),
        regressor=_regressor(saved, use["chosen"]),
        intervals={
            name: ResidualIntervals.from_json(stored) for name, stored in use["intervals"].items()
        },
        version=saved.version,
    )


def _regressor(saved: SavedModel, chosen: str) -> Any:
    if chosen == BAYESIAN_RIDGE:
        name = "bayesian_ridge.skops"
        return load_model(saved.read(name), where=saved.address(name))
    name = "xgboost.ubj"
    model = xgboost.XGBRegressor()
    try:
        model.load_model(bytearray(saved.read(name)))
    except xgboost.core.XGBoostError:
        refuse(saved.address(name), "XGBoost does not understand it")
    return model
