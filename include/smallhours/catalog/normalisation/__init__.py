"""Normalisation of tags: one name for each meaning."""

from smallhours.catalog.normalisation.pipeline import (
    ARTIST_SHARE,
    TagPipeline,
    WeightedTag,
    back_off,
    bare_name,
    default_pipeline,
    is_own_name,
    own_names,
)
from smallhours.catalog.normalisation.rules import Rules, read_rules
from smallhours.catalog.normalisation.variants import measure_variants

__all__ = [
    "ARTIST_SHARE",
    "Rules",
    "TagPipeline",
    "WeightedTag",
    "back_off",
    "bare_name",
    "default_pipeline",
    "is_own_name",
    "measure_variants",
    "own_names",
    "read_rules",
]
