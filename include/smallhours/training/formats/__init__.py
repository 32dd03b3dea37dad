"""Transformers from a track's tags to model inputs."""

from smallhours.training.formats.top_tags import TopTags

__all__ = ["TopTags"]
