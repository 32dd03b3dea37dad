"""Fixtures of the playlist tests."""

from tests.playlist.evening import first_ranked_lake, first_resolved_lake, found, ranked_lake

__all__ = ["first_ranked_lake", "first_resolved_lake", "found", "ranked_lake"]
