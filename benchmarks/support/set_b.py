"""Data of the audio benchmark: set B, or any tables with the same columns.

Tracks with their own tags and measured features, joined by artist to the artists' tags with counts;
only tracks whose artist has tags. A track's own tags have no counts here: each is 100.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction import DictVectorizer

from benchmarks.harness import SHARED, BadTable
from smallhours.errors import SettingsError
from smallhours_study.grid import FEATURES
from smallhours_study.row_sources import InputTables, read_tables, rows_of, tracks_with_tags

DEFAULT = (
    SHARED / "tags-and-features" / "tracks.csv.gz",
    SHARED / "listeners-2k" / "artist_tags.csv.gz",
)
TARGETS = FEATURES
FOLDS = 5
# Five folds, and five folds within each, with one artist at least.
MIN_ARTISTS = FOLDS * FOLDS
SEED = 1983
TRAIN_SHARE, TEST_FROM = 0.64, 0.80

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SetB:
    """The rows to measure on.

    Attributes:
        track, artist: Counts (n, tags) of either kind, float64.
        track_tags, artist_tags: Their columns' names.
        targets: (n, 5) in the order of TARGETS.
        artists: (n,) the artist of each row, a number.
        lengths: (n,) in milliseconds, from the column `duration_ms`; NaN where there is none.
        left_out: Numbers of rows that were left out, with the reason, for the reader.
    """

    track: sparse.csr_matrix
    artist: sparse.csr_matrix
    track_tags: Sequence[str]
    artist_tags: Sequence[str]
    targets: npt.NDArray[np.float64]
    artists: Indices
    lengths: npt.NDArray[np.float64]
    left_out: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def blocks(self) -> sparse.csr_matrix:
        """Return both kinds of tags side by side, the track's first."""
        return sparse.hstack([self.track, self.artist]).tocsr()

    def merged(self) -> sparse.csr_matrix:
        """Return both kinds in one set of columns, as in the paper, with the larger count."""
        names = sorted({*self.track_tags, *self.artist_tags})
        at = {name: column for column, name in enumerate(names)}
        moved = [
            _moved(counts, [at[tag] for tag in tags], len(names))
            for counts, tags in ((self.track, self.track_tags), (self.artist, self.artist_tags))
        ]
        return sparse.csr_matrix(moved[0].maximum(moved[1]))


def load_set_b(paths: Sequence[Path]) -> SetB:
    """Read and join the tables, whose kind is recognised by their columns.

    Args:
        paths: One or more tables of tracks and of artists' tags, CSV or Parquet.

    Raises:
        BadTable: when a table has neither set of columns, or too little is left to measure on.
    """
    try:
        tables = read_tables(paths)
        return join(tables.tracks, tables.tags)
    except SettingsError as error:
        raise BadTable(str(error)) from None


def join(tracks: pd.DataFrame, tags: pd.DataFrame) -> SetB:
    """Join a table of tracks and one of artists' tags.

    Raises:
        BadTable: when too few rows or artists are left.
    """
    rows = rows_of(InputTables(tracks, tags))
    artists, group = np.unique(np.array(rows.artists, dtype=str), return_inverse=True)
    if len(artists) < MIN_ARTISTS:
        raise BadTable(
            f"{len(rows)} tracks of {len(artists)} artists are left, and five folds of artists "
            f"need {MIN_ARTISTS} at least (left out: {', '.join(rows.left_out)})"
        )
    if (rows.targets == rows.targets[0]).all(axis=0).any():
        raise BadTable("a target has one value only: there is nothing to predict")
    track, track_tags = _matrix(rows.own)
    artist, artist_tags = _matrix(rows.artist_tags)
    kept, *_ = tracks_with_tags(InputTables(tracks, tags))
    lengths = pd.to_numeric(kept.get("duration_ms", pd.Series(np.nan, kept.index)), "coerce")
    return SetB(
        track,
        artist,
        track_tags,
        artist_tags,
        rows.targets,
        group,
        lengths.to_numpy(dtype=np.float64),
        rows.left_out,
    )


def random_split(n: int) -> tuple[Indices, Indices]:
    """Return training (64 %) and test (20 %) rows by track, as in the paper; 16 % are not used."""
    return _cut(np.random.default_rng(SEED).permutation(n))


def grouped_split(artists: Indices) -> tuple[Indices, Indices]:
    """Return training and test rows with the same shares of artists."""
    train, test = _cut(np.random.default_rng(SEED).permutation(int(artists.max()) + 1))
    return np.flatnonzero(np.isin(artists, train)), np.flatnonzero(np.isin(artists, test))


def artist_cv(artists: Indices) -> list[tuple[Indices, Indices]]:
    """Return training and test rows of five folds of artists, dealt at random."""
    fold = np.random.default_rng(SEED).permutation(int(artists.max()) + 1) % FOLDS
    held = fold[artists]
    return [(np.flatnonzero(held != k), np.flatnonzero(held == k)) for k in range(FOLDS)]


def _cut(order: Indices) -> tuple[Indices, Indices]:
    n = len(order)
    return np.sort(order[: int(TRAIN_SHARE * n)]), np.sort(order[int(TEST_FROM * n) :])


def _matrix(counts: Sequence[Mapping[str, float]]) -> tuple[sparse.csr_matrix, list[str]]:
    """Return counts (n, tags), and the tags in the order of the columns."""
    vectorizer = DictVectorizer()
    matrix = sparse.csr_matrix(vectorizer.fit_transform(counts))
    matrix.sort_indices()
    return matrix, vectorizer.get_feature_names_out().tolist()


def _moved(counts: sparse.csr_matrix, columns: Sequence[int], width: int) -> sparse.csr_matrix:
    place = sparse.csr_matrix(
        (np.ones(len(columns)), (np.arange(len(columns)), columns)), shape=(len(columns), width)
    )
    return sparse.csr_matrix(counts @ place)
