"""Reading of the library's signals: top, saved, loved and disliked tracks."""

from collections.abc import Callable, Iterable
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
    keep: Callable[[list[dict[str, Any]]], None],
) -> tuple[list[dict[str, Any]], set[Signal], ServiceError | None]:
    """Read each signal as a whole and keep it, or leave it unread.

    A service that fails at one signal is not asked for its others. Without a dislike playlist of
    the configured name, what was disliked stands as it did.

    Args:
        listener_settings: The listener.
        spotify: None if they have no account there.
        lastfm: Asked for loved tracks.
        aside: The services that the night does without.
        keep: Stores the rows of one signal.

    Returns:
        The rows of what was read, the signals that were not, and the first error.
    """
    signals: dict[Signal, tuple[Client, Rows]] = {
        Signal.LOVED: (lastfm, loved_rows(lastfm, listener_settings.lastfm_user))
    }
    if spotify is not None and listener_settings.spotify:
        signals |= {Signal.TOP: (spotify, _top(spotify)), Signal.SAVED: (spotify, _saved(spotify))}
        if listener_settings.dislike_playlist:
            signals[Signal.DISLIKED] = (
                spotify,
                _disliked(spotify, listener_settings.dislike_playlist),
            )
    rows: list[dict[str, Any]] = []
    unread: set[Signal] = set()
    troubles: dict[str, ServiceError] = {}
    for signal, (client, lazily) in signals.items():
        read: list[dict[str, Any]] | None = None
        if client.service not in troubles:
            try:
                with aside.asking(client) as open_to_us:
                    read = list(lazily) if open_to_us else None
            except PlaylistMissing:
                pass
            except ServiceError as error:
                troubles[client.service] = error
        if read is None:
            unread.add(signal)
            continue
        keep(read)
        rows += read
    return rows, unread, next(iter(troubles.values()), None)


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
                yield {
                    **track_row(item.track),
                    "signal": Signal.DISLIKED,
                    "added_at": item.added_at,
                }
