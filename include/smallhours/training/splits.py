"""Splits into training, validation and test rows by a hash of a key, the same every night.

A row's part depends on its key alone. New rows never move old ones, so that tonight's model and
last week's are compared on artists that neither has seen. Shares as in the paper: 64/16/20.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TRAIN_SHARE = 0.64
VALIDATION_SHARE = 0.16

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts."""

    train: Indices
    validation: Indices
    test: Indices

    @property
    def held_out(self) -> Indices:
        """Return the row numbers of validation and test together."""
        return np.sort(np.concatenate([self.validation, self.test]))

    def smallest(self) -> int:
        """Return the number of rows of the smallest part."""
        return min(len(self.train), len(self.validation), len(self.test))


def split_by(keys: Sequence[str]) -> Split:
    """Split rows by their keys; rows with the same key stay together.

    By track key this is a random split, which tests on artists that were learned from. Only a split
    by artist key shows how well a model does on new artists.
    """
    share = {key: _share(key) for key in set(keys)}
    at = np.array([share[key] for key in keys])
    return Split(
        np.flatnonzero(at < TRAIN_SHARE),
        np.flatnonzero((at >= TRAIN_SHARE) & (at < TRAIN_SHARE + VALIDATION_SHARE)),
        np.flatnonzero(at >= TRAIN_SHARE + VALIDATION_SHARE),
    )


def _share(key: str) -> float:
    """Return a number in [0, 1), uniform over keys.

    Salted: the lake's prefixes hash the same keys.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"split").digest()
    return int.from_bytes(digest) / 2**64
