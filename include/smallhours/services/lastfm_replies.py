"""Parsers of Last.fm's replies into typed rows.

Each parser takes the `lfm` element of a reply and returns frozen rows, or raises `BrokenReply`.
Rows that can't be used are counted or left out, so that one odd row never stops a sync.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from smallhours.errors import BrokenReply, NotFound
from smallhours.identity import is_named
from smallhours.services.json_cursor import REMEDY

SERVICE: Final = "Last.fm"
FIRST_SCROBBLE = datetime(2002, 1, 1, tzinfo=UTC)  # an older date is of a clock never set
_LAST_UTS = 2**33  # the year 2242


class NoSuchPage(NotFound):
    """The page lies beyond the last one: the list has become shorter, or is empty."""


@dataclass(frozen=True, slots=True)
class Scrobble:
    """One play, as Last.fm has it; `played_at` is its start, UTC, to the second."""

    played_at: datetime
    artist: str
    artist_mbid: str | None
    album: str | None
    title: str
    track_mbid: str | None


@dataclass(frozen=True, slots=True)
class ScrobblePage:
    """One page of a listener's scrobbles, newest first.

    Attributes:
        user: As Last.fm spells it.
        page: Which page this is, from 1.
        pages: How many there are; 0 when there is nothing.
        total: Scrobbles in the window, the one now playing excluded.
        scrobbles: The usable rows.
        now_playing_skipped: Rows without a date because they are not over; in every window.
        undated_skipped: Rows with no date, or one before Last.fm existed.
        nameless_skipped: Rows without an artist or a title.
    """

    user: str
    page: int
    pages: int
    total: int
    scrobbles: tuple[Scrobble, ...]
    now_playing_skipped: int
    undated_skipped: int
    nameless_skipped: int


@dataclass(frozen=True, slots=True)
class LovedTrack:
    """One loved track; `loved_at` is None when Last.fm has lost the date."""

    loved_at: datetime | None
    artist: str
    artist_mbid: str | None
    title: str
    track_mbid: str | None


@dataclass(frozen=True, slots=True)
class LovedPage:
    """One page of loved tracks, and how many pages there are."""

    pages: int
    total: int
    tracks: tuple[LovedTrack, ...]


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A listener; `playcount` includes undated plays, which no list shows.

    `subscriber` says whether they pay for Last.fm Pro; None where Last.fm doesn't tell.
    """

    name: str
    playcount: int
    registered_at: datetime | None
    subscriber: bool | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, as people wrote it; `count` is 0-100, 100 for the strongest."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class LastfmTags:
    """The tags of an artist or a track, strongest first; often there are none.

    Attributes:
        artist: The artist's name after Last.fm's correction.
        title: The track's after correction; None for an artist's tags.
        tags: At most about a hundred.
    """

    artist: str
    title: str | None
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class SimilarTrack:
    """A neighbour of a track; `match` is 0-1."""

    artist: str
    artist_mbid: str | None
    title: str
    track_mbid: str | None
    match: float
    playcount: int | None
    length_ms: int | None


@dataclass(frozen=True, slots=True)
class SimilarArtist:
    """A neighbour of an artist; `match` is 0-1."""

    artist: str
    artist_mbid: str | None
    match: float


@dataclass(frozen=True, slots=True)
class TopTrack:
    """One of the top tracks of a tag or an artist; `rank` is 1 for the first.

    Plays and listeners, of everyone, are told for artists only, lengths for tags only.
    """

    artist: str
    artist_mbid: str | None
    title: str
    track_mbid: str | None
    rank: int
    playcount: int | None
    listeners: int | None
    length_ms: int | None


@dataclass(frozen=True, slots=True)
class ChartTag:
    """One of the most used tags: by how many people (`reach`), how often (`taggings`)."""

    name: str
    reach: int
    taggings: int


def parse_scrobbles(root: Element, user: str) -> ScrobblePage:
    """Parse `user.getRecentTracks`, plain or extended.

    Raises:
        BrokenReply: also when the page is another user's, which Last.fm has been seen to send.
    """
    section = _section(root, "recenttracks")
    name = _check_user(section, user)
    scrobbles: list[Scrobble] = []
    playing = undated = nameless = 0
    for track in section.iterfind("track"):
        artist, title = _artist(track), _text(track, "name")
        played_at = _date(track)
        if track.get("nowplaying") == "true":
            playing += 1
        elif played_at is None or played_at < FIRST_SCROBBLE:
            undated += 1
        elif not is_named(artist, title):
            nameless += 1
        else:
            album = _text(track, "album") or None
            mbid = _text(track, "mbid") or None
            scrobbles.append(Scrobble(played_at, artist, _artist_mbid(track), album, title, mbid))
    return ScrobblePage(
        user=name,
        page=_whole(section.get("page"), "page"),
        pages=_whole(section.get("totalPages"), "totalPages"),
        total=_whole(section.get("total"), "total"),
        scrobbles=tuple(scrobbles),
        now_playing_skipped=playing,
        undated_skipped=undated,
        nameless_skipped=nameless,
    )


def parse_loved(root: Element, user: str) -> LovedPage:
    """Parse `user.getLovedTracks`."""
    section = _section(root, "lovedtracks")
    _check_user(section, user)
    tracks = tuple(
        LovedTrack(_date(track), artist, _artist_mbid(track), title, mbid)
        for track, artist, title, mbid in _tracks(section)
    )
    pages = _whole(section.get("totalPages"), "totalPages")
    return LovedPage(pages, _whole(section.get("total"), "total"), tracks)


_SUBSCRIBER = {"0": False, "1": True, "false": False, "true": True}


def parse_user(root: Element) -> UserInfo:
    """Parse `user.getInfo`."""
    section = _section(root, "user")
    name = _text(section, "name")
    if not name:
        raise _broken("the user has no name")
    registered = section.find("registered")
    uts = registered.get("unixtime") if registered is not None else None
    playcount = _whole(_text(section, "playcount"), "playcount")
    subscriber = _SUBSCRIBER.get(_text(section, "subscriber").lower())
    return UserInfo(name, playcount, _moment(uts), subscriber)


def parse_tags(root: Element, artist: str, title: str | None) -> LastfmTags:
    """Parse `track.getTopTags` or `artist.getTopTags`; names are those asked for, corrected."""
    section = _section(root, "toptags")
    named = [(name, tag) for tag in section.iterfind("tag") if (name := _text(tag, "name"))]
    tags = [
        Tag(name, min(count, 100))
        for name, tag in named
        if (count := _count(tag, "count")) is not None
    ]
    if named and not tags:
        raise _broken("no tag's count is a whole number")
    tags.sort(key=lambda tag: -tag.count)
    artist = _clean(section.get("artist")) or artist
    if title is not None:
        title = _clean(section.get("track")) or title
    return LastfmTags(artist, title, tuple(tags))


def parse_similar_tracks(root: Element) -> tuple[SimilarTrack, ...]:
    """Parse `track.getSimilar`, nearest first."""
    rows = [(_match(row[0]), *row) for row in _tracks(_section(root, "similartracks"))]
    _check_matches([match for match, *_ in rows])
    return tuple(
        SimilarTrack(
            artist,
            _artist_mbid(track),
            title,
            mbid,
            match,
            _count(track, "playcount"),
            _length_ms(track),
        )
        for match, track, artist, title, mbid in rows
        if match is not None
    )


def parse_similar_artists(root: Element) -> tuple[SimilarArtist, ...]:
    """Parse `artist.getSimilar`, nearest first."""
    section = _section(root, "similarartists")
    artists = [each for each in section.iterfind("artist") if is_named(_text(each, "name"))]
    matches = [_match(artist) for artist in artists]
    _check_matches(matches)
    return tuple(
        SimilarArtist(_text(artist, "name"), _text(artist, "mbid") or None, match)
        for artist, match in zip(artists, matches, strict=True)
        if match is not None
    )


def parse_top_tracks(root: Element) -> tuple[TopTrack, ...]:
    """Parse `tag.getTopTracks` (root `tracks`) or `artist.getTopTracks` (root `toptracks`)."""
    section = _section(root, "tracks", "toptracks")
    return tuple(
        TopTrack(
            artist=artist,
            artist_mbid=_artist_mbid(track),
            title=title,
            track_mbid=mbid,
            rank=_digits(track.get("rank")) or position,
            playcount=_count(track, "playcount"),
            listeners=_count(track, "listeners"),
            length_ms=_length_ms(track),
        )
        for position, (track, artist, title, mbid) in enumerate(_tracks(section), start=1)
    )


def parse_top_tags(root: Element) -> tuple[ChartTag, ...]:
    """Parse `chart.getTopTags`, most used first."""
    section = _section(root, "tags", "toptags")
    return tuple(
        ChartTag(name, _count(tag, "reach") or 0, _count(tag, "taggings") or 0)
        for tag in section.iterfind("tag")
        if (name := _text(tag, "name"))
    )


def _section(root: Element, *names: str) -> Element:
    for name in names:
        if (section := root.find(name)) is not None:
            return section
    raise _broken(f"there is no `{names[0]}`")


def _check_user(section: Element, user: str) -> str:
    name = section.get("user", "")
    if name.casefold() != user.casefold():
        raise _broken("the list is another user's")
    return name


def _tracks(section: Element) -> Iterator[tuple[Element, str, str, str | None]]:
    """Yield the track rows that have names, with artist, title and the track's MBID."""
    for track in section.iterfind("track"):
        artist, title = _artist(track), _text(track, "name")
        if is_named(artist, title):
            yield track, artist, title, _text(track, "mbid") or None


def _artist(track: Element) -> str:
    """Return the artist's name: the element's text or, in extended replies, its `name`."""
    return _text(track, "artist/name") or _text(track, "artist")


def _artist_mbid(track: Element) -> str | None:
    artist = track.find("artist")
    if artist is None:
        return None
    return _clean(artist.get("mbid")) or _text(artist, "mbid") or None


def _date(track: Element) -> datetime | None:
    date = track.find("date")
    return _moment(date.get("uts")) if date is not None else None


def _moment(uts: str | None) -> datetime | None:
    seconds = _digits(uts)
    if seconds is None or not 0 < seconds < _LAST_UTS:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _match(row: Element) -> float | None:
    try:
        match = float(_text(row, "match"))
    except ValueError:
        return None
    return None if math.isnan(match) else min(max(match, 0.0), 1.0)


def _check_matches(matches: Sequence[float | None]) -> None:
    """Refuse a reply of which not one row has a match; a row without one is left out."""
    if matches and all(match is None for match in matches):
        raise _broken("no match is a number")


def _count(row: Element, name: str) -> int | None:
    """Return a count that may be missing."""
    return _digits(_text(row, name))


def _length_ms(track: Element) -> int | None:
    """Return the length of a track in a list, which Last.fm tells in seconds; 0 is none."""
    return (_count(track, "duration") or 0) * 1000 or None


def _whole(text: str | None, name: str) -> int:
    number = _digits(text)
    if number is None:
        raise _broken(f"{name} is not a whole number")
    return number


def _digits(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _text(parent: Element, path: str) -> str:
    return _clean(parent.findtext(path))


def _clean(text: str | None) -> str:
    return (text or "").strip()


def _broken(what: str) -> BrokenReply:
    return BrokenReply(SERVICE, f"the reply can't be used: {what}.", remedy=REMEDY)
