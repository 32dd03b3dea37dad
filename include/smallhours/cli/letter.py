"""The command `letter`: what happened in a week or a year, in sentences."""

import datetime as dt
import textwrap
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from smallhours.cli.history import open_listener, write_or_print
from smallhours.cli.night import ListenerOption, NightOption
from smallhours.settings import load_settings

_WIDTH = 80


def register(app: typer.Typer) -> None:
    """Add `letter`."""
    app.command("letter")(letter)


def letter(
    listener: ListenerOption = None,
    night: NightOption = None,
    year: Annotated[
        int | None,
        typer.Option("--year", min=1900, max=9998, help="A whole year in place of the last week."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; default: standard output.")
    ] = None,
) -> None:
    """Tell what you heard and saved in the last week, who is new, and what the model learned."""
    from smallhours.playlist.explain.letter import (
        heading,
        letter_facts,
        sentences,
        week_before,
        year_of,
    )

    name, mine, lake = open_listener(listener)
    tonight = load_settings().tonight(name, dt.datetime.now(dt.UTC))
    date = mine.night_on(night).date if night else tonight.date
    days = year_of(year) if year else week_before(date)
    facts = letter_facts(lake, name, ZoneInfo(mine.timezone), *days)
    paragraphs = [heading(facts), *sentences(facts)]
    text = "\n\n".join(textwrap.fill(each, _WIDTH) for each in paragraphs) + "\n"
    write_or_print(text, out)
    if out is not None:
        typer.echo(f"{heading(facts)}: in {out}.")
