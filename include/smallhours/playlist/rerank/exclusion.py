"""Exclusion of tracks that may not be chosen tonight, with the reason.

These are tracks that the listener knows, rejected, blocked or was recommended recently. Any version
of a song stands for all. Whether a track is explicit is only known of tracks that were looked up on
Spotify; no service tells a track's language, so only blocked tags can exclude one.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

import pandas as pd

from smallhours.catalog.normalisation import shipped
from smallhours.identity import artist_key_in, artist_key_of, base_of, identify
from smallhours.wishes import PlaylistWishes

BLOCKED_ARTIST = "blocked artist"
BLOCKED_TRACK = "blocked track"
BLOCKED_TAG = "blocked tag"
DISLIKED = "disliked"
KNOWN = "known"
KNOWN_VERSION = "known in another version"
EXPLICIT = "explicit"
NEW_ARTIST = "an artist that you do not know"
KNOWN_ARTIST = "an artist that you know"


@dataclass(frozen=True, slots=True)
class Blocked:
    """The artists, songs and tags that the listener never wants.

    Attributes:
        artists: Artist keys.
        songs: Songs, whatever the version.
        tags: Names of tags, as `name_of` gives them.
    """

    artists: frozenset[str] = frozenset()
    songs: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @classmethod
    def by(cls, wishes: PlaylistWishes, name_of: Callable[[str], str] | None = None) -> "Blocked":
        """Return what the settings block.

        Args:
            wishes: The settings.
            name_of: What a tag is called; by the shipped rules when it is not given.
        """
        name_of = name_of or shipped().name
        return cls(
            artists=frozenset(artist_key_of(name) for name in wishes.blocked_artists),
            songs=frozenset(
                song for written in wishes.blocked_tracks for song in _songs_meant(written)
            ),
            tags=frozenset(name_of(tag) or tag.casefold() for tag in wishes.blocked_tags),
        )


def _songs_meant(written: str) -> list[str]:
    """Return the songs that `Artist - Title` can mean: either name may hold a dash of its own."""
    dashes = [found.span() for found in re.finditer(r"\s+[-–]\s+", written)]
    return [base_of(identify(written[:start], written[end:]).track_key) for start, end in dashes]


@dataclass(frozen=True, slots=True)
class Past:
    """The tracks that the listener has met already.

    Attributes:
        known: When each known track was last played; None for one that was only liked.
        disliked: Keys of rejected tracks.
        shown: When each track was last in a playlist of ours; tonight's own do not count.
    """

    known: Mapping[str, dt.date | None]
    disliked: Set[str] = frozenset()
    shown: Mapping[str, dt.date] = field(default_factory=dict)


def why_excluded(
    tracks: Iterable[str],
    *,
    past: Past,
    blocked: Blocked,
    night: dt.date,
    not_again_nights: int,
    not_played_days: int | None = None,
) -> list[str]:
    """Return why each track may not be chosen; empty if it may.

    Args:
        tracks: Track keys.
        past: What the listener has met.
        blocked: What they never want; tags are not looked at here.
        night: Tonight.
        not_again_nights: A pick may return after this many nights.
        not_played_days: A known track may come when it was not played for so long; None when it
            may not come at all.
    """
    played = _latest(past.known)
    shown = _latest({key: date for key, date in past.shown.items() if date < night})
    rejected = {base_of(key) for key in past.disliked}

    def why(key: str) -> str:
        song = base_of(key)
        if artist_key_in(key) in blocked.artists:
            return BLOCKED_ARTIST
        if song in blocked.songs:
            return BLOCKED_TRACK
        if song in rejected:
            return DISLIKED
        if song in played:
            if not_played_days is None:
                return KNOWN if key in past.known else KNOWN_VERSION
            if too_soon := _ago("played", "day", played[song], night, not_played_days):
                return too_soon
        return _ago("recommended", "night", shown.get(song), night, not_again_nights)

    return [why(key) for key in tracks]


def _ago(what: str, unit: str, last: dt.date | None, night: dt.date, window: int) -> str:
    if last is None or not 0 <= (past := (night - last).days) <= window:
        return ""
    if past == 0:
        return f"{what} today"
    return f"{what} {past:,} {unit if past == 1 else unit + 's'} ago"


def _latest(dates: Mapping[str, dt.date | None]) -> dict[str, dt.date | None]:
    """Return the latest date of each song over its versions."""
    latest: dict[str, dt.date | None] = {}
    for key, date in dates.items():
        song = base_of(key)
        known = latest.get(song)
        latest[song] = date if known is None else max(known, date or known)
    return latest


def why_unwanted(
    tracks: pd.Index,
    *,
    wishes: PlaylistWishes,
    known_artist: "pd.Series[bool]",
    explicit: "pd.Series[bool]",
    tagged: Callable[[str], Set[str]],
    blocked: Blocked,
) -> "pd.Series[str]":
    """Return why each track does not fit a playlist's settings; empty if it does.

    Args:
        tracks: Track keys.
        wishes: For the playlist.
        known_artist: Whether the listener has played the track's artist.
        explicit: Whether Spotify marks it so; null where that is not known, and then it may come.
        tagged: The names of a track's tags.
        blocked: What the listener never wants.
    """
    why = pd.Series("", index=tracks, dtype=object)
    if blocked.tags:
        why[[bool(blocked.tags & tagged(key)) for key in tracks]] = BLOCKED_TAG
    if not wishes.explicit:
        marked = explicit.reindex(tracks).astype("boolean").fillna(value=False).to_numpy(dtype=bool)
        why = why.mask(marked & (why == ""), EXPLICIT)
    met = known_artist.reindex(tracks).to_numpy(dtype=bool)
    if wishes.familiarity == 1:
        why = why.mask(~met & (why == ""), NEW_ARTIST)
    if wishes.familiarity == -1:
        why = why.mask(met & (why == ""), KNOWN_ARTIST)
    return why
