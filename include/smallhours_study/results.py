"""Results of fits: scores, and their storage in one small file per setting, written atomically."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smallhours.errors import SettingsError
from smallhours.lake.files import Files, LocalFiles
from smallhours_study.grid import Grid, Setting
from smallhours_study.study_rows import StudyRows

Floats = npt.NDArray[np.float64]

ROWS, ABOUT = "rows.json.gz", "study.json"


@dataclass(frozen=True)
class FeatureScores:
    """The scores of one model's predictions of one feature.

    Attributes:
        rmse: Root of the mean squared error.
        mae: Mean absolute error.
        r2: 1 - squared error / that of the training mean; 0 is no better than the mean.
        rmse_of_mean: RMSE of the mean of the training rows.
        rmse_of_draw: RMSE of what the paper calls its baseline: a random draw from a normal
            distribution with the training rows' mean and deviation, about √2 times the one above.
        n: Number of test rows.
    """

    rmse: float
    mae: float
    r2: float
    rmse_of_mean: float
    rmse_of_draw: float
    n: int


def measure(predicted: Floats, actual: Floats, learned: Floats, seed: int) -> FeatureScores:
    """Score predictions (n,) of one feature, given the training rows' values."""
    mean, deviation = float(learned.mean()), float(learned.std())
    drawn = np.random.default_rng(seed).normal(mean, deviation, len(actual))
    base = _rmse(actual, mean)
    rmse = _rmse(actual, predicted)
    return FeatureScores(
        rmse=rmse,
        mae=float(np.mean(np.abs(actual - predicted))),
        r2=1 - (rmse / base) ** 2 if base else 0.0,
        rmse_of_mean=base,
        rmse_of_draw=_rmse(actual, drawn),
        n=len(actual),
    )


@dataclass(frozen=True)
class FittedSetting:
    """A setting with its result.

    Attributes:
        setting: The setting.
        cells: Scores by feature.
        columns: Number of input columns; 0 for text.
        seconds: Time to fit and predict all its features.
        peak_mb: Largest memory of the process meanwhile, in MiB; None where it can't be measured.
        notes: Notes for readers.
        skipped: Why there are no cells; empty when there are.
    """

    setting: Setting
    cells: Mapping[str, FeatureScores] = field(default_factory=dict)
    columns: int = 0
    seconds: float = 0.0
    peak_mb: float | None = None
    notes: Sequence[str] = ()
    skipped: str = ""

    def mean(self, figure: str, features: Sequence[str]) -> float:
        """Return the mean of `rmse`, `r2` or another score over features; NaN if any is missing."""
        if self.skipped or not set(features) <= set(self.cells):
            return float("nan")
        return float(np.mean([getattr(self.cells[name], figure) for name in features]))

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "FittedSetting":
        """Read back the result of `to_json`."""
        cells = {name: FeatureScores(**cell) for name, cell in found["cells"].items()}
        return cls(**{**found, "setting": Setting(**found["setting"]), "cells": cells})


@dataclass(frozen=True)
class StudyFolder:
    """The folder of a study.

    Attributes:
        files: The files that it is in.
        path: The folder within, "" for the root.
    """

    files: Files
    path: str = ""

    def at(self, name: str) -> str:
        """Return the path of one of its files."""
        return f"{self.path}/{name}" if self.path else name

    def address(self, name: str) -> str:
        """Return the full address of one of its files, for people."""
        return self.files.address(self.at(name))

    def local(self, name: str) -> Path | None:
        """Return one of its files on this machine's disk; None if the study is elsewhere."""
        return Path(self.address(name)) if isinstance(self.files, LocalFiles) else None

    def open(self, rows: StudyRows, seed: int) -> None:
        """Begin a study of these rows, or check that this folder holds it.

        Raises:
            SettingsError: when the folder holds a study of other rows or of another seed.
            NotEnoughData: when nothing can be learned from the rows.
            LakeUnwritable: when the folder can't be written.
        """
        rows.check()
        about = {"rows": rows.fingerprint(), "seed": seed}
        try:
            found = json.loads(self.files.read(self.at(ABOUT)))
        except FileNotFoundError:
            self.files.replace(self.at(ROWS), rows.to_bytes())
            self.files.replace(self.at(ABOUT), json.dumps(about).encode())
            return
        except ValueError:
            found = {}
        if found != about:
            raise SettingsError(
                f"{self.address('')} holds a study of other rows or of another seed.",
                remedy="Name another folder, or remove that one.",
            )

    def rows(self) -> StudyRows:
        """Read the rows of the study.

        Raises:
            SettingsError: when they are missing or damaged.
        """
        try:
            return StudyRows.from_bytes(self.files.read(self.at(ROWS)))
        except (FileNotFoundError, ValueError):
            raise SettingsError(
                f"{self.address(ROWS)} is missing or damaged.",
                remedy="Remove the folder and start the study again.",
            ) from None

    def fitted(self, setting: Setting) -> FittedSetting | None:
        """Return the result of a setting; None when there is none, or the file is damaged."""
        try:
            return FittedSetting.from_json(json.loads(self.files.read(self._fit(setting))))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def missing(self, setting: Setting, features: Sequence[str]) -> list[str]:
        """Return the features that are still to be fitted; all for a setting that was skipped."""
        known = self.fitted(setting)
        return [name for name in features if known is None or name not in known.cells]

    def store(self, fitted: FittedSetting) -> None:
        """Write the result of a setting atomically."""
        text = json.dumps(fitted.to_json(), indent=1, ensure_ascii=False)
        self.files.replace(self._fit(fitted.setting), text.encode())

    def of(self, grid: Grid) -> list[FittedSetting]:
        """Return the results of a grid's settings, in the grid's order."""
        found = (self.fitted(setting) for setting in grid.settings())
        return [fitted for fitted in found if fitted is not None]

    def _fit(self, setting: Setting) -> str:
        return self.at(f"fits/{setting.name}.json")


def _rmse(actual: Floats, predicted: Floats | float) -> float:
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))
