"""What stands in a playlist at one moment, and which of its rows are ours under another name.

Spotify's reads may lag behind its writes, page by page; a track that was written may read as a row
without a track, or under the id of another release.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from smallhours.errors import RetryLater
from smallhours.playlist.publish.ownership import read_marked
from smallhours.playlist.publish.plan import Row
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import SpotifyPlaylist, SpotifyPlaylistItem

# How often a playlist is read that changes while it is read.
MAX_READS = 4
# How often a playlist is read for what must be there: for some 20 seconds with the waits.
MAX_READS_FOR_WRITE = 6
AFTER_EDITS_S = 300.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A playlist at one moment.

    Attributes:
        home: The playlist without its items.
        rows: Its items.
        tracks: Their artists and titles, by URI.
    """

    home: SpotifyPlaylist
    rows: tuple[Row, ...]
    tracks: Mapping[str, tuple[str, str]]

    @property
    def names(self) -> dict[str, str]:
        """What the items are called, by URI."""
        return {uri: f"{artist} – {title}" for uri, (artist, title) in self.tracks.items()}


def take_snapshot(spotify: SpotifyClient, playlist_id: str, mark: str) -> Snapshot:
    """Read a playlist when it stands still: its snapshot id is the same before and after.

    The number of rows must be the one that Spotify counts, unless it is the same twice.

    Raises:
        PlaylistNotOwned: our marker is gone.
        RetryLater: it kept changing.
    """
    before, last = read_marked(spotify, playlist_id, mark), None
    for trial in range(1, MAX_READS + 1):
        rows, tracks = _content(spotify.playlist_items(playlist_id))
        after = read_marked(spotify, playlist_id, mark)
        if after.snapshot_id == before.snapshot_id:
            if rows == last or after.total in (None, len(rows)):
                return Snapshot(after, rows, tracks)
            last = rows
            spotify.retry_policy.sleep(spotify.retry_policy.backoff(trial))
        before = after
    raise RetryLater(
        "Spotify",
        f"the playlist {before.name!r} is being changed by somebody else.",
        remedy="Try again when they are done.",
        after=AFTER_EDITS_S,
    )


def looks(spotify: SpotifyClient) -> Iterator[int]:
    """Yield the numbers of the looks for what must be there, with waits in between."""
    for trial in range(1, MAX_READS_FOR_WRITE + 1):
        if trial > 1:
            spotify.retry_policy.sleep(spotify.retry_policy.backoff(trial - 1))
        yield trial


def disguised(
    expected: Sequence[Row], rows: Sequence[Row], added: Sequence[str], known: Set[Row]
) -> dict[str, Row]:
    """Return which added tracks stand in their places as rows without a track or as unknown ones.

    Empty if the playlist differs from the expected one in anything else.

    Args:
        expected: The rows as they would be.
        rows: As they are.
        added: What a request has added.
        known: Items that are none of these under another id.
    """
    if len(rows) != len(expected):
        return {}
    found = dict[str, Row]()
    for wanted, row in zip(expected, rows, strict=True):
        if wanted == row:
            continue
        if wanted is None or wanted not in added or row in known:
            return {}
        found[wanted] = row
    return found


def _content(
    items: Sequence[SpotifyPlaylistItem],
) -> tuple[tuple[Row, ...], dict[str, tuple[str, str]]]:
    tracks = {
        item.uri: (item.track.artist, item.track.title)
        for item in items
        if item.uri is not None and item.track is not None
    }
    return tuple(item.uri for item in items), tracks
