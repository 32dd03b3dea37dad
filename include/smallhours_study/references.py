"""What a study is compared with: the paper's own figures, and a reference data set.

The paper's table of RMSEs is given as a file: columns `model` (Base, Bayes, Tree, GPT),
`input` ("1000 tags", "100 tokens TC", "Ordered") and one per feature. The distributions of the
features, in the study's rows and in a reference data set, are those of its Tables 2 and 3.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smallhours.errors import SettingsError
from smallhours_study.grid import (
    BAYES,
    DUPLICATED,
    FEATURES,
    GPT2,
    ORDERED,
    TAGS,
    TAGS_COUNTS,
    XGBOOST,
    Setting,
)
from smallhours_study.row_sources import read_table

PaperRow = Mapping[str, float]
BASE = ("base", "")
MEAN = ("mean", "")

_MODELS = {BAYES: "bayes", XGBOOST: "tree", GPT2: "gpt"}
_TOKENS = {ORDERED: "o", TAGS_COUNTS: "tc", DUPLICATED: "d"}
_TEXT = {ORDERED: "ordered", TAGS_COUNTS: "tagscounts", DUPLICATED: "duplicated"}

# Reasons why the same model on the same kind of input has other figures here.
REASONS = (
    (
        "Its rows are other tracks: one listener's library, with counts for the track's own tags "
        "too. A target that varies less has a smaller RMSE for every model alike; compare R², not "
        "RMSE, across data sets."
    ),
    (
        "Its “Base” is a random draw from a normal distribution with the data's mean and "
        "deviation, whose RMSE is √2 times that of the mean and whose R² is about -1. Our tables "
        "show both, and take its mean's RMSE and its models' R² to be what follows from that."
    ),
    (
        "Its split is random by track and its input holds the artist's tags, so that the artist of "
        "a test track was learned from. Our rows by artist have no artist on both sides."
    ),
    (
        "It reports trees and Bayes on the validation rows and GPT-2 on the test rows; so do the "
        "rows marked “as published”, and no others."
    ),
    (
        "It looks tags up as they are written in a lower-case list, so that “Hip-Hop” counts 0, "
        "and lets an artist's tag overwrite the track's own; so do the rows marked “as published”."
    ),
    (
        "It ranks tags by their counts summed over plays. Where plays are not known, every track "
        "counts once."
    ),
    (
        "`subsample` is 2 in its table of XGBoost's settings, outside of (0, 1]; it is read as the "
        "library's default, 1."
    ),
    (
        "A column of tokens holds the number of the token at that place, not how often a token "
        "occurs: in its table the longest strings change nothing beyond 1,000 tokens. With columns "
        "that many and that arbitrary, Bayesian ridge follows the noise, here as there."
    ),
)


def read_published(path: Path) -> dict[tuple[str, str], PaperRow]:
    """Read the paper's RMSEs by (model, input), both as in `key_of`.

    Its base is a random draw; the mean's RMSE (MEAN) follows from it as 1/√2 of that.

    Raises:
        SettingsError: when the file is missing or has other columns.
    """
    table = read_table(path)
    lacking = [name for name in ("model", "input", *FEATURES) if name not in table]
    if lacking:
        raise SettingsError(
            f"{path.name} lacks the columns {', '.join(lacking)}.",
            remedy="The paper's table needs `model`, `input` and one column per feature.",
        )
    values = table[list(FEATURES)].to_numpy(dtype=np.float64)
    found: dict[tuple[str, str], PaperRow] = {
        (str(model).strip().lower(), _squeezed(str(given))): dict(
            zip(FEATURES, map(float, row), strict=True)
        )
        for model, given, row in zip(table["model"], table["input"], values, strict=True)
    }
    if base := found.get(BASE):
        found[MEAN] = {feature: rmse / math.sqrt(2) for feature, rmse in base.items()}
    return found


def r2_of(row: PaperRow, mean: PaperRow) -> PaperRow:
    """Return the paper's R² against the mean, from its RMSEs."""
    return {feature: 1 - (row[feature] / mean[feature]) ** 2 for feature in row}


def key_of(setting: Setting) -> tuple[str, str] | None:
    """Return the key of a setting's row in the paper's table, if there is one."""
    model = _MODELS.get(setting.model)
    if model is None:
        return None
    if setting.model == GPT2:
        return model, _TEXT[setting.format]
    if setting.format == TAGS:
        return model, f"{setting.limit}tags"
    if setting.format in _TOKENS:
        return model, f"{setting.limit}tokens{_TOKENS[setting.format]}"
    return None


def _squeezed(given: str) -> str:
    """Return an input's name without spaces, commas and capitals, which vary within the file."""
    return re.sub(r"[\s,]+", "", given).lower()


Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FeatureDistributions:
    """One data set's features.

    Attributes:
        name: Name of the data set.
        values: (n,) by feature, finite.
    """

    name: str
    values: Mapping[str, Floats]

    def mean(self, feature: str) -> float:
        """Return the mean of a feature."""
        return float(self.values[feature].mean())

    def deviation(self, feature: str) -> float:
        """Return the standard deviation of a feature, which is the RMSE of predicting its mean."""
        return float(self.values[feature].std())


def distributions_of(name: str, targets: Floats) -> FeatureDistributions:
    """Return the distributions of a study's rows (n, 5)."""
    return FeatureDistributions(
        name, {feature: targets[:, at] for at, feature in enumerate(FEATURES)}
    )


def read_reference(path: Path) -> FeatureDistributions:
    """Read a reference data set: any table with the five features, CSV or Parquet.

    Raises:
        SettingsError: when it is missing, is no table, or lacks a feature.
    """
    table = read_table(path)
    lacking = [name for name in FEATURES if name not in table]
    if lacking:
        raise SettingsError(
            f"The reference {path.name} lacks the columns {', '.join(lacking)}.",
            remedy="Name a table with all five features.",
        )
    values = table[list(FEATURES)].to_numpy(dtype=np.float64)
    found = {name: values[np.isfinite(values[:, at]), at] for at, name in enumerate(FEATURES)}
    if not all(map(len, found.values())):
        raise SettingsError(
            f"The reference {path.name} has a feature without any value.", remedy="Name another."
        )
    return FeatureDistributions(path.name.split(".")[0], found)
