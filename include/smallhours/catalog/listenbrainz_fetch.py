"""Neighbours from ListenBrainz: how they are asked for and stored.

It is asked by MusicBrainz ids, which `catalog.recordings` finds. Its scores are comparable within
one answer only, so a neighbour's match is by its rank: 1 for the first of an answer, and 0.01 less
for each further one. Its top tracks match by 1/rank, as Last.fm's do.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from smallhours.catalog.concurrent_fetch import Fetch
from smallhours.catalog.recordings import artist_mbids, track_mbids
from smallhours.catalog.stored_answers import Neighbour, Seed, store_neighbours
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.vocabulary import CatalogSource

if TYPE_CHECKING:
    from smallhours.services.listenbrainz import ListenBrainzClient

TOP_TRACKS = 50
TAG_TRACKS = 50
# Tracks of a tag are drawn from those that are better known than half of all.
TAG_POPULARITY = (50, 100)
_PER_RANK = 0.01


@dataclass(frozen=True)
class ListenBrainzNeighbours:
    """The questions about neighbours that ListenBrainz can be asked.

    Attributes:
        client: Who is asked.
        tracks: MusicBrainz ids of tracks, by key.
        artists: MusicBrainz ids of artists, by key.
    """

    client: "ListenBrainzClient"
    tracks: Mapping[str, str]
    artists: Mapping[str, str]

    @classmethod
    def of(cls, lake: Lake, client: "ListenBrainzClient") -> "ListenBrainzNeighbours":
        """Return the questions that can be asked with the ids in the lake."""
        return cls(client, track_mbids(lake), artist_mbids(lake))

    def can_answer(self, seed: Seed) -> bool:
        """Return whether a seed's id is known, and the token is there if it takes one."""
        match seed.kind:
            case "track":
                return seed.key in self.tracks
            case "artist":
                return seed.key in self.artists
            case "artist_tracks":
                return seed.key in self.artists and self.client.has_token
            case "tag_tracks":
                return True
            case _:
                return False

    def fetch(self, lake: Lake, *, night: dt.date) -> Fetch[Seed, tuple[Neighbour, ...]]:
        """Return how the neighbours of seeds are asked for and stored."""

        def store(answers: Sequence[tuple[Seed, tuple[Neighbour, ...]]]) -> None:
            store_neighbours(lake, answers, source=CatalogSource.LISTENBRAINZ, night=night)

        return Fetch(self._call, store, missing=(), about=lambda seed: artist_key_in(seed.key))

    def _call(self, seed: Seed) -> Callable[[], tuple[Neighbour, ...]]:
        match seed.kind:
            case "track":
                return partial(self._similar_tracks, self.tracks[seed.key])
            case "artist":
                return partial(self._similar_artists, self.artists[seed.key])
            case "artist_tracks":
                return partial(self._top_tracks, self.artists[seed.key])
            case _:
                return partial(self._tag_tracks, seed.key)

    def _similar_tracks(self, mbid: str) -> tuple[Neighbour, ...]:
        found = self.client.similar_recordings(mbid)
        return tuple(
            Neighbour(each.artist, each.title, _by_rank(rank), mbid=each.mbid)
            for rank, each in enumerate(found)
        )

    def _similar_artists(self, mbid: str) -> tuple[Neighbour, ...]:
        found = self.client.similar_artists(mbid)
        return tuple(
            Neighbour(each.name, "", _by_rank(rank), mbid=each.mbid)
            for rank, each in enumerate(found)
        )

    def _top_tracks(self, mbid: str) -> tuple[Neighbour, ...]:
        found = self.client.top_recordings(mbid, TOP_TRACKS)
        return tuple(
            Neighbour(each.artist, each.title, 1 / rank, mbid=each.mbid)
            for rank, each in enumerate(found, start=1)
        )

    def _tag_tracks(self, tag: str) -> tuple[Neighbour, ...]:
        """Return tracks of a tag, the most voted first; their names take a second call."""
        found = self.client.tag_recordings(tag, TAG_TRACKS, popularity=TAG_POPULARITY)
        counts = {each.mbid: each.tag_count for each in found}
        ordered = sorted(counts, key=lambda mbid: (-counts[mbid], mbid))
        known = self.client.recordings(ordered)
        named = [known[mbid] for mbid in ordered if mbid in known]
        return tuple(
            Neighbour(each.artist, each.title, 1 / rank, mbid=each.mbid)
            for rank, each in enumerate(named, start=1)
        )


def _by_rank(rank: int) -> float:
    return max(1.0 - _PER_RANK * rank, _PER_RANK)
