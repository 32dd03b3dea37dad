"""The command `explore`: the predicted sound of some tags."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from smallhours.cli.night import ListenerOption
from smallhours.settings import load_settings

if TYPE_CHECKING:
    from smallhours.training.tag_exploration import Exploration, PredictedFeature

# Number of contributing tags shown per feature; the JSON has all of them.
SHOWN_PUSHES = 3


def register(app: typer.Typer) -> None:
    """Add `explore`."""
    app.command("explore")(explore_tags)


def explore_tags(
    tags: Annotated[
        str, typer.Argument(help="Tags with commas between them, weights behind a colon.")
    ],
    listener: ListenerOption = None,
    nearest: Annotated[int, typer.Option(min=0, max=100, help="How many close tracks.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Tell what a track with these tags would sound like: `smallhours explore "shoegaze:60"`."""
    # These two load pandas and scikit-learn, which takes seconds.
    from smallhours.lake.migrations import open_to_read
    from smallhours.training.tag_exploration import explore

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    found = explore(open_to_read(settings.lake.url), name, tags, nearest=nearest)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    show(found, Console())


def show(found: "Exploration", console: Console) -> None:
    """Print an answer as tables."""
    asked = ", ".join(
        f"{tag.name}" + (f":{tag.weight}" if tag.weight < 100 else "") for tag in found.tags
    )
    table = Table("feature", "predicted", "80 % interval", "pushed by", title=asked)
    table.title_justify = "left"
    for feature in found.features:
        table.add_row(
            feature.name,
            with_unit(feature.name, feature.value),
            f"{with_unit(feature.name, feature.low)} to {with_unit(feature.name, feature.high)}",
            pushes(feature),
        )
    console.print(table)
    for tag in found.unknown:
        closest = f"; did you mean {tag.closest!r}?" if tag.closest else ""
        console.print(f"{tag.typed!r} is not a tag that the model knows{closest}", highlight=False)
    if found.p_like is not None:
        console.print(f"P(like): {found.p_like:.2f}")
    if found.nearest:
        near = Table(
            "distance",
            "artist",
            "title",
            title="closest in the catalog (distance in standard deviations)",
        )
        near.title_justify = "left"
        for track in found.nearest:
            near.add_row(f"{track.distance:.2f}", track.artist, track.title)
        console.print(near)
    console.print(f"model {found.model}; pushes: {found.how}", highlight=False, style="dim")


def with_unit(feature: str, value: float) -> str:
    """Format a value in its unit: decibels, beats per minute, minutes, else two decimals."""
    if feature == "loudness":
        return f"{value:.1f} dB"
    if feature == "tempo":
        return f"{value:.0f} bpm"
    if feature == "duration_ms":
        minutes, seconds = divmod(round(value / 1000), 60)
        return f"{minutes}:{seconds:02d}"
    return f"{value:.2f}"


def pushes(feature: "PredictedFeature") -> str:
    """Return the tags that contribute most to a feature, each with its direction and size."""
    shown = [push for push in feature.pushes if push.amount][:SHOWN_PUSHES]
    return ", ".join(f"{push.tag} {_signed(feature.name, push.amount)}" for push in shown)


def _signed(feature: str, amount: float) -> str:
    if feature == "duration_ms":
        return f"{amount / 1000:+.0f} s"
    decimals = 1 if feature in ("loudness", "tempo") else 2
    return f"{amount:+.{decimals}f}"
