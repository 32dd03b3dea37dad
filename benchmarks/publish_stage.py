"""Where `publish_playlist` is put to the test: a household, its lists, and a meddling listener.

Everything is real but the world: the stage and its client, HTTP, the lake's files. The sandbox's
server tells of each request before it looks at it; that is when the listener meddles, and when the
playlist is checked: at every moment a whole list of ours has to stand in it.
"""

import dataclasses
import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks.publish_cases import SCENES, Case, Scene
from smallhours.catalog.tracks import remember_tracks
from smallhours.errors import SmallhoursError
from smallhours.identity import identify
from smallhours.lake.files import LocalFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.playlist.marking import marker
from smallhours.playlist.publish import publish_playlist
from smallhours.playlist.rollback import rollback
from smallhours.sandbox.faults import Fault, book
from smallhours.sandbox.server import SandboxServer
from smallhours.sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET, accounts_of
from smallhours.sandbox.state import Playlist, PlaylistItem, SandboxState
from smallhours.sandbox.world import World
from smallhours.services.budget import TokenBucket
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.patience import Patience
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings, parse_settings
from tests.lake.stores import DyingDisk, Killed

LISTENER = "default"
OWNER = "ada"
NIGHTS = ("2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04")
FAST = 10_000.0
# Shorter than a fault holds an answer, longer than any good answer takes.
TIMEOUT_S = 0.75
LOCAL = "spotify:local:Me:Tape:Song:200"
EPISODE = "spotify:episode:512ojhOuo1ktJprKbVcKyQ"
NEVER = 10**9


class DyingBudget(TokenBucket):
    """A budget whose process is killed before its n-th request."""

    def __init__(self, dies_at: int = NEVER) -> None:
        super().__init__(FAST, burst=1_000)
        self.dies_at = dies_at
        self.asked = 0

    def acquire(self, *, metered: bool = True) -> None:
        """Let a request start, or die."""
        self.asked += 1
        if self.asked >= self.dies_at:
            raise Killed
        super().acquire(metered=metered)


@dataclass
class Meddling:
    """What the listener has done, and what has to be true of it in the end.

    Attributes:
        present: URIs that have to be there, with how often.
        absent: URIs that must not be there.
        name: What the playlist has to be called.
        unmarked: The description without our marker, which has to stay so.
        taken_over: What stood there when the marker went: nothing may be written from then on.
        deleted: The playlist that has to stay deleted.
    """

    present: dict[str, int] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    name: str | None = None
    unmarked: str | None = None
    taken_over: list[str] | None = None
    deleted: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        ended: How the troubled run ended.
        left: What stood in the playlist then: "old", "new" or "new above old".
        happened: Whether the trouble did.
        bad_moments: Requests before which no whole list of ours stood there.
        mixtures: Playlists that in the end hold anything but tonight's list and the listener's own.
        lost_edits: Deeds of the listener that were undone.
        others_touched: Other playlists that changed.
    """

    ended: str
    left: str
    happened: bool
    bad_moments: int
    mixtures: int
    lost_edits: int
    others_touched: int

    @property
    def good(self) -> bool:
        """Whether nothing at all is wrong."""
        wrong = self.bad_moments + self.mixtures + self.lost_edits + self.others_touched
        return wrong == 0 and self.happened


@dataclass
class Household:
    """One listener's Spotify and lake, in one scene."""

    world: World
    server: SandboxServer
    settings: Settings
    lake: Path
    scene: Scene
    tracks: dict[str, int]

    def __post_init__(self) -> None:
        self.lists = _lists(list(self.tracks), self.scene)
        self.requests: list[str] = []
        self.meddling = Meddling()

    @property
    def state(self) -> SandboxState:
        """The sandbox's state."""
        return self.server.state

    def uris(self, which: int) -> list[str]:
        """The URIs of one of the lists."""
        ids = self.world.track_spotify_id
        return [f"spotify:track:{ids[self.tracks[key]]}" for key in self.lists[which]]

    def ours(self) -> list[Playlist]:
        """The playlists that we made, the newest last."""
        return [one for one in self.state.playlists.values() if one.by_app]

    def rows(self) -> list[str]:
        """What stands in our newest playlist."""
        made = self.ours()
        return [item.uri for item in made[-1].items] if made else []

    def publish(self, night: int, *, files: LocalFiles | None = None, dies_at: int = NEVER) -> None:
        """Publish a night's list.

        Raises:
            SmallhoursError: what the stage raises.
            Killed: when it was to be killed.
        """
        with self._client(dies_at) as client:
            publish_playlist(
                LISTENER,
                Lake(str(self.lake), files=files),
                client,
                settings=self.settings,
                night=self.settings.night(LISTENER, NIGHTS[night]),
            )

    def roll_back(self, night: int, *, files: LocalFiles | None, dies_at: int) -> None:
        """Put a night's list back.

        Raises:
            SmallhoursError: what the verb raises.
            Killed: when it was to be killed.
        """
        with self._client(dies_at) as client:
            rollback(
                LISTENER,
                Lake(str(self.lake), files=files),
                client,
                settings=self.settings,
                night=self.settings.night(LISTENER, NIGHTS[night]),
            )

    @contextmanager
    def _client(self, dies_at: int) -> Iterator[SpotifyClient]:
        with SpotifyClient(
            SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{OWNER}"),
            settings=self.settings.services.spotify,
            budget=DyingBudget(dies_at),
            patience=Patience(first_wait_s=0.01),
        ) as client:
            yield client

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
        """The listener puts something into our playlist."""
        playlist = self.ours()[-1]
        ids = {f"spotify:track:{id_}": n for n, id_ in enumerate(self.world.track_spotify_id)}
        item = PlaylistItem(ids.get(uri), uri, self.state.now, OWNER)
        playlist.items.insert(len(playlist.items) if place is None else place, item)
        playlist.touch()
        self.meddling.present[uri] = [item.uri for item in playlist.items].count(uri)
        self.meddling.absent.discard(uri)

    def take(self, uri: str) -> None:
        """The listener takes something out of our playlist."""
        playlist = self.ours()[-1]
        playlist.items = [item for item in playlist.items if item.uri != uri]
        playlist.touch()
        self.meddling.absent.add(uri)
        self.meddling.present.pop(uri, None)

    def move(self) -> None:
        """The listener moves a track to the end."""
        playlist = self.ours()[-1]
        playlist.items.append(playlist.items.pop(1))
        playlist.touch()

    def rename(self, name: str) -> None:
        """The listener gives our playlist another name."""
        self.ours()[-1].name = self.meddling.name = name
        self.ours()[-1].touch()

    def unmark(self, description: str) -> None:
        """The listener gives our playlist another description."""
        self.ours()[-1].description = self.meddling.unmarked = description
        self.meddling.taken_over = self.rows()
        self.ours()[-1].touch()

    def delete(self) -> None:
        """The listener deletes our playlist."""
        self.ours()[-1].followed = False
        self.meddling.deleted = self.ours()[-1].id


def _lists(keys: Sequence[str], scene: Scene) -> list[list[str]]:
    """The keys of the lists: of two nights, of a spare one, and of the night after it all."""
    size = scene.size
    lists = [list(keys[start : start + size]) for start in (0, size)]
    if scene.again:
        # Half of it as before, in another order.
        lists[1] = [*keys[size : size + size // 2], *reversed(keys[: size - size // 2])]
    return [*lists, list(keys[-16:-8]), list(keys[-8:])]


@dataclass
class Stage:
    """Where cases are played.

    Attributes:
        folder: Where the lakes lie.
        world: Shared by all cases.
        server: Serves each case a state of its own.
    """

    folder: Path
    world: World
    server: SandboxServer
    _number: int = 0

    def __post_init__(self) -> None:
        self.settings = _settings(self.server.url)
        self.tracks = _distinct(self.world)
        self.blank = self.folder / "blank"
        _remember(Lake(str(self.blank)), self.world, self.tracks)
        self._prepared: dict[str, tuple[Path, Path]] = {}

    def quiet(self, scene: str) -> tuple[list[str], list[str]]:
        """The requests and the disk operations of a run that nothing troubles."""
        home = self.enter(scene)
        disk = DyingDisk(NEVER)
        self._watch(home, lambda _number: None)
        self._run(home, files=LocalFiles(home.lake, disk=disk))
        return home.requests, disk.done

    def play(self, case: Case) -> Outcome:
        """Play one case: the troubled run, a run after it, and the next night's."""
        home = self.enter(case.scene)
        others = self._others(home)
        before = home.rows()
        fault, meddle = self._trouble(home, case)
        moments = self._watch(home, meddle)
        ended = self._troubled(home, case)
        left = _left(home.rows(), before, home.uris(_written(home.scene)))
        happened = _happened(case, fault, home, ended)
        book(home.state).clear()
        accounts_of(home.state).revoked.clear()
        again = self._rerun(home)
        self.server.on_request = None
        mixtures = _mixtures(home, before, stopped=again)
        lost = _lost(home)
        if not again and not home.meddling.deleted:
            mixtures += self._next_night(home)
            lost += _lost(home)
        touched = sum(self._others(home).get(key) != value for key, value in others.items())
        return Outcome(ended, left, happened, sum(moments), min(mixtures, 1), min(lost, 1), touched)

    def enter(self, scene: str) -> Household:
        """A fresh household in a scene."""
        home = self._house(SCENES[scene], SandboxState(self.world), self.blank)
        if scene not in self._prepared:
            self._prepare(home)
            account = self.folder / f"{len(self._prepared)}.state"
            home.state.save(account)
            lake = self.folder / f"prepared-{len(self._prepared)}"
            shutil.copytree(home.lake, lake)
            self._prepared[scene] = (account, lake)
        account, lake = self._prepared[scene]
        home = self._house(SCENES[scene], SandboxState.load(account, self.world), lake)
        own = [uri for uri in home.rows() if uri in (LOCAL, EPISODE, "", self._foreign(home))]
        home.meddling.present.update({uri: own.count(uri) for uri in own})
        return home

    def _house(self, scene: Scene, state: SandboxState, lake: Path) -> Household:
        self._number += 1
        mine = self.folder / f"lake-{self._number}"
        shutil.copytree(lake, mine)
        old = self.folder / f"lake-{self._number - 8}"
        shutil.rmtree(old, ignore_errors=True)
        self.server.serve(state)
        self.server.on_request = None
        return Household(self.world, self.server, self.settings, mine, scene, self.tracks)

    def _prepare(self, home: Household) -> None:
        """The scene as it is before the trouble."""
        name, mark = "Smallhours", marker(LISTENER, "main")
        made = home.state.create_playlist(OWNER, name, description="mine", by_app=False)
        home.state.add_items(made, [1, 2, 3])
        copied = home.state.create_playlist(
            OWNER, name, description=f"A copy. Made by Smallhours. {mark}", by_app=False
        )
        home.state.add_items(copied, [4, 5])
        for night, which in enumerate((0, 1, 2, 3)):
            home.choose(night, which)
        if not home.scene.first:
            home.publish(0)
        if home.scene.own:
            for place, uri in ((0, self._foreign(home)), (5, LOCAL), (None, EPISODE), (9, "")):
                home.put(uri, place)
        if home.scene.rollback:
            home.publish(1)
        if home.scene.again:
            home.choose(0, 1)

    def _foreign(self, home: Household) -> str:
        """A track that is in none of the lists."""
        used = {home.tracks[key] for keys in home.lists for key in keys}
        free = next(n for n in range(self.world.n_tracks) if n not in used)
        return f"spotify:track:{self.world.track_spotify_id[free]}"

    def _run(
        self, home: Household, *, files: LocalFiles | None = None, dies_at: int = NEVER
    ) -> None:
        """Do what the scene is about."""
        if home.scene.rollback:
            home.roll_back(0, files=files, dies_at=dies_at)
        else:
            home.publish(_night(home.scene), files=files, dies_at=dies_at)

    def _troubled(self, home: Household, case: Case) -> str:
        disk = DyingDisk(case.at if case.trouble == "kill at disk operation" else NEVER)
        dies_at = case.at if case.trouble == "kill at request" else NEVER
        try:
            self._run(home, files=LocalFiles(home.lake, disk=disk), dies_at=dies_at)
        except Killed:
            return "killed"
        except SmallhoursError as error:
            return type(error).__name__
        return "done"

    def _rerun(self, home: Household) -> str:
        """Run again now that the trouble is over; the error that stops it, if one does."""
        try:
            self._run(home)
        except SmallhoursError as error:
            return type(error).__name__
        return ""

    def _next_night(self, home: Household) -> int:
        """Publish the night after; 1 if anything of the nights before is left."""
        home.publish(3)
        return _mixtures(home, [], stopped="", which=3)

    def _trouble(self, home: Household, case: Case) -> tuple[Fault | None, Callable[[int], None]]:
        if case.trouble == "edit":
            return None, lambda number: _edit(home, self._foreign(home), case, number)
        if case.rule.get("kind") == "revoked":

            def revoke(number: int) -> None:
                if number == case.at:
                    accounts_of(home.state).revoked.add(OWNER)

            return None, revoke
        if not case.rule:
            return None, lambda _number: None
        content = case.rule["kind"] in ("null_items", "public_anyway")
        fault = Fault.from_json(
            {"service": "spotify", **({} if content else {"after": case.at - 1}), **case.rule}
        )
        book(home.state).add(fault)
        return fault, lambda _number: None

    def _watch(self, home: Household, meddle: Callable[[int], None]) -> list[bool]:
        """Note each request; meddle before it; and say where no whole list of ours stood there."""
        bad: list[bool] = []
        old, new = home.rows(), home.uris(_written(home.scene))
        before = [uri for uri in old if uri not in home.meddling.present]

        def look(method: str, path: str) -> None:
            if not path.startswith("/v1/"):
                return
            with home.state.lock:
                home.requests.append(f"{method} {path}")
                meddle(len(home.requests))
                rows = set(home.rows()) | home.meddling.absent
                if home.ours() and before and not home.meddling.deleted:
                    bad.append(not (set(before) <= rows or set(new) <= rows))

        self.server.on_request = look
        return bad

    @staticmethod
    def _others(home: Household) -> dict[str, object]:
        """The playlists that are none of ours, as they are."""
        return {
            key: dataclasses.astuple(one)
            for key, one in home.state.playlists.items()
            if not one.by_app
        }


@contextmanager
def stage(folder: Path, world: World) -> Iterator[Stage]:
    """A stage in a folder."""
    with SandboxServer(SandboxState(world)) as server:
        yield Stage(folder, world, server)


def _night(scene: Scene) -> int:
    return 0 if scene.first or scene.again else 1


def _written(scene: Scene) -> int:
    """Which list the run writes."""
    return 0 if scene.first or scene.rollback else 1


def _edit(home: Household, foreign: str, case: Case, number: int) -> None:
    """Let the listener do something just before a request arrives."""
    if number != case.at or not home.ours():
        return
    rows = home.rows()
    old = [uri for uri in rows if uri in home.uris(0)]
    new = [uri for uri in rows if uri in home.uris(_written(home.scene))]
    gone = [uri for uri in home.uris(0) if uri not in rows + home.uris(1)]
    another = _another(home, foreign)
    deeds: dict[str, Callable[[], None]] = {
        "adds a track on top": lambda: home.put(another, 0),
        "adds a track at the end": lambda: home.put(another),
        "removes a track of yesterday's": lambda: home.take((old or new)[-1]),
        "removes a track of tonight's": lambda: home.take((new or old)[0]),
        "puts a track of yesterday's back": lambda: home.put((gone or [another])[0], 2),
        "adds a second copy of a pick": lambda: home.put((new or old)[0]),
        "adds a local file": lambda: home.put(LOCAL.replace("Song", "Another"), 1),
        "adds an episode": lambda: home.put(EPISODE[:-1] + "R", 3),
        "moves a track": home.move,
        "renames it": lambda: home.rename("For the night shift"),
        "removes the marker": lambda: home.unmark("all mine now"),
        "deletes it": home.delete,
    }
    deeds[case.what]()


def _another(home: Household, foreign: str) -> str:
    """A track of the world that is in no list and not what the listener already has."""
    used = {home.tracks[key] for keys in home.lists for key in keys}
    ids = home.world.track_spotify_id
    free = (
        f"spotify:track:{ids[n]}" for n in range(home.world.n_tracks - 1, 0, -1) if n not in used
    )
    return next(uri for uri in free if uri != foreign)


def _left(rows: Sequence[str], before: Sequence[str], new: Sequence[str]) -> str:
    has_old = bool(before) and set(before) - set(new) <= set(rows)
    has_new = set(new) <= set(rows)
    if has_old and has_new:
        return "new above old"
    if has_new:
        return "new"
    return "old" if has_old or not rows else "part of the first"


def _happened(case: Case, fault: Fault | None, home: Household, ended: str) -> bool:
    if fault is not None:
        return fault.fired > 0
    if case.trouble.startswith("kill"):
        return ended == "killed"
    return len(home.requests) >= case.at


def _mixtures(
    home: Household, before: Sequence[str], *, stopped: str, which: int | None = None
) -> int:
    """1 if our newest playlist holds anything but one whole list and the listener's own."""
    which = _written(home.scene) if which is None else which
    if home.meddling.taken_over is not None:
        # A request may have been on its way; what it brought in is taken out again.
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


def _lost(home: Household) -> int:
    """How many of the listener's deeds were undone."""
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


def _distinct(world: World) -> dict[str, int]:
    """Tracks of the world by key, each recording once, the artists well mixed."""
    found: dict[str, int] = {}
    for track in sorted(range(world.n_tracks), key=lambda n: n * 7_919 % world.n_tracks):
        key = identify(world.artist_name[world.track_artist[track]], world.track_title[track])
        found.setdefault(key.track_key, track)
    return found


def _remember(lake: Lake, world: World, tracks: dict[str, int]) -> None:
    named = pd.DataFrame(
        {
            "artist": [world.artist_name[world.track_artist[track]] for track in tracks.values()],
            "title": [world.track_title[track] for track in tracks.values()],
            "spotify_id": [world.track_spotify_id[track] for track in tracks.values()],
            "spotify_method": "search",
        }
    )
    remember_tracks(lake, named, night=dt.date(2026, 10, 31))


def _settings(url: str) -> Settings:
    """One listener, `default`, who is the sandbox's `ada`."""
    return parse_settings(
        {
            "listeners": {
                LISTENER: {
                    "lastfm_user": OWNER,
                    "timezone": "Europe/Dublin",
                    "playlist": {"size": 500, "shortest": 4},
                }
            },
            "services": {
                "spotify": {
                    "api_url": f"{url}/v1/",
                    "accounts_url": f"{url}/",
                    "calls_per_second": FAST,
                    "calls_per_day": 1_000_000,
                    "timeout_s": TIMEOUT_S,
                }
            },
        },
        origin="the benchmark's settings",
    )
