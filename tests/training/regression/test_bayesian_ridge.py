from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import BayesianRidge
from sklearn.utils.estimator_checks import parametrize_with_checks

from smallhours.training.regression.bayesian_ridge import SparseBayesianRidge


def tags_and_targets(rows: int, columns: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    matrix = sparse.random(rows, columns, density=0.2, rng=rng, format="csr")
    matrix.data = np.ceil(matrix.data * 100)
    weights = rng.normal(0, 0.002, (columns, 3))
    return matrix, 0.5 + matrix @ weights + rng.normal(0, 0.1, (rows, 3))


@pytest.mark.parametrize(("rows", "columns"), [(300, 40), (40, 90)])
def test_it_equals_scikit_learns_for_each_target(rows: int, columns: int) -> None:
    matrix, targets = tags_and_targets(rows, columns)
    ours = SparseBayesianRidge().fit(matrix, targets)
    intercepts = np.asarray(ours.intercept_)
    for at in range(3):
        theirs = BayesianRidge().fit(matrix.toarray(), targets[:, at])
        assert ours.coef_[at] == pytest.approx(theirs.coef_, abs=1e-9)
        assert intercepts[at] == pytest.approx(theirs.intercept_, abs=1e-9)
        assert ours.alpha_[at] == pytest.approx(theirs.alpha_, rel=1e-6)
        assert ours.lambda_[at] == pytest.approx(theirs.lambda_, rel=1e-6)
        assert ours.predict(matrix)[:, at] == pytest.approx(theirs.predict(matrix.toarray()))


def test_a_constant_target_is_predicted_as_it_is() -> None:
    matrix, _ = tags_and_targets(50, 10)
    predicted = SparseBayesianRidge().fit(matrix, np.full(50, 0.25)).predict(matrix)
    assert predicted == pytest.approx(np.full(50, 0.25))


@parametrize_with_checks([SparseBayesianRidge()])  # type: ignore[untyped-decorator]  # no stubs
def test_it_passes_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)
