"""scikit-learn's estimator checks that need no data, and so suit estimators that read text.

Each takes a name and an unfitted estimator. `parametrize_with_checks` runs none of them where an
estimator reads no 2-D array.
"""

from collections.abc import Callable

from sklearn.utils import estimator_checks

WITHOUT_DATA: list[Callable[..., None]] = [
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
]
