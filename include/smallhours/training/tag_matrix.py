"""Counts of tags as sparse matrices: a row per track, a column per tag."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

TagCounts = Mapping[str, float]
Name = TypeVar("Name")


def count_matrix(
    rows: Iterable[Mapping[Name, float]], column: Mapping[Name, int]
) -> sparse.csr_matrix:
    """Build a sparse matrix row by row, without keeping the rows in memory.

    Args:
        rows: Name -> count.
        column: Name -> index of its column, from 0; other names are left out.

    Returns:
        float64 (rows, columns); columns in order within each row.

    >>> count_matrix([{"b": 2.0, "a": 1.0}, {"c": 3.0}], {"a": 0, "b": 1}).toarray().tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """
    ends, columns, values = [0], array("i"), array("d")
    for row in rows:
        for name, count in row.items():
            if (at := column.get(name)) is not None:
                columns.append(at)
                values.append(count)
        ends.append(len(columns))
    matrix = sparse.csr_matrix(
        (
            np.frombuffer(values, dtype=np.float64),
            np.frombuffer(columns, dtype=np.int32),
            np.array(ends, dtype=np.int32),
        ),
        shape=(len(ends) - 1, len(column)),
    )
    matrix.sort_indices()
    return matrix


def tag_counts(X: Any, track_columns: int) -> sparse.csr_matrix:  # noqa: N803
    """Return X as a sparse matrix, after checking that it holds counts.

    Raises:
        ValueError: when a count is negative, or there are fewer columns than track_columns.
    """
    counts = sparse.csr_matrix(X)
    if counts.count_nonzero() < counts.nnz:
        counts = counts.copy()  # the caller's own stays as it is
        counts.eliminate_zeros()
    if counts.nnz and counts.data.min() < 0:
        raise ValueError("Negative values in data passed to X: it holds counts of tags")
    if not 0 <= track_columns <= counts.shape[1]:
        raise ValueError(f"track_columns is {track_columns}, but X has {counts.shape[1]} columns")
    return counts


def tag_rows(rows: Sequence[TagCounts]) -> Iterator[TagCounts]:
    """Yield the rows, each after it is checked.

    Raises:
        TypeError: when a row is not a mapping of tag to count.
        ValueError: when a count is negative or no number.
    """
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {at} must map tags to counts, but is a {type(row).__name__}")
        for tag, count in row.items():
            if not (math.isfinite(count) and count >= 0):
                raise ValueError(f"row {at} counts {tag!r} {count} times: counts are 0 or more")
        yield row
