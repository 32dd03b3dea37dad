"""ListenBrainz' playlists: reading, making and changing them.

There is no replacing of all tracks, no version of a list and no transaction: what was written has
to be read back. Changing anything needs the owner's token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from smallhours.services.json_cursor import JsonCursor
from smallhours.services.listenbrainz_replies import (
    list_of,
    mbid_of,
    object_of,
    text_of,
    whole_of,
)
from smallhours.services.listenbrainz_transport import ListenBrainzCalls, path_of

PLAYLISTS_PER_PAGE: Final = 100
_PLAYLIST: Final = "https://musicbrainz.org/doc/jspf#playlist"
_RECORDING: Final = "https://musicbrainz.org/recording/"


@dataclass(frozen=True, slots=True)
class PlaylistTrack:
    """One track of a playlist; without names where MusicBrainz does not know the id.

    `cover` is the path of its release's picture at the Cover Art Archive; empty where it has none.
    """

    recording_mbid: str | None
    title: str
    artist: str
    added_by: str | None = None
    cover: str = ""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist; in lists of playlists it has no tracks.

    Attributes:
        mbid: Its id.
        title, annotation: As they stand there; the annotation may hold some HTML.
        creator: The owner's name.
        public: Whether everybody may see it.
        collaborators: Who else may change it.
        tracks: In their order.
    """

    mbid: str
    title: str
    annotation: str
    creator: str
    public: bool
    collaborators: tuple[str, ...] = ()
    tracks: tuple[PlaylistTrack, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaylistPage:
    """One page of a user's playlists; `count` are its rows, read or not, `total` all of them."""

    playlists: tuple[Playlist, ...]
    count: int
    total: int


class PlaylistCalls(ListenBrainzCalls):
    """The questions about playlists, and their changes."""

    def playlists(
        self, user: str, offset: int = 0, count: int = PLAYLISTS_PER_PAGE
    ) -> PlaylistPage:
        """Return a user's playlists, the newest first; with their token also the private ones."""
        return self._get(
            f"user/{path_of(user)}/playlists",
            "user/{name}/playlists",
            _parse_page,
            offset=offset,
            count=count,
        )

    def playlist(self, mbid: str) -> Playlist:
        """Return a playlist with its tracks.

        Raises:
            NotFound: also when it is private and not the token's.
        """
        return self._get(f"playlist/{mbid}", "playlist/{mbid}", parse_playlist)

    def create_playlist(
        self, title: str, *, annotation: str = "", public: bool = False, mbids: Sequence[str] = ()
    ) -> str:
        """Make a playlist and return its id."""
        self._check_token("playlist/create")
        extension = {_PLAYLIST: {"public": public}}
        details = {"title": title, "annotation": annotation, "extension": extension}
        body = {"playlist": {**details, **_tracks(mbids)}}
        return self._post(
            "playlist/create", "playlist/create", body, _parse_created, repeatable=False
        )

    def edit_playlist(
        self,
        mbid: str,
        *,
        title: str | None = None,
        annotation: str | None = None,
        public: bool | None = None,
        collaborators: Sequence[str],
    ) -> None:
        """Change the given details of a playlist.

        Who is not among `collaborators` is none any more.
        """
        extension = {"public": public, "collaborators": list(collaborators)}
        jspf = {
            "title": title,
            "annotation": annotation,
            "extension": {_PLAYLIST: _without_none(extension)},
        }
        body = {"playlist": _without_none(jspf)}
        self._change(f"edit/{mbid}", "edit/{mbid}", body, repeatable=True)

    def delete_playlist(self, mbid: str) -> None:
        """Delete a playlist."""
        self._change(f"{mbid}/delete", "{mbid}/delete", {}, repeatable=True)

    def add_items(self, mbid: str, recordings: Sequence[str], offset: int | None = None) -> None:
        """Add up to 100 recordings, to the end or at a place within the list."""
        place = "" if offset is None else f"/{offset}"
        body = {"playlist": _tracks(recordings)}
        self._change(f"{mbid}/item/add{place}", "{mbid}/item/add", body)

    def delete_items(self, mbid: str, index: int, count: int) -> None:
        """Remove the tracks from `index` on; all of them have to be there."""
        self._change(f"{mbid}/item/delete", "{mbid}/item/delete", {"index": index, "count": count})

    def move_items(self, mbid: str, recording: str, *, start: int, to: int, count: int = 1) -> None:
        """Move the tracks from `start` on, of which `recording` is the first, to another place."""
        body = {"mbid": recording, "from": start, "to": to, "count": count}
        self._change(f"{mbid}/item/move", "{mbid}/item/move", body)

    def _change(self, path: str, route: str, body: Any, *, repeatable: bool = False) -> None:
        self._check_token(f"playlist/{route}")
        self._post(f"playlist/{path}", f"playlist/{route}", body, _parse_ok, repeatable=repeatable)


def parse_playlist(reply: JsonCursor) -> Playlist:
    """Parse a playlist, with or without its tracks."""
    playlist = reply["playlist"]
    extension = object_of(object_of(playlist["extension"])[_PLAYLIST])
    return Playlist(
        mbid=playlist["identifier"].some_text().rstrip("/").rsplit("/", 1)[-1],
        title=text_of(playlist["title"]) or "",
        annotation=text_of(playlist["annotation"]) or "",
        creator=text_of(playlist["creator"]) or "",
        public=extension["public"].value is not False,
        collaborators=tuple(
            name for name in list_of(extension["collaborators"]) if isinstance(name, str)
        ),
        tracks=tuple(_track(row) for row in playlist["track"]),
    )


def _parse_page(reply: JsonCursor) -> PlaylistPage:
    playlists = reply["playlists"].rows(parse_playlist)
    total = reply["playlist_count"].whole()
    return PlaylistPage(tuple(playlists), len(reply["playlists"].value), total)


def _parse_created(reply: JsonCursor) -> str:
    return reply["playlist_mbid"].some_text()


def _parse_ok(reply: JsonCursor) -> None:
    if reply["status"].value != "ok":
        raise reply["status"].broken("ok")


def _track(row: JsonCursor) -> PlaylistTrack:
    """Return a row of a list, whatever it holds: its place counts."""
    identifier = row["identifier"].value
    links = identifier if isinstance(identifier, list) else [identifier]
    found = (mbid_of(link.rsplit("/", 1)[-1]) for link in links if isinstance(link, str))
    extension = object_of(object_of(row["extension"])["https://musicbrainz.org/doc/jspf#track"])
    return PlaylistTrack(
        next((mbid for mbid in found if mbid), None),
        text_of(row["title"]) or "",
        text_of(row["creator"]) or "",
        text_of(extension["added_by"]),
        _cover(object_of(extension["additional_metadata"])),
    )


def _cover(told: JsonCursor) -> str:
    release, picture = mbid_of(told["caa_release_mbid"].value), whole_of(told["caa_id"].value)
    return f"release/{release}/{picture}-250.jpg" if release and picture else ""


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _tracks(mbids: Sequence[str]) -> dict[str, Any]:
    return {"track": [{"identifier": [f"{_RECORDING}{mbid}"]} for mbid in mbids]}
