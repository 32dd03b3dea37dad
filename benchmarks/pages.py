"""Benchmark of the pages in Chromium: time, height, text size, accessibility and weight.

    python -m benchmarks.pages [--scrobbles 90000] [--nights 3] [--many 1000] [--lake FOLDER]

A simulated listener with that many plays lives through a few nights in the sandbox, so that the
lake is one that the product itself has made. A second lake is a copy whose last list stands on each
of 1,000 nights. On both, each page is opened in Chromium in both themes, at the widths of a desktop
and of a phone. A page's time is the median over five loads, of the slower lake, until all of it is
there but covers. `--lake` keeps the lakes, or uses them again.
"""

import datetime as dt
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from fastapi.testclient import TestClient

import tests.airflow_home  # noqa: F401 - before Airflow, which reads the environment
from benchmarks.harness import command_line, print_figures, print_progress
from benchmarks.support.page_views import WIDTHS, PageViews, view_pages
from smallhours.lake.list_tables import METRICS, PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYS
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.settings import TrainingSettings
from smallhours.training.profile import describe_taste
from smallhours.web.app import PAGES, PREFIX, create_app
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
TRACKS = 30
# Takes seconds to fit, and its report has every kind of table and picture.
GRID = Grid.of(models=["bayes", "linear"], formats=["tags", "apart"], limits=[100, 1000])


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--scrobbles", type=int, default=90_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--many", type=int, default=1_000, help="nights of the long history")
    parser.add_argument("--lake", type=Path, help="keep the lakes there, or use those there")
    options = parser.parse_args()
    with _folder(options.lake) as folder:
        lake, long = folder / "lake", folder / "long"
        if not lake.exists():
            with _made(lake) as unfinished:
                _live(unfinished, options.scrobbles, options.nights)
        study = _study(Lake(str(lake)))
        if not long.exists():
            with _made(long) as unfinished:
                shutil.copytree(lake, unfinished)
                _repeat_last_night(Lake(str(unfinished)), options.many)
        seen = []
        for each in (lake, long):
            print_progress(f"looking at the pages of {each.name}")
            _set_surroundings(folder, each)
            seen.append(_view(study))
    for where in sorted({violation for views in seen for violation in views.violations}):
        print(where)
    size, words = min(views.smallest_text for views in seen)
    print(f"the smallest text: {words}")
    print_figures(
        {
            "page_ms": {
                name: round(max(views.page_ms[name] for views in seen)) for name in seen[0].page_ms
            },
            "tonight_px": {
                screen: max(views.tonight_px[screen] for views in seen) for screen in WIDTHS
            },
            "smallest_text_px": round(size, 1),
            "axe_violations": sum(len(views.violations) for views in seen),
            "kilobytes": round(max(views.kilobytes for views in seen)),
            "scroll_after_press": max(views.scroll_after_press for views in seen),
        }
    )


def _live(lake: Path, scrobbles: int, nights: int) -> None:
    print_progress("living through the nights")
    size = WorldSize(artists=1_500, tracks=20_000, scrobbles=scrobbles)
    run_simulation(SimulationSpec(LISTENER, OURS, nights, 1983, size, (LISTENER,)), lake)
    # The simulation does not run the stages that only the pages need.
    settings, kept = settings_for(LISTENER, "http://127.0.0.1:9", lake), Lake(str(lake))
    last = max(part["night"] for part in kept.partitions(RECOMMENDATIONS))
    night = settings.night(LISTENER, last)
    describe_taste(LISTENER, kept, settings=settings, night=night)
    # The simulated lists are short; a list on the page has 30 tracks.
    rank_candidates(LISTENER, kept, settings=settings, night=night, size=TRACKS)
    where = {"listener": LISTENER, "night": last}
    keys = kept.frame(RECOMMENDATIONS, where=where).dropna(subset=["position"])["track_key"]
    ledger = kept.frame(PLAYLISTS, where={"listener": LISTENER})
    ledger = ledger[ledger["night"].astype(str) == last].drop(columns="listener")
    ledger["track_keys"] = [keys.tolist()] * len(ledger)
    ledger["uris"] = [[f"spotify:track:{at:022d}" for at in range(len(keys))]] * len(ledger)
    kept.merge(PLAYLISTS, ledger, partition={"listener": LISTENER})


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


def _repeat_last_night(lake: Lake, nights: int) -> None:
    """Let the last night's list, its reactions and its figures stand on many nights before it."""
    print_progress(f"writing {nights:,} nights")
    parts = lake.partitions(RECOMMENDATIONS)
    last = max(part["night"] for part in parts if part["listener"] == LISTENER)
    where = {"listener": LISTENER, "night": last}
    chosen = lake.frame(RECOMMENDATIONS, where=where).dropna(subset=["position"])
    chosen = chosen.drop(columns=list(where))
    ledger = lake.frame(PLAYLISTS, where={"listener": LISTENER})
    ledger = ledger[ledger["night"].astype(str) == last].drop(columns="listener")
    figures = lake.frame(METRICS)
    figures = figures[figures["night"].astype(str) == last].drop(columns="month")
    days = [dt.date.fromisoformat(last) - dt.timedelta(days=age) for age in range(1, nights)]
    reactions = dict(zip(chosen["track_key"], itertools.cycle(["played", "skipped"]), strict=False))
    for day in days:
        lake.replace(RECOMMENDATIONS, chosen, partition={**where, "night": str(day)})
    lake.pack_months(PLAYS, LISTENER, before=last[:7])  # a copy's files are other ones
    lake.merge(
        PLAYLISTS,
        pd.concat([ledger.assign(night=day) for day in days]),
        partition={"listener": LISTENER},
    )
    for month, of_month in itertools.groupby(days, key=lambda day: f"{day:%Y-%m}"):
        held = list(of_month)
        said = [
            {"night": day, "intent": "main", "track_key": key, "reaction": reaction}
            for day in held
            for key, reaction in reactions.items()
        ]
        rows = pd.DataFrame(said).assign(at=pd.Timestamp(held[0], tz="UTC"))
        lake.merge(FEEDBACK, rows, partition={"listener": LISTENER, "month": month})
        told = pd.concat([figures.assign(night=day) for day in held])
        lake.merge(METRICS, told, partition={"month": month})


def _view(study: str) -> PageViews:
    """Open every page of the present lake.

    Args:
        study: The name of a study with a report.
    """
    from airflow.utils.db import initdb

    initdb()
    pages = FastAPI()
    pages.mount(PREFIX, create_app(_open_house()))
    with TestClient(pages) as client:
        page = client.get(f"{PREFIX}/explore").text
    tags = page.partition('<option value="')[2].partition('"')[0]
    linked = ("edits", "playlists", "accounts", "review", "letter")
    addresses = {name: name for name in (*PAGES, *linked)} | {
        "explore, a question": f"explore?tags={tags}",
        "study": f"study?name={study}",
    }
    return view_pages(pages, addresses, PREFIX)


def _accounts() -> AccountStore:
    """Return the connections of an empty Airflow."""
    from smallhours.orchestration.connections import AirflowSecrets

    return AirflowSecrets()


def _open_house() -> AirflowBridge:
    """Return a host that allows everything."""
    return AirflowBridge(
        may_read=lambda: None,
        may_write=lambda: True,
        may_connect=lambda: False,
        accounts=_accounts,
        waiting=list,
        answer=lambda _request, _run, _approve: None,
        trigger=lambda _dag, _conf: "",
        partition_of=lambda _dag, _run: None,
        warning=lambda _listener: "",
        paused=list,
        resume=lambda _dags: None,
        parse_again=lambda: None,
        progress=lambda _listener, _night: None,
        secret=lambda: "of the benchmark",
    )


@contextmanager
def _made(lake: Path) -> Iterator[Path]:
    """Yield where to make a lake, which gets its name when it is whole."""
    unfinished = lake.with_name(f"{lake.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    yield unfinished
    unfinished.rename(lake)


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
