"""One harmless question of every kind to ListenBrainz, its Labs and MusicBrainz."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from smallhours.services.listenbrainz_metadata import TrackNames

if TYPE_CHECKING:
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.musicbrainz import MusicBrainzClient

T = TypeVar("T")

ROWS: Final = 5
_ANY_TAG: Final = "rock"


class Ask(Protocol):
    """Asks a question; returns None where it fails."""

    def __call__(self, question: Callable[[], T]) -> T | None:
        """Ask it."""
        ...


def ask_listenbrainz(client: "ListenBrainzClient", user: str, ask: Ask) -> str | None:
    """Ask ListenBrainz, and return a recording of the listener's, if there is one."""
    page = ask(lambda: client.listens(user, count=ROWS * 10)) if user else None
    if user:
        ask(lambda: client.listen_count(user))
        ask(lambda: client.feedback(user, score=1, count=ROWS))
        ask(lambda: client.playlists(user, count=ROWS))
    listen = next((each for each in page.listens if each.recording_mbid), None) if page else None
    if listen is None or listen.recording_mbid is None:
        return None
    mbid, artists = listen.recording_mbid, listen.artist_mbids
    questions: list[Callable[[], object]] = [
        lambda: client.recordings([mbid]),
        lambda: client.recording_popularity([mbid]),
        lambda: client.tag_recordings(_ANY_TAG, ROWS),
        lambda: client.similar_recordings(mbid),
        lambda: client.spotify_ids([mbid]),
        lambda: client.canonical([mbid]),
        *_about_artist(client, artists),
    ]
    if client.has_token:
        names = TrackNames(listen.artist, listen.title)
        questions += [
            client.user_of_token,
            lambda: client.lookup([names]),
            lambda: client.lookup_one(names.artist, names.title),
        ]
    for question in questions:
        ask(question)
    return mbid


def _about_artist(
    client: "ListenBrainzClient", artists: Sequence[str]
) -> list[Callable[[], object]]:
    if not artists:
        return []
    first = artists[0]
    questions: list[Callable[[], object]] = [
        lambda: client.artists([first]),
        lambda: client.artist_popularity([first]),
        lambda: client.similar_artists(first),
    ]
    return [*questions, lambda: client.top_recordings(first)] if client.has_token else questions


def ask_musicbrainz(client: "MusicBrainzClient", mbid: str, ask: Ask) -> None:
    """Ask MusicBrainz about a recording, and about its ISRC."""
    found = ask(lambda: client.recording(mbid))
    if found is not None and found.isrcs:
        ask(lambda: client.recordings_of_isrc(found.isrcs[0]))
