"""Splits of a study's rows by a seed, with the paper's shares: 64/16/20."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours_study.grid import BY_ARTIST, GPT2, HOURS, PUBLISHED, Setting
from smallhours_study.study_rows import StudyRows

Indices = npt.NDArray[np.intp]

TRAIN_SHARE, TEST_FROM = 0.64, 0.80


@dataclass(frozen=True)
class StudySplit:
    """Row numbers, ascending.

    Attributes:
        train: Training rows.
        validation: Rows for early stopping.
        test: Test rows.
    """

    train: Indices
    validation: Indices
    test: Indices


def split_rows(setting: Setting, rows: StudyRows, seed: int) -> StudySplit:
    """Split a setting's rows.

    The split is random by track (or by hour of listening), as in the paper; or by artist, so that
    no artist is on both sides. As published, all but GPT-2 are measured on the validation rows.

    Raises:
        NotEnoughData: when a split by artist is needed and impossible.
    """
    if setting.split == BY_ARTIST:
        rows.check_artists()
        names, at = np.unique(np.array(rows.artists), return_inverse=True)
        parts = _cut(len(names), seed)
        return StudySplit(
            *(np.flatnonzero(np.isin(at, p)) for p in (parts.train, parts.validation, parts.test))
        )
    parts = _cut(len(rows.hours) if setting.format == HOURS else len(rows), seed)
    if setting.split == PUBLISHED and setting.model != GPT2:
        return StudySplit(parts.train, parts.test, parts.validation)
    return parts


def _cut(n: int, seed: int) -> StudySplit:
    order = np.random.default_rng(seed).permutation(n)
    first, second = int(TRAIN_SHARE * n), int(TEST_FROM * n)
    return StudySplit(np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]))
