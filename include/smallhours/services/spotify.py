"""Spotify client: one method per question or action.

All of them are open to a new development-mode app of 2026. Several threads may share a client.
"""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from smallhours.errors import BrokenReply
from smallhours.services.budget import TokenBucket, shared_budget
from smallhours.services.client import Client
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.http_session import new_session
from smallhours.services.journal import Journal
from smallhours.services.json_reply import REMEDY, Json
from smallhours.services.patience import CallCounter, Patience
from smallhours.services.spotify_auth import SERVICE, SpotifyTokens
from smallhours.services.spotify_replies import (
    Account,
    Playlist,
    PlaylistItem,
    RecentPlay,
    SavedTrack,
    SpotifyTrack,
    cursor,
    has_next,
    parse_account,
    parse_contains,
    parse_playlist,
    parse_playlist_items,
    parse_playlists,
    parse_recent,
    parse_saved,
    parse_search,
    parse_snapshot,
    parse_top,
    parse_track,
)
from smallhours.services.spotify_wire import SpotifyWire
from smallhours.settings import Spotify

T = TypeVar("T")
TimeRange = Literal["short_term", "medium_term", "long_term"]

# Limits of the Web API since February 2026 (developer.spotify.com, changes/february-2026).
PAGE: Final = 50
MOST_SEARCHED: Final = 10
MOST_WRITTEN: Final = 100
MOST_LOOKED_UP: Final = 40
# Offsets of me/top/tracks beyond this are refused, which leaves 99 tracks in all.
LAST_TOP_OFFSET: Final = 49

_URI: Final = re.compile(r"spotify:(track|episode):[0-9A-Za-z]{22}")
_PLAYLIST_FIELDS: Final = (
    "id,uri,name,description,owner(id),public,collaborative,snapshot_id,items(total),tracks(total)"
)


class SpotifyClient(Client):
    """Spotify's Web API, as one listener.

    Every method raises, besides what it names:

    * NeedsLogin - the login has expired or was revoked;
    * SourceRefused - an account that the app does not list, a lapsed subscription;
    * Refused - a missing scope, somebody else's playlist;
    * QuotaExceeded - the day's calls are used up, theirs or those we allow ourselves;
    * RetryLater - a rate limit, or no usable reply (in three tries, but one for what appends);
    * NotFound, BrokenReply.

    Args:
        credentials: The listener's.
        settings: Where Spotify is, and how much is asked of it.
        budget: How fast, and how often a day, requests may start; the process's own for this
            app by default.
        on_new_refresh_token: Told when Spotify replaces the refresh token; it has to keep it.
        patience: What is tried again; also how long to wait for a write to show.
        journal: Keeps replies until they are stored; by default nothing does.
    """

    service = SERVICE

    def __init__(
        self,
        credentials: SpotifyCredentials,
        *,
        settings: Spotify,
        budget: TokenBucket | None = None,
        on_new_refresh_token: Callable[[str], None] | None = None,
        patience: Patience | None = None,
        journal: Journal | None = None,
    ) -> None:
        session = new_session()
        super().__init__(session.close, CallCounter())
        self.patience = patience = patience or Patience()
        tokens = SpotifyTokens(
            credentials,
            accounts_url=settings.accounts_url,
            timeout_s=settings.timeout_s,
            session=session,
            patience=patience,
            on_new_refresh_token=on_new_refresh_token or (lambda _token: None),
            count=self._counter.add,
        )
        self._wire = SpotifyWire(
            tokens,
            session=session,
            api_url=settings.api_url,
            timeout_s=settings.timeout_s,
            budget=budget
            or shared_budget(
                SERVICE, settings.calls_per_second, calls_per_day=settings.calls_per_day
            ),
            patience=patience,
            listener=credentials.listener,
            counter=self._counter,
            journal=journal or Journal(),
        )

    # What the listener likes and plays

    def me(self) -> Account:
        """Return the account of this login."""
        return parse_account(cursor(self._wire.me()))

    def top_tracks(self, time_range: TimeRange) -> list[SpotifyTrack]:
        """Return the listener's most played tracks, best first: up to 99, in one or two calls.

        Args:
            time_range: About 4 weeks, 6 months or a year.
        """
        found: dict[str, SpotifyTrack] = {}
        for offset in (0, LAST_TOP_OFFSET):
            reply = cursor(
                self._wire.current_user_top_tracks(limit=PAGE, offset=offset, time_range=time_range)
            )
            tracks = parse_top(reply)
            for track in tracks:
                found.setdefault(track.uri, track)
            if len(tracks) < PAGE:
                break
        return list(found.values())

    def saved_tracks(self, since: datetime | None = None) -> Iterator[SavedTrack]:
        """Yield the tracks in the listener's library, latest first; a call per fifty.

        Args:
            since: Stop before what was added earlier than this; None for all.
        """
        pages = self._pages(lambda at: self._wire.current_user_saved_tracks(PAGE, at), parse_saved)
        for saved in pages:
            if since is not None and saved.added_at < since:
                return
            yield saved

    def recently_played(self, after: datetime | None = None) -> list[RecentPlay]:
        """Return the listener's last plays, oldest first: at most 50, and none before those.

        Args:
            after: Leave out plays up to this moment.
        """
        milliseconds = None
        if after is not None:
            milliseconds = (after - datetime.fromtimestamp(0, after.tzinfo)) // timedelta(
                milliseconds=1
            )
        reply = self._wire.current_user_recently_played(limit=PAGE, after=milliseconds)
        return parse_recent(cursor(reply))

    def saved_contains(self, uris: Sequence[str]) -> dict[str, bool]:
        """Return whether each of these is in the listener's library; a call per forty.

        Raises:
            ValueError: when one is no URI of a track or an episode.
        """
        wanted = list(dict.fromkeys(_checked(uris)))
        found: dict[str, bool] = {}
        for start in range(0, len(wanted), MOST_LOOKED_UP):
            batch = wanted[start : start + MOST_LOOKED_UP]
            answers = parse_contains(cursor(self._wire.library_contains(batch)))
            if len(answers) != len(batch):
                raise BrokenReply(
                    SERVICE,
                    f"{len(batch)} URIs were looked up, but {len(answers)} answers came.",
                    remedy=REMEDY,
                )
            found.update(zip(batch, answers, strict=True))
        return found

    # The catalogue; these calls share the day's quota

    def search_tracks(self, query: str, limit: int = MOST_SEARCHED) -> list[SpotifyTrack]:
        """Return the tracks that a search finds, best first.

        Args:
            query: Free text, or with filters such as `track:"..." artist:"..."` and `isrc:...`.
            limit: 1-10; fewer than five rank worse.
        """
        if not 1 <= limit <= MOST_SEARCHED:
            raise ValueError(f"limit must be 1-{MOST_SEARCHED}, not {limit}")
        return parse_search(cursor(self._wire.search(query, limit=limit, type="track")))

    def track(self, track_id: str) -> SpotifyTrack:
        """Return one track by its id or URI."""
        return parse_track(cursor(self._wire.track(track_id)))

    def legacy_audio_features(self, ids: Sequence[str]) -> Json:
        """Return Spotify's reply about the audio features of at most 100 tracks, unparsed.

        Only apps from before 2024-11-27 are given one; the others get Refused.
        """
        return cursor(self._wire.legacy_audio_features(ids))

    # Playlists

    def playlists(self) -> Iterator[Playlist]:
        """Return the listener's playlists, followed ones too, in their order; a call per fifty."""
        return self._pages(lambda at: self._wire.current_user_playlists(PAGE, at), parse_playlists)

    def create_playlist(self, name: str, description: str, *, public: bool = False) -> Playlist:
        """Create an empty playlist.

        Sent once only: after RetryLater or BrokenReply it may exist or not; look for it in
        `playlists` before trying again.
        """
        reply = self._wire.current_user_playlist_create(
            name, public=public, description=description
        )
        return parse_playlist(cursor(reply))

    def playlist(self, playlist_id: str) -> Playlist:
        """Return a playlist without its items."""
        return parse_playlist(cursor(self._wire.playlist(playlist_id, fields=_PLAYLIST_FIELDS)))

    def playlist_items(self, playlist_id: str) -> list[PlaylistItem]:
        """Return all rows of a playlist that the listener owns or edits; a call per fifty."""
        return list(
            self._pages(
                lambda at: self._wire.playlist_items(playlist_id, limit=PAGE, offset=at),
                parse_playlist_items,
            )
        )

    def replace_items(self, playlist_id: str, uris: Sequence[str]) -> str:
        """Make a playlist hold exactly these, at most 100; return the new snapshot id."""
        batch = _batch(uris)
        return parse_snapshot(cursor(self._wire.playlist_replace_items(playlist_id, batch)))

    def add_items(
        self, playlist_id: str, uris: Sequence[str], *, position: int | None = None
    ) -> str:
        """Add at most 100 items; return the new snapshot id.

        Sent once only: after RetryLater or BrokenReply they may be there or not; read the
        playlist before trying again.

        Args:
            playlist_id: Whose.
            uris: What, in order.
            position: Before which row, from 0; None is at the end.
        """
        return parse_snapshot(cursor(self._wire.add_items(playlist_id, _batch(uris), position)))

    def move_items(
        self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str
    ) -> str:
        """Move a range of rows; return the new snapshot id.

        Args:
            playlist_id: Whose.
            start: The first row of the range, from 0.
            length: How many.
            before: The row, as counted before the move, that they come to stand before.
            snapshot_id: The version that the decision was made on.
        """
        reply = self._wire.playlist_reorder_items(playlist_id, start, before, length, snapshot_id)
        return parse_snapshot(cursor(reply))

    def upload_cover(self, playlist_id: str, jpeg: bytes) -> None:
        """Set a playlist's cover image; needs the scope `ugc-image-upload`.

        Args:
            playlist_id: Whose.
            jpeg: A JPEG, at most 192 KB: in base 64, as it is sent, Spotify takes 256 KB.
        """
        picture = base64.b64encode(jpeg).decode()
        self._wire.playlist_upload_cover_image(playlist_id, picture)

    def remove_items(self, playlist_id: str, uris: Sequence[str], snapshot_id: str) -> str:
        """Remove every occurrence of at most 100 URIs; return the new snapshot id.

        Args:
            playlist_id: Whose.
            uris: What.
            snapshot_id: The version that the decision was made on.
        """
        reply = self._wire.remove_items(playlist_id, _batch(uris), snapshot_id)
        return parse_snapshot(cursor(reply))

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist; None leaves a detail as it is."""
        self._wire.playlist_change_details(
            playlist_id, name=name, description=description, public=public
        )

    def _pages(self, fetch: Callable[[int], Any], parse: Callable[[Json], list[T]]) -> Iterator[T]:
        """Yield the rows of all pages.

        Offsets are counted here: the reply's own `next` is an address, and a token is sent to
        no address that a reply names.
        """
        offset = 0
        while True:
            reply = cursor(fetch(offset))
            yield from parse(reply)
            offset += PAGE
            if not has_next(reply):
                return
            if not any(True for _ in reply["items"]):
                raise BrokenReply(
                    SERVICE, "an empty page says that another follows.", remedy=REMEDY
                )


def _checked(uris: Sequence[str]) -> list[str]:
    for uri in uris:
        if not _URI.fullmatch(uri):
            raise ValueError(f"{uri!r} is no URI of a track or an episode")
    return list(uris)


def _batch(uris: Sequence[str]) -> list[str]:
    if len(uris) > MOST_WRITTEN:
        raise ValueError(f"at most {MOST_WRITTEN} items a call, not {len(uris)}")
    return _checked(uris)
