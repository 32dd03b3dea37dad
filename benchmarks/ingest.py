"""Benchmark of the ingest stages: use of the rate limit, repeated calls after a kill, and cost.

    python -m benchmarks.ingest [--seconds 45] [--kills 3]

Four measurements over the sandbox, each printed when it is done: how much of 4 calls a second a
first sync uses, by one process and by two at once; how many calls are repeated after SIGKILL at
random moments of five stages; the number of calls of a normal night, and the minimum; and the cost
of merging a normal night where 90,000 plays, 20,000 tracks and 5,000,000 tags are stored. Answers
take 0.3 seconds, as Last.fm's do.
"""

import argparse
import json
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.ingest_merge import measure_merge
from benchmarks.ingest_stages import (
    DONE,
    FAST,
    LISTENER,
    RecordedCall,
    RecordingServer,
    latency,
    run_stages,
    settings_of,
    start,
)
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, LIBRARY, SIMILAR, TRACK_TAGS
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

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
    "sync_scrobbles",
    "sync_library",
    "fetch_neighbours",
    "fetch_tags",
    "fetch_audio_features",
)


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    world = generate_world(seed=1983, artists=300, tracks=4_000, scrobbles=9_000)
    figures: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        RecordingServer(SandboxState(world)) as server,
    ):
        folder = Path(name)
        figures["rate_utilization"] = measure_rate(server, folder, arguments.seconds)
        figures["refetched_after_kill"] = measure_kills(server, world, folder, arguments.kills)
        figures["night_call_ratio"] = measure_night(server, world, folder)
        figures |= measure_merge(folder)
    print(json.dumps(figures))


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
) -> int:
    """Return the number of answers that had to be fetched again after SIGKILL.

    Each stage is killed at random moments, several times in a row, and then run to its end.
    """
    draw = random.Random(1983)  # noqa: S311 - a benchmark repeats itself
    server.serve(SandboxState(world))
    lake = folder / "killed"
    questions = again = under_way = kills = 0
    for verb in verbs:
        if verb == "fetch_neighbours":
            run_stages(("update_tracks",), lake, server.url, FAST, archive=True)
        server.asked.clear()
        moments: list[float] = []
        with latency(server):
            while len(moments) < times:
                killed_at = _kill(server, verb, lake, draw.uniform(0.0, 3.0))
                if killed_at is None:
                    break
                moments.append(killed_at)
            else:
                run_stages((verb,), lake, server.url, FAST, archive=True)
        lost, cut_off = repeated(server.asked, moments)
        questions += len({each.question for each in server.asked})
        again, under_way, kills = again + lost, under_way + cut_off, kills + len(moments)
        print(f"{verb}: {len(moments)} kills, {lost} answers asked for again, {cut_off} under way")
    print(
        f"{kills} kills, {questions} questions: {again} that were answered were asked again, and "
        f"{under_way} whose answer was under way"
    )
    return again


def _kill(server: RecordingServer, verb: str, lake: Path, after_s: float) -> float | None:
    """Kill a stage some time after its next call; return when, unless it was done before."""
    already = len(server.asked)
    done = lake.with_name(DONE)
    done.unlink(missing_ok=True)
    running = start((verb,), lake, server.url, KILLED_RATE)
    while len(server.asked) == already and running.poll() is None:
        time.sleep(0.01)
    time.sleep(after_s)
    running.kill()
    moment = time.monotonic()
    running.wait()
    return None if done.exists() else moment


def repeated(asked: Sequence[RecordedCall], killed: Sequence[float]) -> tuple[int, int]:
    """Count calls that were repeated after an answer, and those repeated while under way."""
    lost = cut_off = 0
    last: dict[str, RecordedCall] = {}
    for each in sorted(asked, key=lambda each: each.at):
        before = last.get(each.question)
        if before is not None:
            death = next((moment for moment in killed if moment > before.at), math.inf)
            arrived = before.answered < death - READING_S
            lost, cut_off = lost + arrived, cut_off + (not arrived)
        last[each.question] = each
    return lost, cut_off


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=45, help="how long the rate is measured")
    parser.add_argument("--kills", type=int, default=3, help="how often each stage is killed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
