"""Commands that run one stage, or a whole night, without a scheduler."""

import datetime as dt
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smallhours.cli.secrets import LazySecrets
from smallhours.run_context import RunContext
from smallhours.runs import IMPORT_HISTORY, NIGHTLY, STAGES, Stage, summary_lines
from smallhours.settings import load_settings
from smallhours.summary import Summary

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
    for stage in STAGES.values():
        command = import_history if stage is IMPORT_HISTORY else _command(stage)
        app.command(stage.verb.replace("_", "-"), help=stage.doc)(command)
    app.command("night")(night)


def night(
    listener: ListenerOption = None,
    night: NightOption = None,
    size: SizeOption = None,
    exploration: ExplorationOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Run a whole night, stage by stage, without a scheduler."""
    playlist_settings = {"size": size, "exploration": exploration, "dry_run": dry_run}
    console = Console()
    table = Table("stage", "counts", "seconds", title_justify="left")
    with open_run(listener, night) as run:
        for stage in chain.from_iterable(NIGHTLY.values()):
            started = time.monotonic()
            with console.status(stage.verb):
                summary = _call(stage, run, playlist_settings)
            table.add_row(stage.verb, _counts(summary), f"{time.monotonic() - started:.1f}")
        table.title = f"{run.listener}, night {run.night.date}"
    console.print(table)


def import_history(
    files: Annotated[
        list[Path], typer.Argument(help="Zips, folders or JSON files of Spotify's export.")
    ],
    listener: ListenerOption = None,
    night: NightOption = None,
) -> None:
    """Read Spotify's export into the history, with a progress bar."""
    with open_run(listener, night) as run, Progress(transient=True) as bars:
        bar = bars.add_task("reading")
        summary = IMPORT_HISTORY(
            run,
            paths=files,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    typer.echo(_counts(summary))


def open_run(listener: str | None, date: str | None) -> RunContext:
    """Return the run of a stage, from the settings file and Airflow's connections.

    Raises:
        SettingsError: when the settings, the listener or the date are wrong.
    """
    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    tonight = settings.listener(name).night_at(dt.datetime.now(dt.UTC))
    return RunContext(
        name, settings.night(name, date or str(tonight.date)), settings, LazySecrets()
    )


def _command(stage: Stage) -> Callable[..., None]:
    """Return the command of one stage, with its options."""
    if "dry_run" in stage.options:

        def publish(
            listener: ListenerOption = None,
            night: NightOption = None,
            dry_run: DryRunOption = False,
        ) -> None:
            _run_one(stage, listener, night, {"dry_run": dry_run})

        return publish
    if "size" in stage.options:

        def rank(
            listener: ListenerOption = None,
            night: NightOption = None,
            size: SizeOption = None,
            exploration: ExplorationOption = None,
        ) -> None:
            _run_one(stage, listener, night, {"size": size, "exploration": exploration})

        return rank

    def plain(listener: ListenerOption = None, night: NightOption = None) -> None:
        _run_one(stage, listener, night, {})

    return plain


def _run_one(
    stage: Stage, listener: str | None, night: str | None, playlist_settings: dict[str, Any]
) -> None:
    with open_run(listener, night) as run:
        typer.echo(_counts(_call(stage, run, playlist_settings)))


def _call(stage: Stage, run: RunContext, playlist_settings: dict[str, Any]) -> Summary:
    return stage(
        run,
        **{
            name: playlist_settings[name]
            for name in stage.options
            if playlist_settings[name] is not None
        },
    )


def _counts(summary: Summary) -> str:
    return "\n".join(summary_lines(summary))
