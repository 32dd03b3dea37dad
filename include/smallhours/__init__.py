"""Smallhours: a personal music recommender that works while its listener sleeps."""

__version__ = "0.1.0"
