"""The search for the Spotify playlist that is ours to write.

Only one that Smallhours created: its id is in our ledger and its description carries our marker.
One that a run created and died before writing the id down is recognised by the marker, if it is
the listener's own and still empty. A name means nothing; nor does a copy of our description.
"""

from collections.abc import Iterable
from typing import Literal, Protocol

from smallhours.errors import PlaylistNotOwned
from smallhours.playlist.explain.description import has_marker
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.services.spotify_replies import SpotifyAccount, SpotifyPlaylist

WhenDeleted = Literal["recreate", "stop"]


class PlaylistDirectory(Protocol):
    """The requests to Spotify that this module needs."""

    def me(self) -> SpotifyAccount:
        """Return the account of this login."""

    def playlists(self) -> Iterable[SpotifyPlaylist]:
        """The listener's playlists, followed ones too."""


def find_managed_playlist(
    shelf: PlaylistDirectory,
    ledger_state: LedgerState,
    mark: str,
    *,
    when_deleted: WhenDeleted = "recreate",
) -> SpotifyPlaylist | None:
    """Return our playlist among the listener's, or None when one is to be made.

    Args:
        shelf: The listener's playlists.
        ledger_state: What the ledger says.
        mark: Our marker.
        when_deleted: What becomes of a playlist that the listener deleted.

    Raises:
        PlaylistNotOwned: our playlist lost its marker; or the listener has deleted it, and it is
            not to be made anew, or was already.
    """
    known = ledger_state.playlist_ids
    nameless: SpotifyPlaylist | None = None
    for playlist in shelf.playlists():
        if known and playlist.id == known[0]:
            check_marker(playlist, mark)
            return playlist
        fresh = playlist.total == 0 and playlist.id not in known
        if nameless is None and fresh and has_marker(playlist.description, mark):
            nameless = playlist
    if ledger_state.creating:
        mine = nameless is not None and nameless.owner_id == shelf.me().id
        return nameless if mine else None
    if known and when_deleted == "stop":
        raise PlaylistNotOwned(
            "The listener deleted our playlist, and the settings say to leave it at that.",
            remedy='Set `when_deleted = "recreate"` under the listener\'s `publishing` to have it '
            "made anew, or restore it under Spotify's account page, `Recover playlists`.",
        )
    if len(known) > 1:
        raise PlaylistNotOwned(
            "The listener deleted our playlist, and then the one that was made in its place.",
            remedy="Restore it under Spotify's account page, `Recover playlists`; or switch off "
            "the listener's write_playlist if they want none.",
        )
    return None


def check_marker(playlist: SpotifyPlaylist, mark: str) -> None:
    """See that a playlist still carries our marker.

    Raises:
        PlaylistNotOwned: it does not.
    """
    if not has_marker(playlist.description, mark):
        raise PlaylistNotOwned(
            f"The description of the playlist {playlist.name!r} no longer says {mark}, so it is "
            "not written to.",
            remedy=f"Put {mark} back into its description, or delete the playlist to get a new "
            "one.",
        )
