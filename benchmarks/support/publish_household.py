"""One listener's Spotify and lake for the publishing suite, with the edits of the listener.

Every edit is made in the sandbox, and the condition that must hold afterwards is recorded.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks.support.publish_cases import PublishScene
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import identify
from smallhours.lake.files import LocalFiles
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.places.place import Place
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.explain.description import marker
from smallhours.playlist.publish.rollback import rollback
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import (
    FAST,
    LISTENER,
    sandbox_services,
    sandbox_settings,
)
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxPlaylist, SandboxPlaylistItem, SandboxState
from smallhours_sandbox.world import World
from tests.lake.stores import Killed

OWNER = "ada"
NIGHTS = ("2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04")
# Shorter than the delay of a fault, longer than any normal answer takes.
TIMEOUT_S = 0.75
LOCAL = "spotify:local:Me:Tape:Song:200"
EPISODE = "spotify:episode:512ojhOuo1ktJprKbVcKyQ"
NEVER = 10**9
NAME = "Smallhours"
COPIED = f"A copy. Made by Smallhours. {marker(LISTENER, 'main')}"


class KillingRateLimit(TokenBucket):
    """A rate limit whose process is killed before its n-th request."""

    def __init__(self, dies_at: int = NEVER) -> None:
        super().__init__(FAST, burst=1_000)
        self.dies_at = dies_at
        self.asked = 0

    def acquire(self, *, metered: bool = True) -> None:
        """Allow a request, or die."""
        self.asked += 1
        if self.asked >= self.dies_at:
            raise Killed
        super().acquire(metered=metered)


@dataclass
class ListenerEdits:
    """The listener's edits, as conditions on the final playlist.

    Attributes:
        present: URIs that must be in the playlist, with their number.
        absent: URIs that must not be in it.
        name: The playlist's name.
        unmarked: The description without our marker, which must stay so.
        taken_over: The rows when the marker was removed: nothing may be written from then on.
        deleted: The playlist that must stay deleted.
    """

    present: dict[str, int] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    name: str | None = None
    unmarked: str | None = None
    taken_over: list[str] | None = None
    deleted: str | None = None


@dataclass
class ListenerFixture:
    """One listener's Spotify and lake, in one scene."""

    world: World
    server: SandboxServer
    settings: Settings
    lake: Path
    scene: PublishScene
    tracks: dict[str, int]

    def __post_init__(self) -> None:
        self.lists = _lists(list(self.tracks), self.scene)
        self.requests: list[str] = []
        self.meddling = ListenerEdits()

    @property
    def state(self) -> SandboxState:
        """Return the sandbox's state."""
        return self.server.state

    def uris(self, which: int) -> list[str]:
        """Return the URIs of one of the lists."""
        return [self.uri(self.tracks[key]) for key in self.lists[which]]

    def uri(self, track: int) -> str:
        """Return the URI of a track of the world."""
        return f"spotify:track:{self.world.track_spotify_id[track]}"

    def free_uris(self) -> list[str]:
        """Return the URIs of the tracks that are in none of the lists, by their numbers."""
        used = {self.uri(self.tracks[key]) for keys in self.lists for key in keys}
        every = (self.uri(track) for track in self.offered())
        return [uri for uri in every if uri not in used]

    def offered(self) -> Iterable[int]:
        """Return the tracks that the place has, by their numbers."""
        return range(self.world.n_tracks)

    def ours(self) -> list[SandboxPlaylist]:
        """Return the playlists that we made, the newest last."""
        return [one for one in self.state.playlists.values() if one.by_app]

    def exists(self) -> bool:
        """Return True if there is a playlist of ours."""
        return bool(self.ours())

    def rows(self) -> list[str]:
        """Return the rows of our newest playlist."""
        made = self.ours()
        return [item.uri for item in made[-1].items] if made else []

    def publish(self, night: int, *, files: LocalFiles | None = None, dies_at: int = NEVER) -> None:
        """Publish a night's list.

        Raises:
            SmallhoursError: the stage's error.
            Killed: at the set request.
        """
        self._run(publish_playlist, night, files, dies_at)

    def roll_back(self, night: int, *, files: LocalFiles | None, dies_at: int) -> None:
        """Roll back to a night's list.

        Raises:
            SmallhoursError: the command's error.
            Killed: at the set request.
        """
        self._run(rollback, night, files, dies_at)

    def place(self, dies_at: int = NEVER) -> Place:
        """Return the listener's Spotify; nothing waits for long."""
        return SpotifyPlace(
            SpotifyClient(
                SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{OWNER}"),
                settings=self.settings.services.spotify,
                rate_limit=KillingRateLimit(dies_at),
                retry_policy=RetryPolicy(initial_wait_s=0.01, max_wait_s=0.02),
            )
        )

    def _run(
        self, command: Callable[..., object], night: int, files: LocalFiles | None, dies_at: int
    ) -> None:
        place = self.place(dies_at)
        try:
            command(
                LISTENER,
                Lake(str(self.lake), files=files),
                place,
                settings=self.settings,
                night=self.settings.night(LISTENER, NIGHTS[night]),
            )
        finally:
            place.close()

    def choose(self, night: int, which: int) -> None:
        """Make one of the lists the list of a night."""
        keys = self.lists[which]
        names = self.world.artist_name
        rows = pd.DataFrame(
            {
                "track_key": keys,
                "artist": [names[self.world.track_artist[self.tracks[key]]] for key in keys],
                "title": [self.world.track_title[self.tracks[key]] for key in keys],
            }
        )
        places = range(1, len(keys) + 1)
        rows = rows.assign(
            intent="main", consensus=0.5, tag_affinity=0.5, popularity=0.5, rank=places,
            score=[1 - place / 1000 for place in places], position=places, slot="exploit",
            why_not="", reason="Because.",
        )  # fmt: skip
        rows["seeds"] = [[] for _ in keys]
        for column in RECOMMENDATIONS.columns:
            if column.name not in rows:
                rows[column.name] = None
        where = {"listener": LISTENER, "night": NIGHTS[night]}
        Lake(str(self.lake)).replace(RECOMMENDATIONS, rows, partition=where)

    def put(self, uri: str, place: int | None = None) -> None:
        """Add an item to our playlist, as the listener."""
        self.insert(uri, place)
        self.meddling.present[uri] = self.rows().count(uri)
        self.meddling.absent.discard(uri)

    def take(self, uri: str) -> None:
        """Remove an item from our playlist, as the listener."""
        self.drop(uri)
        self.meddling.absent.add(uri)
        self.meddling.present.pop(uri, None)

    def insert(self, uri: str, place: int | None) -> None:
        """Add an item in the sandbox; None is at the end."""
        playlist = self.ours()[-1]
        ids = {f"spotify:track:{id_}": n for n, id_ in enumerate(self.world.track_spotify_id)}
        item = SandboxPlaylistItem(ids.get(uri), uri, self.state.now, OWNER)
        playlist.items.insert(len(playlist.items) if place is None else place, item)
        playlist.touch()

    def drop(self, uri: str) -> None:
        """Remove an item in the sandbox."""
        playlist = self.ours()[-1]
        playlist.items = [item for item in playlist.items if item.uri != uri]
        playlist.touch()

    def move(self) -> None:
        """Move a track to the end, as the listener."""
        playlist = self.ours()[-1]
        playlist.items.append(playlist.items.pop(1))
        playlist.touch()

    def rename(self, name: str) -> None:
        """Rename our playlist, as the listener."""
        self.ours()[-1].name = self.meddling.name = name
        self.ours()[-1].touch()

    def unmark(self, description: str) -> None:
        """Change the description of our playlist, as the listener."""
        self.ours()[-1].description = self.meddling.unmarked = description
        self.meddling.taken_over = self.rows()
        self.ours()[-1].touch()

    def delete(self) -> None:
        """Delete our playlist, as the listener."""
        self.ours()[-1].followed = False
        self.meddling.deleted = self.ours()[-1].id

    def details(self) -> tuple[str, str]:
        """Return the name and the description of our playlist."""
        return self.ours()[-1].name, self.ours()[-1].description

    def is_deleted(self) -> bool:
        """Return True if the playlist that the listener deleted is still deleted."""
        return not self.state.playlists[str(self.meddling.deleted)].followed

    def make_others(self) -> None:
        """Make a playlist of the same name as ours, and a copy of its description."""
        made = self.state.create_playlist(OWNER, NAME, description="mine", by_app=False)
        self.state.add_items(made, [1, 2, 3])
        copied = self.state.create_playlist(OWNER, NAME, description=COPIED, by_app=False)
        self.state.add_items(copied, [4, 5])

    def others(self) -> dict[str, object]:
        """Return the content of playlists that are not ours."""
        return {
            key: dataclasses.astuple(one)
            for key, one in self.state.playlists.items()
            if not one.by_app
        }

    def foreign_rows(self) -> list[tuple[str, int | None]]:
        """Return what the listener adds besides a track, and where."""
        return [(LOCAL, 5), (EPISODE, None), ("", 9)]


def written(scene: PublishScene) -> int:
    """Return the number of the list that the run writes."""
    return 0 if scene.first or scene.rollback else 1


def _lists(keys: Sequence[str], scene: PublishScene) -> list[list[str]]:
    """Return the keys of the lists: two nights', a spare one, and the one of the night after."""
    size = scene.size
    lists = [list(keys[start : start + size]) for start in (0, size)]
    if scene.again:
        # Half of the tracks as before, in another order.
        lists[1] = [*keys[size : size + size // 2], *reversed(keys[: size - size // 2])]
    return [*lists, list(keys[-16:-8]), list(keys[-8:])]


def distinct(world: World) -> dict[str, int]:
    """Return tracks of the world by key, each recording once, artists mixed."""
    found: dict[str, int] = {}
    for track in sorted(range(world.n_tracks), key=lambda n: n * 7_919 % world.n_tracks):
        key = identify(world.artist_name[world.track_artist[track]], world.track_title[track])
        found.setdefault(key.track_key, track)
    return found


def remember(lake: Lake, world: World, tracks: dict[str, int]) -> None:
    """Add these tracks to a lake."""
    named = pd.DataFrame(
        {
            "artist": [world.artist_name[world.track_artist[track]] for track in tracks.values()],
            "title": [world.track_title[track] for track in tracks.values()],
            "spotify_id": [world.track_spotify_id[track] for track in tracks.values()],
            "spotify_method": "search",
            "mbid": [world.track_mbid[track] or None for track in tracks.values()],
        }
    )
    add_tracks(lake, named, night=dt.date(2026, 10, 31))


def fixture_settings(url: str) -> Settings:
    """Return settings of one listener, `default`, who is the sandbox's `ada`."""
    return sandbox_settings(
        {"playlist": {"size": 500, "shortest": 1}},
        services=sandbox_services(url, spotify={"timeout_s": TIMEOUT_S}),
    )
