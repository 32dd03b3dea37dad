"""What a listener's lists rest on, in words, while that is little or is still being read."""

import datetime as dt
from zoneinfo import ZoneInfo

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.listener_settings import ListenerSettings
from smallhours.listening.edits import own_plays
from smallhours.listening.favourite_artists import named_share
from smallhours.listening.library import read_library
from smallhours.listening.verification import unread_plays
from smallhours.nights import Night
from smallhours.playlist.explain.names_in_words import count_plays, listed, name_day, number
from smallhours.vocabulary import Signal

# With so many plays, what a list rests on is no news.
ENOUGH_PLAYS = 1_000


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
