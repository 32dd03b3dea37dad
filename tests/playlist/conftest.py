"""Fixtures of the playlist tests."""

from tests.playlist.evening import evening, first_evening, found, found_evening

__all__ = ["evening", "first_evening", "found", "found_evening"]
