"""The paper's tabular models: Bayesian ridge (its Table 8) and XGBoost (its Table 7).

Table 8 is scikit-learn's defaults; Table 7 is 200 trees and otherwise the library's defaults. One
entry of Table 7 can not be taken as printed: `subsample 2`. It is the share of the rows that each
tree sees, between 0 and 1, and XGBoost refuses 2. It is read as the library's default, 1: each tree
sees every row. The models that the authors published were made with the defaults and 200 trees.

Every parameter is written out, so that another release of a library with other defaults still
gives the paper's model.
"""

import xgboost

from smallhours.training.regression.bayesian_ridge import SparseBayesianRidge


def paper_bayesian_ridge() -> SparseBayesianRidge:
    """Return an unfitted Bayesian ridge with the parameters of Table 8, for y (n,) or (n, targets).

    `SparseBayesianRidge` gives the coefficients of scikit-learn's `BayesianRidge` without a dense
    matrix, and each target by itself as the paper does.

    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> model = paper_bayesian_ridge().fit(x, 2 * x[:, 0])
    >>> model.predict(np.array([[10.0]])).round(3).tolist()
    [20.0]
    """
    return SparseBayesianRidge(
        max_iter=300, tol=1e-3, alpha_1=1e-6, alpha_2=1e-6, lambda_1=1e-6, lambda_2=1e-6
    )


TREES = 200
SUBSAMPLE = 1.0


def paper_xgboost(*, threads: int = 1, seed: int = 0) -> xgboost.XGBRegressor:
    """Return an unfitted XGBoost with the parameters of Table 7, for y of (n,) or (n, targets).

    With several targets it grows 200 trees for each, as the paper's one model per feature does. The
    paper's tables are dense: a tag that a track lacks is a 0, below every count. In a sparse matrix
    it is a missing value, and each split learns which way it goes; give `matrix.toarray()` for the
    paper's way, at many times the memory.

    Args:
        threads: Number of threads.
        seed: Has no effect: without a subsample nothing is drawn.

    >>> paper_xgboost().get_params()["n_estimators"]
    200
    """
    return xgboost.XGBRegressor(
        n_estimators=TREES,
        objective="reg:squarederror",
        booster="gbtree",
        learning_rate=0.3,
        max_depth=6,
        min_child_weight=1,
        gamma=0,
        subsample=SUBSAMPLE,
        colsample_bytree=1,
        reg_alpha=0,
        reg_lambda=1,
        tree_method="auto",
        random_state=seed,
        n_jobs=threads,
    )
