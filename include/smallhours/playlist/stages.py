"""The playlist stage: what goes into tonight's list, and into the listener's Spotify."""

from smallhours.playlist.choose import rank_candidates
from smallhours.playlist.publish import publish_playlist
from smallhours.playlist.resolve import resolve_tracks

__all__ = ["publish_playlist", "rank_candidates", "resolve_tracks"]
