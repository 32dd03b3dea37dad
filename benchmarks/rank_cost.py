"""Benchmark of ranking 50,000 candidates and explaining the chosen ones.

    python -m benchmarks.rank_cost [--candidates N] [--lake FOLDER]

The catalog is made up (`rank_cost_data`) and written to a lake first. Then a process of its own
reads the evidence ("loading"; the model is fitted on the spot and not counted), and goes on to make
the night's list: the tags of all tracks, every signal, the score, the re-ranking, the selection,
and a reason for every track of the list and its reserve. The memory of that is the largest resident
set since loading ended, minus the resident set at that moment. The last line is the figures as one
line of JSON: `{"rank_50k_s", "rank_50k_mb", "load_s"}`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.harness import peak_mb
from benchmarks.rank_cost_data import LISTENER, NIGHT, CatalogSize, write_catalog
from smallhours.lake.store import Lake
from smallhours.playlist.explain.listening_times import ListeningTimes
from smallhours.playlist.rank.evidence import Evidence, read_evidence, read_features
from smallhours.playlist.rank.listener_context import ListenerContext
from smallhours.playlist.rank.stage import choose_lists, rows_of
from smallhours.settings import parse_settings
from smallhours.training.ranking.fusion import DEFAULT
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.columns import TagColumns
from smallhours.training.taste.model import TasteModel

T = TypeVar("T")
LEARNED_FROM = 3_000


# Name, wall seconds and CPU seconds of one step.
Step = tuple[str, float, float]


@dataclass
class StepTimer:
    """The times of steps, in order."""

    steps: list[Step] = field(default_factory=list)

    def time(self, name: str, work: Callable[[], T]) -> T:
        """Do the work and record its time."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.steps.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return done


@dataclass(frozen=True)
class RankingCost:
    """The measurements of one process.

    Attributes:
        loading: Steps of reading the evidence.
        ranking: All later steps, up to the rows of `recommendations`.
        held_mb: Memory after loading.
        more_mb: The largest memory while ranking, minus that.
        considered: Number of tracks that were scored.
        reasons: Number of tracks that have a reason.
    """

    loading: list[Step]
    ranking: list[Step]
    held_mb: float
    more_mb: float
    considered: int
    reasons: int


def measure(folder: Path) -> RankingCost:
    """Load, rank and explain, in this process."""
    lake = Lake(str(folder))
    settings = parse_settings(
        {"listeners": {LISTENER: {"lastfm_user": "ada", "timezone": "Europe/Dublin"}}},
        origin="the benchmark's settings",
    )
    night, me = settings.night(LISTENER, NIGHT.isoformat()), settings.listener(LISTENER)
    loading, ranking = StepTimer(), StepTimer()
    evidence = loading.time("evidence", lambda: read_evidence(lake, LISTENER, night=night))
    tracks = {*evidence.tracks.index, *evidence.history.tracks.index}
    features = loading.time("features", lambda: read_features(lake, tracks))
    taste = _taste(evidence)
    held = forget_peak()
    listening = ranking.time(
        "tags",
        lambda: ListenerContext.of(
            evidence, taste=taste, features=features, night=night, zone=ZoneInfo(me.timezone)
        ),
    )
    lists = ranking.time(
        "signals, score, selection",
        lambda: choose_lists(LISTENER, me, me.playlists, listening, DEFAULT),
    )
    hours = ranking.time("hours", lambda: ListeningTimes(evidence.plays, listening.zone))
    rows = ranking.time("reasons", lambda: [rows_of(each, listening, hours) for each in lists])
    return RankingCost(
        loading.steps,
        ranking.steps,
        held,
        peak_mb() - held,
        considered=len(lists[0].scored),
        reasons=int((rows[0]["reason"] != "").sum()),
    )


def _taste(evidence: Evidence) -> TasteModel:
    """Return a model as large as a learned one, in place of opening a saved one."""
    tags, rng = evidence.tags, np.random.default_rng(3)
    known, new = list(evidence.history.tracks.index), list(evidence.tracks.index)
    half = min(LEARNED_FROM // 2, len(known), len(new))
    rows = [
        *rng.choice(np.array(known, dtype=object), half, replace=False),
        *rng.choice(np.array(new, dtype=object), half, replace=False),
    ]
    columns = TagColumns.of(tags, rows)
    classifier = TasteClassifier(track_columns=len(columns.own))
    return TasteModel(columns, classifier.fit(columns.counts(tags, rows), [1] * half + [0] * half))


def forget_peak() -> float:
    """Reset the peak memory (Linux only), and return the current memory, in MiB."""
    counter = Path("/proc/self/clear_refs")
    if counter.exists():
        counter.write_text("5")
    return peak_mb()


def report(found: RankingCost) -> dict[str, float]:
    """Print the measurements and return them as figures."""
    totals = []
    for name, steps in (("loading", found.loading), ("ranking", found.ranking)):
        walls, cpus = sum(step[1] for step in steps), sum(step[2] for step in steps)
        totals.append(walls)
        print(f"{name:<30}{'wall s':>8}{'CPU s':>8}")
        for step, wall, cpu in [*steps, ("together", walls, cpus)]:
            print(f"  {step:<28}{wall:>8.2f}{cpu:>8.2f}")
    print(
        f"{found.considered:,} tracks considered, {found.reasons} with a reason; memory after "
        f"loading {found.held_mb:,.0f} MB, {found.more_mb:,.0f} MB more while ranking"
    )
    return {
        "rank_50k_s": round(totals[1], 2),
        "rank_50k_mb": round(found.more_mb, 1),
        "load_s": round(totals[0], 2),
    }


def main() -> None:
    """Make the catalog up, measure in a process of its own, and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=CatalogSize.candidates)
    parser.add_argument("--lake", type=Path, help="keep the made-up lake here, and use it again")
    parser.add_argument("--apart", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart is not None:
        options.apart.write_text(json.dumps(asdict(measure(options.lake))))
        return
    with tempfile.TemporaryDirectory() as spare:
        folder = options.lake or Path(spare) / "lake"
        if not folder.exists():
            write_catalog(Lake(str(folder)), CatalogSize(candidates=options.candidates))
        note = Path(spare) / "cost.json"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.rank_cost", "--lake", folder, "--apart", note],
            check=True,
        )
        print(json.dumps(report(RankingCost(**json.loads(note.read_text())))))


if __name__ == "__main__":
    main()
