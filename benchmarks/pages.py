"""Benchmark of the pages: the server's time for each, on the lake of a long history.

    python -m benchmarks.pages [--scrobbles 90000] [--nights 3] [--lake FOLDER]

A simulated listener with that many plays lives through a few nights in the sandbox, so that the
lake is one that the product itself has made; then each page is requested, in the process, without a
network. The first time includes everything that is cached afterwards (opened models, imported
modules); the figure is the median of the further times. `--lake` keeps the lake, or uses it again.
"""

import datetime as dt
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from benchmarks.harness import command_line, print_figures, print_progress
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.settings import TrainingSettings
from smallhours.training.profile import describe_taste
from smallhours.web.app import PREFIX, create_app
from smallhours.web.page_context import AccountStore, AirflowBridge
from smallhours_sandbox.simulation.ground_truth import WorldSize
from smallhours_sandbox.simulation.installation import settings_for
from smallhours_sandbox.simulation.listener import SimulationSpec, run_simulation
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_study.execution import run_study
from smallhours_study.fits import FitResources
from smallhours_study.grid import Grid
from smallhours_study.report import ComparisonFigures, write_report
from smallhours_study.results import StudyFolder
from smallhours_study.row_sources import lake_rows
from smallhours_study.study_request import FOLDER, store_request, studies_in

LISTENER = "ada"
TIMES = 15
# Takes seconds to fit, and its report has every kind of table and picture.
GRID = Grid.of(models=["bayes", "linear"], formats=["tags", "apart"], limits=[100, 1000])
ASKED = {
    "tonight": "tonight",
    "taste": "taste",
    "explore": "explore",
    "explore, a question": "explore?tags={tags}",
    "models": "models",
    "study": "study?name={study}",
    "history": "history",
}


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--scrobbles", type=int, default=90_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--lake", type=Path, help="keep the lake there, or take it up from there")
    options = parser.parse_args()
    with _folder(options.lake) as folder:
        lake = folder / "lake"
        if not lake.exists():
            _live(lake, options.scrobbles, options.nights)
        study = _study(Lake(str(lake)))
        _set_surroundings(folder, lake)
        plays = Lake(str(lake)).read(PLAYS, columns=["track_key"]).num_rows
        print(f"{plays:,} plays, {options.nights} nights\n")
        measured = _measure(study)
    for name, took in measured.items():
        print(
            f"{name:22} {took.ms:6.0f} ms, {took.cpu_ms:5.0f} of them computing   "
            f"the first time {took.first_ms:6.0f} ms   {took.size / 1e3:6.0f} kB"
        )
    print_figures({"page_ms": {name: round(took.ms) for name, took in measured.items()}})


def _live(lake: Path, scrobbles: int, nights: int) -> None:
    print_progress("living through the nights")
    size = WorldSize(artists=1_500, tracks=20_000, scrobbles=scrobbles)
    run_simulation(SimulationSpec(LISTENER, OURS, nights, 1983, size, (LISTENER,)), lake)
    # The simulation does not run the stages that only the pages need.
    settings, kept = settings_for(LISTENER, "http://127.0.0.1:9", lake), Lake(str(lake))
    last = max(part["night"] for part in kept.partitions(RECOMMENDATIONS))
    describe_taste(LISTENER, kept, settings=settings, night=settings.night(LISTENER, last))


def _study(lake: Lake) -> str:
    """Return the name of the lake's study; a small one is carried out when there is none."""
    known = [each.name for each in studies_in(lake.files) if each.reported]
    if known:
        return known[0]
    print_progress("carrying out a study")
    rows = lake_rows(lake, LISTENER, TrainingSettings().sources)
    folder = StudyFolder(lake.files, f"{FOLDER}/{rows.fingerprint()}-{GRID.seed}")
    folder.open(rows, GRID.seed)
    store_request(folder, rows, GRID, at=dt.datetime.now(dt.UTC))
    run_study(folder, rows, GRID, FitResources(), lambda *_told: None)
    write_report(folder, rows, GRID, ComparisonFigures({}, None))
    return _study(lake)


def _set_surroundings(folder: Path, lake: Path) -> None:
    settings = folder / "smallhours.toml"
    settings.write_text(
        f'[listeners.{LISTENER}]\nlastfm_user = "{LISTENER}"\ntimezone = "UTC"\n', encoding="utf-8"
    )
    os.environ["SMALLHOURS_SETTINGS"] = str(settings)
    os.environ["SMALLHOURS_LAKE"] = str(lake)


@dataclass(frozen=True)
class PageCost:
    """The cost of a page.

    Attributes:
        first_ms: Milliseconds the first time.
        ms: The median of the further times.
        cpu_ms: The same in CPU time, which a busy machine does not increase.
        size: Bytes.
    """

    first_ms: float
    ms: float
    cpu_ms: float
    size: int


def _measure(study: str) -> dict[str, PageCost]:
    """Measure the cost of each page.

    Args:
        study: The name of a study with a report.
    """
    outer = FastAPI()
    outer.mount(PREFIX, create_app(_open_house()))
    found = {}
    with TestClient(outer) as client:
        page = client.get(f"{PREFIX}/explore").text
        tags = page.partition('<option value="')[2].partition('"')[0]
        for name, path in ASKED.items():
            address = f"{PREFIX}/{path.format(tags=tags, study=study)}"
            wall, computing = [], []
            for _ in range(TIMES + 1):
                started, computed = time.perf_counter(), time.process_time()
                answer = client.get(address)
                wall.append(1000 * (time.perf_counter() - started))
                computing.append(1000 * (time.process_time() - computed))
                answer.raise_for_status()
            median = statistics.median(wall[1:])
            busy = statistics.median(computing[1:])
            found[name] = PageCost(wall[0], median, busy, len(answer.content))
    return found


def _no_accounts() -> AccountStore:
    raise LookupError("the benchmark has no accounts")


def _open_house() -> AirflowBridge:
    """Return a host that allows everything."""
    return AirflowBridge(
        may_read=lambda: None,
        may_write=lambda: True,
        may_connect=lambda: False,
        accounts=_no_accounts,
        waiting=list,
        answer=lambda _request, _run, _approve: None,
        trigger=lambda _dag, _conf: "",
        partition_of=lambda _dag, _run: None,
        warning=lambda _listener: "",
        paused=list,
        resume=lambda _dags: None,
        progress=lambda _listener, _night: None,
        secret=lambda: "of the benchmark",
    )


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
