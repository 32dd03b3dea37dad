"""Fault suite: no stage may lose or double a row when services misbehave or the stage is killed.

    python -m benchmarks.faults [--write] [--kills EVERY]

Every case runs a stage over a sandbox that misbehaves, until it ends or raises one of our errors;
then the fault is over and the stage runs again. Besides, a stage is killed at every write operation
of the lake's disk, and run again. Afterwards the lake is compared with that of a night without
faults: the files, byte for byte, and the rows by key. `--write` keeps the table in docs/faults.md.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import command_line, print_figures
from benchmarks.support.fault_bench import FaultBench, FaultCase, FaultOutcome, bench

DOCS = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
SCROBBLES = "user.getRecentTracks"

# Transport faults of any service; a client tries three times at most.
_PASSING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("server_error", {"status": 500}),
    ("server_error", {"status": 503, "times": 3}),
    ("timeout", {"seconds": 3}),
    ("slow", {"seconds": 0.2}),
    ("html_body", {}),
    ("truncated_body", {"times": 3}),
    ("empty_body", {}),
    ("drop_connection", {}),
)
_LASTFM_ONLY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rate_limit", {}),
    ("rate_limit", {"status": 200}),
    ("lastfm_error", {"code": 8}),
    ("lastfm_error", {"code": 11, "times": 3}),
    ("lastfm_error", {"code": 16}),
    ("lastfm_error", {"code": 10}),
    ("lastfm_error", {"code": 26}),
    ("server_error", {"status": 502, "times": 0}),
    ("server_error", {"status": 504}),
    ("html_body", {"status": 502, "times": 3}),
    ("drop_connection", {"times": 0}),
)
_CONTENT: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("page_drift", 0, {}),
    ("late_scrobbles", 1, {"count": 3}),
    ("deleted_scrobbles", 1, {"count": 3}),
    ("duplicate_rows", 1, {"count": 2}),
    ("duplicate_rows", 3, {"count": 2, "times": 0}),
    ("now_playing", 0, {}),
    ("wrong_user", 0, {}),
    ("wrong_user", 2, {"times": 0}),
    ("row_1970", 1, {}),
    ("row_1970", 1, {"times": 0}),
    ("dateless_row", 1, {}),
    ("private_profile", 0, {}),
    ("private_profile", 2, {}),
    ("total_mismatch", 0, {}),
    ("total_mismatch", 2, {"count": 7, "times": 1}),
)
_SPOTIFY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rate_limit", {}),
    ("quota_exceeded", {}),
    ("unauthorized_once", {}),
    ("server_error", {"status": 502, "times": 3}),
    ("html_body", {}),
    ("truncated_body", {}),
    ("empty_body", {"times": 3}),
    ("drop_connection", {}),
)
_CATALOG: tuple[tuple[str, str, int], ...] = (
    ("fetch_neighbours", "artist.getTopTags", 5),
    ("fetch_neighbours", "track.getSimilar", 2),
    ("fetch_neighbours", "artist.getSimilar", 1),
    ("fetch_neighbours", "artist.getTopTracks", 3),
    ("fetch_neighbours", "tag.getTopTracks", 1),
    ("fetch_neighbours", "chart.getTopTags", 0),
    ("fetch_tags", "artist.getTopTags", 3),
    ("fetch_tags", "track.getTopTags", 30),
)


def cases() -> list[FaultCase]:
    """Return all cases."""
    return list(_all())


def _all() -> Iterator[FaultCase]:
    for kind, more in (*_PASSING, *_LASTFM_ONLY):
        yield FaultCase("sync_scrobbles", kind, SCROBBLES, 2, more)
    for kind, after, more in _CONTENT:
        yield FaultCase("sync_scrobbles", kind, SCROBBLES, after, more)
    for kind, more in _SPOTIFY:
        yield FaultCase("sync_recent_plays", kind, "*/me/player/recently-played", 0, more)
        yield FaultCase("sync_library", kind, "*/me/tracks", 0, more)
    yield FaultCase("sync_library", "invalid_grant", "*", 0)
    yield FaultCase("sync_library", "rate_limit", "*/me/top/tracks", 1)
    yield FaultCase("sync_library", "null_items", "*/playlists/*/items", 0, {"count": 2})
    yield FaultCase(
        "sync_library", "lastfm_error", "user.getLovedTracks", 0, {"code": 11, "times": 3}
    )
    yield FaultCase("sync_library", "html_body", "user.getLovedTracks", 0, {"times": 3})
    for number, (stage, method, after) in enumerate(_CATALOG):
        yield FaultCase(stage, "rate_limit", method, after, {"times": 0})
        kind, more = _LASTFM_ONLY[2 + number % 9]
        yield FaultCase(stage, kind, method, after, more)
    for kind, more in _PASSING:
        yield FaultCase("fetch_tags", kind, "track.getTopTags", 20, more)
    yield FaultCase("fetch_tags", "html_body", "track.getTopTags", 20, {"times": 0})
    yield FaultCase("fetch_tags", "lastfm_error", "track.getTopTags", 20, {"code": 8, "times": 0})
    for kind, more in (*_PASSING, ("rate_limit", {"times": 0})):
        rule = {"service": "reccobeats", **more}
        yield FaultCase("fetch_audio_features", kind, "*audio-features", 1, rule)


def forget_two_months(lake: Path) -> None:
    """Remove the last two months of the history, for `sync_scrobbles` to read."""
    for month in sorted(lake.glob("plays/*/month=*"))[-2:]:
        shutil.rmtree(month)


def forget_some_tags(lake: Path) -> None:
    """Remove a file of artists' tags and one of tracks' tags, for `fetch_tags` to fetch."""
    for name in ("artist_tags", "track_tags"):
        shutil.rmtree(sorted(lake.glob(f"{name}/prefix=*"))[7])


KILLS: Mapping[str, Callable[[Path], None]] = {
    "sync_scrobbles": forget_two_months,
    "fetch_tags": forget_some_tags,
}


def kills(on: FaultBench, stage: str, *, every: int = 1) -> Iterator[tuple[str, FaultOutcome]]:
    """Kill a stage at each, or each n-th, write operation of its disk."""
    operations = enumerate(on.operations(stage, KILLS[stage]), 1)
    # Only write operations matter: reads change nothing.
    writing = [number for number, name in operations if name not in ("read", "walk")]
    for dies_at in writing[::every]:
        outcome = on.kill(stage, KILLS[stage], dies_at)
        if outcome is not None:
            yield f"{stage}: killed at disk operation {dies_at}", outcome


def table() -> str:
    """Return docs/faults.md: every case, in Markdown."""
    lines = [
        "# Faults",
        "",
        "<!-- Generated by `python -m benchmarks.faults --write`; do not edit. -->",
        "",
        "What the fault suite puts in the way of the stages that read from services. Each row is",
        "a case: the stage runs into the fault, ends or raises a typed error, and runs again when",
        "the fault is over; then the lake holds what a quiet night's holds, no row lost and none",
        "doubled.",
        "",
        "The kinds of fault are described by `smallhours sandbox` at `/_sandbox/faults`.",
        "",
        "| # | stage | fault | where |",
        "|---|---|---|---|",
    ]
    for number, case in enumerate(cases(), 1):
        more = "".join(f", {name} {value}" for name, value in case.more.items())
        lines.append(
            f"| {number} | `{case.stage}` | {case.kind}{more} "
            f"| call {case.after + 1} of `{case.match}` |"
        )
    lines += [
        "",
        "`times 0` is until the fault is cleared; without `times` it happens as often as its kind",
        "says, mostly once. Besides, " + " and ".join(f"`{stage}`" for stage in KILLS),
        "are killed at every operation that writes to the lake's disk (a lock, a new folder, a",
        "write that gets half way, a flush, a rename, ...) and run again.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run everything, print it, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--write", action="store_true", help="keep the table in docs/faults.md")
    parser.add_argument("--kills", type=int, default=1, metavar="EVERY", help="each n-th kill only")
    arguments = parser.parse_args()
    if arguments.write:
        DOCS.write_text(table(), encoding="utf-8")
    outcomes: list[FaultOutcome] = []
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as on:
        begun = time.perf_counter()
        outcomes += [_say(str(case), on.run_case(case)) for case in cases()]
        for stage in KILLS:
            killed = kills(on, stage, every=arguments.kills)
            outcomes += [_say(name, outcome) for name, outcome in killed]
    print(f"{len(outcomes)} cases in {time.perf_counter() - begun:.0f} s")
    print(f"{sum(o.same_bytes for o in outcomes)} of the lakes are the same byte for byte")
    print_figures(
        {
            "cases": len(outcomes),
            "lost_rows": sum(o.lost_rows for o in outcomes),
            "doubled_rows": sum(o.doubled_rows for o in outcomes),
        }
    )
    if not all(outcome.whole and outcome.fired for outcome in outcomes):
        sys.exit(1)


def _say(name: str, outcome: FaultOutcome) -> FaultOutcome:
    verdict = "same bytes" if outcome.same_bytes else "same rows" if outcome.whole else "DIFFERS"
    verdict = verdict if outcome.fired else "DID NOT HAPPEN"
    counts = f" lost {outcome.lost_rows}, doubled {outcome.doubled_rows}"
    counts = "" if outcome.whole else f"{counts}, other {outcome.other_rows}"
    print(f"{name:<95} {outcome.ended:<22} {verdict}{counts}", flush=True)
    return outcome


if __name__ == "__main__":
    main()
