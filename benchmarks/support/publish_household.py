"""One listener's Spotify and lake for the publishing suite, with the edits of the listener.

Every edit is made in the sandbox, and the condition that must hold afterwards is recorded. The
result of a case says whether it held: mixtures of lists, lost edits, touched playlists.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks.support.publish_cases import PublishCase, PublishScene
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import identify
from smallhours.lake.files import LocalFiles
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.playlist.publish.ledger import MAYBE_STANDING
from smallhours.playlist.publish.rollback import rollback
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.rate_limit import TokenBucket
from smallhours.services.retry import RetryPolicy
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings
from smallhours.vocabulary import Outcome
from smallhours_sandbox.faults import Fault
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
        ids = self.world.track_spotify_id
        return [f"spotify:track:{ids[self.tracks[key]]}" for key in self.lists[which]]

    def ours(self) -> list[SandboxPlaylist]:
        """Return the playlists that we made, the newest last."""
        return [one for one in self.state.playlists.values() if one.by_app]

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

    def _run(
        self, command: Callable[..., object], night: int, files: LocalFiles | None, dies_at: int
    ) -> None:
        with SpotifyClient(
            SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{OWNER}"),
            settings=self.settings.services.spotify,
            rate_limit=KillingRateLimit(dies_at),
            retry_policy=RetryPolicy(initial_wait_s=0.01),
        ) as client:
            command(
                LISTENER,
                Lake(str(self.lake), files=files),
                client,
                settings=self.settings,
                night=self.settings.night(LISTENER, NIGHTS[night]),
            )

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
        playlist = self.ours()[-1]
        ids = {f"spotify:track:{id_}": n for n, id_ in enumerate(self.world.track_spotify_id)}
        item = SandboxPlaylistItem(ids.get(uri), uri, self.state.now, OWNER)
        playlist.items.insert(len(playlist.items) if place is None else place, item)
        playlist.touch()
        self.meddling.present[uri] = [item.uri for item in playlist.items].count(uri)
        self.meddling.absent.discard(uri)

    def take(self, uri: str) -> None:
        """Remove an item from our playlist, as the listener."""
        playlist = self.ours()[-1]
        playlist.items = [item for item in playlist.items if item.uri != uri]
        playlist.touch()
        self.meddling.absent.add(uri)
        self.meddling.present.pop(uri, None)

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
        }
    )
    add_tracks(lake, named, night=dt.date(2026, 10, 31))


def fixture_settings(url: str) -> Settings:
    """Return settings of one listener, `default`, who is the sandbox's `ada`."""
    return sandbox_settings(
        {"playlist": {"size": 500, "shortest": 4}},
        services=sandbox_services(url, spotify={"timeout_s": TIMEOUT_S}),
    )


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """The result of a case.

    Attributes:
        ended: How the run with trouble ended.
        left: The list in the playlist then: "old", "new" or "new above old".
        happened: True if the trouble happened.
        bad_moments: Number of requests before which the playlist held no whole list of ours.
        mixtures: Playlists that in the end hold more than tonight's list and the listener's items.
        lost_edits: Number of the listener's edits that were undone.
        others_touched: Number of other playlists that changed.
        verified_but_wrong: Whether the ledger ever called a list verified that did not stand there.
    """

    ended: str
    left: str
    happened: bool
    bad_moments: int
    mixtures: int
    lost_edits: int
    others_touched: int
    verified_but_wrong: int

    @property
    def good(self) -> bool:
        """Return True if nothing is wrong."""
        wrong = self.bad_moments + self.mixtures + self.lost_edits + self.others_touched
        wrong += self.verified_but_wrong
        return wrong == 0 and self.happened


def list_present(rows: Sequence[str], before: Sequence[str], new: Sequence[str]) -> str:
    """Return the list or lists that the playlist holds."""
    has_old = bool(before) and set(before) - set(new) <= set(rows)
    has_new = set(new) <= set(rows)
    if has_old and has_new:
        return "new above old"
    if has_new:
        return "new"
    return "old" if has_old or not rows else "part of the first"


def trouble_happened(
    case: PublishCase, fault: Fault | None, home: ListenerFixture, ended: str
) -> bool:
    """Return True if a case's trouble happened."""
    if fault is not None:
        return fault.fired > 0
    if case.trouble.startswith("kill"):
        return ended == "killed"
    return len(home.requests) >= case.at


def mixtures_in(
    home: ListenerFixture, before: Sequence[str], *, stopped: str, which: int | None = None
) -> int:
    """Return 1 if our newest playlist is not one whole list and the listener's own items."""
    which = written(home.scene) if which is None else which
    if home.meddling.taken_over is not None:
        # A request may have been under way; the tracks that it added are removed again.
        whole_lists = (home.meddling.taken_over, list(before), home.uris(which))
        return int(home.rows() not in whole_lists)
    left = list(home.rows())
    for uri, count in home.meddling.present.items():
        for _ in range(count if uri not in home.uris(which) else count - 1):
            if uri in left:
                left.reverse()
                left.remove(uri)
                left.reverse()
    absent = home.meddling.absent
    whole = [uri for uri in home.uris(which) if uri not in absent]
    if left == whole:
        return 0
    kept = [uri for uri in before if uri not in absent and uri not in home.meddling.present]
    return int(not (stopped and sorted(left) == sorted(kept)))


def verified_but_wrong_in(home: ListenerFixture) -> int:
    """1 if the ledger calls a list verified that does not stand there, alone but for what is own.

    A list that the listener threw away, or out of our hands, is not looked at.
    """
    rows = Lake(str(home.lake)).frame(PLAYLISTS, where={"listener": LISTENER})
    newest = rows[rows["outcome"].isin(MAYBE_STANDING)].sort_values("night").tail(1)
    done = home.meddling
    if (
        not (newest["outcome"] == Outcome.VERIFIED).any()
        or done.deleted
        or done.taken_over is not None
    ):
        return 0
    listed = set(newest["uris"].iloc[0])
    there = set(home.rows())
    every = {uri for which in range(len(home.lists)) for uri in home.uris(which)}
    missing = listed - there - done.absent
    left = (there & every) - listed - set(done.present)
    return int(bool(missing or left))


def lost_edits_in(home: ListenerFixture) -> int:
    """Return the number of the listener's edits that were undone."""
    if not home.ours():
        return 0
    playlist = home.ours()[-1]
    rows = home.rows()
    done = home.meddling
    lost = sum(rows.count(uri) < count for uri, count in done.present.items())
    lost += sum(uri in rows for uri in done.absent)
    lost += done.name is not None and playlist.name != done.name
    lost += done.unmarked is not None and playlist.description != done.unmarked
    lost += done.deleted is not None and home.state.playlists[done.deleted].followed
    return int(lost)
