"""Which Spotify playlist is ours to write?

Only one that Smallhours created: its id is in our ledger and its description carries our marker.
One that a run created and died before writing the id down is recognised by the marker, if it is
the listener's own. A name means nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smallhours.errors import NotOurs
from smallhours.playlist.marking import carries
from smallhours.services.spotify_replies import Account, Playlist


class PlaylistShelf(Protocol):
    """What is asked of Spotify here."""

    def me(self) -> Account:
        """Whose login this is."""

    def playlists(self) -> Iterable[Playlist]:
        """The listener's playlists, followed ones too."""


def find_home(shelf: PlaylistShelf, known_ids: Sequence[str], mark: str) -> Playlist | None:
    """Our playlist among the listener's, or None when there is none.

    Args:
        shelf: The listener's playlists.
        known_ids: Ids in our ledger, newest first.
        mark: Our marker.

    Raises:
        NotOurs: our playlist lost its marker, or the listener has deleted it twice.
    """
    marked: Playlist | None = None
    for playlist in shelf.playlists():
        if known_ids and playlist.id == known_ids[0]:
            if not carries(playlist.description, mark):
                raise NotOurs(
                    f"The description of the playlist {playlist.name!r} no longer says {mark}, so "
                    "it is not written to.",
                    remedy=f"Put {mark} back into its description, or delete the playlist to get "
                    "a new one.",
                )
            return playlist
        if marked is None and carries(playlist.description, mark):
            marked = playlist
    if marked is not None and marked.owner_id == shelf.me().id:
        return marked
    if len(known_ids) > 1:
        raise NotOurs(
            "The listener deleted our playlist, and then the one that was made in its place.",
            remedy="Restore it under Spotify's account page, `Recover playlists`; or switch off "
            "the listener's write_playlist if they want none.",
        )
    return None
