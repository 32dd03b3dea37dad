"""The command `rescue`: reads from Last.fm what a listener would miss most."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from smallhours.cli.night import ListenerOption, open_run
from smallhours.errors import SettingsError

if TYPE_CHECKING:
    from smallhours.catalog.rescue import Progress as Step
    from smallhours.catalog.rescue import Rescue
    from smallhours.run_context import RunContext

HOUR_S = 3600
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add `rescue`."""
    app.command("rescue")(rescue)


def rescue(
    listener: ListenerOption = None,
    calls: Annotated[
        int | None,
        typer.Option(min=0, help="Ask so many questions about tags and neighbours, at most."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            min=0, max=1000, help="The same: as many as the allowed rate answers in so many hours."
        ),
    ] = None,
) -> None:
    """Read from Last.fm, while the key works, all that you would miss most.

    From 1 December 2026 on, as reported, a Last.fm key works only while its owner pays for Last.fm
    Pro. This reads your whole history and verifies it, and then the tags and neighbours of what you
    play, the strongest tracks and artists first, 16 times as deep as a night does. It keeps to
    Last.fm's rate and may take hours. Stop it whenever you like: everything is kept, and the next
    start goes on from there.
    """
    from smallhours.catalog.rescue import Rescue
    from smallhours.local.processes import interrupted_by_signals

    with open_run(listener, None) as run:
        if run.lastfm is None:
            raise SettingsError(
                f"The listener {run.listener!r} has no Last.fm account in the settings.",
                remedy="There is nothing to rescue; set `lastfm` if there is an account.",
            )
        mine = Rescue(run.listener, run.lake, run.lastfm, run.settings, run.night)
        try:
            with interrupted_by_signals():
                _read_history(mine)
                _ask(mine, max_calls=_bound(calls, hours, run))
        except KeyboardInterrupt:
            typer.echo("\nStopped. What was read is kept; `smallhours rescue` goes on from there.")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            if mine.counted is not None:
                _print_summary(mine)


def _bound(calls: int | None, hours: float | None, run: "RunContext") -> int | None:
    """The smaller of the two bounds, in questions."""
    rate = run.settings.services.lastfm.calls_per_second
    bounds = [calls, None if hours is None else int(hours * HOUR_S * rate)]
    return min((bound for bound in bounds if bound is not None), default=None)


def _read_history(mine: "Rescue") -> None:
    user, here, estimate = mine.look()
    typer.echo(
        f"Last.fm counts {user.playcount:,} plays of {user.name}; {here:,} are here already. "
        f"Reading and verifying them takes about {_duration(estimate.minutes)}."
    )
    mine.read_history()


def _ask(mine: "Rescue", *, max_calls: int | None) -> None:
    """Ask for tags and neighbours; tell how far it is by a bar, or a line a minute in a file."""
    with Progress(transient=True) as bars:
        bar = bars.add_task("asking")
        minutes: int | None = None

        def tell(step: "Step") -> None:
            nonlocal minutes
            left = step.estimate
            line = f"{left.left:,} left, about {_duration(left.minutes)}"
            if minutes is None:
                bars.console.print(_outlook(step, max_calls), highlight=False, soft_wrap=True)
            elif not bars.console.is_terminal and left.minutes != minutes:
                typer.echo(line)
            minutes = left.minutes
            bars.update(bar, completed=step.kept, total=step.kept + left.left, description=line)

        mine.ask(max_calls=max_calls, tell=tell)


def _outlook(step: "Step", max_calls: int | None) -> str:
    left = step.estimate
    if not left.left:
        return f"All {step.kept:,} answers about tags and neighbours are here already."
    told = (
        f"{step.kept:,} answers about tags and neighbours are here already. {left.left:,} "
        f"questions are left, about {_duration(left.minutes)} at {left.calls_per_second:g} a "
        f"second; with what their answers lead to, {_duration(left.max_minutes)} at most."
    )
    if max_calls is None:
        return told
    minutes = replace(left, left=max_calls).minutes
    return f"{told} This run asks {max_calls:,} at most, about {_duration(minutes)}."


def _print_summary(mine: "Rescue") -> None:
    told = mine.summary()
    allowed = mine.settings.catalog.lastfm_megabytes
    if told["plays"]:
        typer.echo(
            f"Plays: {told['plays']:,}, from {told['first_play']} to {told['last_play']}. "
            f"{told['plays_from_lastfm']:,} are from Last.fm, which counts "
            f"{told['plays_that_lastfm_counts']:,}."
        )
    else:
        typer.echo("Plays: none; Last.fm has no scrobbles of this user.")
    typer.echo(f"Tags: known for {told['plays_with_tags_percent']} % of the plays.")
    typer.echo(
        f"Neighbours: of {told['tracks_with_neighbours']:,} tracks and "
        f"{told['artists_with_neighbours']:,} artists."
    )
    typer.echo(f"Stored from Last.fm: {told['lastfm_megabytes']} of {allowed:g} MB.")
    typer.echo(f"Left: {_left(mine, told)}")


def _left(mine: "Rescue", told: dict[str, Any]) -> str:
    if not told["left"]:
        return "nothing."
    time = (
        f"{told['left']:,} questions, about {_duration(told['minutes_to_go'])}, "
        f"{_duration(told['max_minutes_to_go'])} at most."
    )
    if mine.is_full():
        return f"{time} There is no room for them: `catalog.lastfm_megabytes` is the bound."
    return f"{time} `smallhours rescue` goes on from here."


def _duration(minutes: int) -> str:
    """Minutes as people say them: `45 min`, `2 h 10 min`."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"
