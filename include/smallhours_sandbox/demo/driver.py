"""The demo: from an empty folder to a playlist, under the real scheduler.

The sandbox and Airflow are started, the first DAG is triggered for each listener, assets trigger
the rest, and the playlists are read back: one from Spotify, and one from ListenBrainz. Each further
demo lets a day pass in the sandbox's world first, and runs the next night. Nothing is left running,
even after an error.
"""

import datetime as dt
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import requests
from rich.console import Console
from rich.table import Table

from smallhours.errors import SmallhoursError
from smallhours.local.airflow import CHECKOUT, AirflowApi, LocalAirflow
from smallhours.local.processes import (
    ManagedProcess,
    ProcessStopped,
    free_ports,
    interrupted_by_signals,
    stop_all,
)
from smallhours.private_files import close_to_others
from smallhours.runs import NIGHTLY
from smallhours.settings import load_settings
from smallhours_sandbox.demo import results, sandbox_client
from smallhours_sandbox.demo.demo_config import LISTENER, LISTENERS, DemoConfig
from smallhours_sandbox.demo.night_monitor import NightFailed, NightMonitor

_FOUND_S = 60.0


def run_demo(folder: Path, *, stay: bool | None = None, console: Console | None = None) -> int:
    """Run one night of two listeners and show their playlists.

    Args:
        folder: Folder of the demo; an earlier demo in it is continued.
        stay: Whether to keep Airflow's pages running until Ctrl+C; by default only on a terminal.
        console: Console to print to.

    Returns:
        The exit code: 0 when the playlists arrived, 1 when not, 130 after Ctrl+C.
    """
    console = console or _console()
    demo = Demo(folder.resolve(), console)
    try:
        with interrupted_by_signals(), demo:
            demo.run()
            if console.is_terminal if stay is None else stay:
                demo.stay()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 0 if demo.arrived else 130
    except (SmallhoursError, ProcessStopped, TimeoutError, requests.RequestException) as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        return 1
    return 0


class Demo:
    """One demo; a context manager that stops every process it started.

    Args:
        folder: Folder of the demo.
        console: Console to print to.
        open_to_all: Whether Airflow's pages need no password.
    """

    def __init__(self, folder: Path, console: Console, *, open_to_all: bool = True) -> None:
        sandbox_port, airflow_port = free_ports(2)
        self.config = DemoConfig(folder, sandbox_port, airflow_port, open_to_all)
        self.arrived = False
        self._console = console
        self._started = time.monotonic()
        self._lap = self._started
        self._airflow = LocalAirflow(self.config.home, self.config.environment())
        self._sandbox: list[ManagedProcess] = []

    def __enter__(self) -> "Demo":
        """Return the demo; what a killed one left running is ended, and nothing started yet."""
        self._airflow.__enter__()
        self._airflow.end_left_running()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop all processes."""
        try:
            stop_all([*self._airflow.processes, *self._sandbox])
        finally:
            self._airflow.__exit__(*error)

    def run(self) -> None:
        """Start everything, run the nights and show the playlists.

        Raises:
            NightFailed: when a playlist did not arrive.
            ProcessStopped: when a process ended unexpectedly.
            TimeoutError: when a process does not start.
        """
        self._start()
        night = self._tonight()
        self.config.write_settings(today=night)
        self._run_nights(night)
        for listener in LISTENERS:
            self._show_playlist(listener, night)
        self.arrived = True
        self._console.print(f"\n{results.last_reception(self.config.lake, night)}")
        total = time.monotonic() - self._started
        self._console.print(f"\nThe whole demo took {total:.0f} s.", highlight=False)
        command = Path(sys.executable).with_name("smallhours")
        self._console.print(
            f"In its folder you can ask why a track is there: cd {self.config.folder} && "
            f'{command} why --listener {LISTENERS[0]} "ARTIST - TITLE"',
            highlight=False,
            soft_wrap=True,
        )

    def stay(self) -> None:
        """Keep everything running until Ctrl+C."""
        self._console.print(
            f"Look at it on {self.config.home.url}/plugin/smallhours. Ctrl+C ends the demo."
        )
        while True:
            for part in self._airflow.processes:
                part.check()
            time.sleep(1)

    def _start(self) -> None:
        config = self.config
        config.write_settings()
        close_to_others(config.folder)
        logs = config.folder / "logs"
        self._console.print("Starting the sandbox and Airflow ...")
        with self._console.status("database") as status:
            sandbox = ManagedProcess(
                "sandbox",
                config.sandbox_command(),
                env=config.environment(),
                log=logs / "sandbox.log",
                cwd=CHECKOUT,
            )
            self._sandbox.append(sandbox)
            self._airflow.prepare(forget_unfinished=True)
            self._airflow.start()
            sandbox_client.wait_for_sandbox(config.sandbox, sandbox)
            self._print_lap_time(f"the sandbox listens on {config.sandbox}")
            self._airflow.wait_until_healthy(on_status=status.update)
        self._print_lap_time(f"Airflow is healthy on {config.home.url}")

    def _tonight(self) -> dt.date:
        """Return the night to run, after letting a day pass since the last playlist."""
        settings = load_settings(self.config.home.settings)
        timezone = ZoneInfo(settings.listener(LISTENER).timezone)
        tonight = sandbox_client.sandbox_date(self.config.sandbox, timezone)
        last = results.last_written_night(self.config.lake)
        if last is not None and last >= tonight:
            happened = sandbox_client.advance_one_day(self.config.sandbox)
            tonight = sandbox_client.sandbox_date(self.config.sandbox, timezone)
            counts = ", ".join(f"{count} {what}" for what, count in happened.items())
            self._print_lap_time(f"a day passed in the sandbox: {counts}")
        return tonight

    def _run_nights(self, night: dt.date) -> None:
        """Run the nights, one close behind the other through the DAGs, and show their progress."""
        home = self.config.home
        api = AirflowApi(home.url, password=home.password())
        try:
            until = time.monotonic() + _FOUND_S
            while not set(NIGHTLY) <= api.dags():
                if time.monotonic() > until:
                    raise TimeoutError("Airflow has not found the DAGs; see dag-processor.log")
                time.sleep(0.2)
            since = dt.datetime.now(dt.UTC)
            first = next(iter(NIGHTLY))
            runs = {
                listener: api.trigger(first, {"listener": listener, "night": str(night)})
                for listener in LISTENERS
            }
            for listener in LISTENERS:
                self._console.print(
                    f"\n[bold]The night of {night} for {listener}[/]", highlight=False
                )
                monitor = NightMonitor(self._airflow, api, self._console, f"{listener}@{night}")
                monitor.follow(runs[listener], since=since)
        finally:
            api.close()
        self._print_lap_time("the nights are done")

    def _show_playlist(self, listener: str, night: dt.date) -> None:
        mine = load_settings(self.config.home.settings).listener(listener)
        name, url = mine.playlist.name, self.config.sandbox
        if mine.spotify:
            service, items = "Spotify", sandbox_client.read_spotify_playlist(url, name)
        else:
            items = sandbox_client.read_listenbrainz_playlist(url, listener, name)
            service = "ListenBrainz"
        if not items:
            raise NightFailed(
                f"{service} has no playlist {name!r} of {listener} with tracks.",
                remedy=f"The logs are in {self.config.folder}.",
            )
        why = results.read_reasons(self.config.lake, listener, night)
        title = f"{name}: {len(items)} tracks for {listener}, as {service} has them now"
        table = Table("", "track", "why it is there", title=title)
        for position, item in enumerate(items, start=1):
            reason = why.get(item.uri, "")
            table.add_row(str(position), f"{item.artist} – {item.title}", reason)
        self._console.print()
        self._console.print(table)

    def _print_lap_time(self, what: str) -> None:
        now = time.monotonic()
        self._console.print(f"  [dim]{now - self._lap:5.1f} s[/]  {what}", highlight=False)
        self._lap = now


def _console() -> Console:
    console = Console()
    # Without a terminal the default is 80 columns, which would wrap the reasons.
    return console if console.is_terminal else Console(width=160)
