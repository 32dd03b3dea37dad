"""The commands `playlist` and `rollback`: preview and write tonight's lists, or undo a night."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smallhours.cli.night import DryRunOption, ListenerOption, NightOption, open_run
from smallhours.errors import SettingsError, SmallhoursError
from smallhours.playlist import publish_playlist, rank_candidates, resolve_tracks
from smallhours.playlist import rollback as put_back
from smallhours.playlist_settings import MAIN
from smallhours.run_context import RunContext
from smallhours.runs import Stage, summary_lines

if TYPE_CHECKING:
    from smallhours.places.place import Place

IntentOption = Annotated[
    str | None,
    typer.Option("--intent", "-i", help="Which of the listener's playlists; default: main."),
]
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan", "x": "dim"}


def register(app: typer.Typer) -> None:
    """Add `playlist` and `rollback`."""
    app.command("playlist")(playlist)
    app.command("rollback")(rollback)


def playlist(
    listener: ListenerOption = None,
    night: NightOption = None,
    intent: IntentOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Show what tonight's lists change at each place and why, then write them.

    If no tracks were chosen for the night yet, they are chosen first.
    """
    console = Console()
    with open_run(listener, night) as run:
        intents = list(run.settings.listener(run.listener).playlists)
        if intent is not None and intent not in intents:
            raise SettingsError(f"There is no playlist {intent!r}.", remedy=f"Known: {intents}.")
        _choose(run, console)
        for each in [intent] if intent else intents:
            for place, open_place in run.places.items():
                _show(run, each, place, open_place, console)
        if not dry_run:
            summary = publish_playlist(run)
            typer.echo("\n".join(summary_lines(summary)))


def rollback(
    night: Annotated[str, typer.Argument(help="The night whose list comes back, YYYY-MM-DD.")],
    listener: ListenerOption = None,
    intent: IntentOption = None,
) -> None:
    """Put the list of an earlier night back into the playlist."""
    with open_run(listener, night) as run:
        summary = put_back(run, intent=intent or MAIN)
    typer.echo("\n".join(summary_lines(summary)))


def _choose(run: RunContext, console: Console) -> None:
    """Choose the night's tracks, unless that was done already."""
    from smallhours.lake.list_tables import RECOMMENDATIONS

    where = {"listener": run.listener, "night": run.night.date.isoformat()}
    if run.lake.read(RECOMMENDATIONS, columns=["intent"], where=where).num_rows:
        return
    stages: tuple[Stage, ...] = (rank_candidates, resolve_tracks)
    for stage in stages:
        with console.status(stage.__name__):
            stage(run)


def _show(
    run: RunContext, intent: str, place: str, open_place: Callable[[], "Place"], console: Console
) -> None:
    """Print one playlist's changes at one place as a table."""
    from smallhours.playlist.publish.plan import change_lines, summarise
    from smallhours.playlist.publish.stage import Publication

    name = f"{run.settings.listener(run.listener).playlists[intent].name} ({place})"
    try:
        about = run.listener, run.lake, open_place(), run.settings, run.night, intent
        planned = Publication(*about).preview()
    except SmallhoursError as error:
        console.print(f"{name}: {error}", markup=False)
        return
    table = Table("", "track", "why", title=f"{name}, night {run.night.date}", title_justify="left")
    for line in change_lines(planned):
        row = (Text(line.sign), Text(line.name), Text(line.why))
        table.add_row(*row, style=_COLOURS[line.sign])
    console.print(table)
    console.print(planned.obstacle or summarise(planned), markup=False)
