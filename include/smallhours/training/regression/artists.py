"""Which artist is each row by, and which rows are held out together?

A track's artist leaks its sound: tracks of one artist must be on one side of every split, or the
model is measured on remembering.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


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


def artist_folds(
    names: npt.NDArray[np.str_], folds: int, random_state: int
) -> npt.NDArray[np.intp]:
    """The fold (0 to folds - 1) that each row is held out in; an artist's rows share one.

    Artists are dealt at random and evenly by their number of tracks, the largest first. With fewer
    artists than folds there are as many folds as artists. One artist alone cannot be held out
    from itself: its rows are then dealt one by one, and the model has not been seen on new
    artists.
    """
    _, artist, tracks = np.unique(names, return_inverse=True, return_counts=True)
    if len(tracks) == 1:
        artist, tracks = np.arange(len(names)), np.ones(len(names), dtype=np.intp)
    folds = min(folds, len(tracks))
    rng = np.random.default_rng(random_state)
    order = rng.permutation(len(tracks))
    order = order[np.argsort(-tracks[order], kind="stable")]
    fold_of = np.empty(len(tracks), dtype=np.intp)
    sizes = np.zeros(folds)
    for at in order:
        fold_of[at] = np.argmin(sizes)
        sizes[fold_of[at]] += tracks[at]
    return np.asarray(fold_of[artist])
