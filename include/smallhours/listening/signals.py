"""Reading of the library's signals: top, saved, loved and disliked tracks."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from smallhours.errors import ServiceError
from smallhours.identity import is_typed_alike
from smallhours.services.lastfm import LastfmClient
from smallhours.services.set_aside import SetAside
from smallhours.services.spotify import SpotifyClient, TimeRange
from smallhours.services.spotify_replies import SpotifyTrack
from smallhours.services.transport import Client
from smallhours.settings import ListenerSettings
from smallhours.vocabulary import Signal

TIME_RANGES: tuple[TimeRange, ...] = ("short_term", "medium_term", "long_term")


class PlaylistMissing(LookupError):
    """The listener has no playlist of the configured name."""


Rows = Iterable[dict[str, Any]]


def read_signals(
    listener_settings: ListenerSettings,
    spotify: SpotifyClient | None,
    lastfm: LastfmClient,
    aside: SetAside,
    keep: Callable[[Signal, list[dict[str, Any]], int], None],
) -> tuple[list[dict[str, Any]], set[Signal], ServiceError | None]:
    """Read each signal as a whole and keep it, or leave it unread.

    Without a dislike playlist of the configured name, what was disliked stands as it did.

    Args:
        listener_settings: The listener.
        spotify: None if they have no account there.
        lastfm: Asked for loved tracks.
        aside: The services that the night does without.
        keep: Stores the rows of one signal, given how many more could not be read.

    Returns:
        The rows of what was read, the signals that were, and the error that kept a service from
        being read on.
    """
    questions: list[tuple[Client, dict[Signal, Rows]]] = [
        (lastfm, {Signal.LOVED: loved_rows(lastfm, listener_settings.lastfm_user)})
    ]
    if spotify is not None and listener_settings.spotify:
        of_spotify: dict[Signal, Rows] = {Signal.TOP: _top(spotify), Signal.SAVED: _saved(spotify)}
        if listener_settings.dislike_playlist:
            of_spotify[Signal.DISLIKED] = _disliked(spotify, listener_settings.dislike_playlist)
        questions.append((spotify, of_spotify))
    rows: list[dict[str, Any]] = []
    read: set[Signal] = set()
    trouble: ServiceError | None = None
    for client, signals in questions:
        tally = aside.tally(client)
        try:
            with aside.asking(client) as open_to_us:
                for signal, lazily in signals.items() if open_to_us else ():
                    with suppress(PlaylistMissing), tally.asking(f"{signal} tracks"):
                        odd = client.odd_rows.total()
                        found = list(lazily)
                        keep(signal, found, client.odd_rows.total() - odd)
                        rows += found
                        read.add(signal)
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


def loved_rows(lastfm: LastfmClient, user: str) -> Rows:
    """Yield a user's loved tracks."""
    for track in lastfm.loved_tracks(user):
        yield {
            "signal": Signal.LOVED, "artist": track.artist, "title": track.title,
            "added_at": track.loved_at,
        }  # fmt: skip


def _top(spotify: SpotifyClient) -> Rows:
    for time_range in TIME_RANGES:
        for rank, track in enumerate(spotify.top_tracks(time_range), start=1):
            yield {**track_row(track), "signal": Signal.TOP, "time_range": time_range, "rank": rank}


def _saved(spotify: SpotifyClient) -> Rows:
    for saved in spotify.saved_tracks():
        yield {**track_row(saved.track), "signal": Signal.SAVED, "added_at": saved.added_at}


def _disliked(spotify: SpotifyClient, name: str) -> Rows:
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
