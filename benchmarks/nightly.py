"""Benchmark of a night: the demo cold and warm, parsing the DAGs, and a replay of a real log.

    python -m benchmarks.nightly [--no-demo] [--replay LOG --artist-tags TAGS --features FILE]
    python -m benchmarks.nightly --first-night

The demo is `smallhours demo`, twice in one new folder. The replay serves a listener's own log
(columns `played_at, artist, artist_mbid, album, title, track_mbid`) and real artist tags through
the sandbox, and runs every stage of the four DAGs as its command, each in a process of its own, so
that time and memory are the stage's. Without files of that kind the replay is left out.

The first night is another thing: it sets up a fresh installation as the README says, and waits for
the clock (`benchmarks.first_night`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.first_night import first_night
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
from smallhours.local.processes import free_ports
from smallhours.runs import NIGHTLY

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LISTENER = "default"
NIGHT_AFTER_LOG = "2026-11-17"
UNLIMITED_RATE = 1_000_000

_SETTINGS = """\
[listeners.{listener}]
lastfm_user = "listener"
timezone = "UTC"

[services.lastfm]
api_url = "{url}/2.0/"
calls_per_second = {enough}

[services.spotify]
api_url = "{url}/v1/"
accounts_url = "{url}/"
calls_per_second = {enough}
calls_per_day = {enough}

[services.reccobeats]
api_url = "{url}/reccobeats/v1/"
calls_per_second = {enough}

[services.acousticbrainz]
api_url = "{url}/acousticbrainz/api/v1/"
calls_per_second = {enough}

[catalog]
lastfm_calls_per_night = {calls}
{features}
"""


@dataclass(frozen=True, slots=True)
class CommandCost:
    """The cost of a command: wall-clock seconds, and its peak memory (RSS, MB)."""

    wall_s: float
    peak_mb: float


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    if arguments.first_night:
        print(json.dumps(first_night()))
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
    print(json.dumps(figures))


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
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        sandbox = _start_sandbox(arguments, port, folder)
        try:
            _wait(url, sandbox)
            return _replayed(arguments, url, folder)
        finally:
            sandbox.terminate()
            sandbox.wait(timeout=30)


def _replayed(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, object]:
    environment = _environment(arguments, url, folder)
    costs: dict[str, CommandCost] = {}
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


def run_measured(command: list[str], env: dict[str, str]) -> CommandCost:
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
    return CommandCost(time.perf_counter() - started, usage.ru_maxrss / 1024)


def _start_sandbox(
    arguments: argparse.Namespace, port: int, folder: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "smallhours", "sandbox", "--port", str(port)]
    command += ["--cache", str(folder / "cache"), "--replay", str(arguments.replay)]
    command += ["--artist-tags", str(arguments.artist_tags)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _environment(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, str]:
    features = f'features_file = "{arguments.features}"' if arguments.features.exists() else ""
    settings = folder / "smallhours.toml"
    settings.write_text(
        _SETTINGS.format(
            listener=LISTENER,
            url=url,
            enough=UNLIMITED_RATE,
            calls=arguments.calls,
            features=features,
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


def _wait(url: str, sandbox: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if sandbox.poll() is not None:
            raise SystemExit("error: the sandbox did not start; see above.")
        try:
            requests.get(f"{url}/_sandbox/health", timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("error: the sandbox did not answer within a minute.")


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first-night", action="store_true", help="only this; see above")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo out")
    parser.add_argument("--replay", type=Path, default=SHARED / "listener-a/scrobbles.csv.gz")
    parser.add_argument(
        "--artist-tags", type=Path, default=SHARED / "listeners-2k/artist_tags.csv.gz"
    )
    parser.add_argument("--features", type=Path, default=SHARED / "tags-and-features/tracks.csv.gz")
    parser.add_argument("--calls", type=int, default=30_000, help="Last.fm calls for tags")
    parser.add_argument("--night", default=NIGHT_AFTER_LOG, help="the night after the log's end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
