"""Rows of (id, value) pairs of different lengths in three flat arrays, like a CSR matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True, frozen=True)
class Ragged:
    """Rows of different length, stored like a CSR matrix.

    Attributes:
        indptr: int64, shape (rows + 1,); row ``i`` is the slice ``indptr[i]:indptr[i + 1]``.
        ids: int32, all rows' ids end to end.
        values: any numeric type, as long as ``ids``.
    """

    indptr: Longs
    ids: Ints
    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        """Validate that the arrays fit together.

        Raises:
            ValueError: When the lengths contradict each other.
        """
        if len(self.ids) != len(self.values) or int(self.indptr[-1]) != len(self.ids):
            raise ValueError(
                f"indptr ends at {int(self.indptr[-1])}, but there are {len(self.ids)} ids "
                f"and {len(self.values)} values"
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indptr) - 1

    def __getitem__(self, row: int) -> tuple[Ints, npt.NDArray[Any]]:
        """Return one row's ids and values (views, in stored order)."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        part = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
        return self.ids[part], self.values[part]

    def __iter__(self) -> Iterator[tuple[Ints, npt.NDArray[Any]]]:
        """Iterate over the rows."""
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> Longs:
        """Return each row's length."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> Ints:
        """Return the row number of every stored id."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    @classmethod
    def from_triplets(
        cls, rows: npt.NDArray[Any], ids: npt.NDArray[Any], values: npt.NDArray[Any], n_rows: int
    ) -> "Ragged":
        """Build from parallel arrays; every row is sorted by descending value, ties by id."""
        order = np.lexsort((ids, -values.astype(np.float64), rows))
        indptr = np.zeros(n_rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=n_rows), out=indptr[1:])
        return cls(indptr, ids[order].astype(np.int32), values[order])

    @classmethod
    def empty(cls, n_rows: int, dtype: npt.DTypeLike = np.float32) -> "Ragged":
        """Build ``n_rows`` empty rows."""
        return cls(
            np.zeros(n_rows + 1, dtype=np.int64), np.zeros(0, np.int32), np.zeros(0, dtype=dtype)
        )
