"""Artists as groups: the artist of each row, and the fold in which it is held out.

Tracks of one artist sound alike, so they must be on one side of every split; otherwise a model
is rewarded for remembering artists.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

# With 20 artists in five folds, a hash leaves a fold empty in about one of 20 cases; with a third
# of that, far too often.
ARTISTS_PER_FOLD = 4


def artist_names(groups: Any, n: int) -> npt.NDArray[np.str_]:
    """Return the artist of each row as text; without groups each row is an artist of its own.

    Args:
        groups: (n,) names or numbers, or None.
        n: Number of rows.

    Raises:
        ValueError: when there are not n of them, or one is missing.
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
    """Return the fold of each row's artist, (n,), by a hash of its name: the same every night."""
    distinct, at = np.unique(names, return_inverse=True)
    fold = np.array([_hash(name) % folds for name in distinct.tolist()], dtype=np.intp)
    return np.asarray(fold[at])


def enough_to_hash(names: npt.NDArray[np.str_], folds: int) -> bool:
    """Return True if there are enough artists for a hash to spread them over the folds."""
    return len(np.unique(names)) >= ARTISTS_PER_FOLD * folds


def artist_folds(names: npt.NDArray[np.str_], folds: int) -> npt.NDArray[np.intp]:
    """Return the fold (0 to folds - 1) in which each row is held out; an artist's rows share one.

    With enough artists, the fold is a hash of the artist's name, so that an artist is held out of
    the same model every night, whatever other artists there are. Fewer artists are dealt evenly
    instead, the largest first, into as many folds as artists at most. A single artist cannot be
    held out from itself: its rows are then dealt one by one, and the model is not measured on new
    artists.

    Example: with 5 folds and 12 artists (fewer than 4 x 5), the artist with most tracks gets fold
    0, the next one fold 1, and after that each the fold with the fewest tracks so far.
    """
    if enough_to_hash(names, folds):
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
    """Return a salted hash: the lake's prefixes and the splits hash the same keys."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"artist fold").digest()
    return int.from_bytes(digest)
