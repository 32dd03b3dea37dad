"""How long does the server take for each page, on the lake of a long history?

    python -m benchmarks.pages [--scrobbles 90000] [--nights 3] [--lake FOLDER]

A simulated listener with that many plays lives through a few nights in the sandbox, so that the
lake is one that the product itself has made; then each page is asked for, in the process, without a
network. The first time includes what is kept afterwards (models that are opened, modules that are
imported); the figure is the median of the further times. `--lake` keeps the lake, or takes it up.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.pages.app import PREFIX, create_app
from smallhours.pages.host import Host
from smallhours.simulation.nights import Life, live
from smallhours.simulation.rivals import OURS
from smallhours.simulation.world import Size

LISTENER = "ada"
TIMES = 15
ASKED = {
    "tonight": "tonight",
    "taste": "taste",
    "explore": "explore",
    "explore, a question": "explore?tags={tags}",
    "models": "models",
    "history": "history",
}


def main() -> None:
    """Measure, print, and end with the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scrobbles", type=int, default=90_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--lake", type=Path, help="keep the lake there, or take it up from there")
    options = parser.parse_args()
    with _folder(options.lake) as folder:
        lake = folder / "lake"
        if not lake.exists():
            _live(lake, options.scrobbles, options.nights)
        _set_surroundings(folder, lake)
        plays = Lake(str(lake)).read(PLAYS, columns=["track_key"]).num_rows
        print(f"{plays:,} plays, {options.nights} nights\n")
        measured = _measure()
    for name, (first, median, size) in measured.items():
        print(f"{name:22} {median:6.0f} ms   the first time {first:6.0f} ms   {size / 1e3:6.0f} kB")
    print(json.dumps({"page_ms": {name: round(ms) for name, (_, ms, _) in measured.items()}}))


def _live(lake: Path, scrobbles: int, nights: int) -> None:
    print("living through the nights …", file=sys.stderr, flush=True)
    size = Size(artists=1_500, tracks=20_000, scrobbles=scrobbles)
    live(Life(LISTENER, OURS, nights, 1983, size, (LISTENER,)), lake)


def _set_surroundings(folder: Path, lake: Path) -> None:
    settings = folder / "smallhours.toml"
    settings.write_text(
        f'[listeners.{LISTENER}]\nlastfm_user = "{LISTENER}"\ntimezone = "UTC"\n', encoding="utf-8"
    )
    os.environ["SMALLHOURS_SETTINGS"] = str(settings)
    os.environ["SMALLHOURS_LAKE"] = str(lake)


def _measure() -> dict[str, tuple[float, float, int]]:
    """By page: milliseconds of the first time and of the further ones, and its bytes."""
    outer = FastAPI()
    outer.mount(PREFIX, create_app(_open_house()))
    found = {}
    with TestClient(outer) as client:
        page = client.get(f"{PREFIX}/explore").text
        tags = page.partition('<option value="')[2].partition('"')[0]
        for name, path in ASKED.items():
            address = f"{PREFIX}/{path.format(tags=tags)}"
            took = []
            for _ in range(TIMES + 1):
                started = time.perf_counter()
                answer = client.get(address)
                took.append(1000 * (time.perf_counter() - started))
                answer.raise_for_status()
            found[name] = took[0], statistics.median(took[1:]), len(answer.content)
    return found


def _open_house() -> Host:
    """Whoever measures may do everything."""
    return Host(
        may_read=lambda: None,
        may_write=lambda: None,
        trigger=lambda _dag, _conf: "",
        partition_of=lambda _dag, _run: None,
        warning=lambda _listener: "",
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
