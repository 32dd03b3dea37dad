"""scikit-learn's requirements of a transformer, for those that read no 2-D array.

`parametrize_with_checks` has nothing to run on them: it checks with numeric matrices. Here are the
checks of scikit-learn that need no data, and by hand those that do.
"""

import copy
import doctest
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

from smallhours.training.top_tags import TopTags
from smallhours_study.formats.tag_strings import TagStrings
from smallhours_study.formats.token_columns import TokenCounts, TokenPositions
from tests.study.formats.estimator_contract import WITHOUT_DATA

ROWS = [{"rock": 30, "dream pop": 7}, {}, {"pop": 3, "80s": 1}]
TEXTS = ["rock, dream pop", "", "pop 3, 80s 1"]
FORMATS = [
    pytest.param(TopTags(3), ROWS, id="top tags"),
    pytest.param(TagStrings("duplicated"), ROWS, id="strings"),
    pytest.param(TokenPositions(4), TEXTS, id="token positions"),
    pytest.param(TokenCounts(4), TEXTS, id="token counts"),
]


def as_list(columns: Any) -> Any:
    return columns.toarray().tolist() if sparse.issparse(columns) else columns.tolist()


@pytest.mark.parametrize("check", WITHOUT_DATA, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_scikit_learns_checks_that_need_no_matrix(
    transformer: Any,
    data: Any,  # noqa: ARG001
    check: Callable[..., None],
) -> None:
    check(type(transformer).__name__, clone(transformer))


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_fitting_again_changes_nothing(transformer: Any, data: Any) -> None:
    once = clone(transformer).fit(data)
    first = as_list(once.transform(data))
    assert as_list(once.fit(data).transform(data)) == first
    assert as_list(clone(transformer).fit_transform(data)) == first


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_a_row_does_not_depend_on_the_others(transformer: Any, data: Any) -> None:
    fitted = clone(transformer).fit(data)
    whole = as_list(fitted.transform(data))
    assert [as_list(fitted.transform([row]))[0] for row in data] == whole


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_the_input_stays_as_it_was(transformer: Any, data: Any) -> None:
    before = copy.deepcopy(data)
    clone(transformer).fit_transform(data)
    assert data == before


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_parameters_stay_as_they_were(transformer: Any, data: Any) -> None:
    fitted = clone(transformer)
    fitted.fit(data).transform(data)
    assert fitted.get_params() == transformer.get_params()


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_there_is_a_name_per_column(transformer: Any, data: Any) -> None:
    fitted = clone(transformer).fit(data)
    columns = fitted.transform(data)
    names = fitted.get_feature_names_out()
    assert len(set(names.tolist())) == len(names)
    assert len(names) == (columns.shape[1] if columns.ndim == 2 else 1)


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_tabular_formats_are_sparse(transformer: Any, data: Any) -> None:
    columns = clone(transformer).fit_transform(data)
    assert sparse.issparse(columns) != isinstance(columns, np.ndarray)
    assert isinstance(transformer, TagStrings) != sparse.issparse(columns)


@pytest.mark.parametrize(("transformer", "data"), FORMATS)
def test_it_says_what_it_reads(transformer: Any, data: Any) -> None:
    reads = get_tags(transformer).input_tags
    assert reads.dict == isinstance(data[0], dict)
    assert reads.string == isinstance(data[0], str)


@pytest.mark.parametrize(
    "module",
    [
        "smallhours_study.formats.bpe",
        "smallhours_study.formats.tag_strings",
        "smallhours_study.formats.token_columns",
        "smallhours.training.tags",
    ],
)
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    loaded = importlib.import_module(module)
    results = doctest.testmod(loaded)
    assert results.attempted > 0
    assert results.failed == 0
