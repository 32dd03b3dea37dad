"""How do rows of counts by name become a sparse matrix of chosen columns?"""

from array import array
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
from scipy import sparse

Name = TypeVar("Name")


def count_matrix(
    rows: Iterable[Mapping[Name, float]], column: Mapping[Name, int]
) -> sparse.csr_matrix:
    """One row after the other; none is kept but for its numbers.

    Args:
        rows: Name -> count.
        column: Name -> place of its column, from 0 on; other names are left out.

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
