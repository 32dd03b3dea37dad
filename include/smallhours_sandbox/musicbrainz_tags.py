"""MusicBrainz' recordings by tag, and how popular each is."""

from functools import cached_property

import numpy as np

from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.ragged import Doubles


class TaggedRecordings:
    """The recordings of each tag, and how popular each recording is."""

    def __init__(self, index: MusicBrainzIndex) -> None:
        """Index the recordings of one world."""
        self._index = index

    @cached_property
    def by_tag(self) -> dict[str, dict[int, tuple[int, str]]]:
        """Return, by tag, each recording with the number of votes and what carries the tag."""
        found: dict[str, dict[int, tuple[int, str]]] = {}
        index = self._index
        of_artist = [index.artist_tags(artist) for artist in range(index.world.n_artists)]
        for track in index.recordings_of.ids.tolist():
            for source, votes in (
                ("recording", index.recording_tags(track)),
                ("release-group", index.group_tags(track)),
                ("artist", of_artist[int(index.world.track_artist[track])]),
            ):
                for vote in votes:
                    found.setdefault(vote.tag, {}).setdefault(track, (vote.count, source))
        return found

    @cached_property
    def percent(self) -> Doubles:
        """Return how popular each track is, 100 for the most popular one, float64 (tracks,)."""
        rank = np.argsort(np.argsort(self._index.users, kind="stable"), kind="stable")
        share: Doubles = 100.0 * rank / max(1, len(rank) - 1)
        return share
