"""The tracks that the listener saved, loved, plays most or dislikes, and those of named artists.

Each is a row of `library`: a standing signal, stored with since when it is seen. One that a service
no longer gives is not deleted: its `last_seen` stays behind, and training can use the fact that it
was withdrawn. Two services may tell the same: each signal of each is stored for itself, and
`read_library` merges them.

The artists that a listener named are what a first list rests on before there is a history. Each
counts by its best-known tracks, which Last.fm tells, or else Spotify's search, or else
ListenBrainz, which wants a token for that; their signal is `named`, and they count less with every
play.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import NotFound, ServiceError
from smallhours.identity import artist_key_of, identify, is_named, is_typed_alike
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listener_settings import ListenerSettings
from smallhours.listening.edits import mostly_not_mine
from smallhours.listening.plays import LASTFM, LISTENBRAINZ, SPOTIFY
from smallhours.nights import Night
from smallhours.services.listenbrainz_replies import Feedback
from smallhours.services.set_aside import SetAside
from smallhours.services.spotify_replies import SpotifyTrack
from smallhours.services.transport import Client
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Signal

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.listenbrainz_metadata import Popularity
    from smallhours.services.musicbrainz import MusicBrainzClient
    from smallhours.services.spotify import SpotifyClient, TimeRange

COLUMNS = [column.name for column in LIBRARY.columns]
KEY = list(LIBRARY.key)
SIGNAL_KEY = [name for name in KEY if name != "source"]

TIME_RANGES: tuple["TimeRange", ...] = ("short_term", "medium_term", "long_term")

# The best-known tracks of an artist that stand for it.
TRACKS_PER_ARTIST = 5
# With so many plays, what was named counts half; from MAX_PLAYS on, nothing, and nobody is asked.
HALF_AT_PLAYS, MAX_PLAYS = 50, 1_000

Row = dict[str, object]


def read_library(lake: Lake, listener: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a listener's library, with one row for a signal that several services tell.

    A signal stands, with the newest night of its kind as `last_seen`, where one of them tells it.
    Spotify's top tracks that somebody else played, by the listener's edits, are left out.
    """
    stored = lake.frame(LIBRARY, where={"listener": listener})
    newest = stored.groupby("signal")["last_seen"].transform("max")
    told = stored.groupby(["signal", "source"])["last_seen"].transform("max")
    whole = stored.assign(last_seen=stored["last_seen"].where(stored["last_seen"] != told, newest))
    first = whole.groupby(SIGNAL_KEY)["first_seen"].transform("min")
    whole = whole.assign(first_seen=first).sort_values("last_seen", ascending=False, kind="stable")
    whole = whole.drop_duplicates(SIGNAL_KEY).sort_index()
    foreign = mostly_not_mine(lake, listener)
    whole = whole[~((whole["signal"] == Signal.TOP) & whole["track_key"].isin(foreign))]
    return whole.reset_index(drop=True)[list(columns or whole.columns)]


def library_frame(
    rows: Iterable[Mapping[str, Any]], *, source: str, night: dt.date
) -> pd.DataFrame:
    """Return rows of `library` as one source told them on one night.

    Each row needs `signal`, `artist` and `title`; one whose artist or title is empty, as Spotify
    leaves them of withdrawn tracks and local files without tags, is left out. Where several of the
    service's entries are one recording (a single and its album track), the best ranked, else the
    first, stands for all.
    """
    records = [
        {
            **dict.fromkeys(COLUMNS),
            "time_range": "",
            **row,
            "source": source,
            "track_key": identify(row["artist"], row["title"]).track_key,
            "first_seen": night,
            "last_seen": night,
        }
        for row in rows
        if is_named(row["artist"], row["title"])
    ]
    frame = pd.DataFrame.from_records(records, columns=COLUMNS)
    return frame.drop_duplicates(KEY, keep="first", ignore_index=True)


def with_unreadable(
    seen: pd.DataFrame, stored: pd.DataFrame, unreadable: int, *, night: dt.date
) -> pd.DataFrame:
    """Return tonight's rows of a signal with those that its unreadable rows may stand for.

    Where as many rows of the last time are missing as can't be read, nothing was withdrawn.

    Args:
        seen: What was read.
        stored: The stored rows of the signal, from the same source.
        unreadable: How many rows could not be read.
        night: Tonight.
    """
    # What tonight's reading has stored before, when it runs again, is no earlier reading.
    earlier = stored[stored["last_seen"] < night]
    standing = stored[stored["last_seen"] >= earlier["last_seen"].max()] if len(earlier) else stored
    missing = standing[~standing.set_index(KEY).index.isin(seen.set_index(KEY).index)]
    if not 0 < len(missing) <= unreadable:
        return seen
    whole: pd.DataFrame = pd.concat([seen, missing[COLUMNS].assign(last_seen=night)])
    return whole.reset_index(drop=True)


def current_signals(stored: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Return tonight's signals, each with the first night on which it was seen.

    A signal that was withdrawn and is back keeps its first night: it was meant then, too.
    """
    first = stored.set_index(KEY)["first_seen"].rename("earlier")
    joined = seen.merge(first, left_on=KEY, right_index=True, how="left")
    earliest = joined["earlier"].where(joined["earlier"].notna(), joined["first_seen"])
    return joined.assign(first_seen=earliest)[COLUMNS]


class PlaylistMissing(LookupError):
    """The listener has no playlist of the configured name."""


Rows = Iterable[dict[str, Any]]


def read_signals(
    listener_settings: ListenerSettings,
    spotify: "SpotifyClient | None",
    lastfm: "LastfmClient | None",
    listenbrainz: "ListenBrainzClient | None",
    aside: SetAside,
    keep: Callable[[Signal, str, list[dict[str, Any]], int], None],
) -> tuple[list[dict[str, Any]], set[tuple[Signal, str]], ServiceError | None]:
    """Read each signal as a whole and keep it, or leave it unread.

    Without a dislike playlist of the configured name, what was disliked stands as it did.

    Args:
        listener_settings: The listener.
        spotify: None if they have no account there.
        lastfm: Asked for loved tracks; None if they have no account there.
        listenbrainz: Asked for loved and hated tracks, likewise.
        aside: The services that the night does without.
        keep: Stores the rows of one signal from one source, given how many more could not be read.

    Returns:
        The rows of what was read, the signals that were, by source, and the error that kept a
        service from being read on.
    """
    questions: list[tuple[Client, str, dict[Signal, Rows]]] = []
    if lastfm is not None:
        loved = {Signal.LOVED: loved_rows(lastfm, listener_settings.lastfm)}
        questions.append((lastfm, LASTFM, loved))
    if listenbrainz is not None and (user := listener_settings.listenbrainz):
        told: dict[Signal, Rows] = {
            signal: _feedback(listenbrainz, user, signal, score)
            for signal, score in ((Signal.LOVED, 1), (Signal.DISLIKED, -1))
        }
        questions.append((listenbrainz, LISTENBRAINZ, told))
    if spotify is not None and listener_settings.spotify:
        of_spotify: dict[Signal, Rows] = {Signal.TOP: _top(spotify), Signal.SAVED: _saved(spotify)}
        if listener_settings.dislike_playlist:
            of_spotify[Signal.DISLIKED] = _disliked(spotify, listener_settings.dislike_playlist)
        questions.append((spotify, SPOTIFY, of_spotify))
    rows: list[dict[str, Any]] = []
    read: set[tuple[Signal, str]] = set()
    trouble: ServiceError | None = None
    for client, source, signals in questions:
        tally = aside.tally(client)
        try:
            with aside.asking(client) as open_to_us:
                for signal, lazily in signals.items() if open_to_us else ():
                    with suppress(PlaylistMissing), tally.asking(f"{signal} tracks"):
                        odd = client.odd_rows.total()
                        found = list(lazily)
                        keep(signal, source, found, client.odd_rows.total() - odd)
                        rows += found
                        read.add((signal, source))
        except ServiceError as error:
            trouble = trouble or error
    return rows, read, trouble


def track_row(track: SpotifyTrack) -> dict[str, Any]:
    """A track of Spotify's as `plays` and `library` have it."""
    return {
        "artist": track.artist,
        "album": track.album,
        "title": track.title,
        "spotify_id": track.id if track.playable else None,
        "isrc": track.isrc,
    }


def loved_rows(lastfm: "LastfmClient", user: str) -> Rows:
    """Yield a user's loved tracks."""
    for track in lastfm.loved_tracks(user):
        yield {
            "signal": Signal.LOVED, "artist": track.artist, "title": track.title,
            "added_at": track.loved_at,
        }  # fmt: skip


def _feedback(
    listenbrainz: "ListenBrainzClient", user: str, signal: Signal, score: int
) -> Iterator[dict[str, Any]]:
    """Yield what a user loves or hates; names that are missing are looked up."""
    told: dict[str, Feedback] = {}
    offset, total = 0, 1
    while offset < total:
        page = listenbrainz.feedback(user, score=score, offset=offset)
        told |= {row.recording_mbid or row.msid or "": row for row in page.rows}
        offset, total = offset + page.count, page.total if page.count else 0
    nameless = [row.recording_mbid for row in told.values() if not row.title and row.recording_mbid]
    known = listenbrainz.recordings(nameless)
    for row in told.values():
        found = known.get(row.recording_mbid or "")
        yield {
            "signal": signal,
            "artist": row.artist or (found.artist if found else ""),
            "title": row.title or (found.title if found else ""),
            "added_at": row.created_at,
        }


def _top(spotify: "SpotifyClient") -> Rows:
    for time_range in TIME_RANGES:
        for rank, track in enumerate(spotify.top_tracks(time_range), start=1):
            yield {**track_row(track), "signal": Signal.TOP, "time_range": time_range, "rank": rank}


def _saved(spotify: "SpotifyClient") -> Rows:
    for saved in spotify.saved_tracks():
        yield {**track_row(saved.track), "signal": Signal.SAVED, "added_at": saved.added_at}


def _disliked(spotify: "SpotifyClient", name: str) -> Rows:
    """The tracks of the listener's playlists of that name."""
    named = [each for each in spotify.playlists() if is_typed_alike(each.name, name)]
    if not named:
        raise PlaylistMissing(name)
    for playlist in named:
        for item in spotify.playlist_items(playlist.id):
            if item.track is not None:
                track = track_row(item.track)
            elif (item.uri or "").startswith("spotify:episode:"):
                continue
            else:  # it can't be read, which is no sign that it went
                track = {"artist": "", "title": ""}
            yield {**track, "signal": Signal.DISLIKED, "added_at": item.added_at}


def named_share(plays: int) -> float:
    """Return how much a named artist still counts after so many plays, 0-1.

    >>> [round(named_share(plays), 2) for plays in (0, 50, 500, 1_000)]
    [1.0, 0.5, 0.09, 0.0]
    """
    return HALF_AT_PLAYS / (HALF_AT_PLAYS + plays) if plays < MAX_PLAYS else 0.0


def sync_favourite_artists(
    listener: str,
    lake: Lake,
    spotify: "SpotifyClient | None",
    lastfm: "LastfmClient | None",
    metabrainz: "tuple[ListenBrainzClient, MusicBrainzClient] | None",
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Store the best-known tracks of the artists that the listener named, while they count.

    Raises:
        ServiceError: what was stored before it is kept.
    """
    names = settings.listener(listener).favourite_artists
    own = {"listener": listener}
    stored = lake.frame(LIBRARY, where=own)
    stored = stored[stored["signal"] == Signal.NAMED]
    plays = len(lake.frame(PLAYS, columns=["played_at"], where=own)) if names else 0
    if not named_share(plays):
        names = ()
    if not names and stored.empty:
        return {}
    aside = SetAside(lake, listener, night)
    found, silent = _best_known(names, spotify, lastfm, metabrainz, aside)
    told = pd.concat(
        [library_frame([], source=LASTFM, night=night.date)]
        + [library_frame(rows, source=source, night=night.date) for source, rows in found.items()]
    ).drop_duplicates("track_key", ignore_index=True)
    # Where a service did not answer, what it told before stays.
    whole = "set_aside" not in aside.summary and not aside.summary["failed"]
    if whole or len(told) > len(stored):
        old = pc.field("signal") == Signal.NAMED if whole else None
        lake.merge(LIBRARY, told, partition=own, replace=old)
    return {
        "artists_named": len(names),
        **({"artists_not_found": ", ".join(silent)} if silent else {}),
        **aside.summary,
    }


def _best_known(
    names: Iterable[str],
    spotify: "SpotifyClient | None",
    lastfm: "LastfmClient | None",
    metabrainz: "tuple[ListenBrainzClient, MusicBrainzClient] | None",
    aside: SetAside,
) -> tuple[dict[str, list[Row]], Sequence[str]]:
    """Return rows of each artist's best-known tracks by source, and who was not found."""
    found: dict[str, list[Row]] = {}
    left = list(names)
    if lastfm is not None:
        with aside.asking(lastfm) as open_to_us:
            for name in list(left) if open_to_us else ():
                with suppress(NotFound), aside.tally(lastfm).asking(f"best-known tracks of {name}"):
                    tracks = lastfm.artist_top_tracks(name, limit=TRACKS_PER_ARTIST)
                    rows: list[Row] = [{"artist": t.artist, "title": t.title} for t in tracks]
                    _take(found, LASTFM, rows, name, left)
    if spotify is not None and left:
        with aside.asking(spotify) as open_to_us:
            for name in list(left) if open_to_us else ():
                with aside.tally(spotify).asking(f"best-known tracks of {name}"):
                    hits = spotify.search_tracks(f'artist:"{name}"')
                    same = [t for t in hits if artist_key_of(t.artist) == artist_key_of(name)]
                    _take(found, SPOTIFY, list(map(track_row, same)), name, left)
    if metabrainz is not None and left:
        for name, rows in _most_heard(left, *metabrainz, aside).items():
            _take(found, LISTENBRAINZ, rows, name, left)
    return found, left


def _most_heard(
    names: Iterable[str],
    listenbrainz: "ListenBrainzClient",
    musicbrainz: "MusicBrainzClient",
    aside: SetAside,
) -> dict[str, list[Row]]:
    """Return each artist's most heard tracks; of several with one name, the most heard counts."""
    namesakes: dict[str, tuple[str, ...]] = {}
    with aside.asking(musicbrainz) as open_to_us:
        for name in names if open_to_us else ():
            with aside.tally(musicbrainz).asking(f"artists with the name {name}"):
                namesakes[name] = musicbrainz.artists_named(name)
    found: dict[str, list[Row]] = {}
    with aside.asking(listenbrainz) as open_to_us:
        for name, mbids in namesakes.items() if open_to_us else ():
            with aside.tally(listenbrainz).asking(f"best-known tracks of {name}"):
                heard = listenbrainz.artist_popularity(mbids) if len(mbids) > 1 else {}
                for mbid in sorted(mbids, key=lambda each: -_listeners(heard.get(each)))[:1]:
                    tracks = listenbrainz.top_recordings(mbid, limit=TRACKS_PER_ARTIST)
                    found[name] = [{"artist": t.artist, "title": t.title} for t in tracks]
    return found


def _listeners(popularity: "Popularity | None") -> int:
    return (popularity and popularity.listeners) or 0


def _take(
    found: dict[str, list[Row]], source: str, rows: Sequence[Row], name: str, left: list[str]
) -> None:
    """Keep an artist's best-known tracks, if there are any."""
    if rows:
        named = [{**row, "signal": Signal.NAMED} for row in rows[:TRACKS_PER_ARTIST]]
        found.setdefault(source, []).extend(named)
        left.remove(name)
