"""Distributions of the features in the study's rows and in a reference data set: Tables 2 and 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smallhours.errors import SettingsError
from smallhours_study.grid import FEATURES
from smallhours_study.input_tables import read_table

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
