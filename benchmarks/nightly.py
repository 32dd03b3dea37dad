"""Benchmark of a night: the demo cold and warm, parsing the DAGs, and a replay of a real log.

    python -m benchmarks.nightly [--no-demo] [--replay LOG --artist-tags TAGS --features FILE]
    python -m benchmarks.nightly --first-night

The demo is `smallhours demo`, twice in one new folder. The replay serves a listener's own log
(columns `played_at, artist, artist_mbid, album, title, track_mbid`) and real artist tags through
the sandbox, and runs every stage of the four DAGs as its command, each in a process of its own, so
that time and memory are the stage's. Without files of that kind the replay is left out.

The first night is another thing: it sets up a fresh installation as the README says, and waits for
the clock: does the night come by itself, and what comes after a week off?
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from benchmarks.harness import KIB, SHARED, Cost, command_line, print_figures
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    PLAYS,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.local.processes import ManagedProcess, free_ports, stop_all
from smallhours.runs import NIGHTLY
from smallhours_sandbox.demo.sandbox_client import wait_for_sandbox
from smallhours_sandbox.simulation.installation import LISTENER, sandbox_services
from tests.e2e.installation import Installation, cron_in, sleep_through_nights, wait_for_nights

WORLD = {"artists": 600, "tracks": 6_000, "scrobbles": 20_000}
DUBLIN = ZoneInfo("Europe/Dublin")

NIGHT_AFTER_LOG = "2026-11-17"

_SETTINGS = """\
[listeners.{listener}]
lastfm_user = "listener"
timezone = "UTC"

{services}
[catalog]
lastfm_calls_per_night = {calls}
{features}
"""


def first_night() -> dict[str, object]:
    """Set up a fresh installation as a user would; return the figures.

    Returns:
        `list_arrived`: whether a playlist arrived at the hour of the settings;
        `unpaused_by_hand`: how often a DAG had to be switched on, by Airflow's audit log;
        `woke_late_nights`: nights that were run after seven nights were slept through;
        `wrong_cron_refused`: whether a cron expression that is none is an error of the settings.
    """
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder), WORLD) as installation:
        started = dt.datetime.now(dt.UTC)
        _say(installation.set_up(cron_in(2, DUBLIN)))
        with installation.up() as airflow:
            _say(installation.said("up"))
            items = installation.wait_for_playlist()
            switched = airflow.switched_by_hand()
            before = wait_for_nights(airflow, since=started)
        _say(f"{len(items)} tracks arrived")
        sleep_through_nights(installation.home, days=7)
        with installation.up() as airflow:
            after = wait_for_nights(airflow, since=started - dt.timedelta(days=7))
        _say(f"nights: {len(before)} before a week off, {len(after)} with what came after it")
        installation.schedule("every night")
        refused = [installation.refusal(*command) for command in (["doctor"], ["up"])]
        _say(refused[0])
    return {
        "list_arrived": bool(items),
        "unpaused_by_hand": switched,
        "woke_late_nights": len(after) - len(before),
        "wrong_cron_refused": all("`schedule.cron`" in each for each in refused),
    }


def _say(what: str) -> None:
    print(what, flush=True)


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    if arguments.first_night:
        print_figures(first_night())
        return
    figures: dict[str, object] = {"dag_parse_s": round(parse_seconds(), 3)}
    print(f"parsing all DAGs: {figures['dag_parse_s']} s")
    if not arguments.no_demo:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("cold_s", "warm_s"):
                figures[name] = round(demo_seconds(Path(folder) / "demo"), 1)
                print(f"demo, {name.removesuffix('_s')}: {figures[name]} s", flush=True)
    if arguments.replay.exists() and arguments.artist_tags.exists():
        figures["replay"] = replay(arguments)
    else:
        print(f"no log at {arguments.replay}: the replay is left out")
    print_figures(figures)


def parse_seconds() -> float:
    """Return the seconds that Airflow takes to parse the DAG files, without importing Airflow."""
    code = (
        "import airflow.sdk, smallhours.settings, time\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "started = time.perf_counter(); bag = DagBag('dags')\n"
        "assert not bag.import_errors, bag.import_errors\n"
        "print(time.perf_counter() - started)"
    )
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path("plugins").resolve()),
        }
        printed = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    return float(printed.stdout.split()[-1])


def demo_seconds(folder: Path) -> float:
    """Return the seconds of one `smallhours demo`, from the command to its end."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "smallhours", "demo", "--folder", str(folder), "--leave"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def replay(arguments: argparse.Namespace) -> dict[str, object]:
    """Run every stage against the replayed log; print a table; return the figures."""
    with tempfile.TemporaryDirectory() as place, replay_sandbox(arguments, Path(place)) as url:
        return _replayed(arguments, url, Path(place))


@contextmanager
def replay_sandbox(arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Serve a log and its artists' tags from a sandbox; yield its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    options = {
        "port": port, "cache": folder / "cache", "replay": arguments.replay,
        "artist-tags": arguments.artist_tags,
    }  # fmt: skip
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    sandbox = ManagedProcess(
        "the sandbox",
        [sys.executable, "-m", "smallhours", "sandbox", *given],
        env=os.environ,
        log=folder / "logs" / "sandbox.log",
        cwd=Path.cwd(),
    )
    try:
        wait_for_sandbox(url, sandbox)
        yield url
    finally:
        stop_all([sandbox])


def _replayed(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, object]:
    environment = replay_environment(arguments, url, folder)
    costs: dict[str, Cost] = {}
    print(f"\n{'stage':<24}{'wall s':>8}{'peak MB':>9}  calls", flush=True)
    for verb in (stage.__name__ for stages in NIGHTLY.values() for stage in stages):
        before = _calls(url)
        command = [sys.executable, "-m", "smallhours", verb.replace("_", "-")]
        costs[verb] = run_measured([*command, "--night", arguments.night], env=environment)
        calls = ", ".join(f"{name} {count}" for name, count in (_calls(url) - before).items())
        cost = costs[verb]
        print(f"{verb:<24}{cost.wall_s:>8.1f}{cost.peak_mb:>9.0f}  {calls}", flush=True)
    lake = Lake(environment["SMALLHOURS_LAKE"])
    sizes = {
        table.name: len(lake.read(table, columns=[table.columns[0].name]))
        for table in (PLAYS, TRACKS, TRACK_TAGS, ARTIST_TAGS, AUDIO_FEATURES, CANDIDATES)
    }
    print("\nrows: " + ", ".join(f"{name} {count:,}" for name, count in sizes.items()))
    chosen = lake.frame(RECOMMENDATIONS).dropna(subset=["position"]).sort_values("position")
    print("\nThe first twenty tracks:")
    for row in chosen.head(20).itertuples():
        print(f"{row.position:>3}. {row.artist} – {row.title}\n     {row.reason}")
    return {
        "plays": sizes["plays"],
        "tracks": sizes["tracks"],
        "calls": sum(_calls(url).values()),
        "wall_s": round(sum(cost.wall_s for cost in costs.values()), 1),
        "peak_mb": round(max(cost.peak_mb for cost in costs.values())),
    }


def run_measured(command: list[str], env: dict[str, str]) -> Cost:
    """Run a command to its end and measure it.

    Raises:
        SystemExit: when it fails; its own output is above.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed.")
    return Cost(time.perf_counter() - started, usage.ru_maxrss / KIB)


def replay_environment(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, str]:
    """Return the environment of the commands: settings and a lake in the folder, and logins."""
    features = f'features_file = "{arguments.features}"' if arguments.features.exists() else ""
    settings = folder / "smallhours.toml"
    services = ""
    for name, options in sandbox_services(url).items():
        # A string, a number or a flag is written in TOML as in JSON.
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in options.items()]
        services += "".join([f"[services.{name}]\n", *lines])
    settings.write_text(
        _SETTINGS.format(
            listener=LISTENER, services=services, calls=arguments.calls, features=features
        )
    )
    spotify = {
        "conn_type": "spotify",
        "login": "sandbox-client",
        "password": "sandbox-secret",
        "extra": {"refresh_token": "refresh-listener"},
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "SMALLHOURS_SETTINGS": str(settings),
        "SMALLHOURS_LAKE": str(folder / "lake"),
        "AIRFLOW_CONN_LASTFM_DEFAULT": json.dumps({"conn_type": "lastfm", "password": "5a4d" * 8}),
        "AIRFLOW_CONN_SPOTIFY_DEFAULT": json.dumps(spotify),
    }


def _calls(url: str) -> Counter[str]:
    by_service = requests.get(f"{url}/_sandbox/calls", timeout=10).json()["calls"]
    return Counter(
        {
            f"{service} {method}": count
            for service, methods in by_service.items()
            for method, count in methods.items()
        }
    )


def _arguments() -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument("--first-night", action="store_true", help="only this; see above")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo out")
    add_replay_arguments(parser)
    return parser.parse_args()


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files of a replay, and its night."""
    parser.add_argument("--replay", type=Path, default=SHARED / "listener-a/scrobbles.csv.gz")
    parser.add_argument(
        "--artist-tags", type=Path, default=SHARED / "listeners-2k/artist_tags.csv.gz"
    )
    parser.add_argument("--features", type=Path, default=SHARED / "tags-and-features/tracks.csv.gz")
    parser.add_argument("--calls", type=int, default=30_000, help="Last.fm calls for tags")
    parser.add_argument("--night", default=NIGHT_AFTER_LOG, help="the night after the log's end")


if __name__ == "__main__":
    main()
