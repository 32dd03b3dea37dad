"""Fixtures of the playlist tests."""

from tests.playlist.ranked_lake import first_ranked_lake, first_resolved_lake, found, ranked_lake

__all__ = ["first_ranked_lake", "first_resolved_lake", "found", "ranked_lake"]
