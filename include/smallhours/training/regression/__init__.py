"""Estimators that predict a track's audio features from its tags, one per file.

`TagFeatureRegressor` is the nightly model, `LinearTagRegressor` the small one for small data and
small machines.
"""

from smallhours.training.regression.folded_regressor import FoldedRegressor
from smallhours.training.regression.linear_tag_regressor import LinearTagRegressor
from smallhours.training.regression.tag_feature_regressor import TagFeatureRegressor

# Types in a saved regressor beside those that skops trusts by itself.
TRUSTED_TYPES = frozenset({"scipy.sparse._csr.csr_matrix"}) | frozenset(
    f"smallhours.training.regression.{name}"
    for name in (
        "tag_feature_regressor.TagExperts",
        "kernel_ridge.NystroemKernelRidge",
        "length_correction.LengthCorrection",
        "artist_folds.KnownArtists",
        "linear_tag_regressor.LinearTagRegressor",
        "tag_encoder.TagEncoder",
        "tag_feature_regressor.TagFeatureRegressor",
        "tag_network.TagNetwork",
        "linear_tag_regressor.TagRidge",
        "tag_trees.TagTrees",
        "folded_regressor.TargetRange",
    )
)

__all__ = ["TRUSTED_TYPES", "FoldedRegressor", "LinearTagRegressor", "TagFeatureRegressor"]
