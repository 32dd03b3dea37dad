"""Which artist is each row by, and which rows are held out together?

A track's artist leaks its sound: tracks of one artist must be on one side of every split, or the
model is measured on remembering.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

# A hash leaves one of five folds without any of twenty artists once in twenty times; with a third
# of that, all too often.
ARTISTS_A_FOLD = 4


def artist_names(groups: Any, n: int) -> npt.NDArray[np.str_]:
    """The artist of each row as text; without groups each row is an artist of its own.

    Args:
        groups: (n,) names or numbers, or None.
        n: Rows.

    Raises:
        ValueError: when there are more or fewer than n, or one is missing.
    """
    if groups is None:
        return np.array([f"row {row}" for row in range(n)])
    given = list(groups)
    if len(given) != n:
        raise ValueError(f"groups names {len(given)} artists for {n} rows")
    for row, name in enumerate(given):
        if name is None or name == "" or (isinstance(name, float) and np.isnan(name)):
            raise ValueError(f"groups has no artist in row {row}: leave the row out or name one")
    return np.array([str(name) for name in given])


def hashed_folds(names: npt.NDArray[np.str_], folds: int) -> npt.NDArray[np.intp]:
    """(n,) the fold that each artist belongs to by its name alone: the same every night."""
    distinct, at = np.unique(names, return_inverse=True)
    fold = np.array([_hash(name) % folds for name in distinct.tolist()], dtype=np.intp)
    return np.asarray(fold[at])


def can_be_hashed(names: npt.NDArray[np.str_], folds: int) -> bool:
    """Whether there are artists enough for a hash to spread them over the folds."""
    return len(np.unique(names)) >= ARTISTS_A_FOLD * folds


def artist_folds(names: npt.NDArray[np.str_], folds: int) -> npt.NDArray[np.intp]:
    """The fold (0 to folds - 1) that each row is held out in; an artist's rows share one.

    Artists go by a hash of their name, so that an artist is held out of the same model every
    night, whoever else there is. Few artists are dealt evenly in place of that, the largest
    first, and make as many folds as artists at most. One artist alone cannot be held out from
    itself: its rows are then dealt one by one, and the model has not been seen on new artists.
    """
    if can_be_hashed(names, folds):
        return hashed_folds(names, folds)
    distinct, artist, tracks = np.unique(names, return_inverse=True, return_counts=True)
    if len(distinct) == 1:
        artist, tracks = np.arange(len(names)), np.ones(len(names), dtype=np.intp)
    folds = min(folds, len(tracks))
    fold_of = np.empty(len(tracks), dtype=np.intp)
    sizes = np.zeros(folds)
    for at in np.argsort(-tracks, kind="stable"):
        fold_of[at] = np.argmin(sizes)
        sizes[fold_of[at]] += tracks[at]
    return np.asarray(fold_of[artist])


def _hash(name: str) -> int:
    """Salted: the lake's prefixes and the splits hash the same keys."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"artist fold").digest()
    return int.from_bytes(digest)
