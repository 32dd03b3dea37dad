"""Commands that run one stage, or a whole night, without a scheduler."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smallhours import listening, playlist
from smallhours.local.home_files import use_home
from smallhours.playlist_settings import MAIN
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY, STAGES, Stage, stage_doc, summary_lines
from smallhours.settings import load_settings
from smallhours.summary import Summary

if TYPE_CHECKING:
    from smallhours.orchestration.connections import AirflowSecrets


def open_secrets() -> "AirflowSecrets":
    """Return Airflow's connections; its home is made first, where there is none."""
    use_home()  # Airflow reads its configuration when it is imported
    from smallhours.orchestration.connections import AirflowSecrets

    return AirflowSecrets()


class LazySecrets:
    """Airflow's connections; Airflow is imported, which takes seconds, when one is asked for."""

    def __getattr__(self, name: str) -> Any:
        """Ask Airflow."""
        return getattr(open_secrets(), name)


ListenerOption = Annotated[
    str | None, typer.Option("--listener", "-l", help="Whose night; default: the first listener.")
]
NightOption = Annotated[
    str | None,
    typer.Option("--night", "-n", help="Its date, YYYY-MM-DD; default: tonight.", metavar="DATE"),
]
SizeOption = Annotated[
    int | None, typer.Option("--size", min=1, max=500, help="Tracks; default: as in the settings.")
]
ExplorationOption = Annotated[
    float | None,
    typer.Option("--exploration", min=0, max=1, help="Share of less certain picks."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Leave Spotify as it is.")]


def register(app: typer.Typer) -> None:
    """Add a command per stage, and `night`."""
    with_options: dict[Stage, Callable[..., None]] = {
        listening.import_history: import_history,
        playlist.rank_candidates: rank_candidates,
        playlist.publish_playlist: publish_playlist,
    }
    for name, stage in STAGES.items():
        command = with_options.get(stage) or _command(stage)
        app.command(name.replace("_", "-"), help=stage_doc(stage))(command)
    app.command("night")(night)


def night(
    listener: ListenerOption = None,
    night: NightOption = None,
    size: SizeOption = None,
    exploration: ExplorationOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Run a whole night, stage by stage, without a scheduler."""
    with_options: dict[Stage, Callable[[RunContext], Summary]] = {
        playlist.rank_candidates: lambda run: playlist.rank_candidates(
            run, size=size, exploration=exploration
        ),
        playlist.publish_playlist: lambda run: playlist.publish_playlist(run, dry_run=dry_run),
    }
    console = Console()
    table = Table("stage", "counts", "seconds", title_justify="left")
    with open_run(listener, night) as run:
        for stage in chain.from_iterable(NIGHTLY.values()):
            started = time.monotonic()
            with console.status(stage.__name__):
                summary = with_options.get(stage, stage)(run)
            seconds = f"{time.monotonic() - started:.1f}"
            table.add_row(stage.__name__, _counts(summary), seconds)
        table.title = f"{run.listener}, night {run.night.date}"
        console.print(table)
        _print_list(console, run)


def _print_list(console: Console, run: RunContext) -> None:
    """Print the list that a night made, with the reasons."""
    from smallhours.playlist.publish.target_list import exported_tracks

    for track in exported_tracks(run.lake, run.listener, run.night.date, intent=MAIN):
        console.print(
            f"{track.position:3} {track.artist} – {track.title}", style="bold", markup=False
        )
        console.print(f"    {track.reason}", markup=False, highlight=False)


def import_history(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Zips, folders or files: Spotify's export, ListenBrainz' zip, exports of Last.fm, "
            "Maloja, Koito, Pano Scrobbler and others (docs/history-files.md)."
        ),
    ],
    timezone: Annotated[
        str | None,
        typer.Option(help="The zone of times without one, such as Europe/Dublin.", metavar="ZONE"),
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first", help="How dates such as 01/02/2024 begin, if need be."
        ),
    ] = None,
    listener: ListenerOption = None,
    night: NightOption = None,
) -> None:
    """Read files into the history, with a progress bar."""
    with open_run(listener, night) as run, Progress(transient=True) as bars:
        bar = bars.add_task("reading")
        summary = listening.import_history(
            run,
            paths=files,
            timezone=timezone,
            day_first=day_first,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    typer.echo(_counts(summary))


def rank_candidates(
    listener: ListenerOption = None,
    night: NightOption = None,
    size: SizeOption = None,
    exploration: ExplorationOption = None,
) -> None:
    """Choose the night's list, with other values than the settings have."""
    _run_one(
        lambda run: playlist.rank_candidates(run, size=size, exploration=exploration),
        listener,
        night,
    )


def publish_playlist(
    listener: ListenerOption = None,
    night: NightOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Write the night's list, or only plan it."""
    _run_one(lambda run: playlist.publish_playlist(run, dry_run=dry_run), listener, night)


def open_run(listener: str | None, date: str | None) -> RunContext:
    """Return the run of a stage, from the settings file and Airflow's connections.

    Raises:
        SettingsError: when the settings, the listener or the date are wrong.
    """
    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    now = dt.datetime.now(dt.UTC)
    night = settings.chosen_night(name, date or str(settings.tonight(name, now).date), now)
    return RunContext(name, replace(night, waits=False), settings, LazySecrets())


def _command(stage: Stage) -> Callable[..., None]:
    """Return the command of a stage without options."""

    def command(listener: ListenerOption = None, night: NightOption = None) -> None:
        _run_one(stage, listener, night)

    return command


def _run_one(
    stage: Callable[[RunContext], Summary], listener: str | None, night: str | None
) -> None:
    with open_run(listener, night) as run:
        typer.echo(_counts(stage(run)))


def _counts(summary: Summary) -> str:
    return "\n".join(summary_lines(summary))
