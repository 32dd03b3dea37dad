"""Home suite: secrets, starts and stops, backups, upgrades and growth of one installation.

    python -m benchmarks.home [--nights N] [--only NAME ...]

An installation is set up as the README says, against a sandbox, and lives through what happens to
one in years: signals, killed processes, crashes, backups while a night runs, restores, upgrades.
A scenario fails when it does not end as it should. After each, all files of the home and the lake
are searched for secrets, their modes are looked at, and what still runs is counted and ended.

`month_mb` is what a month adds to `.airflow`. It is not a month that is lived through: the real
scheduler runs N nights and five hourly polls; what one adds to the disk counts 30 and 720 times.
The logs of Airflow's parts grow with time; what they may reach is added whole.
"""

import json
import os
import signal
import sqlite3
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.harness import command_line, print_figures
from benchmarks.support.home_runs import (
    LISTENER,
    TYPED,
    Bench,
    check_database,
    check_installation,
    disk_mb,
    expect,
    kill_when,
    run_maintenance,
    run_night,
    run_poll,
    start_night,
    wait_for_night,
)
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.migrations import VERSION
from smallhours.lake.store import Lake
from smallhours.local.airflow import CHECKOUT, LocalAirflow
from smallhours.local.archive import unpack
from smallhours.local.processes import MAX_LOG_BYTES
from smallhours.local.running import kill_session, left_running
from smallhours.private_files import open_to_others
from tests.e2e.installation import (
    CLIENT_SECRET,
    NEVER,
    SMALL_CATALOG,
    SMALL_WORLD,
    Installation,
    files_with,
    refresh_token,
    type_connection,
)

PARTS = ("api-server", "scheduler", "dag-processor")
NIGHTS_OF_A_MONTH, POLLS_OF_A_MONTH = 30, 720
POLLS = 5
# Of each part's log as much again is kept of what came before.
MAX_PARTS_MB = len(PARTS) * 2 * MAX_LOG_BYTES / 1_000_000
OLD_INSTALLATION = CHECKOUT / "tests" / "e2e" / "installation_7924c24.tar.gz"


def login_before_up(bench: Bench) -> None:
    """Log in before Airflow was ever started, and read a history."""
    bench.install.set_up(NEVER)
    with bench.install.home.settings.open("a") as settings:
        settings.write(SMALL_CATALOG)
    bench.install.run("sync-scrobbles")


def connection_typed_into_the_pages(bench: Bench) -> None:
    """Start, and save a connection through Airflow's API, as its form does."""
    bench.start()
    type_connection(bench.install.home, "typed", TYPED)
    bench.secrets.add(refresh_token(bench.install.home, LISTENER))


def backup_while_a_night_runs(bench: Bench) -> None:
    """Take a backup under load: it is whole, private, and of one moment."""
    bench.start()
    with closing(bench.api()) as api:
        run_poll(api)
        bench.disk_before = disk_mb(bench.home)
        bench.night = start_night(api)
        bench.install.run("backup", str(bench.backup))
    with tempfile.TemporaryDirectory() as scratch:
        manifest = unpack(bench.backup, Path(scratch, "unpacked"))
        expect(list(manifest.listeners) == [LISTENER], manifest)
        check_database(Path(scratch, "unpacked", "airflow", "airflow.db"))


def second_up_is_refused(bench: Bench) -> None:
    """Start another one on another port."""
    bench.start()
    said = bench.install.refusal("up", "--port", str(bench.install.port + 1))
    expect("runs in" in said, said)


def night_by_the_scheduler(bench: Bench) -> None:
    """See the night to its end, and the maintenance after it."""
    with closing(bench.api()) as api:
        if bench.night:
            wait_for_night(api, bench.night)
        removed = run_maintenance(api)
    expect(removed["rows_left"] > 0, removed)
    expect(bench.install.playlist())


def ended_by(number: signal.Signals, bench: Bench) -> None:
    """End `up` by a signal."""
    bench.start()
    bench.end(number)
    expect("Stopped." in bench.install.said("up"))


def part_is_killed(name: str, bench: Bench) -> None:
    """Kill one part: `up` says which, and ends the others."""
    bench.start()
    pids = {part.name: part.pid for part in left_running(bench.home)}
    os.kill(pids[name], signal.SIGKILL)
    bench.end(0, code=1)
    expect(f"{name} ended with code -9" in bench.install.said("up"), bench.install.said("up"))


def up_is_killed(bench: Bench) -> None:
    """Kill `up` itself: the next one names what runs, and ends it when asked."""
    bench.start()
    bench.kill()
    said = bench.install.refusal("up", "--port", str(bench.install.port))
    expect(all(name in said for name in PARTS), said)
    bench.start("--end-left")
    bench.end()


def killed_backup(bench: Bench) -> None:
    """Kill a backup half way: there is no archive, and the next one is whole."""
    target = bench.folder / "backup" / "killed.tar.gz"
    kill_when(bench.install, target.with_name("killed.tar.gz.part").exists, "backup", str(target))
    expect(not target.exists())
    bench.install.run("backup", str(target))
    with tempfile.TemporaryDirectory() as scratch:
        unpack(target, Path(scratch, "unpacked"))


def restore_over_a_crashed_home(bench: Bench) -> None:
    """Kill everything at once, and restore over what the crash left."""
    bench.start()
    bench.kill()
    for part in left_running(bench.home):
        kill_session(part.pid)
    said = bench.install.run("restore", str(bench.backup))
    expect("is kept in" in said, said)
    check_installation(bench.install)


def killed_restore(bench: Bench) -> None:
    """Kill a restore half way: the next command leaves the old or the new, whole."""
    stage = bench.home.with_name(".airflow.restoring")
    for seen in ((stage / "lake").exists, (stage / "renames.json").exists):
        kill_when(bench.install, seen, "restore", str(bench.backup))
        bench.install.run("--version")
        check_installation(bench.install)
    bench.install.run("restore", str(bench.backup))
    check_installation(bench.install)


def restore_of_somebody_else_is_refused(bench: Bench) -> None:
    """Restore over a lake of another listener: refused, and nothing changes."""
    settings = bench.install.home.settings
    before = settings.read_text()
    of_eve = before.replace('"ada"', '"eve"')
    expect(of_eve != before, before)
    settings.write_text(of_eve)
    said = bench.install.refusal("restore", str(bench.backup))
    expect("is eve at Last.fm here, and ada in the backup" in said, said)
    settings.write_text(before)
    check_installation(bench.install)


def newer_lake_is_refused(bench: Bench) -> None:
    """Give the lake to an older version: one sentence, and nothing changes."""
    mark = bench.folder / "data" / ".format"
    before = mark.read_bytes()
    mark.write_text(json.dumps({"version": VERSION + 1}))
    said = bench.install.refusal("rank-candidates")
    mark.write_bytes(before)
    expect(said.startswith("error: "), said)
    expect("Traceback" not in said, said)


def upgrade_of_an_old_installation(bench: Bench) -> None:
    """Upgrade an installation of an early version, and make a list from its lake."""
    folder = bench.folder / "old"
    with tarfile.open(OLD_INSTALLATION) as archive:
        archive.extractall(folder, filter="data")
    settings = folder / "smallhours.toml"
    settings.write_text(settings.read_text().replace("{url}", bench.install.sandbox))
    old = Installation(folder, SMALL_WORLD)
    with LocalAirflow(old.home, old.home.environment()) as airflow:
        told = airflow.prepare()
    expect("now they are encrypted" in " ".join(told), told)
    old.run("rank-candidates")
    lake = Lake(str(folder / "data"))
    expect(json.loads(lake.files.read(".format")) == {"version": VERSION})
    expect(len(lake.frame(RECOMMENDATIONS)))
    bench.plain += len(files_with([CLIENT_SECRET], old.home.folder, folder / "data"))
    bench.readable += len(open_to_others(old.home.folder))


def old_runs_are_removed(bench: Bench) -> None:
    """Let all runs age by two months: the maintenance removes them, and all still works."""
    with closing(sqlite3.connect(bench.home / "airflow.db")) as database, database:
        for table in ("dag_run", "task_instance"):
            old = f"UPDATE {table} SET start_date = datetime(start_date, '-60 days')"  # noqa: S608
            database.execute(old)
    bench.start()
    with closing(bench.api()) as api:
        removed = run_maintenance(api)
        run_poll(api)
    expect(removed["runs_removed"] >= 1, removed)


def month_of_nights(bench: Bench) -> None:
    """Measure what nights, the one before included, and polls add to Airflow's home."""
    with closing(bench.api()) as api:
        for _ in range(bench.nights - 1):
            run_night(api)
            run_maintenance(api)
        after_nights = disk_mb(bench.home)
        for _ in range(POLLS):
            run_poll(api)
        after_polls = disk_mb(bench.home)
    night = (after_nights - bench.disk_before) / bench.nights
    poll = (after_polls - after_nights) / POLLS
    print(f"  {bench.nights} night(s) added {night:.2f} MB each, {POLLS} polls {poll:.3f} MB each")
    bench.month_mb = MAX_PARTS_MB + NIGHTS_OF_A_MONTH * night + POLLS_OF_A_MONTH * poll
    expect(bench.month_mb <= 100, bench.month_mb)


def forgotten_listener(bench: Bench) -> None:
    """Forget the listener: their logins and their lake are gone."""
    bench.end()
    bench.install.run("forget", LISTENER, "--yes")
    expect(not list((bench.folder / "data").rglob(f"listener={LISTENER}")))
    with closing(sqlite3.connect(bench.home / "airflow.db")) as database:
        left = [row[0] for row in database.execute("SELECT conn_id FROM connection")]
    expect(left == ["typed"], left)


SCENARIOS: dict[str, Callable[[Bench], None]] = {
    "login before the first start": login_before_up,
    "connection typed into the pages": connection_typed_into_the_pages,
    "backup while a night runs": backup_while_a_night_runs,
    "second up is refused": second_up_is_refused,
    "night by the scheduler": night_by_the_scheduler,
    "month of nights": month_of_nights,
    **{f"ended by {each.name}": partial(ended_by, each)
       for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)},
    **{f"kill -9 of {name}": partial(part_is_killed, name) for name in PARTS},
    "kill -9 of up": up_is_killed,
    "kill -9 of a backup": killed_backup,
    "restore over a crashed home": restore_over_a_crashed_home,
    "kill -9 of a restore": killed_restore,
    "restore of somebody else's": restore_of_somebody_else_is_refused,
    "newer lake is refused": newer_lake_is_refused,
    "upgrade of an old installation": upgrade_of_an_old_installation,
    "old runs are removed": old_runs_are_removed,
    "forgotten listener": forgotten_listener,
}  # fmt: skip


def main() -> None:
    """Live through every scenario, print each, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--nights", type=int, default=1, metavar="N", help="of the month, measured")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios, in their order")
    arguments = parser.parse_args()
    failed = 0
    chosen = arguments.only or list(SCENARIOS)
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-home-") as folder,
        Installation(Path(folder), SMALL_WORLD) as install,
    ):
        bench = Bench(install, arguments.nights)
        try:
            for name in chosen:
                began = time.monotonic()
                try:
                    SCENARIOS[name](bench)
                    ended = "fine"
                except Exception:  # any end of a scenario is what is measured
                    traceback.print_exc()
                    failed += 1
                    ended = "FAILED"
                bench.look()
                print(f"{name:<40} {ended:<8} {time.monotonic() - began:6.1f} s", flush=True)
        finally:
            bench.end()
    figures = {
        "scenarios": len(chosen),
        "failed": failed,
        "plain_secrets": bench.plain,
        "readable_by_others": bench.readable,
        "left_running": bench.left,
        "month_mb": round(bench.month_mb, 1),
    }
    print_figures(figures)
    if failed or bench.plain or bench.readable or bench.left:
        sys.exit(1)


if __name__ == "__main__":
    main()
