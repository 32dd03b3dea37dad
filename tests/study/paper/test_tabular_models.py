import doctest

import numpy as np
import pytest
import xgboost
from scipy import sparse
from sklearn.linear_model import BayesianRidge

from smallhours_study.paper import tabular_models
from smallhours_study.paper.tabular_models import paper_bayesian_ridge, paper_xgboost


def counts_and_feature() -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(3)
    counts = sparse.random(400, 20, density=0.3, rng=rng, format="csr")
    counts.data = np.ceil(counts.data * 100)
    return counts, 0.3 + 0.004 * counts.toarray()[:, 0] + rng.normal(0, 0.05, 400)


def test_bayesian_ridge_has_scikit_learns_defaults_which_are_table_8() -> None:
    ours, theirs = paper_bayesian_ridge().get_params(), BayesianRidge().get_params()
    assert ours == {name: theirs[name] for name in ours}


def test_bayesian_ridge_has_scikit_learns_coefficients() -> None:
    counts, y = counts_and_feature()
    theirs = BayesianRidge().fit(counts.toarray(), y)
    assert paper_bayesian_ridge().fit(counts, y).coef_ == pytest.approx(theirs.coef_, abs=1e-9)


def test_xgboost_is_the_librarys_default_with_200_trees() -> None:
    counts, y = counts_and_feature()
    ours = paper_xgboost().fit(counts, y)
    default = xgboost.XGBRegressor(n_estimators=200, n_jobs=1).fit(counts, y)
    np.testing.assert_array_equal(ours.predict(counts), default.predict(counts))
    assert ours.get_booster().num_boosted_rounds() == 200


def test_a_subsample_of_2_is_not_what_the_library_can_do() -> None:
    counts, y = counts_and_feature()
    with pytest.raises(xgboost.core.XGBoostError, match="subsample"):
        paper_xgboost().set_params(subsample=2).fit(counts, y)


def test_xgboost_gives_each_target_trees_of_its_own() -> None:
    counts, y = counts_and_feature()
    both = paper_xgboost().fit(counts, np.stack([y, -y], axis=1)).predict(counts)
    np.testing.assert_allclose(
        both[:, 0], paper_xgboost().fit(counts, y).predict(counts), rtol=1e-5
    )


def test_the_examples_in_the_docstrings_run() -> None:
    results = doctest.testmod(tabular_models)
    assert results.attempted > 0
    assert results.failed == 0
