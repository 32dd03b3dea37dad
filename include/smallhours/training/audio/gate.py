"""The gate for audio models: compares tonight's model with the one in use.

Both are compared on the same tracks by the same artists, with tonight's measured values. An
artist's fold is a hash of its name, so in either model there is a member that has not seen the
artist, and that member's prediction is used. So no model is evaluated on artists that it learned
from, and every artist counts, whichever tags either model knows.

The old model stays if the new one is worse by more than chance: by more than the standard error of
the difference over artists, and by more than another seed changes. An equal or slightly worse new
model replaces it, since it has learned from artists that were measured since.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.figures import mean_of_other_folds
from smallhours.training.audio.measured_tracks import AudioRows
from smallhours.training.audio.model import AudioModel
from smallhours.training.regression.artist_folds import hashed_folds

Floats = npt.NDArray[np.float64]

# Two trainings on the same public tracks with different seeds differ by less than this in mean R²
# (docs/benchmarks.md).
TOLERANCE = 0.002


@dataclass(frozen=True)
class AudioGateDecision:
    """The gate's decision on a new model.

    Attributes:
        promoted: True if the new model goes into use.
        why: The reason, for people.
        new_r2, old_r2: Mean R² over the five features on artists that neither had seen; None for
            a first model.
    """

    promoted: bool
    why: str
    new_r2: float | None = None
    old_r2: float | None = None


def compare_with_current(new: AudioModel, old: AudioModel, rows: AudioRows) -> AudioGateDecision:
    """Compare tonight's model with the one in use.

    Args:
        new: Tonight's model.
        old: The model that it would replace.
        rows: Measured tracks, by 20 artists at least (fewer are not held out by name).
    """
    comparison = compare_models(new, old, rows)
    tolerance = max(TOLERANCE, comparison.error)
    promoted = comparison.difference >= -tolerance
    said = "not worse" if promoted else "worse"
    return comparison.verdict(promoted, f"{said} than the one in use", f"tolerance {tolerance:.4f}")


def compare_with_shared(own: AudioModel, shared: AudioModel, rows: AudioRows) -> AudioGateDecision:
    """Compare a listener's own model with the shared one, on the listener's tracks.

    The shared model has learned from these tracks, too, so the own model must be better.
    """
    comparison = compare_models(own, shared, rows)
    promoted = comparison.difference > 0
    said = "better" if promoted else "no better"
    return comparison.verdict(
        promoted, f"{said} than the model of all listeners", "on their tracks"
    )


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same held-out artists.

    Attributes:
        new_r2, old_r2: Mean R² over the five features.
        error: Standard error of their difference over artists.
        tracks, artists: Number of tracks and of artists.
    """

    new_r2: float
    old_r2: float
    error: float
    tracks: int
    artists: int

    @property
    def difference(self) -> float:
        """New minus old R²."""
        return self.new_r2 - self.old_r2

    def verdict(self, promoted: bool, said: str, note: str) -> AudioGateDecision:
        """Return a verdict whose reason holds these figures."""
        why = (
            f"{said}: mean R² {self.new_r2:.4f} against {self.old_r2:.4f} on {self.tracks:,} "
            f"tracks by {self.artists:,} artists that were held out ({note})"
        )
        return AudioGateDecision(promoted, why, self.new_r2, self.old_r2)


def compare_models(new: AudioModel, old: AudioModel, rows: AudioRows) -> ModelComparison:
    """Measure both models on each artist's tracks by the members that have not seen the artist."""
    names, artist = np.unique(np.asarray(rows.artist_keys), return_inverse=True)
    fold = hashed_folds(np.asarray(rows.artist_keys), new.models[0].regressor.folds)
    base = ((rows.targets - mean_of_other_folds(rows.targets, fold)) ** 2).sum(axis=0)
    # A track's part in 1 - R², averaged over the features; a feature that is constant has none.
    weight = np.where(base > 0, 1 / np.where(base > 0, base, 1.0), 0.0) / len(base)
    lost = [((model.predict_unseen(rows) - rows.targets) ** 2) @ weight for model in (new, old)]
    by_artist = np.zeros(len(names))
    np.add.at(by_artist, artist, lost[1] - lost[0])
    error = float(np.sqrt(len(names)) * by_artist.std(ddof=1))
    new_r2, old_r2 = (1 - float(each.sum()) for each in lost)
    return ModelComparison(new_r2, old_r2, error, len(rows), len(names))
