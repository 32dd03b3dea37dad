"""The listening stage: what the listener played, saved, loved and plays most."""

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.library import library_frame, standing
from smallhours.listening.matching import LONGEST_TRACK, unify
from smallhours.listening.plays import (
    COLUMNS,
    LASTFM,
    SPOTIFY,
    month_of,
    months_between,
    plays_frame,
)
from smallhours.listening.scrobbles import Window, crawl
from smallhours.nights import Night
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import Scrobble
from smallhours.services.spotify import SpotifyClient, TimeRange
from smallhours.services.spotify_replies import SpotifyTrack
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

TIME_RANGES: tuple[TimeRange, ...] = ("short_term", "medium_term", "long_term")


def sync_scrobbles(
    listener: str, lake: Lake, lastfm: LastfmClient, *, settings: Settings, night: Night
) -> Summary:
    """Bring the play history up to what Last.fm has, from where the lake's own rows end.

    The last days are read again (`services.lastfm.overlap_days`), because scrobbles arrive late
    and may be edited or deleted.

    Raises:
        ServiceError: what was read before it is kept, and the next run goes on from there.
    """
    user = settings.listener(listener).lastfm_user
    newest = newest_play(lake, listener, source=LASTFM)
    overlap = dt.timedelta(days=settings.services.lastfm.overlap_days)
    since = None if newest is None else newest - overlap
    counts = {"scrobbles_read": 0, "plays_added": 0, "plays_removed": 0, "unusable_rows": 0}
    for window in crawl(lastfm, user, since=since, until=night.as_of):
        report = _store_window(lake, listener, window)
        counts["scrobbles_read"] += len(window.scrobbles)
        counts["unusable_rows"] += window.unusable
        counts["plays_added"] += report["added"]
        counts["plays_removed"] += report["removed"]
        LOG.info(
            "%s to %s: %d scrobbles",
            window.since.date(), window.until.date(), len(window.scrobbles),
        )  # fmt: skip
    return {**counts, "lastfm_calls": lastfm.calls.total()}


def sync_recent_plays(
    listener: str, lake: Lake, spotify: SpotifyClient, *, settings: Settings, night: Night
) -> Summary:
    """Add Spotify's last 50 plays, which is all that it ever tells, to the history.

    Spotify's row for a play that Last.fm has too brings its Spotify id and ISRC.
    """
    if not settings.listener(listener).spotify:
        return {"skipped": "no Spotify account in the settings"}
    recent = [play for play in spotify.recently_played() if play.played_at < night.as_of]
    if not recent:
        return {"recent_plays": 0, "spotify_calls": spotify.calls.total()}
    rows = ({**_track_row(play.track), "played_at": play.played_at} for play in recent)
    durations = {
        plays_frame([{**_track_row(p.track), "played_at": p.played_at}], source=SPOTIFY)[
            "track_key"
        ].iloc[0]: p.track.duration_ms
        for p in recent
    }
    since = min(play.played_at for play in recent)
    until = max(play.played_at for play in recent) + dt.timedelta(microseconds=1)
    report = _store_plays(
        lake, listener, plays_frame(rows, source=SPOTIFY),
        source=SPOTIFY, since=since, until=until, durations=durations,
    )  # fmt: skip
    return {
        "recent_plays": len(recent),
        "plays_added": report["added"],
        "spotify_calls": spotify.calls.total(),
    }


def sync_library(
    listener: str,
    lake: Lake,
    spotify: SpotifyClient,
    lastfm: LastfmClient,
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Note tonight's top, saved and loved tracks; what is gone stays with its last night."""
    wishes = settings.listener(listener)
    rows: list[dict[str, Any]] = [
        {"signal": "loved", "artist": t.artist, "title": t.title, "added_at": t.loved_at}
        for t in lastfm.loved_tracks(wishes.lastfm_user)
    ]
    if wishes.spotify:
        rows += _spotify_signals(spotify)
    seen = library_frame(rows, night=night.date)
    stored = lake.frame(LIBRARY, where={"listener": listener})
    lake.merge(LIBRARY, standing(stored, seen), partition={"listener": listener})
    counts = seen["signal"].value_counts().to_dict()
    return {
        **{f"{signal}_tracks": int(counts.get(signal, 0)) for signal in ("top", "saved", "loved")},
        "spotify_calls": spotify.calls.total() if wishes.spotify else 0,
        "lastfm_calls": lastfm.calls.total(),
    }


def newest_play(lake: Lake, listener: str, *, source: str) -> dt.datetime | None:
    """When the newest stored play that a source reported was, or None; reads few months."""
    months = sorted(
        (p["month"] for p in lake.partitions(PLAYS) if p["listener"] == listener), reverse=True
    )
    for month in months:
        plays = lake.frame(
            PLAYS, columns=["played_at", "sources"], where={"listener": listener, "month": month}
        )
        ours = plays.loc[[source in names for names in plays["sources"]], "played_at"]
        if len(ours):
            newest: pd.Timestamp = ours.max()
            return newest.to_pydatetime()
    return None


def _store_window(lake: Lake, listener: str, window: Window) -> Mapping[str, int]:
    rows = (_scrobble_row(scrobble) for scrobble in window.scrobbles)
    return _store_plays(
        lake, listener, plays_frame(rows, source=LASTFM),
        source=LASTFM, since=window.since, until=window.until,
    )  # fmt: skip


def _store_plays(
    lake: Lake,
    listener: str,
    reported: pd.DataFrame,
    *,
    source: str,
    since: dt.datetime,
    until: dt.datetime,
    durations: dict[str, int] | None = None,
) -> Mapping[str, int]:
    """Make the months of a span say what the source now reports for it.

    A play near the edge of a month may be another month's, so the months around are read too.
    """
    months = months_between(since - LONGEST_TRACK, until + LONGEST_TRACK)
    stored = lake.frame(PLAYS, columns=COLUMNS, where={"listener": listener, "month": months})
    unified = unify(stored, reported, source=source, since=since, until=until, durations=durations)
    key = list(PLAYS.key)
    gone = stored[key].merge(unified[key], on=key, how="left", indicator=True)
    gone = gone.loc[gone["_merge"] == "left_only", key]
    lake.merge(
        PLAYS,
        unified.assign(month=month_of(unified["played_at"])),
        partition={"listener": listener},
        delete=gone.assign(month=month_of(gone["played_at"])),
    )
    return {"added": len(unified) - len(stored) + len(gone), "removed": len(gone)}


def _spotify_signals(spotify: SpotifyClient) -> Iterable[dict[str, Any]]:
    for time_range in TIME_RANGES:
        for rank, track in enumerate(spotify.top_tracks(time_range), start=1):
            yield {**_track_row(track), "signal": "top", "time_range": time_range, "rank": rank}
    for saved in spotify.saved_tracks():
        yield {**_track_row(saved.track), "signal": "saved", "added_at": saved.added_at}


def _track_row(track: SpotifyTrack) -> dict[str, Any]:
    return {
        "artist": track.artist,
        "album": track.album,
        "title": track.title,
        "spotify_id": track.id,
        "isrc": track.isrc,
    }


def _scrobble_row(scrobble: Scrobble) -> dict[str, Any]:
    return {
        "played_at": scrobble.played_at,
        "artist": scrobble.artist,
        "album": scrobble.album,
        "title": scrobble.title,
        "artist_mbid": scrobble.artist_mbid,
        "track_mbid": scrobble.track_mbid,
    }
