"""The artists that a listener named: what a first list rests on before there is a history.

Each counts by its best-known tracks, which Last.fm tells, or else Spotify's search, or else
ListenBrainz, which wants a token for that. They are stored in `library` with the signal `named`,
and count less with every play.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import NotFound
from smallhours.identity import artist_key_of
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.library import library_frame, track_row
from smallhours.listening.plays import LASTFM, LISTENBRAINZ, SPOTIFY
from smallhours.nights import Night
from smallhours.services.set_aside import SetAside
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Signal

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.listenbrainz_metadata import Popularity
    from smallhours.services.musicbrainz import MusicBrainzClient
    from smallhours.services.spotify import SpotifyClient

# The best-known tracks of an artist that stand for it.
TRACKS_PER_ARTIST = 5
# With so many plays, what was named counts half; from MAX_PLAYS on, nothing, and nobody is asked.
HALF_AT_PLAYS, MAX_PLAYS = 50, 1_000

Row = dict[str, object]


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
