"""Is tonight's model fit to replace the one in use?

Both are judged on the same tracks by the same artists, with tonight's measured values. An artist's
fold is a hash of its name, so in either model there is a member that has not met the artist, and
that member answers: nobody is judged on what it learned from, and every artist counts, whichever
tags either model knows.

The old model stays where the new one is worse by more than chance: by more than the standard error
of the difference, artists drawn anew, and by more than another seed makes. The same or a little
less is no reason to stay, for the new one has met the artists that were measured since.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.figures import mean_of_other_folds
from smallhours.training.audio.model import AudioModel
from smallhours.training.audio.rows import AudioRows
from smallhours.training.regression.artists import hashed_folds

Floats = npt.NDArray[np.float64]

# Two trainings on the same public tracks with other seeds differ by less than this in mean R²
# (docs/benchmarks.md).
TOLERANCE = 0.002


@dataclass(frozen=True)
class Verdict:
    """Whether the new model is to be used, and why.

    Attributes:
        promoted: Whether it is.
        why: For a person to read.
        new_r2, old_r2: Mean R² over the five features on artists that neither had met; None for
            a first model.
    """

    promoted: bool
    why: str
    new_r2: float | None = None
    old_r2: float | None = None


def judge(new: AudioModel, old: AudioModel, rows: AudioRows) -> Verdict:
    """Compare tonight's model with the one in use.

    Args:
        new: Learned tonight.
        old: What it would replace.
        rows: Measured tracks, by 20 artists at least (fewer are not held out by name).
    """
    compared = compare(new, old, rows)
    tolerance = max(TOLERANCE, compared.error)
    promoted = compared.difference >= -tolerance
    said = "not worse" if promoted else "worse"
    return compared.verdict(promoted, f"{said} than the one in use", f"tolerance {tolerance:.4f}")


def judge_own(own: AudioModel, shared: AudioModel, rows: AudioRows) -> Verdict:
    """Compare a listener's own model with that of all, on the listener's tracks.

    The model of all has learned from these tracks, too: only a better one is worth its place.
    """
    compared = compare(own, shared, rows)
    promoted = compared.difference > 0
    said = "better" if promoted else "no better"
    return compared.verdict(promoted, f"{said} than the model of all listeners", "on their tracks")


@dataclass(frozen=True)
class Compared:
    """Two models on the same held-out artists.

    Attributes:
        new_r2, old_r2: Mean R² over the five features.
        error: Standard error of their difference over artists.
        tracks, artists: How many.
    """

    new_r2: float
    old_r2: float
    error: float
    tracks: int
    artists: int

    @property
    def difference(self) -> float:
        """New less old."""
        return self.new_r2 - self.old_r2

    def verdict(self, promoted: bool, said: str, note: str) -> Verdict:
        """The verdict with its figures."""
        why = (
            f"{said}: mean R² {self.new_r2:.4f} against {self.old_r2:.4f} on {self.tracks:,} "
            f"tracks by {self.artists:,} artists that were held out ({note})"
        )
        return Verdict(promoted, why, self.new_r2, self.old_r2)


def compare(new: AudioModel, old: AudioModel, rows: AudioRows) -> Compared:
    """Mean R² of either on each artist's tracks by the member that has not met the artist."""
    names, artist = np.unique(np.asarray(rows.artist_keys), return_inverse=True)
    fold = hashed_folds(np.asarray(rows.artist_keys), new.models[0].regressor.folds)
    base = ((rows.targets - mean_of_other_folds(rows.targets, fold)) ** 2).sum(axis=0)
    # A track's part in 1 - R², averaged over the features; a feature that is constant has none.
    weight = np.where(base > 0, 1 / np.where(base > 0, base, 1.0), 0.0) / len(base)
    lost = [((model.predict_unmet(rows) - rows.targets) ** 2) @ weight for model in (new, old)]
    by_artist = np.zeros(len(names))
    np.add.at(by_artist, artist, lost[1] - lost[0])
    error = float(np.sqrt(len(names)) * by_artist.std(ddof=1))
    new_r2, old_r2 = (1 - float(each.sum()) for each in lost)
    return Compared(new_r2, old_r2, error, len(rows), len(names))
