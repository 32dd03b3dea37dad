"""The search for a track's Spotify id, and how well what is found matches the track.

The first source that knows it is used: the listener's own file, what the catalog holds already (ids
come free with Spotify's library, history and export), ListenBrainz, which takes a hundred tracks at
once, the ISRC, a search by fields, a search by words. So a track costs no search, one, or seldom
more. A search that fails is no miss: the track is left out, and searched for on another night.

Names are compared in their normalised form, versions apart: a live recording is never taken for
the studio one, however alike the titles are.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from rapidfuzz import fuzz

from smallhours.catalog.overrides import Overrides
from smallhours.errors import NotFound, ServiceError
from smallhours.identity import (
    Identity,
    artist_key_of,
    identify,
    is_named,
    normalise,
    plain_artist,
    plain_title,
    version_kind,
)
from smallhours.services.set_aside import Tally
from smallhours.services.spotify_replies import SpotifyTrack

# Ten results cost what one costs, and more are refused; fewer than five rank worse.
RESULTS = 10
# A track that was not found may have come to Spotify since, and one that was found may have left.
SEARCH_STANDS_DAYS = 30

ISRC, SEARCH, OVERRIDE, MISS = "isrc", "search", "override", "miss"
LISTENBRAINZ = "listenbrainz"

# rapidfuzz's ratios, 0-100, of words in any order. `token_set_ratio`, which forgives words that
# only one side has, would take "Heart" for "Heart of Gold"; guests are forgiven by name instead.
MIN_TITLE_SCORE = 90.0
MIN_ARTIST_SCORE = 85.0
MIN_VERSION_SCORE = 85.0
# The highest score of a title or an artist that is spelt differently.
MAX_RESPELLED_SCORE = 97.0

# Lengths of one recording differ by this much between services. Beyond it a match loses up to ten
# points, so that the right one of several wins; and a title spelt otherwise is another song.
SAME_LENGTH_MS = 3_000
OTHER_LENGTH_MS = 30_000
LENGTH_POINTS = 10.0
# Of several releases, the album that we know of and plain studio albums are preferred.
OTHER_ALBUM_POINTS = 1.0
COLLECTION_POINTS = 2.0
LIVE_ALBUM_POINTS = 8.0

# "Query exceeds maximum length", says Spotify.
MAX_QUERY = 250

_COLLECTION = re.compile(
    r"\b(?:greatest|best of|hits|collection|anthology|essentials?|compilation|various"
    r"|now thats what|playlist|karaoke|tribute|lullaby|covers)\b"
)
_ASCII = re.compile(r"[a-z]")
_GUEST_WORDS = frozenset({"feat", "ft", "featuring", "with", "and", "band"})
# Words by which several artists are joined; Spotify credits each of them.
_JOINED = frozenset({"and", "x", "vs", "y", "e", "et", "und"})
_NUMERAL = re.compile(r"\d+|[ivx]+|one|two|three|four|five")


@dataclass(frozen=True, slots=True)
class WantedTrack:
    """The recording that is sought.

    Attributes:
        artist: As the source shows it.
        title: As the source shows it.
        duration_ms: Its length, where known.
        isrc: Its ISRC, where known.
        album: An album it is on, where known.
    """

    artist: str
    title: str
    duration_ms: int | None = None
    isrc: str | None = None
    album: str | None = None


def search_queries(wanted_track: WantedTrack) -> tuple[str, str]:
    """Return the search queries: first by fields and, if that finds nothing, by words.

    Long names are cut at whole words, as Spotify refuses a longer query.

    >>> search_queries(WantedTrack("Drake feat. Rihanna", 'The "Motto" (Remastered 2011)'))
    ('track:"The Motto" artist:"Drake"', 'drake the motto')
    """
    name = identify(wanted_track.artist, wanted_track.title)
    artist = _cut(_quotable(plain_artist(wanted_track.artist)), MAX_QUERY // 2)
    around = f'track:"" artist:"{artist}"'
    title = _cut(_quotable(plain_title(wanted_track.title)), MAX_QUERY - len(around))
    words = f"{name.artist_key} {name.title_key} {name.version}".strip()
    return around.replace('""', f'"{title}"', 1), _cut(words, MAX_QUERY)


def best_match(
    wanted_track: WantedTrack,
    found: Iterable[SpotifyTrack],
    *,
    wrong: Set[str] = frozenset(),
) -> tuple[SpotifyTrack, float] | None:
    """Return the best search result with its score (0-100), or None when none matches.

    One that the listener can't play is left out. Of equally good ones the first wins: Spotify
    puts the best known first.

    Args:
        wanted_track: The recording.
        found: What Spotify found.
        wrong: Ids of which the listener said that they are another song.
    """
    best: tuple[SpotifyTrack, float] | None = None
    for track in found:
        if not track.playable or track.id in wrong or not is_named(track.artist, track.title):
            continue
        score = match_score(wanted_track, track)
        if score is not None and (best is None or score > best[1]):
            best = track, score
    return best


def match_score(wanted_track: WantedTrack, track: SpotifyTrack) -> float | None:
    """Return how well a Spotify track matches, 0-100; None when it is another recording.

    The score is the mean of title and artist, less penalties. A track of the same title and artist
    (100 each) that is 16.5 s longer (half of the way from 3 to 30 s: 5 points) and on a compilation
    (2 points) has 100 - 5 - 2 = 93.
    """
    if track.id is None:
        return None
    wanted = identify(wanted_track.artist, wanted_track.title)
    given = identify(track.artist, track.title)
    same_version = _same_version(wanted, given)
    title = _title_score(wanted, given, track)
    artist = _artist_score(wanted.artist_key, track)
    apart = _apart_ms(wanted_track.duration_ms, track.duration_ms)
    if wanted_track.isrc and track.isrc == wanted_track.isrc:
        # Evidence, not proof: codes are given to other recordings by mistake. Names in another
        # script, or one of the two names, may differ.
        alike = same_version if title >= MIN_TITLE_SCORE else artist >= MIN_ARTIST_SCORE
        if apart <= OTHER_LENGTH_MS and (alike or not _same_script(wanted, given)):
            return 100.0
    if not same_version or title < MIN_TITLE_SCORE or artist < MIN_ARTIST_SCORE:
        return None
    if title <= MAX_RESPELLED_SCORE and apart > SAME_LENGTH_MS:
        return None
    lost = _length_penalty(apart) + _album_penalty(wanted_track.album, wanted, track.album)
    return max((title + artist) / 2 - lost, 0.0)


def _same_version(wanted: Identity, given: Identity) -> bool:
    if wanted.label != given.label or _numerals(wanted.version) != _numerals(given.version):
        return False
    return fuzz.token_sort_ratio(wanted.version, given.version) >= MIN_VERSION_SCORE


def _same_script(wanted: Identity, given: Identity) -> bool:
    """Return whether both are written in ASCII letters, or neither is."""
    one, other = (_ASCII.search(each.artist_key + each.title_key) for each in (wanted, given))
    return bool(one) == bool(other)


def _title_score(wanted: Identity, given: Identity, track: SpotifyTrack) -> float:
    """Return the similarity of two titles, 0-100; 0 for "Pt. 1" and "Pt. 2"."""
    one, other = wanted.title_key, given.title_key
    if one == other:
        return 100.0
    # Not the main artist: a song of Iron Maiden's may be called "Iron Maiden".
    guests = {word for artist in track.artists[1:] for word in normalise(artist.name).split()}
    if guests:
        one, other = (_without(key, guests | _GUEST_WORDS) for key in (one, other))
    if _numerals(one) != _numerals(other):
        return 0.0
    return min(fuzz.token_sort_ratio(one, other), MAX_RESPELLED_SCORE)


def _without(title_key: str, guests: set[str]) -> str:
    """Return the title without guests at its end: a name within the title is part of it."""
    words = title_key.split()
    last = len(words)
    while last > 1 and words[last - 1] in guests:
        last -= 1
    return " ".join(words[:last])


def _artist_score(wanted: str, track: SpotifyTrack) -> float:
    """Return the best similarity to one artist or to all together; a missing "The" is ignored."""
    names = [artist.name for artist in track.artists]
    keys = [artist_key_of(name) for name in names] + [normalise(" & ".join(names))]
    if wanted in keys or (len(names) > 1 and _parted(wanted) == _parted(" ".join(keys[:-1]))):
        return 100.0
    # There may be both a "Honest Owl" and "The Honest Owl": the same name must win.
    bare = wanted.removeprefix("the ")
    alike = max(fuzz.token_sort_ratio(bare, key.removeprefix("the ")) for key in keys)
    return min(alike, MAX_RESPELLED_SCORE)


def _parted(artists: str) -> list[str]:
    """Return the words of several artists' names, without those that join them."""
    return sorted(word for word in artists.split() if word not in _JOINED)


def _apart_ms(wanted_ms: int | None, given_ms: int) -> int:
    """Return the difference of the lengths; 0 where one is unknown."""
    return abs(wanted_ms - given_ms) if wanted_ms and given_ms else 0


def _length_penalty(apart_ms: int) -> float:
    share = (apart_ms - SAME_LENGTH_MS) / (OTHER_LENGTH_MS - SAME_LENGTH_MS)
    return LENGTH_POINTS * min(max(share, 0.0), 1.0)


def _album_penalty(wanted: str | None, name: Identity, given: str | None) -> float:
    if given is None:
        return 0.0
    if wanted and identify("", wanted).title_key == identify("", given).title_key:
        return 0.0
    lost = OTHER_ALBUM_POINTS if wanted else 0.0
    if _COLLECTION.search(normalise(given)):
        lost += COLLECTION_POINTS
    if not name.label and "live" in (version_kind(given), identify("", given).label):
        lost += LIVE_ALBUM_POINTS
    return lost


def _numerals(key: str) -> list[str]:
    return sorted(word for word in key.split() if _NUMERAL.fullmatch(word))


def _cut(text: str, most: int) -> str:
    """Return the first words of a text that have at most so many characters; one at the least."""
    if len(text) <= most:
        return text
    return text[: most + 1].rpartition(" ")[0] or text[:most]


def _quotable(name: str) -> str:
    return " ".join(name.replace('"', " ").split())


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
        method: `override`, `listenbrainz`, `isrc`, `search` or `miss`.
        score: 0-100; None where nothing was compared.
        track: What Spotify showed, where it was searched.
    """

    spotify_id: str | None
    method: str
    score: float | None = None
    track: SpotifyTrack | None = None


def was_searched_lately(track: Mapping[str, Any], night: dt.date) -> bool:
    """Return whether the id in a row of `tracks`, or its absence, is what a late search found."""
    if track["spotify_method"] not in (ISRC, SEARCH, MISS) or track["spotify_at"] is None:
        return False
    return bool((night - track["spotify_at"]).days < SEARCH_STANDS_DAYS)


@dataclass
class SpotifyIds:
    """A finder of Spotify ids that counts its searches.

    Args:
        spotify: Where to search.
        night: Tonight: the date of what is found, or missed.
        overrides: The listener's own decisions.
        tally: Counts the searches that fail, and knows which of them wait.
        told: Ids that ListenBrainz told, by track key.
        wrong: Ids of which the listener said that they are another song, by track key.

    Attributes:
        searches: How many searches were made.
    """

    spotify: Search
    night: dt.date
    overrides: Overrides = field(default_factory=Overrides)
    tally: Tally = field(default_factory=Tally)
    told: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, Set[str]] = field(default_factory=dict)
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
        missed = track["spotify_method"] == MISS and was_searched_lately(track, self.night)
        if known or missed or not self.tally.is_due(question):
            return dict(track)
        wrong = self.wrong.get(track["track_key"], frozenset())
        if (told := self.told.get(track["track_key"])) is not None and told not in wrong:
            return self._noted(track, IdLookup(told, LISTENBRAINZ))
        wanted_track = WantedTrack(
            track["artist"], track["title"], track["duration_ms"], track["isrc"], track["album"]
        )
        try:
            found = self.search(wanted_track, wrong=wrong)
        except ServiceError as error:
            if (ending := self.tally.fail(error, question, question)) is not None:
                raise ending from None
            return dict(track)
        self.tally.answer(question)
        return self._noted(track, found)

    def search(self, wanted_track: WantedTrack, *, wrong: Set[str] = frozenset()) -> IdLookup:
        """Search Spotify by ISRC if known, by fields, and by words, until one finds the track.

        Raises:
            ServiceError: Spotify did not answer.
        """
        if not is_named(wanted_track.artist, wanted_track.title):
            return IdLookup(None, MISS)
        queries = dict.fromkeys(search_queries(wanted_track), SEARCH)
        if wanted_track.isrc:
            queries = {f"isrc:{wanted_track.isrc}": ISRC, **queries}
        for query, method in queries.items():
            self.searches += 1
            try:
                shown = self.spotify.search_tracks(query, limit=RESULTS)
            except NotFound:
                continue
            if match := best_match(wanted_track, shown, wrong=wrong):
                return IdLookup(match[0].id, method, match[1], match[0])
        return IdLookup(None, MISS)

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
            row["album"] = track["album"] or finding.track.album
            row["duration_ms"] = track["duration_ms"] or finding.track.duration_ms
            row["released"] = finding.track.album_released
            row["explicit"] = finding.track.explicit
        return row
