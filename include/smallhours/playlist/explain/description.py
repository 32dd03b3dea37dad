"""A playlist's name and description: the marker in it, its traits, and what the list rests on."""

import datetime as dt
import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from smallhours.catalog.features import most_reliable
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.listener_settings import ListenerSettings
from smallhours.listening.edits import own_plays
from smallhours.listening.library import named_share, read_library
from smallhours.listening.verification import unread_plays
from smallhours.nights import Night
from smallhours.playlist.explain.names_in_words import (
    NameableTags,
    count_plays,
    listed,
    name_day,
    number,
)
from smallhours.playlist.publish.target_list import TargetList
from smallhours.playlist.rank.evidence import read_features
from smallhours.training.tags import load_tags, weighted_tags
from smallhours.vocabulary import Signal

# Spotify shows the description in one line of plain text and refuses longer ones.
MAX_DESCRIPTION_LENGTH = 300
MAX_NAME_LENGTH = 100
ARTISTS_NAMED = 4
MOODS_NAMED = 3
REASONS_NAMED = 3
# With so many plays, what a list rests on is no news.
ENOUGH_PLAYS = 1_000


def marker(listener: str, intent: str) -> str:
    """Return the text in a description that marks a playlist as ours.

    >>> marker("default", "main")
    '[smallhours:default:main]'
    """
    return f"[smallhours:{listener}:{intent}]"


def has_marker(description: str | None, mark: str) -> bool:
    """Return whether a description, as Spotify gives it back, holds our marker."""
    return mark in html.unescape(description or "")


def playlist_name(template: str, *, night: dt.date, listener: str) -> str:
    """Return a playlist's name: the template with night, weekday and listener filled in.

    >>> playlist_name("For {weekday}", night=dt.date(2026, 11, 2), listener="ada")
    'For Monday'
    """
    name = template
    for word, value in (
        ("{night}", night.isoformat()),
        ("{weekday}", f"{night:%A}"),
        ("{listener}", listener),
    ):
        name = name.replace(word, value)
    return name[:MAX_NAME_LENGTH]


def describe_list(
    night: dt.date,
    artists: Sequence[str],
    mark: str,
    *,
    common_tags: Sequence[str] = (),
    nearby_artists: Sequence[str] = (),
    basis: str = "",
) -> str:
    """Return the description of one night's list: its date, tags, related artists, and the marker.

    What does not fit is left out, the names of the artists first, the marker never.

    >>> describe_list(dt.date(2026, 11, 2), ["Ride", "Lush", "Ride"], "[smallhours:default:main]",
    ...               common_tags=["shoegaze", "dreamy"], nearby_artists=["Slowdive"])
    'The night of 2 November 2026: shoegaze and dreamy, close to Slowdive; 3 tracks by Ride and \
Lush. Made by Smallhours. [smallhours:default:main]'

    Args:
        night: The night.
        artists: The artist of each track, in order.
        mark: The marker.
        common_tags: What the tracks have in common, the most telling first.
        nearby_artists: The listener's own artists near most of the tracks, the strongest first.
        basis: A sentence about what the list rests on, or nothing.
    """
    rests_on = f"{_plain(basis)} " if basis else ""
    names = list(dict.fromkeys(filter(None, map(_plain, artists))))
    feelings = list(filter(None, map(_plain, common_tags)))[:MOODS_NAMED]
    near = list(filter(None, map(_plain, nearby_artists)))[:REASONS_NAMED]
    count = f"{len(artists)} {'track' if len(artists) == 1 else 'tracks'}"
    attempts = [(named, feelings, near) for named in range(min(ARTISTS_NAMED, len(names)), -1, -1)]
    attempts += [(0, feelings, []), (0, [], [])]
    for named, moods_told, near_told in attempts:
        who = f"{count} by {_listed(names, named)}" if named else count
        close = f"close to {listed(near_told)}" if near_told else ""
        leading = ", ".join(part for part in (listed(moods_told), close) if part)
        content = f"{leading}; {who}" if leading else who
        about = f"The night of {night.day} {night:%B %Y}: {content}. {rests_on}"
        text = f"{about}Made by Smallhours. {mark}"
        if len(text) <= MAX_DESCRIPTION_LENGTH:
            return text
    return f"Made by Smallhours. {mark}"


def _listed(names: Sequence[str], named: int) -> str:
    rest = len(names) - named
    shown = list(names[:named])
    if rest:
        shown.append("one other" if rest == 1 else f"{rest} others")
    return listed(shown)


def _plain(name: str) -> str:
    """Return a name without characters that Spotify would escape or read as markup."""
    return " ".join(name.replace("<", "").replace(">", "").replace("[", "(").split())


def describe_basis(lake: Lake, listener: str, settings: ListenerSettings, *, night: Night) -> str:
    """Return what a night's list rests on; empty where there is a long history, read as a whole.

    Examples: "It rests on five artists that you named.", "It rests on 50 plays since 3 October 2026
    and 12 saved tracks. The rest of your history is still being read: 40,000 of 100,000 plays."

    Args:
        lake: The lake.
        listener: Whose list.
        settings: Their settings, for their time zone.
        night: The night.
    """
    plays = own_plays(lake, listener, ["played_at"])
    plays = plays[plays["played_at"] < night.as_of]
    unread = unread_plays(lake, listener, night)
    if len(plays) >= ENOUGH_PLAYS and not unread:
        return ""
    library = read_library(lake, listener, ["signal", "track_key", "last_seen"])
    newest = library.groupby("signal")["last_seen"].transform("max")
    standing = library[library["last_seen"] == newest].drop_duplicates(["signal", "track_key"])
    counts = standing["signal"].value_counts()
    parts = []
    if len(plays):
        zone = ZoneInfo(settings.timezone)
        first: dt.datetime = plays["played_at"].min().tz_convert(zone).to_pydatetime()
        parts.append(f"{count_plays(len(plays))} since {name_day(first)}")
    for signal in counts.index.intersection([Signal.SAVED, Signal.LOVED, Signal.TOP]):
        tracks = "track" if counts[signal] == 1 else "tracks"
        parts.append(f"{counts[signal]:,} {signal} {tracks}")
    named = standing.loc[standing["signal"] == Signal.NAMED, "track_key"]
    if len(named) and named_share(len(plays)):
        artists = named.map(artist_key_in).nunique()
        who = "artist" if artists == 1 else "artists"
        parts.append(f"{number(artists)} {who} that you named")
    told = f"It rests on {listed(parts)}." if parts else ""
    if unread:
        known = f"{len(plays):,} of {len(plays) + unread:,} plays"
        told = f"{told} The rest of your history is still being read: {known}."
    return told.strip()


# The features, each 0-1, that the cover is drawn from.
SOUNDS = ("energy", "valence", "danceability", "acousticness")


@dataclass(frozen=True, slots=True)
class TrackSound:
    """One track's sound, each 0-1; 0.5 where it is not known."""

    energy: float
    valence: float
    danceability: float
    acousticness: float


def common_tags(lake: Lake, tonight: TargetList) -> list[str]:
    """Return the tags that the list's tracks have in common, the heaviest first."""
    keys = [pick.track_key for pick in tonight.wanted]
    tagged = weighted_tags(load_tags(lake, keys), keys)
    pairs = zip(tagged["tag"], tagged["track_key"], strict=True)
    nameable = NameableTags.read(lake)
    telling = np.array([nameable.describes(tag, key) for tag, key in pairs], dtype=bool)
    weights = tagged[telling].groupby("tag")["weight"].sum()
    return sorted(weights.index, key=lambda tag: (-weights[tag], tag))[:MOODS_NAMED]


def nearby_artists(lake: Lake, tonight: TargetList) -> list[str]:
    """Return the listener's own artists that are near most of the list's tracks, the most first."""
    seeds = [seeds[0] for seeds in tonight.seeds if seeds]
    counts = Counter(artist_key_in(seed) for seed in seeds)
    leading = sorted(counts, key=lambda artist: (-counts[artist], artist))[:REASONS_NAMED]
    return [name for artist in leading if (name := _shown_name(lake, artist))]


def track_sounds(lake: Lake, tonight: TargetList) -> list[TrackSound]:
    """Return the audio features of each track, in the list's order."""
    keys = [pick.track_key for pick in tonight.wanted]
    rows = read_features(lake, keys)
    best = most_reliable(rows[rows["feature"].isin(SOUNDS)]).set_index(["track_key", "feature"])
    values = best["value"].astype(float).to_dict()
    return [TrackSound(*(values.get((key, name), 0.5) for name in SOUNDS)) for key in keys]


def _shown_name(lake: Lake, artist_key: str) -> str:
    rows = lake.frame(
        TRACKS,
        columns=["track_key", "artist"],
        where={"prefix": prefix_of(artist_key)},
    )
    names: Sequence[str] = rows.loc[
        rows["track_key"].map(artist_key_in) == artist_key, "artist"
    ].tolist()
    return min(names) if names else ""
