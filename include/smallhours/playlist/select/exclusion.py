"""Exclusion of tracks that may not be chosen tonight, with the reason; why a list is short.

Excluded is what the listener knows, rejected, blocked or was recommended recently. Any version of a
song stands for all. Whether a track is explicit is only known of tracks that were looked up on
Spotify; no service tells a track's language, so only blocked tags can exclude one.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

import pandas as pd

from smallhours.catalog.normalisation import default_pipeline
from smallhours.catalog.spotify_ids import MISS, SEARCH_STANDS_DAYS
from smallhours.identity import artist_key_in, artist_key_of, identify, song_key_of
from smallhours.listening.edits import Edits
from smallhours.playlist_settings import PlaylistSettings
from smallhours.vocabulary import EditKind, EditSubject

BLOCKED_ARTIST = "blocked artist"
BLOCKED_TRACK = "blocked track"
BLOCKED_TAG = "blocked tag"
HEARD_TOO_OFTEN = "said to be heard too often"
# For so long does a song rest that was heard too often.
TOO_OFTEN_DAYS = 180
DISLIKED = "disliked"
KNOWN = "known"
KNOWN_VERSION = "known in another version"
EXPLICIT = "explicit"
NEW_ARTIST = "an artist that you do not know"
KNOWN_ARTIST = "an artist that you know"
NOT_FOUND = "not found on Spotify"
RELEASE_UNKNOWN = "when it came out is not known"
# Of the reasons why a list is short, the most frequent are told.
MAX_REASONS = 3

_RESTING = re.compile(r"recommended ([\d,]+) nights? ago")


@dataclass(frozen=True, slots=True)
class BlockList:
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
    def by(
        cls,
        playlist_settings: PlaylistSettings,
        name_of: Callable[[str], str] | None = None,
        edits: Edits | None = None,
    ) -> "BlockList":
        """Return what the settings and the listener's edits block.

        Args:
            playlist_settings: The settings.
            name_of: What a tag is called; by the shipped rules when it is not given.
            edits: What the listener corrected.
        """
        edits = edits or Edits()
        said = {each: edits.values(EditKind.BLOCK, each) for each in EditSubject}
        name_of = name_of or default_pipeline().name
        return cls(
            artists=said[EditSubject.ARTIST].union(
                artist_key_of(name) for name in playlist_settings.blocked_artists
            ),
            songs=frozenset(map(song_key_of, said[EditSubject.TRACK])).union(
                *(_songs_meant(written) for written in playlist_settings.blocked_tracks)
            ),
            tags=frozenset(
                name_of(tag) or tag.casefold()
                for tag in (*playlist_settings.blocked_tags, *said[EditSubject.TAG])
            ),
        )


def _songs_meant(written: str) -> list[str]:
    """Return the songs that `Artist - Title` can mean: either name may hold a dash of its own."""
    dashes = [found.span() for found in re.finditer(r"\s+[-–]\s+", written)]
    return [
        song_key_of(identify(written[:start], written[end:]).track_key) for start, end in dashes
    ]


@dataclass(frozen=True, slots=True)
class MetTracks:
    """The tracks that the listener has met already.

    Attributes:
        known: When each known track was last played; None for one that was only liked.
        disliked: Keys of rejected tracks.
        shown: When each track was last in a playlist of ours; tonight's own do not count.
        too_often: When each track was said to be heard too often.
    """

    known: Mapping[str, dt.date | None]
    disliked: Set[str] = frozenset()
    shown: Mapping[str, dt.date] = field(default_factory=dict)
    too_often: Mapping[str, dt.date] = field(default_factory=dict)


def exclusion_reasons(
    tracks: Iterable[str],
    *,
    met_tracks: MetTracks,
    blocked: BlockList,
    night: dt.date,
    not_again_nights: int,
    not_played_days: int | None = None,
) -> list[str]:
    """Return why each track may not be chosen; empty if it may.

    Args:
        tracks: Track keys.
        met_tracks: What the listener has met.
        blocked: What they never want; tags are not looked at here.
        night: Tonight.
        not_again_nights: A pick may return after this many nights.
        not_played_days: A known track may come when it was not played for so long; None when it
            may not come at all.
    """
    played = _latest(met_tracks.known)
    shown = _latest({key: date for key, date in met_tracks.shown.items() if date < night})
    rejected = {song_key_of(key) for key in met_tracks.disliked}
    too_often = _latest(met_tracks.too_often)

    def why(key: str) -> str:
        song = song_key_of(key)
        if artist_key_in(key) in blocked.artists:
            return BLOCKED_ARTIST
        if song in blocked.songs:
            return BLOCKED_TRACK
        if song in rejected:
            return DISLIKED
        if rests := _too_recent(HEARD_TOO_OFTEN, "day", too_often.get(song), night, TOO_OFTEN_DAYS):
            return rests
        if song in played:
            if not_played_days is None:
                return KNOWN if key in met_tracks.known else KNOWN_VERSION
            if too_soon := _too_recent("played", "day", played[song], night, not_played_days):
                return too_soon
        return _too_recent("recommended", "night", shown.get(song), night, not_again_nights)

    return [why(key) for key in tracks]


def _too_recent(what: str, unit: str, last: dt.date | None, night: dt.date, window: int) -> str:
    if last is None or not 0 <= (met_tracks := (night - last).days) <= window:
        return ""
    if met_tracks == 0:
        return f"{what} today"
    return f"{what} {met_tracks:,} {unit if met_tracks == 1 else unit + 's'} ago"


def count_reasons(why: "pd.Series[str]") -> "pd.Series[int]":
    """Return how many tracks have each reason, the most first; those with a date count as one."""
    for verb in ("recommended", "played", HEARD_TOO_OFTEN):
        dated = rf"^{verb} (?:[\d,]+ \w+ ago|today)$"
        why = why.str.replace(dated, f"{verb} recently", regex=True)
    return why.value_counts().sort_index().sort_values(ascending=False, kind="stable")


def explain_shortfall(
    rows: pd.DataFrame, playlist_settings: PlaylistSettings, night: dt.date
) -> str:
    """Return why a list is short, and when it will be longer; empty when it is full.

    Args:
        rows: `recommendations` of the night and the playlist: `position` and `why_not`.
        playlist_settings: For the playlist.
        night: The night.
    """
    if int(rows["position"].notna().sum()) >= playlist_settings.size:
        return ""
    out = rows.loc[rows["position"].isna() & (rows["why_not"] != ""), "why_not"]
    if out.empty:
        return "Nothing more that could be chosen is known yet; each night looks further."
    counts = count_reasons(out)[:MAX_REASONS]
    told = "; ".join(f"{count:,} {reason}" for reason, count in counts.items())
    clauses = [f"Of the {len(out):,} tracks that came closest: {told}."]
    resting = [int(found[1].replace(",", "")) for found in map(_RESTING.fullmatch, out) if found]
    if resting:
        left = playlist_settings.not_again_nights - max(resting) + 1
        clauses.append(f"The first may come again on {night + dt.timedelta(days=left)}.")
    if RELEASE_UNKNOWN in counts:
        clauses.append("Each night asks when more of them came out, so that the list fills.")
    return " ".join(clauses)


def _latest(dates: Mapping[str, dt.date | None]) -> dict[str, dt.date | None]:
    """Return the latest date of each song over its versions."""
    latest: dict[str, dt.date | None] = {}
    for key, date in dates.items():
        song = song_key_of(key)
        known = latest.get(song)
        latest[song] = date if known is None else max(known, date or known)
    return latest


def preference_reasons(
    tracks: pd.Index,
    *,
    playlist_settings: PlaylistSettings,
    known_artist: "pd.Series[bool]",
    explicit: "pd.Series[bool]",
    tagged: Callable[[str], Set[str]],
    blocked: BlockList,
) -> "pd.Series[str]":
    """Return why each track does not fit a playlist's settings; empty if it does.

    Args:
        tracks: Track keys.
        playlist_settings: For the playlist.
        known_artist: Whether the listener has played the track's artist.
        explicit: Whether Spotify marks it so; null where that is not known, and then it may come.
        tagged: The names of a track's tags.
        blocked: What the listener never wants.
    """
    why = pd.Series("", index=tracks, dtype=object)
    if blocked.tags:
        why[[bool(blocked.tags & tagged(key)) for key in tracks]] = BLOCKED_TAG
    if not playlist_settings.explicit:
        marked = explicit.reindex(tracks).astype("boolean").fillna(value=False).to_numpy(dtype=bool)
        why = why.mask(marked & (why == ""), EXPLICIT)
    met = known_artist.reindex(tracks).to_numpy(dtype=bool)
    if playlist_settings.familiarity == 1:
        why = why.mask(~met & (why == ""), NEW_ARTIST)
    if playlist_settings.familiarity == -1:
        why = why.mask(met & (why == ""), KNOWN_ARTIST)
    return why


def recently_missed(tracks: pd.DataFrame, night: dt.date) -> pd.Series:
    """Return for which tracks a recent search found nothing, so that none is made again.

    Args:
        tracks: `spotify_method` and `spotify_at`.
        night: Tonight; what is missed tonight does not count yet, so that a second run of the
            night chooses from the same tracks as the first.
    """
    missed = tracks["spotify_method"] == MISS
    since = night - dt.timedelta(days=SEARCH_STANDS_DAYS)
    at = tracks["spotify_at"]
    return missed & (at >= since).fillna(False) & (at < night).fillna(False)
