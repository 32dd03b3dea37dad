"""Publishing suite: the listener's playlist after crashes, faults and edits during publishing.

    python -m benchmarks.publish_faults [--write] [--every N] [--place PLACE]

In each case of `support.publish_cases` the stage meets its trouble, and ends, raises one of our
errors, or is killed; then the trouble is over and it runs again; then comes the next night.
Afterwards the playlist must hold one whole list and the listener's own items, and no other playlist
may have changed. Everything is real but the world: the stage and its client, HTTP, the lake's
files. The sandbox's server reports each request before it handles it; that is when the listener
edits, and when the playlist is checked: at every moment it must hold a whole list of ours.
`--write` keeps the table in docs/publish-faults.md. `--place` takes another place than Spotify,
with the cases of `support.place_cases`.
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from benchmarks.harness import command_line, print_figures
from benchmarks.support.place_cases import ELSEWHERE_SCENES, elsewhere_cases
from benchmarks.support.place_household import ElsewhereFixture
from benchmarks.support.publish_cases import SCENES, PublishCase, PublishScene, cases, table
from benchmarks.support.publish_household import (
    EPISODE,
    LOCAL,
    NEVER,
    OWNER,
    ListenerFixture,
    distinct,
    fixture_settings,
    remember,
    written,
)
from benchmarks.support.publish_outcome import (
    PublishOutcome,
    false_reactions_in,
    list_present,
    lost_edits_in,
    mixtures_in,
    trouble_happened,
    verified_but_wrong_in,
)
from smallhours.errors import SmallhoursError
from smallhours.identity import identify
from smallhours.lake.files import LocalFiles
from smallhours.lake.store import Lake
from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import accounts_of
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.subsonic_api import MusicServer
from smallhours_sandbox.world import World
from tests.lake.stores import Killed, KilledDisk

DOCS = Path(__file__).resolve().parents[1] / "docs" / "publish-faults.md"


@dataclass
class PublishBench:
    """The environment in which cases run.

    Attributes:
        folder: Folder of the lakes.
        world: Shared by all cases.
        server: Serves each case with a state of its own.
    """

    folder: Path
    world: World
    server: SandboxServer
    _number: int = 0
    service: ClassVar[str] = "spotify"
    prefix: ClassVar[str] = "/v1/"

    def __post_init__(self) -> None:
        self.settings = fixture_settings(self.server.url)
        self.tracks = distinct(self.world)
        self.blank = self.folder / "blank"
        remember(Lake(str(self.blank)), self.world, self.tracks)
        self._prepared: dict[str, tuple[Path, Path]] = {}

    def quiet(self, scene: str) -> tuple[list[str], list[str]]:
        """Return the requests and the disk operations of a run without trouble."""
        home = self.enter(scene)
        disk = KilledDisk(NEVER)
        self._watch(home, lambda _number: None)
        self._run(home, files=LocalFiles(home.lake, disk=disk))
        return home.requests, disk.done

    def play(self, case: PublishCase) -> PublishOutcome:
        """Run one case: the run with trouble, a run after it, and the next night's."""
        home = self.enter(case.scene)
        others = home.others()
        before = home.rows()
        fault, meddle = self._trouble(home, case)
        moments = self._watch(home, meddle)
        ended = self._troubled(home, case)
        left = list_present(home.rows(), before, home.uris(written(home.scene)))
        happened = trouble_happened(case, fault, home, ended)
        wrong = verified_but_wrong_in(home)
        fault_rules_of(home.state).clear()
        accounts_of(home.state).revoked.clear()
        false_reactions = false_reactions_in(home)
        again = self._rerun(home)
        self.server.on_request = None
        wrong += verified_but_wrong_in(home)
        false_reactions += false_reactions_in(home)
        mixtures = mixtures_in(home, before, stopped=again)
        lost = lost_edits_in(home)
        if not again and not home.meddling.deleted:
            mixtures += self._next_night(home)
            wrong += verified_but_wrong_in(home)
            lost += lost_edits_in(home)
        touched = sum(home.others().get(key) != value for key, value in others.items())
        return PublishOutcome(
            ended,
            left,
            happened,
            bad_moments=sum(moment == "mixed" for moment in moments),
            mixtures=min(mixtures, 1),
            lost_edits=min(lost, 1),
            others_touched=touched,
            empty=sum(moment == "empty" for moment in moments),
            false_reactions=false_reactions,
            verified_but_wrong=min(wrong, 1),
        )

    def enter(self, scene: str) -> ListenerFixture:
        """Build a fresh household in a scene."""
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

    def _house(self, scene: PublishScene, state: SandboxState, lake: Path) -> ListenerFixture:
        self._number += 1
        mine = self.folder / f"lake-{self._number}"
        shutil.copytree(lake, mine)
        old = self.folder / f"lake-{self._number - 8}"
        shutil.rmtree(old, ignore_errors=True)
        self.server.serve(state)
        self.server.on_request = None
        return self.fixture(mine, scene)

    def fixture(self, lake: Path, scene: PublishScene) -> ListenerFixture:
        """Return a listener over a lake, in a scene."""
        return ListenerFixture(self.world, self.server, self.settings, lake, scene, self.tracks)

    def _prepare(self, home: ListenerFixture) -> None:
        """Build the scene as it is before the trouble."""
        home.make_others()
        for night, which in enumerate((0, 1, 2, 3)):
            home.choose(night, which)
        if not home.scene.first:
            home.publish(0)
        if home.scene.own:
            for uri, place in ((self._foreign(home), 0), *home.foreign_rows()):
                home.put(uri, place)
        if home.scene.rollback:
            home.publish(1)
        if home.scene.again:
            home.choose(0, 1)

    def _foreign(self, home: ListenerFixture) -> str:
        """Return a track that is in none of the lists."""
        return home.free_uris()[0]

    def _run(
        self, home: ListenerFixture, *, files: LocalFiles | None = None, dies_at: int = NEVER
    ) -> None:
        """Run the scene's command."""
        if home.scene.rollback:
            home.roll_back(0, files=files, dies_at=dies_at)
        else:
            home.publish(_night(home.scene), files=files, dies_at=dies_at)

    def _troubled(self, home: ListenerFixture, case: PublishCase) -> str:
        disk = KilledDisk(case.at if case.trouble == "kill at disk operation" else NEVER)
        dies_at = case.at if case.trouble == "kill at request" else NEVER
        try:
            self._run(home, files=LocalFiles(home.lake, disk=disk), dies_at=dies_at)
        except Killed:
            return "killed"
        except SmallhoursError as error:
            return type(error).__name__
        return "done"

    def _rerun(self, home: ListenerFixture) -> str:
        """Run again after the trouble; return the error that stops it, if any."""
        try:
            self._run(home)
        except SmallhoursError as error:
            return type(error).__name__
        return ""

    def _next_night(self, home: ListenerFixture) -> int:
        """Publish the night after; return 1 if anything of the nights before is left."""
        home.publish(3)
        return mixtures_in(home, [], stopped="", which=3)

    def _trouble(
        self, home: ListenerFixture, case: PublishCase
    ) -> tuple[Fault | None, Callable[[int], None]]:
        def edit(number: int) -> None:
            if case.trouble in ("edit", "fault and edit"):
                _edit(home, self._foreign(home), case, number)

        if case.rule.get("kind") == "revoked":

            def revoke(number: int) -> None:
                if number == case.at:
                    accounts_of(home.state).revoked.add(OWNER)

            return None, revoke
        if not case.rule:
            return None, edit
        placed = KINDS[case.rule["kind"]].layer == "content" or "match" in case.rule
        fault = Fault.from_json(
            {
                "service": self.service,
                **({} if placed else {"after": case.at - 1}),
                **case.rule,
            }
        )
        fault_rules_of(home.state).add(fault)
        return fault, edit

    def _watch(self, home: ListenerFixture, meddle: Callable[[int], None]) -> list[str]:
        """Record each request; edit before it; return how the playlist is found then."""
        found = [""]
        old, new = home.rows(), home.uris(written(home.scene))
        before = [uri for uri in old if uri not in home.meddling.present]

        def look(method: str, path: str) -> None:
            if not path.startswith(self.prefix):
                return
            with home.state.lock:
                home.requests.append(f"{method} {path}")
                meddle(len(home.requests))
                rows = set(home.rows()) | home.meddling.absent
                if home.exists() and not home.meddling.deleted:
                    whole = not before or set(before) <= rows or set(new) <= rows
                    had = any(found) or bool(before)
                    found.append("whole" if rows and whole else "mixed" if rows else "")
                    if had and not rows:
                        found[-1] = "empty"

        self.server.on_request = look
        return found


class ElsewhereBench(PublishBench):
    """The environment for a place other than Spotify."""

    kind = "listenbrainz"
    service = "listenbrainz"
    prefix = "/listenbrainz/"

    def __post_init__(self) -> None:
        """Leave out the tracks that the place does not have, or has as several songs."""
        super().__post_init__()
        world, owned = self.world, MusicServer(self.server.state).owned
        names = ((world.artist_name[world.track_artist[n]], world.track_title[n]) for n in owned)
        copies = Counter(identify(*each).track_key for each in names)
        self.tracks = {
            key: track
            for key, track in self.tracks.items()
            if track in owned and copies[key] == 1 and world.track_mbid[track]
        }

    def fixture(self, lake: Path, scene: PublishScene) -> ListenerFixture:
        """Return a listener over a lake, in a scene."""
        return ElsewhereFixture(
            self.world, self.server, self.settings, lake, scene, self.tracks, self.kind
        )


class SubsonicBench(ElsewhereBench):
    """The environment for OpenSubsonic."""

    kind, service, prefix = "subsonic", "subsonic", "/subsonic/"


class OldSubsonicBench(SubsonicBench):
    """The environment for Subsonic 1.12."""

    kind = "subsonic 1.12"


ELSEWHERE: Mapping[str, type[ElsewhereBench]] = {
    each.kind: each for each in (ElsewhereBench, SubsonicBench, OldSubsonicBench)
}


@contextmanager
def open_elsewhere(
    kind: str, folder: Path, world: World | None = None
) -> Iterator[tuple[PublishBench, list[PublishCase]]]:
    """Open a test stage for a place other than Spotify, with all its cases."""
    world = world or generate_world(seed=1983, artists=60, tracks=600, scrobbles=300, generator=1)
    with SandboxServer(SandboxState(world)) as server:
        on = ELSEWHERE[kind](folder, world, server)
        quiet = {scene: on.quiet(scene) for scene in ELSEWHERE_SCENES}
        requests = {scene: made for scene, (made, _) in quiet.items()}
        yield on, elsewhere_cases(requests)


@contextmanager
def stage(folder: Path, world: World) -> Iterator[PublishBench]:
    """Open a stage in a folder."""
    with SandboxServer(SandboxState(world)) as server:
        yield PublishBench(folder, world, server)


def _night(scene: PublishScene) -> int:
    return 0 if scene.first or scene.again else 1


def _edit(home: ListenerFixture, foreign: str, case: PublishCase, number: int) -> None:
    """Make an edit of the listener just before a request arrives."""
    if number != case.at or not home.exists():
        return
    rows = home.rows()
    old = [uri for uri in rows if uri in home.uris(0)]
    new = [uri for uri in rows if uri in home.uris(written(home.scene))]
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


def _another(home: ListenerFixture, foreign: str) -> str:
    """Return a track of the world that is in no list and that the listener has not added."""
    return next(uri for uri in reversed(home.free_uris()) if uri != foreign)


@contextmanager
def open_bench(
    folder: Path, world: World | None = None
) -> Iterator[tuple[PublishBench, list[PublishCase]]]:
    """Open a test stage, with all its cases."""
    world = world or generate_world(
        seed=1983, artists=150, tracks=2_400, scrobbles=1_500, generator=1
    )
    with stage(folder, world) as ready:
        quiet = {scene: ready.quiet(scene) for scene in SCENES}
        requests = {scene: made for scene, (made, _) in quiet.items()}
        operations = {scene: done for scene, (_, done) in quiet.items()}
        yield ready, cases(requests, operations)


def main() -> None:
    """Run all cases, print them, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument(
        "--write", action="store_true", help="keep the table in docs/publish-faults.md"
    )
    parser.add_argument(
        "--place",
        choices=("spotify", *ELSEWHERE),
        default="spotify",
        help="where the list goes; default: spotify",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th case only")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    opened = (
        open_bench if arguments.place == "spotify" else partial(open_elsewhere, arguments.place)
    )
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as (on, every):
        if arguments.write:
            DOCS.write_text(table(every), encoding="utf-8")
        outcomes = [_say(case, on.play(case)) for case in every[:: arguments.every]]
    left = Counter(outcome.left for outcome in outcomes)
    print(f"\n{len(outcomes)} cases in {time.perf_counter() - begun:.0f} s")
    print("What stood in the playlist after the troubled run, before it was run again:")
    for what, count in left.most_common():
        print(f"  {what:<15} {count:>5}")
    print(f"Moments without a whole list: {sum(outcome.bad_moments for outcome in outcomes)}")
    print_figures(
        {
            "cases": len(outcomes),
            "mixtures": sum(outcome.mixtures for outcome in outcomes),
            "empty": sum(outcome.empty for outcome in outcomes),
            "lost_edits": sum(outcome.lost_edits for outcome in outcomes),
            "false_reactions": sum(outcome.false_reactions for outcome in outcomes),
            "other_playlists_touched": sum(outcome.others_touched for outcome in outcomes),
            "verified_but_wrong": sum(outcome.verified_but_wrong for outcome in outcomes),
        }
    )
    if not all(outcome.good for outcome in outcomes):
        sys.exit(1)


def _say(case: PublishCase, outcome: PublishOutcome) -> PublishOutcome:
    verdict = "" if outcome.good else f"  {outcome}"
    print(f"{case!s:<75} {outcome.ended:<16} {outcome.left:<14}{verdict}", flush=True)
    return outcome


if __name__ == "__main__":
    main()
