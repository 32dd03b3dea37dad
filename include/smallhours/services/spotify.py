"""Spotify client: one method per question or action.

All of them are open to a new development-mode app of 2026. Several threads may share a client.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Generic, Literal, TypeVar

from smallhours.errors import BrokenReply
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket, shared_rate_limit
from smallhours.services.spotify_replies import (
    SERVICE,
    RecentPlay,
    SavedTrack,
    SpotifyAccount,
    SpotifyPlaylistItem,
    SpotifyTrack,
    has_next,
    parse_account,
    parse_features,
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
from smallhours.services.spotify_transport import SpotifyTokens, SpotifyTransport, spotify_http
from smallhours.services.transport import Client, fingerprint

T = TypeVar("T")
TimeRange = Literal["short_term", "medium_term", "long_term"]

# Limits of the Web API since February 2026 (developer.spotify.com, changes/february-2026).
PAGE: Final = 50
MAX_SEARCH_RESULTS: Final = 10
MAX_ITEMS_PER_WRITE: Final = 100
MAX_FEATURE_IDS: Final = 100

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
        rate_limit: How fast, and how often a day, requests may start; the process's own for this
            app by default.
        on_new_refresh_token: Told when Spotify replaces the refresh token; it has to keep it.
        retry_policy: What is tried again; also how long to wait for a write to show.
    """

    service = SERVICE

    def __init__(
        self,
        credentials: SpotifyCredentials,
        *,
        settings: SpotifySettings,
        rate_limit: TokenBucket | None = None,
        on_new_refresh_token: Callable[[str], None] | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.retry_policy = retry_policy or RetryPolicy()
        # Not the refresh token, which Spotify may replace at any time.
        login = credentials.client_id, credentials.client_secret, credentials.authorized_at
        self.access = fingerprint(settings.api_url, *login)
        http = spotify_http(
            settings,
            credentials,
            rate_limit=rate_limit
            or shared_rate_limit(
                SERVICE, settings.calls_per_second, calls_per_day=settings.calls_per_day
            ),
            retry_policy=self.retry_policy,
        )
        super().__init__(http)
        tokens = SpotifyTokens(
            credentials,
            settings=settings,
            http=http,
            on_new_refresh_token=on_new_refresh_token or (lambda _token: None),
        )
        self._transport = SpotifyTransport(
            tokens, http=http, api_url=settings.api_url, listener=credentials.listener
        )

    # What the listener likes and plays

    def me(self) -> SpotifyAccount:
        """Return the account of this login."""
        return parse_account(self._http.cursor(self._transport.me()))

    def top_tracks(self, time_range: TimeRange) -> Iterator[SpotifyTrack]:
        """Yield the listener's most played tracks, best first: all of them; a call per fifty.

        Args:
            time_range: About 4 weeks, 6 months or a year.
        """
        pages = _Pages(self.odd_rows, parse_top, strict=False)
        seen: set[str] = set()
        while (part := pages.next()) is not None:
            reply = self._transport.current_user_top_tracks(time_range=time_range, **part)
            for track in pages.rows(self._http.cursor(reply)):
                if track.uri not in seen:
                    seen.add(track.uri)
                    yield track

    def saved_tracks(self, since: datetime | None = None) -> Iterator[SavedTrack]:
        """Yield the tracks in the listener's library, latest first; a call per fifty.

        Args:
            since: Stop before what was added earlier than this; None for all.
        """
        pages = _Pages(self.odd_rows, parse_saved)
        while (part := pages.next()) is not None:
            reply = self._transport.current_user_saved_tracks(**part)
            for saved in pages.rows(self._http.cursor(reply)):
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
        reply = self._transport.current_user_recently_played(limit=PAGE, after=milliseconds)
        return parse_recent(self._http.cursor(reply))

    # The catalogue; these calls share the day's quota

    def search_tracks(self, query: str, limit: int = MAX_SEARCH_RESULTS) -> list[SpotifyTrack]:
        """Return the tracks that a search finds, best first.

        Args:
            query: Free text, or with filters such as `track:"..." artist:"..."` and `isrc:...`.
            limit: 1-10; fewer than five rank worse.
        """
        if not 1 <= limit <= MAX_SEARCH_RESULTS:
            raise ValueError(f"limit must be 1-{MAX_SEARCH_RESULTS}, not {limit}")
        return parse_search(
            self._http.cursor(self._transport.search(query, limit=limit, type="track"))
        )

    def track(self, track_id: str) -> SpotifyTrack:
        """Return one track by its id or URI."""
        return parse_track(self._http.cursor(self._transport.track(track_id)))

    def audio_features(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return Spotify's own features of each track that it has analysed; a call per hundred.

        Only apps from before 2024-11-27 are given any; the others get Refused.
        """
        found: dict[str, dict[str, float]] = {}
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), MAX_FEATURE_IDS):
            batch = wanted[start : start + MAX_FEATURE_IDS]
            # spotipy's own method is deprecated, warns, and unwraps.
            reply = self._transport.get("audio-features", ids=",".join(batch))
            found |= parse_features(self._http.cursor(reply), batch)
        return found

    # Playlists

    def playlists(self) -> Iterator[PlaylistDetails]:
        """Yield the listener's playlists, followed ones too, in their order; a call per fifty."""
        pages = _Pages(self.odd_rows, parse_playlists)
        while (part := pages.next()) is not None:
            reply = self._transport.current_user_playlists(**part)
            yield from pages.rows(self._http.cursor(reply))

    def create_playlist(
        self, name: str, description: str, *, public: bool = False
    ) -> PlaylistDetails:
        """Create an empty playlist.

        Sent once only: after RetryLater or BrokenReply it may exist or not; look for it in
        `playlists` before trying again.
        """
        reply = self._transport.current_user_playlist_create(
            name, public=public, description=description
        )
        return parse_playlist(self._http.cursor(reply))

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        """Return a playlist without its items."""
        return parse_playlist(
            self._http.cursor(self._transport.playlist(playlist_id, fields=_PLAYLIST_FIELDS))
        )

    def has_in_library(self, uri: str) -> bool:
        """Return whether an item, such as a playlist, is in the listener's library."""
        answers = self._http.cursor(self._transport.get("me/library/contains", uris=uri))
        return any(answer.value is True for answer in answers)

    def playlist_items(self, playlist_id: str) -> list[SpotifyPlaylistItem]:
        """Return all rows of a playlist that the listener owns or edits; a call per fifty."""
        pages = _Pages(self.odd_rows, parse_playlist_items)
        found: list[SpotifyPlaylistItem] = []
        while (part := pages.next()) is not None:
            reply = self._transport.playlist_items(playlist_id, **part)
            found += pages.rows(self._http.cursor(reply))
        return found

    def add_items(self, playlist_id: str, uris: Sequence[str], position: int | None = None) -> str:
        """Add at most 100 items; return the new snapshot id.

        Sent once only: after RetryLater or BrokenReply they may be there or not; read the
        playlist before trying again.

        Args:
            playlist_id: Whose.
            uris: What, in order.
            position: Before which row, from 0; None is at the end.
        """
        # spotipy sends an array instead of the body that Spotify documents.
        path = f"playlists/{self._transport.id_of('playlist', playlist_id)}/items"
        where = {} if position is None else {"position": position}
        reply = self._transport.post(path, payload={"uris": _batch(uris), **where})
        return parse_snapshot(self._http.cursor(reply))

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
        reply = self._transport.playlist_reorder_items(
            playlist_id, start, before, length, snapshot_id
        )
        return parse_snapshot(self._http.cursor(reply))

    def upload_cover(self, playlist_id: str, jpeg: bytes) -> None:
        """Set a playlist's cover image; needs the scope `ugc-image-upload`.

        Args:
            playlist_id: Whose.
            jpeg: A JPEG, at most 192 KB: in base 64, as it is sent, Spotify takes 256 KB.
        """
        picture = base64.b64encode(jpeg).decode()
        self._transport.playlist_upload_cover_image(playlist_id, picture)

    def remove_items(
        self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None = None
    ) -> str:
        """Remove every occurrence of at most 100 URIs; return the new snapshot id.

        Args:
            playlist_id: Whose.
            uris: What.
            snapshot_id: The version that the decision was made on; None names none.
        """
        # spotipy takes an episode's URI for a mistake.
        path = f"playlists/{self._transport.id_of('playlist', playlist_id)}/items"
        version = {} if snapshot_id is None else {"snapshot_id": snapshot_id}
        items = [{"uri": uri} for uri in _batch(uris)]
        reply = self._transport.delete(path, payload={"items": items, **version})
        return parse_snapshot(self._http.cursor(reply))

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist; None leaves a detail as it is."""
        self._transport.playlist_change_details(
            playlist_id, name=name, description=description, public=public
        )

    def delete_playlist(self, playlist_id: str) -> None:
        """Take a playlist out of the listener's library, which is how Spotify deletes one."""
        # spotipy's own method was closed in 2026.
        checked = self._transport.id_of("playlist", playlist_id)
        self._transport.delete("me/library", uris=f"spotify:playlist:{checked}")


class _Pages(Generic[T]):
    """The reading of rows page by page; a page may be short, and another follows all the same.

    Offsets are counted here: the reply's own `next` is an address, and a token is sent to
    no address that a reply names.

    Args:
        odd_rows: Counts the rows that can't be read.
        parse: Reads a page's rows.
        strict: Whether an empty page that names another is an error, or the end.
    """

    def __init__(
        self,
        odd_rows: Counter[str],
        parse: Callable[[JsonCursor], list[T]],
        *,
        strict: bool = True,
    ) -> None:
        self._odd_rows = odd_rows
        self._parse = parse
        self._strict = strict
        self._offset = 0
        self._accounted = -odd_rows.total()
        self._last: JsonCursor | None = None

    def next(self) -> dict[str, int] | None:
        """Return which part to ask for next; None when there is no further page.

        Raises:
            BrokenReply: the last page was empty, and says that another follows.
        """
        if self._last is not None and not self._is_followed(self._last):
            return None
        return {"limit": PAGE, "offset": self._offset}

    def rows(self, reply: JsonCursor) -> list[T]:
        """Return the rows of the page that was asked for."""
        rows = self._parse(reply)
        self._last = reply
        self._offset += PAGE
        self._accounted += len(rows)
        return rows

    def _is_followed(self, page: JsonCursor) -> bool:
        if not has_next(page):
            # A row that is counted, and is null or does not come, can't be read either.
            total = page["total"].whole_or_none() or 0
            missing = total - self._accounted - self._odd_rows.total()
            self._odd_rows["missing"] += max(missing, 0)
            return False
        if any(True for _ in page["items"]):
            return True
        if self._strict:
            raise BrokenReply(SERVICE, "an empty page says that another follows.", remedy=REMEDY)
        return False


def _checked(uris: Sequence[str]) -> list[str]:
    for uri in uris:
        if not _URI.fullmatch(uri):
            raise ValueError(f"{uri!r} is no URI of a track or an episode")
    return list(uris)


def _batch(uris: Sequence[str]) -> list[str]:
    if len(uris) > MAX_ITEMS_PER_WRITE:
        raise ValueError(f"at most {MAX_ITEMS_PER_WRITE} items a call, not {len(uris)}")
    return _checked(uris)
