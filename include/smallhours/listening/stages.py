"""The listening stages: plays, library, and feedback on our picks."""

import datetime as dt
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.errors import SmallhoursError
from smallhours.identity import is_named
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.feedback import (
    current_lists,
    edit_reactions,
    passed,
    play_reactions,
    recent_lists,
    recent_picks,
    standing_rows,
    store_feedback,
)
from smallhours.listening.history_merge import supplement
from smallhours.listening.library import (
    current_signals,
    library_frame,
    loved_rows,
    read_library,
    read_signals,
    track_row,
    with_unreadable,
)
from smallhours.listening.plays import (
    LASTFM,
    MAX_TRACK_LENGTH,
    SPOTIFY,
    WITNESSES,
    load_plays_around,
    missing_lengths,
    months_between,
    newest_play,
    plays_frame,
    store,
    with_inferred_skips,
)
from smallhours.listening.scrobbles import (
    MAX_PLAYS_PER_NIGHT,
    crawl,
    crawl_start,
    missed_spans,
    store_window,
)
from smallhours.nights import Night
from smallhours.places.place import Place
from smallhours.services.set_aside import SetAside
from smallhours.services.spotify_replies import RecentPlay
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Reaction, Signal

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.spotify import SpotifyClient

LOG = logging.getLogger(__name__)
_PICK = ["night", "intent", "track_key"]

MAX_RECENT = 50


def sync_scrobbles(
    listener: str,
    lake: Lake,
    lastfm: "LastfmClient",
    *,
    settings: Settings,
    night: Night,
    most: int = MAX_PLAYS_PER_NIGHT,
) -> Summary:
    """Bring the play history up to what Last.fm has, from where the lake's own rows end.

    The last days are read again (`services.lastfm.overlap_days`), because scrobbles arrive late
    and may be edited or deleted. Of a history that is new, the newest `most` are read, and the rest
    is left for `verify_history`.

    Raises:
        ServiceError: what was read before it is kept, and the next run goes on from there.
    """
    user = settings.listener(listener).lastfm
    newest = newest_play(lake, listener, source=LASTFM)
    overlap = dt.timedelta(days=settings.services.lastfm.overlap_days)
    counts = {"scrobbles_read": 0, "plays_added": 0, "plays_removed": 0, "unusable_rows": 0}
    aside = SetAside(lake, listener, night, anew=True)
    tally = aside.tally(lastfm)
    with aside.asking(lastfm) as open_to_us:
        since = None
        if open_to_us:
            since = crawl_start(
                lastfm, user, newest=newest, overlap=overlap, until=night.as_of, most=most
            )
        spans = [(since, night.as_of)] if since else []
        missed = missed_spans(tally, before=since) if since else ()
        windows = itertools.chain.from_iterable(
            crawl(lastfm, user, since=begin, until=end, tally=tally)
            for begin, end in itertools.chain(spans, missed)
        )
        for window in windows:
            report = store_window(lake, listener, window)
            counts["scrobbles_read"] += len(window.scrobbles)
            counts["unusable_rows"] += window.unusable
            counts["plays_added"] += report.added
            counts["plays_removed"] += report.removed
            day, last = window.since.date(), window.until.date()
            LOG.info("%s to %s: %d scrobbles", day, last, len(window.scrobbles))
    return {**counts, "lastfm_calls": lastfm.calls.total(), **aside.summary}


def sync_recent_plays(
    listener: str, lake: Lake, spotify: "SpotifyClient", *, settings: Settings, night: Night
) -> Summary:
    """Add Spotify's last 50 plays, which is all that it ever tells, to the history.

    Spotify's row for a play that Last.fm has too brings its Spotify id and ISRC. When none of the
    50 was known before, there may have been more in between, and the summary says so.
    """
    del settings
    aside = SetAside(lake, listener, night, anew=True)
    told: list[RecentPlay] = []
    with aside.asking(spotify) as open_to_us:
        if open_to_us:
            with aside.tally(spotify).asking("recent plays"):
                told = spotify.recently_played()
    recent = [play for play in told if play.played_at < night.as_of]
    reported = plays_frame(
        (
            {
                **track_row(play.track),
                "played_at": play.played_at,
                "duration_ms": play.track.duration_ms,
            }
            for play in recent
        ),
        source=SPOTIFY,
    )
    counts = {
        "recent_plays": len(recent),
        "nameless_rows": len(recent) - len(reported),
        "spotify_calls": spotify.calls.total(),
        **aside.summary,
    }
    if reported.empty:
        return counts
    newest = newest_play(lake, listener, source=SPOTIFY)
    since = reported["played_at"].min().to_pydatetime()
    until = reported["played_at"].max().to_pydatetime() + dt.timedelta(microseconds=1)
    stored = load_plays_around(lake, listener, since, until)
    # Spotify has holes: what it told once and tells no more is not withdrawn.
    unified = supplement(stored, reported, source=SPOTIFY, durations=missing_lengths(lake, stored))
    report = store(lake, listener, stored, unified)
    summary: Summary = {**counts, "plays_added": report.added}
    if newest is not None and len(recent) >= MAX_RECENT and newest + MAX_TRACK_LENGTH < since:
        summary["gap"] = (
            f"you played more than {MAX_RECENT} tracks since {newest:%Y-%m-%d %H:%M} UTC; what "
            "no scrobbler saw of them is in the Spotify export only"
        )
        LOG.warning("A gap: %s", summary["gap"])
    return summary


def sync_library(
    listener: str,
    lake: Lake,
    spotify: "SpotifyClient | None",
    lastfm: "LastfmClient | None",
    listenbrainz: "ListenBrainzClient | None" = None,
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Store tonight's top, saved and loved tracks; a withdrawn signal keeps its last night.

    Each signal is stored as soon as it was read, so that a kill repeats the calls of one. A signal
    that could not be read stands as it did: its newest night stays the one before.

    Raises:
        ServiceError: what could be read is stored.
    """
    playlist_settings = settings.listener(listener)
    aside = SetAside(lake, listener, night)
    counts: Counter[str] = Counter()

    def keep(signal: Signal, source: str, rows: list[dict[str, Any]], unreadable: int) -> None:
        about = lake, listener, signal, source
        counts[signal] += len(_keep_library(*about, rows, unreadable, night))

    clients = spotify, lastfm, listenbrainz
    rows, read, trouble = read_signals(playlist_settings, *clients, aside, keep)
    if trouble:
        raise trouble
    warnings: Summary = {}
    name = playlist_settings.dislike_playlist
    refused = {"set_aside", "left_out"} & aside.summary.keys()
    if name and spotify is not None and (Signal.DISLIKED, SPOTIFY) not in read and not refused:
        warnings["dislike_playlist_missing"] = name
        LOG.warning("There is no playlist named %r, so no new dislikes were read.", name)
    return {
        **{f"{each}_tracks": counts[each] for each in Signal if each in {told for told, _ in read}},
        "nameless_rows": sum(not is_named(row["artist"], row["title"]) for row in rows),
        "spotify_calls": 0 if spotify is None else spotify.calls.total(),
        **calls_of(lastfm, listenbrainz),
        **aside.summary,
        **warnings,
    }


def sync_loved(
    listener: str, lake: Lake, lastfm: "LastfmClient", *, settings: Settings, night: Night
) -> Summary:
    """Store tonight's loved tracks only, without asking Spotify."""
    rows = list(loved_rows(lastfm, settings.listener(listener).lastfm))
    seen = _keep_library(lake, listener, Signal.LOVED, LASTFM, rows, 0, night)
    return {"loved_tracks": len(seen), "lastfm_calls": lastfm.calls.total()}


def collect_feedback(
    listener: str,
    lake: Lake,
    places: Mapping[str, Callable[[], Place]],
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Store the reactions to our picks, before tonight's list replaces the last one.

    Args:
        listener: Whose.
        lake: The lake.
        places: What opens each place of their lists, by name.
        settings: For the listener's time zone.
        night: The night.
    """
    ledger = lake.frame(PLAYLISTS, where={"listener": listener})
    zone = ZoneInfo(settings.listener(listener).timezone)
    lists = recent_lists(ledger, before=night.date, zone=zone)
    picks = recent_picks(lists)
    if picks.empty:
        return {"picks": 0}
    plays = lake.frame(
        PLAYS,
        columns=["track_key", "played_at", "skipped", *WITNESSES],
        where={
            "listener": listener,
            "month": months_between(picks["since"].min().to_pydatetime(), night.as_of),
        },
    )
    plays = with_inferred_skips(plays)
    rows = [play_reactions(picks, plays, read_library(lake, listener), at=night.as_of)]
    rows.append(passed(picks, lists, plays, at=night.as_of))
    aside = SetAside(lake, listener, night)
    unseen: Summary = {}
    for name, standing in current_lists(ledger, before=night.date).groupby("place"):
        if name not in places:
            continue
        try:
            rows += _edits(places[str(name)](), standing, aside, at=night.as_of)
        except SmallhoursError as error:
            if len(places) == 1:
                raise
            LOG.warning("%s", error)
            unseen[f"{name}"] = f"not looked at: {error}"
    noted = pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)
    # What was taken out at one place is not kept by standing at another.
    taken_out = noted.loc[noted["reaction"] == Reaction.REMOVED, _PICK].apply(tuple, axis=1)
    kept = (noted["reaction"] == Reaction.KEPT) & noted[_PICK].apply(tuple, axis=1).isin(taken_out)
    noted = noted[~kept].drop_duplicates([*_PICK, "reaction"], ignore_index=True)
    if not noted.empty:
        store_feedback(lake, listener, noted)
    counts = noted["reaction"].value_counts().to_dict()
    return {
        "picks": len(picks),
        **{str(name): int(count) for name, count in sorted(counts.items())},
        **aside.summary,
        **unseen,
    }


def _edits(
    place: Place, standing: pd.DataFrame, aside: SetAside, *, at: dt.datetime
) -> list[pd.DataFrame]:
    """Return what the lists at a place say of the listener's edits."""
    rows = []
    with aside.asking(place) as open_to_us:
        for intent, row in standing.groupby("intent") if open_to_us else ():
            with aside.tally(place).asking(f"the playlist {intent}"):
                rows.append(edit_reactions(row, standing_rows(place, row), at=at))
    return rows


def _keep_library(
    lake: Lake,
    listener: str,
    signal: Signal,
    source: str,
    rows: list[dict[str, Any]],
    unreadable: int,
    night: Night,
) -> pd.DataFrame:
    """Store a signal that was read tonight, and return its rows."""
    stored = lake.frame(LIBRARY, where={"listener": listener})
    nameless = sum(not is_named(row["artist"], row["title"]) for row in rows)
    seen = library_frame(rows, source=source, night=night.date)
    if signal != Signal.TOP:
        standing = stored[(stored["signal"] == signal) & (stored["source"] == source)]
        seen = with_unreadable(seen, standing, nameless + unreadable, night=night.date)
    lake.merge(LIBRARY, current_signals(stored, seen), partition={"listener": listener})
    return seen


def calls_of(lastfm: "LastfmClient | None", listenbrainz: "ListenBrainzClient | None") -> Summary:
    """Return how many requests were made to the services that a listener has."""
    return {
        **({"lastfm_calls": lastfm.calls.total()} if lastfm else {}),
        **({"listenbrainz_calls": listenbrainz.calls.total()} if listenbrainz else {}),
    }
