"""Benchmark of the ingest stages: use of the rate limit, repeated calls after a kill, and cost.

    python -m benchmarks.ingest [--seconds 45] [--kills 3]

Four measurements over the sandbox, each printed when it is done: how much of 4 calls a second a
first sync uses, by one process and by two at once; how many calls are repeated after SIGKILL at
random moments of five stages; the number of calls of a normal night, and the minimum; and the cost
of merging a normal night where 90,000 plays, 20,000 tracks and 5,000,000 tags are stored. Answers
take 0.3 seconds, as Last.fm's do.

The night that is merged brings 150 plays of the last half day, 300 new tracks, and the tags of 350
tracks: as many of 20,000 as are fetched again each night when an answer is fresh for 60 days.
"""

import argparse
import datetime as dt
import json
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import command_line, print_figures, record_cost, run_apart
from benchmarks.support.ingest_stages import (
    DONE,
    RecordedCall,
    RecordingServer,
    latency,
    run_stages,
    settings_of,
    start,
)
from smallhours.catalog.stored_answers import store_tags
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, identify
from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, LIBRARY, PLAYS, SIMILAR, TRACK_TAGS
from smallhours.listening.history_merge import unify
from smallhours.listening.plays import LASTFM, load_plays_around, plays_frame, store
from smallhours.vocabulary import CatalogSource
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.simulation.installation import FAST, LISTENER
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

NIGHT = dt.date(2026, 11, 2)
UNTIL = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
PLAYED, KNOWN, TAGGED, TAGS_EACH = 90_000, 20_000, 50_000, 100
NEW_PLAYS, NEW_TRACKS, NEW_TAGGED = 150, 300, 350

NEXT_NIGHT = "2026-11-03"
LASTFM_RATE = 4.0
# Fast enough that a kill comes soon, slow enough that hundreds of calls are left.
KILLED_RATE = 20.0
SCROBBLES, TRACKS = 90_000, 20_000
STAGES_OF_A_NIGHT = (
    "sync_scrobbles", "verify_history", "sync_recent_plays", "sync_library", "update_tracks",
    "fetch_neighbours", "fetch_tags", "fetch_audio_features", "gather_candidates",
)  # fmt: skip

# Time that a killed client may have needed to read an answer on a busy machine.
READING_S = 0.25
# Stages that make many calls before they store the answers; each is killed by itself.
KILLED = (
    "sync_scrobbles", "sync_library", "fetch_neighbours", "fetch_tags", "fetch_audio_features",
)  # fmt: skip


class CountingMergeDisk(Disk):
    """A disk that counts the bytes read and written."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self.bytes_written = 0

    def read(self, path: Path) -> bytes:
        """Read a file's content, counted."""
        data = super().read(path)
        self.bytes_read += len(data)
        return data

    def write(self, path: Path, data: bytes) -> None:
        """Write a file, counted."""
        self.bytes_written += len(data)
        super().write(path, data)


def measure_merge(folder: Path) -> dict[str, float]:
    """Build the lake, merge a night in another process, and return and print its cost."""
    lake = folder / "large"
    build_lake(lake)
    cost = run_apart("benchmarks.ingest", ["--merge", str(lake)])
    size = sum(path.stat().st_size for path in lake.rglob("*.parquet"))
    print(
        f"merging a night of {NEW_PLAYS} plays, {NEW_TRACKS} tracks and {NEW_TAGGED} tracks' tags "
        f"into {PLAYED:,} plays, {KNOWN:,} tracks and {TAGGED * TAGS_EACH:,} tags: "
        f"{cost['wall_s']:.2f} s ({cost['cpu_s']:.2f} s of one core), {cost['peak_mb']:.0f} MB, "
        f"{cost['read']:,} bytes read and {cost['written']:,} written of {size:,} stored"
    )
    return {
        "merge_s": round(cost["wall_s"], 2),
        "merge_mb": round(cost["peak_mb"]),
        "merge_bytes_written": cost["written"],
    }


def build_lake(folder: Path) -> None:
    """Write the lake as it was before the night."""
    lake, rng = Lake(str(folder)), np.random.default_rng(1983)
    names = [_name(number) for number in range(TAGGED)]
    keys = np.array([identify(artist, title).track_key for artist, title in names])
    prefixes = np.array([prefix_of(artist_key_in(key)) for key in keys])
    words = np.array([f"tag {number}" for number in range(4_000)])
    for prefix in np.unique(prefixes):
        mine = keys[prefixes == prefix]
        starts = rng.integers(0, len(words), len(mine))
        chosen = (starts[:, None] + 37 * np.arange(TAGS_EACH)) % len(words)
        rows = pd.DataFrame(
            {
                "track_key": np.repeat(mine, TAGS_EACH),
                "source": CatalogSource.LASTFM,
                "tag": words[chosen.ravel()],
                "count": np.tile(np.arange(TAGS_EACH, 0, -1), len(mine)),
                "fetched_at": NIGHT - dt.timedelta(days=30),
            }
        )
        lake.merge(TRACK_TAGS, rows, partition={"prefix": str(prefix)})
    named = pd.DataFrame(names[:KNOWN], columns=["artist", "title"])
    add_tracks(lake, named, night=NIGHT - dt.timedelta(days=30))
    ends = UNTIL - dt.timedelta(days=1)
    times = [ends - dt.timedelta(minutes=35 * number) for number in range(PLAYED)]
    plays = _plays(times, rng.integers(0, KNOWN, PLAYED))
    plays["month"] = plays["played_at"].dt.strftime("%Y-%m")
    lake.merge(PLAYS, plays, partition={"listener": LISTENER})


def merge_night(lake: Lake) -> None:
    """Merge one normal night."""
    rng = np.random.default_rng(2026)
    times = [UNTIL - dt.timedelta(seconds=290 * number + 11) for number in range(NEW_PLAYS)]
    since = UNTIL - dt.timedelta(hours=12)
    plays = _plays(times, rng.integers(0, KNOWN, NEW_PLAYS))
    plays = plays[plays["played_at"] >= since].reset_index(drop=True)
    stored = load_plays_around(lake, LISTENER, since, UNTIL)
    unified = unify(stored, plays, source=LASTFM, since=since, until=UNTIL)
    store(lake, LISTENER, stored, unified)
    new = pd.DataFrame(
        [_name(TAGGED + number) for number in range(NEW_TRACKS)], columns=["artist", "title"]
    )
    add_tracks(lake, new, night=NIGHT)
    tagged = [identify(*_name(number)).track_key for number in rng.integers(0, TAGGED, NEW_TAGGED)]
    tags = pd.DataFrame(
        [
            {"track_key": key, "tag": f"tag {37 * number % 4_000}", "count": 100 - number}
            for key in dict.fromkeys(tagged)
            for number in range(TAGS_EACH)
        ]
    )
    store_tags(lake, TRACK_TAGS, tags, source=CatalogSource.LASTFM, night=NIGHT)


def _name(number: int) -> tuple[str, str]:
    return f"Artist {number % 5_000}", f"Song {number}"


def _plays(
    times: list[dt.datetime], tracks: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> "pd.DataFrame":
    rows = (
        dict(zip(("artist", "title"), _name(int(track)), strict=True)) | {"played_at": at}
        for at, track in zip(times, tracks, strict=True)
    )
    return plays_frame(rows, source=LASTFM)


def merge_apart(folder: Path, report: Path) -> None:
    """Merge a night in this process, and write its cost, for `measure_merge`."""
    disk = CountingMergeDisk()
    lake = Lake(str(folder), files=LocalFiles(folder, disk=disk))
    begun = time.process_time()
    record_cost(lambda: merge_night(lake), report)
    cpu_s = time.process_time() - begun
    more = {"read": disk.bytes_read, "written": disk.bytes_written, "cpu_s": cpu_s}
    report.write_text(json.dumps({**json.loads(report.read_text()), **more}))


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    if arguments.merge is not None:
        merge_apart(*arguments.merge)
        return
    world = generate_world(seed=1983, artists=300, tracks=4_000, scrobbles=9_000, generator=1)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, RecordingServer(SandboxState(world)) as server:
        folder = Path(name)
        figures["rate_utilization"] = measure_rate(server, folder, arguments.seconds)
        figures["refetched_per_kill"] = measure_kills(server, world, folder, arguments.kills)
        figures["night_call_ratio"] = measure_night(server, world, folder)
        figures |= measure_merge(folder)
    print_figures(figures)


def measure_rate(server: RecordingServer, folder: Path, seconds: float) -> float:
    """Return calls made per calls allowed in a first sync; the lower of one process and two."""
    before = ("sync_scrobbles", "update_tracks", "fetch_neighbours")
    run_stages(before, folder / "rate", server.url, FAST)
    shares = []
    with latency(server):
        for processes, span in ((1, seconds), (2, seconds / 2)):
            server.asked.clear()
            running = [
                start(("fetch_tags",), folder / "rate", server.url, LASTFM_RATE)
                for _ in range(processes)
            ]
            while not server.asked:
                time.sleep(0.01)
            begun = server.asked[0].at
            time.sleep(max(0.0, begun + span - time.monotonic()))
            for each in running:
                each.kill()
                each.wait()
            made = sum(each.at < begun + span for each in server.asked)
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


def measure_kills(
    server: RecordingServer,
    world: World,
    folder: Path,
    times: int,
    verbs: Sequence[str] = KILLED,
    rate: float = KILLED_RATE,
) -> int:
    """Return the most calls that had to be made again, although answered, after one SIGKILL.

    Each stage is killed at random moments, several times in a row, and then run to its end. Until
    it is killed it makes `rate` calls a second.
    """
    draw = random.Random(1983)  # noqa: S311 - a benchmark repeats itself
    server.serve(SandboxState(world))
    lake = folder / "killed"
    questions = again = most = under_way = kills = 0
    for verb in verbs:
        if verb == "fetch_neighbours":
            run_stages(("update_tracks",), lake, server.url, FAST, archive=True)
        server.asked.clear()
        moments: list[float] = []
        with latency(server):
            while len(moments) < times:
                killed_at = _kill(server, verb, lake, rate, draw.uniform(0.0, 3.0))
                if killed_at is None:
                    break
                moments.append(killed_at)
            else:
                run_stages((verb,), lake, server.url, FAST, archive=True)
        lost, cut_off = repeated(server.asked, moments)
        questions += len({each.question for each in server.asked})
        most = max(most, *lost.values(), 0)
        again, under_way, kills = again + lost.total(), under_way + cut_off, kills + len(moments)
        print(
            f"{verb}: {len(moments)} kills, {lost.total()} answered calls made again, "
            f"{cut_off} under way"
        )
    print(
        f"{kills} kills, {questions} questions: {again} answered calls were made again, at most "
        f"{most} after one kill, and {under_way} questions whose answer was under way"
    )
    return most


def _kill(
    server: RecordingServer, verb: str, lake: Path, rate: float, after_s: float
) -> float | None:
    """Kill a stage some time after its next call; return when, unless it was done before."""
    already = len(server.asked)
    done = lake.with_name(DONE)
    done.unlink(missing_ok=True)
    running = start((verb,), lake, server.url, rate)
    while len(server.asked) == already and running.poll() is None:
        time.sleep(0.01)
    time.sleep(after_s)
    running.kill()
    moment = time.monotonic()
    running.wait()
    return None if done.exists() else moment


def repeated(asked: Sequence[RecordedCall], killed: Sequence[float]) -> tuple[Counter[int], int]:
    """Count calls that were repeated after an answer, and questions repeated while under way.

    Returns:
        The first by the number of kills before the repeated call, and the second in all. A call
        with many ids counts once.
    """
    lost: set[tuple[int, float]] = set()
    cut_off = 0
    last: dict[str, RecordedCall] = {}
    for each in sorted(asked, key=lambda each: each.at):
        before = last.get(each.question)
        if before is not None:
            death = next((moment for moment in killed if moment > before.at), math.inf)
            if before.answered < death - READING_S:
                lost.add((sum(moment < each.at for moment in killed), before.at))
            else:
                cut_off += 1
        last[each.question] = each
    return Counter(kill for kill, _ in lost), cut_off


def measure_night(server: RecordingServer, world: World, folder: Path) -> float:
    """Return the calls of a normal night divided by the minimum for the same data."""
    state = SandboxState(world)
    server.serve(state)
    lake = folder / "nights"
    run_stages(STAGES_OF_A_NIGHT, lake, server.url, FAST)
    state.advance(settings_of(server.url, lake, FAST).night(LISTENER, NEXT_NIGHT).as_of.timestamp())
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
    """Return the minimum number of calls for a night's data, by what they ask for."""
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
    """Yield each answer in the catalog, as its own key and the key that it answers."""
    for table, kind, key in (
        (ARTIST_TAGS, "artist tags", ["artist_key"]),
        (TRACK_TAGS, "track tags", ["track_key"]),
        (SIMILAR, "neighbours", ["kind", "seed_key"]),
        (AUDIO_FEATURES, "audio features", ["track_key"]),
    ):
        for row in lake.frame(table, columns=key).drop_duplicates().itertuples(index=False):
            yield f"{kind}: {tuple(row)}", kind


def _arguments() -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument("--seconds", type=float, default=45, help="how long the rate is measured")
    parser.add_argument("--kills", type=int, default=3, help="how often each stage is killed")
    parser.add_argument("--merge", nargs=2, type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
