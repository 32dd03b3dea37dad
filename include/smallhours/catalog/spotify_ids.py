"""The search for a track's Spotify id.

The first source that knows it is used: the listener's own file, what the catalog holds already (ids
come free with Spotify's library, history and export), the ISRC, a search by fields, a search by
words. So a track costs no search, one, or seldom more. A search that fails is no miss: the track
is left out, and searched for on another night.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from smallhours.catalog.overrides import Overrides
from smallhours.catalog.track_matching import WantedTrack, best_match, search_queries
from smallhours.errors import NotFound, ServiceError
from smallhours.identity import is_named
from smallhours.services.deferred import Tally
from smallhours.services.spotify_replies import SpotifyTrack

# Ten results cost what one costs, and more are refused; fewer than five rank worse.
RESULTS = 10
# A track that was not found may have come to Spotify since.
MISS_STANDS_DAYS = 30

ISRC, SEARCH, OVERRIDE, MISS = "isrc", "search", "override", "miss"


class Search(Protocol):
    """The requests to Spotify that this module needs."""

    service: ClassVar[str]

    def search_tracks(self, query: str, limit: int = ...) -> list[SpotifyTrack]:
        """Return the first tracks that Spotify finds for a query."""


@dataclass(frozen=True, slots=True)
class IdLookup:
    """The result of a search for an id.

    Attributes:
        spotify_id: None for a miss.
        method: `override`, `isrc`, `search` or `miss`.
        score: 0-100; None where nothing was compared.
        track: What Spotify showed, where it was searched.
    """

    spotify_id: str | None
    method: str
    score: float | None = None
    track: SpotifyTrack | None = None


@dataclass
class SpotifyIds:
    """A finder of Spotify ids that counts its searches.

    Args:
        spotify: Where to search.
        night: Tonight: the date of what is found, or missed.
        overrides: The listener's own decisions.
        tally: Counts the searches that fail, and knows which of them wait.

    Attributes:
        searches: How many searches were made.
    """

    spotify: Search
    night: dt.date
    overrides: Overrides = field(default_factory=Overrides)
    tally: Tally = field(default_factory=Tally)
    searches: int = 0

    def look_up(self, track: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of `tracks` with the best known Spotify id.

        Where nothing new was learnt, it equals the row that was given.

        Args:
            track: All columns of `tracks`.

        Raises:
            ServiceError: searches fail; nothing was learnt, and nothing is to be stored.
        """
        chosen = self.overrides.ids.get(track["track_key"])
        if chosen is not None:
            if (track["spotify_id"], track["spotify_method"]) == (chosen, OVERRIDE):
                return dict(track)
            return self._noted(track, IdLookup(chosen, OVERRIDE))
        # An override that is no longer in the file has lost its say.
        known = track["spotify_id"] is not None and track["spotify_method"] != OVERRIDE
        question = f"search for {track['artist']} – {track['title']}"
        if known or self._missed_lately(track) or not self.tally.is_due(question):
            return dict(track)
        wanted_track = WantedTrack(
            track["artist"], track["title"], track["duration_ms"], track["isrc"], track["album"]
        )
        try:
            found = self.search(wanted_track)
        except ServiceError as error:
            if (ending := self.tally.fail(error, question, question)) is not None:
                raise ending from None
            return dict(track)
        self.tally.answer(question)
        return self._noted(track, found)

    def search(self, wanted_track: WantedTrack) -> IdLookup:
        """Search Spotify by ISRC if known, by fields, and by words, until one finds the track.

        Raises:
            ServiceError: Spotify did not answer.
        """
        if not is_named(wanted_track.artist, wanted_track.title):
            return IdLookup(None, MISS)
        if wanted_track.isrc and (match := self._best(wanted_track, f"isrc:{wanted_track.isrc}")):
            return IdLookup(match[0].id, ISRC, match[1], match[0])
        for query in dict.fromkeys(search_queries(wanted_track)):
            if match := self._best(wanted_track, query):
                return IdLookup(match[0].id, SEARCH, match[1], match[0])
        return IdLookup(None, MISS)

    def _best(self, wanted_track: WantedTrack, query: str) -> tuple[SpotifyTrack, float] | None:
        self.searches += 1
        try:
            return best_match(wanted_track, self.spotify.search_tracks(query, limit=RESULTS))
        except NotFound:
            return None

    def _missed_lately(self, track: Mapping[str, Any]) -> bool:
        if track["spotify_method"] != MISS or track["spotify_at"] is None:
            return False
        return bool((self.night - track["spotify_at"]).days < MISS_STANDS_DAYS)

    def _noted(self, track: Mapping[str, Any], finding: IdLookup) -> dict[str, Any]:
        """Return the row with the result, and with what else Spotify says about the track."""
        row = {
            **track,
            "spotify_id": finding.spotify_id,
            "spotify_method": finding.method,
            "spotify_score": finding.score,
            "spotify_at": self.night,
        }
        if finding.track is not None:
            row["isrc"] = track["isrc"] or finding.track.isrc
            row["released"] = finding.track.album_released
            row["explicit"] = finding.track.explicit
        return row
