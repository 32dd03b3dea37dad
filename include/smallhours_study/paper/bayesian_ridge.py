"""The paper's Bayesian ridge: its Table 8, which is scikit-learn's defaults."""

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
