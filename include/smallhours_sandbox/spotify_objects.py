"""Spotify's JSON objects for tracks, artists, albums and users, as of late 2026.

For a new development-mode app `available_markets`, `linked_from`, `popularity`, `followers`,
`label`, `album_group`, `country`, `email` and `product` are gone
(https://developer.spotify.com/documentation/web-api/references/changes/february-2026), while
`external_ids` came back (…/changes/march-2026) and users gained `account_id` (…/changes/may-2026).
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import numpy as np

from smallhours_sandbox.identifiers import base62_id
from smallhours_sandbox.oddities import is_odd
from smallhours_sandbox.ragged import Ragged
from smallhours_sandbox.spotify_images import album_images
from smallhours_sandbox.world import SandboxListener, World

Json = dict[str, Any]

SITE = "https://open.spotify.com"


class SpotifyCatalog:
    """Spotify's view of a world: lookups in both directions, and JSON for everything with an id.

    Attributes:
        world: the catalogue.
        artist_ids: Spotify id per artist index.
        album_ids: Spotify id per album index.
        artists: artist index by Spotify id.
        albums: album index by Spotify id.
        albums_of: album indices per artist, newest first.
        tracks_of: track indices per album, in the album's order.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.artist_ids = [base62_id(world.seed, "artist", i) for i in range(world.n_artists)]
        n_albums = len(world.album_title)
        self.album_ids = [base62_id(world.seed, "album", i) for i in range(n_albums)]
        self.artists = {key: index for index, key in enumerate(self.artist_ids)}
        self.albums = {key: index for index, key in enumerate(self.album_ids)}
        newest = np.argsort(np.argsort(np.array(world.album_released, dtype=np.str_)))
        self.albums_of = Ragged.from_triplets(
            world.album_artist, np.arange(n_albums, dtype=np.int32), newest, world.n_artists
        )
        self.tracks_of = Ragged.from_triplets(
            world.track_album,
            np.arange(world.n_tracks, dtype=np.int32),
            -world.track_number,
            n_albums,
        )

    def track_index(self, spotify_id: str) -> int | None:
        """Return the track with that Spotify id."""
        return self.world.lookup.spotify.get(spotify_id)

    def track(self, index: int, base: str) -> Json:
        """Return a TrackObject; it says whether the listener's country may play it."""
        body = self.simple_track(index, base, market=True)
        isrc = self.world.track_isrc[index]
        body["album"] = self.simple_album(int(self.world.track_album[index]), base)
        body["external_ids"] = {"isrc": isrc} if isrc else {}
        return body

    def simple_track(self, index: int, base: str, *, market: bool = False) -> Json:
        """Return a SimplifiedTrackObject: no album, no external ids.

        Args:
            index: the track.
            base: scheme and host of addresses.
            market: whether to say if it can be played.
        """
        world = self.world
        credited = [int(world.track_artist[index]), *world.track_featured[index]]
        body = _item("track", world.track_spotify_id[index], base)
        body |= {
            "artists": [self.simple_artist(artist, base) for artist in credited],
            "disc_number": 1,
            "duration_ms": int(world.track_duration_ms[index]),
            "explicit": bool(world.track_explicit[index]),
            "is_local": False,
            "name": world.track_title[index],
            "preview_url": None,
            "track_number": int(world.track_number[index]),
        }
        if market:
            body["is_playable"] = not is_odd(world, "unplayable", body["id"])
            if not body["is_playable"]:
                body["restrictions"] = {"reason": "market"}
        return body

    def simple_artist(self, index: int, base: str) -> Json:
        """Return a SimplifiedArtistObject."""
        body = _item("artist", self.artist_ids[index], base)
        body["name"] = self.world.artist_name[index]
        return body

    def artist(self, index: int, base: str) -> Json:
        """Return an ArtistObject; `genres` is there but empty, as for new apps."""
        return {**self.simple_artist(index, base), "genres": [], "images": []}

    def simple_album(self, index: int, base: str) -> Json:
        """Return a SimplifiedAlbumObject."""
        total = len(self.tracks_of[index][0])
        released = self.world.album_released[index]
        body = _item("album", self.album_ids[index], base)
        body |= {
            "album_type": "album" if total > 3 else "single",
            "artists": [self.simple_artist(int(self.world.album_artist[index]), base)],
            "images": album_images(self.album_ids[index], base),
            "name": self.world.album_title[index],
            "release_date": released or "0000",
            "release_date_precision": {4: "year", 7: "month"}.get(len(released or "0000"), "day"),
            "total_tracks": total,
        }
        return body

    def user(self, person: SandboxListener, base: str) -> Json:
        """Return a PlaylistUserObject."""
        return _item("user", person.spotify_id, base, path="users")

    def owner(self, person: SandboxListener, base: str) -> Json:
        """Return a PlaylistOwnerObject."""
        return {**self.user(person, base), "display_name": person.display_name}

    def me(self, person: SandboxListener, base: str) -> Json:
        """Return a PrivateUserObject, with the fields that remain in 2026."""
        body = self.owner(person, base)
        return {**body, "account_id": person.account_id, "images": []}


def local_track(uri: str) -> Json:
    """Return the item of a local file, "spotify:local:artist:album:title:seconds".

    It has no id and can't be looked up.
    """
    artist, album, title, seconds = (uri.split(":")[2:] + [""] * 4)[:4]
    return {
        "album": {
            "album_type": None,
            "artists": [],
            "external_urls": {},
            "href": None,
            "id": None,
            "images": [],
            "name": unquote_plus(album),
            "release_date": None,
            "release_date_precision": None,
            "type": "album",
            "uri": None,
        },
        "artists": [
            {
                "external_urls": {},
                "href": None,
                "id": None,
                "name": unquote_plus(artist),
                "type": "artist",
                "uri": None,
            }
        ],
        "disc_number": 0,
        "duration_ms": int(seconds) * 1000 if seconds.isdigit() else 0,
        "explicit": False,
        "external_ids": {},
        "external_urls": {},
        "href": None,
        "id": None,
        "is_local": True,
        "name": unquote_plus(title),
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": uri,
    }


def episode(uri: str, base: str) -> Json:
    """Return the item of a podcast episode; all episodes are alike, since the world has none."""
    return {
        **_item("episode", uri.rpartition(":")[2], base),
        "description": "",
        "duration_ms": 1_800_000,
        "explicit": False,
        "is_externally_hosted": False,
        "is_playable": True,
        "language": "en",
        "languages": ["en"],
        "name": "An episode",
        "release_date": "2026-10-01",
        "release_date_precision": "day",
    }


def timestamp(at: float) -> str:
    """Return a time in the format of `added_at`, "2026-11-02T03:00:00Z"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def timestamp_ms(at_ms: int) -> str:
    """Return a time in the format of `played_at`, "2026-11-02T03:00:00.123Z"."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{timestamp(seconds)[:-1]}.{ms:03d}Z"


def _item(kind: str, key: str, base: str, *, path: str = "") -> Json:
    return {
        "external_urls": {"spotify": f"{SITE}/{kind}/{key}"},
        "href": f"{base}/v1/{path or kind + 's'}/{key}",
        "id": key,
        "type": kind,
        "uri": f"spotify:{kind}:{key}",
    }
