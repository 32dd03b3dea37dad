"""Sparse matrices of chosen columns from rows of counts by name."""

from array import array
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
from scipy import sparse

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
