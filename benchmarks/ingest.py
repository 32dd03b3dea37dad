"""Is Last.fm's rate used, is nothing asked twice after a kill, and what does a night cost?

    python -m benchmarks.ingest [--seconds 45] [--kills 3]

Four measurements over the sandbox, each printed as it comes: how much of 4 calls a second a first
sync uses, by one process and by two at once; what is asked again after SIGKILL at random moments;
how many calls a normal night makes and how few would do; and what merging a normal night costs
where 90,000 plays, 20,000 tracks and 5,000,000 tags are stored. Answers take 0.3 seconds, as
Last.fm's do.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.ingest_merge import measure_merge
from smallhours.catalog.asking import STORE_EVERY_S
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, LIBRARY, SIMILAR, TRACK_TAGS
from smallhours.runs import STAGES, Run
from smallhours.sandbox.faults import Fault, book
from smallhours.sandbox.generate import generate_world
from smallhours.sandbox.lastfm_api import LASTFM_API_KEY
from smallhours.sandbox.server import SandboxServer
from smallhours.sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours.sandbox.state import SandboxState
from smallhours.sandbox.world import World
from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from smallhours.settings import Settings, parse_settings

LISTENER = "default"
FIRST_NIGHT, NEXT_NIGHT = "2026-11-02", "2026-11-03"
FAST = 10_000.0
LASTFM_RATE = 4.0
LATENCY_S = 0.3
# Fast enough that a kill comes soon, slow enough that hundreds of questions are left.
KILLED_RATE = 20.0
SCROBBLES, TRACKS = 90_000, 20_000
STAGES_OF_A_NIGHT = (
    "sync_scrobbles", "verify_history", "sync_recent_plays", "sync_library", "update_tracks",
    "fetch_neighbours", "fetch_tags", "fetch_audio_features", "gather_candidates",
)  # fmt: skip

Question = tuple[tuple[str, str], ...]


class Secrets:
    """The sandbox's public credentials."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        """The key that the sandbox takes."""
        del listener
        return LastfmCredentials(LASTFM_API_KEY)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """The login of the sandbox's `ada`."""
        del listener
        return SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, "refresh-ada")

    def keep_refresh_token(self, listener: str, token: str) -> None:
        """The sandbox keeps its tokens."""
        raise AssertionError(f"{listener} was not to get {token}")


class ListeningServer(SandboxServer):
    """A sandbox that notes each question that Last.fm is asked, with its moment."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__(state)
        self.asked: list[tuple[float, Question]] = []

    def serve(self, state: SandboxState) -> None:
        """Serve a state, noting what is asked."""
        super().serve(state)
        if self._app is not None:
            self._app = self._noting(self._app)

    def _noting(self, app: ASGIApp) -> ASGIApp:
        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            if not scope.get("path", "").startswith("/2.0"):
                await app(scope, receive, send)
                return

            async def note() -> Message:
                message = await receive()
                question = tuple(sorted(parse_qsl(message.get("body", b"").decode("latin-1"))))
                if question:
                    self.asked.append((time.monotonic(), question))
                return message

            await app(scope, note, send)

        return noting


def main() -> None:
    """Measure, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    if arguments.stages:
        run_stages(arguments.stages.split(","), arguments.lake, arguments.url, arguments.rate)
        return
    world = generate_world(seed=1983, artists=300, tracks=4_000, scrobbles=9_000)
    figures: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        ListeningServer(SandboxState(world)) as server,
    ):
        folder = Path(name)
        figures["rate_utilization"] = measure_rate(server, folder, arguments.seconds)
        figures["refetched_after_kill"] = measure_kills(server, world, folder, arguments.kills)
        figures["night_call_ratio"] = measure_night(server, world, folder)
        figures |= measure_merge(folder)
    print(json.dumps(figures))


def measure_rate(server: ListeningServer, folder: Path, seconds: float) -> float:
    """Calls made per calls allowed in a first sync; the lower of one process and of two."""
    before = ("sync_scrobbles", "update_tracks", "fetch_neighbours")
    run_stages(before, folder / "rate", server.url, FAST)
    shares = []
    with _latency(server):
        for processes, span in ((1, seconds), (2, seconds / 2)):
            server.asked.clear()
            running = [
                _start(("fetch_tags",), folder / "rate", server.url, LASTFM_RATE)
                for _ in range(processes)
            ]
            while not server.asked:
                time.sleep(0.01)
            begun = server.asked[0][0]
            time.sleep(max(0.0, begun + span - time.monotonic()))
            for each in running:
                each.kill()
                each.wait()
            made = sum(moment < begun + span for moment, _ in server.asked)
            allowed = math.floor(span * LASTFM_RATE) + 1
            shares.append(made / allowed)
            print(
                f"{processes} process(es), {span:.0f} s at {LASTFM_RATE:g} calls/s: {made} calls "
                f"of {allowed} allowed, {shares[-1]:.1%}"
            )
    calls = math.ceil(SCROBBLES / 1000) + TRACKS
    hours = calls / (LASTFM_RATE * shares[0]) / 3600
    print(
        f"so {SCROBBLES:,} scrobbles and the tags of {TRACKS:,} tracks ({calls:,} calls) take "
        f"{hours:.1f} h"
    )
    return round(min(shares), 4)


def measure_kills(server: ListeningServer, world: World, folder: Path, times: int) -> float:
    """Questions that Last.fm was asked again after SIGKILL at random moments, per kill."""
    draw = random.Random(1983)  # noqa: S311 - a benchmark repeats itself
    server.serve(SandboxState(world))
    lake = folder / "killed"
    before = ("sync_scrobbles", "update_tracks", "fetch_neighbours")
    run_stages(before, lake, server.url, FAST)
    server.asked.clear()
    with _latency(server):
        for number in range(times):
            already = len(server.asked)
            running = _start(("fetch_tags",), lake, server.url, KILLED_RATE)
            while len(server.asked) == already and running.poll() is None:
                time.sleep(0.01)
            time.sleep(draw.uniform(0.5, 4.0))
            running.kill()
            running.wait()
            print(f"kill {number + 1} after {len(server.asked) - already} questions")
    run_stages(("fetch_tags",), lake, server.url, FAST)
    counts = Counter(question for _, question in server.asked)
    again = sum(count - 1 for count in counts.values())
    print(
        f"{times} kills at {KILLED_RATE:g} calls/s: {len(counts)} questions, {again} asked again "
        f"({again / max(1, times):.1f} a kill; answers are stored every {STORE_EVERY_S:g} s and "
        f"{KILLED_RATE * LATENCY_S:.0f} are under way; at {LASTFM_RATE:g} calls/s that is "
        f"{again / max(1, times) * LASTFM_RATE / KILLED_RATE:.1f} a kill)"
    )
    return round(again / max(1, times), 1)


def measure_night(server: ListeningServer, world: World, folder: Path) -> float:
    """Calls of a normal night per the fewest that could have brought what it brought."""
    state = SandboxState(world)
    server.serve(state)
    lake = folder / "nights"
    run_stages(STAGES_OF_A_NIGHT, lake, server.url, FAST)
    state.advance(_settings(server.url, lake, FAST).night(LISTENER, NEXT_NIGHT).as_of.timestamp())
    before = Counter(state.calls)
    known = {key for key, _ in _answers(Lake(str(lake)))}
    run_stages(STAGES_OF_A_NIGHT, lake, server.url, FAST, night=NEXT_NIGHT)
    made = Counter(state.calls) - before
    least = _least(Lake(str(lake)), known)
    print("a normal night's calls: " + ", ".join(f"{k[1]} {n}" for k, n in sorted(made.items())))
    print("the least possible: " + ", ".join(f"{k} {n}" for k, n in sorted(least.items())))
    print(f"{made.total()} made, {least.total()} needed")
    return round(made.total() / least.total(), 3)


def _least(lake: Lake, known: set[str]) -> Counter[str]:
    """The fewest calls that could have brought what a night brought, by what they ask for."""
    library = lake.frame(LIBRARY)
    library = library[library["last_seen"] == library["last_seen"].max()]
    top = library[library["signal"] == "top"].groupby("time_range").size()
    sizes = library["signal"].value_counts()
    least = Counter(
        {
            "new scrobbles": 1,  # some days' plays are fewer than a page holds
            "recently played": 1,
            # A page holds 50; the services may count several entries for one recording.
            "top tracks": sum(math.ceil(n / 50) for n in top),
            "saved tracks": math.ceil(int(sizes.get("saved", 0)) / 50),
            "loved tracks": max(1, math.ceil(int(sizes.get("loved", 0)) / 1000)),
            "Spotify login": 1,
        }
    )
    for key, kind in _answers(lake):
        if key not in known:
            least[kind] += 1
    features = least.pop("audio features", 0)
    least["audio features"] = math.ceil(features / 40)
    return least


def _answers(lake: Lake) -> Iterator[tuple[str, str]]:
    """Each answer in the catalog, as its own key and what it answers."""
    for table, kind, key in (
        (ARTIST_TAGS, "artist tags", ["artist_key"]),
        (TRACK_TAGS, "track tags", ["track_key"]),
        (SIMILAR, "neighbours", ["kind", "seed_key"]),
        (AUDIO_FEATURES, "audio features", ["track_key"]),
    ):
        for row in lake.frame(table, columns=key).drop_duplicates().itertuples(index=False):
            yield f"{kind}: {tuple(row)}", kind


def run_stages(
    verbs: tuple[str, ...] | list[str],
    lake: Path,
    url: str,
    rate: float,
    *,
    night: str = FIRST_NIGHT,
) -> None:
    """Run stages as their commands do, with the budgets beside the lake."""
    settings = _settings(url, lake, rate)
    with Run(LISTENER, settings.night(LISTENER, night), settings, Secrets()) as run:
        for verb in verbs:
            STAGES[verb](run)


@contextmanager
def _latency(server: SandboxServer) -> Iterator[None]:
    rules = book(server.state)
    rules.add(Fault("slow", service="lastfm", seconds=LATENCY_S, times=0))
    yield
    rules.clear()


def _start(verbs: tuple[str, ...], lake: Path, url: str, rate: float) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.ingest", "--stages", ",".join(verbs)]
    return subprocess.Popen([*command, "--lake", str(lake), "--url", url, "--rate", str(rate)])


def _settings(url: str, lake: Path, rate: float) -> Settings:
    return parse_settings(
        {
            "listeners": {LISTENER: {"lastfm_user": "ada", "timezone": "Europe/Dublin"}},
            "lake": {"url": str(lake)},
            "services": {
                "spotify": {
                    "api_url": f"{url}/v1/",
                    "accounts_url": f"{url}/",
                    "calls_per_second": FAST,
                    "calls_per_day": 1_000_000,
                },
                "lastfm": {"api_url": f"{url}/2.0/", "calls_per_second": rate},
                "reccobeats": {"api_url": f"{url}/reccobeats/v1/", "calls_per_second": FAST},
                "acousticbrainz": {"enabled": False},
            },
        },
        origin="the benchmark's settings",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=45, help="how long the rate is measured")
    parser.add_argument("--kills", type=int, default=3, help="how often a stage is killed")
    parser.add_argument("--stages", default="", help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=LASTFM_RATE, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
