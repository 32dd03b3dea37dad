"""Fixtures of the places' tests."""

from tests.playlist.ranked_lake import first_ranked_lake, first_resolved_lake, found

__all__ = ["first_ranked_lake", "first_resolved_lake", "found"]
