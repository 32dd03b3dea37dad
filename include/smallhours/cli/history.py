"""Commands about the past: why a track was chosen, how lists fared, exports, and the letter."""

import datetime as dt
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from smallhours.cli.night import ListenerOption, NightOption
from smallhours.cli.playlist import IntentOption
from smallhours.errors import NotEnoughData, SettingsError
from smallhours.playlist_settings import MAIN
from smallhours.settings import load_settings
from smallhours.vocabulary import Reaction

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from smallhours.lake.store import Lake
    from smallhours.listener_settings import ListenerSettings

_LETTER_WIDTH = 80


def register(app: typer.Typer) -> None:
    """Add `explain_track`, `history`, `export`, `export_history` and `letter`."""
    app.command("why")(explain_track)
    app.command("history")(history)
    app.command("export")(export)
    app.command("export-history")(export_history)
    app.command("letter")(letter)


def explain_track(
    track: Annotated[str, typer.Argument(help='The track, as "Artist - Title".')],
    listener: ListenerOption = None,
    night: NightOption = None,
    intent: IntentOption = None,
) -> None:
    """Show why a track was chosen, or at which stage and by how much it lost."""
    from smallhours.playlist.explain.explanation import explain_track as explain

    artist, title = _artist_and_title(track)
    name, playlist_settings, lake = open_listener(listener)
    date = playlist_settings.night_on(night).date if night else None
    answer = explain(
        lake,
        name,
        artist,
        title,
        night=date,
        intent=intent or MAIN,
        zone=ZoneInfo(playlist_settings.timezone),
    )
    console = Console()
    console.print(f"[bold]{answer.name}[/], night of {answer.night}", highlight=False)
    console.print(answer.verdict, markup=False, highlight=False)
    for detail in answer.details:
        console.print(detail, markup=False, highlight=False)


def history(
    nights: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 14,
    listener: ListenerOption = None,
    intent: IntentOption = None,
) -> None:
    """Show each night's list and the reactions to it."""
    import pandas as pd

    from smallhours.lake.list_tables import PLAYLISTS
    from smallhours.lake.tables import FEEDBACK
    from smallhours.listening.feedback import one_per_night
    from smallhours.training.evaluation.pick_outcomes import outcomes

    name, _, lake = open_listener(listener)
    where = {"listener": name}
    ledger = lake.frame(PLAYLISTS, where=where)
    ledger = ledger[ledger["intent"] == (intent or MAIN)].sort_values("night", ascending=False)
    if ledger.empty:
        raise NotEnoughData(
            f"{name} has no past lists.",
            remedy="Run `smallhours night`, or wait for it.",
        )
    told = outcomes(lake.frame(FEEDBACK, where=where), pd.DataFrame(), ledger)
    main = one_per_night(ledger).sort_values("night", ascending=False)
    shares = {(row["night"], row["reaction"]): row for row in told.to_dict("records")}
    places = ledger.sort_values("place").groupby("night")["place"].agg(", ".join)
    several = ["places"] if ledger["place"].nunique() > 1 else []
    console = Console()
    wide = console.width >= _WITH_INTERVALS
    columns = ("night", "tracks", "outcome", *several, *_REACTIONS_SHOWN)
    table = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for row in main.head(nights).to_dict("records"):
        became = [
            _share(shares.get((str(row["night"]), reaction)), wide=wide)
            for reaction in _REACTIONS_SHOWN
        ]
        size = str(len(row["track_keys"]))
        stands_at = [places[row["night"]]] if several else []
        table.add_row(
            str(row["night"]), size, row["outcome"].replace("_", " "), *stands_at, *became
        )
    console.print(table)


def export(
    listener: ListenerOption = None,
    night: NightOption = None,
    intent: IntentOption = None,
    kind: Annotated[str, typer.Option("--format", help="m3u8, csv or jspf.")] = "m3u8",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; default: standard output.")
    ] = None,
) -> None:
    """Write a night's list for other players."""
    from smallhours.places.export_formats import FORMATS
    from smallhours.playlist.explain.explanation import newest_night
    from smallhours.playlist.publish.target_list import exported_tracks

    if kind not in FORMATS:
        raise SettingsError(f"There is no format {kind!r}.", remedy=f"Known: {', '.join(FORMATS)}.")
    name, playlist_settings, lake = open_listener(listener)
    date = playlist_settings.night_on(night).date if night else newest_night(lake, name)
    if date is None:
        raise NotEnoughData(
            f"{name} has no past lists.",
            remedy="Run `smallhours night`, or wait for it.",
        )
    asked = intent or MAIN
    items = exported_tracks(lake, name, date, intent=asked)
    title = (
        playlist_settings.playlists[asked].name if asked in playlist_settings.playlists else asked
    )
    text = FORMATS[kind](items, name=title, night=date)
    write_or_print(text, out)
    if out is not None:
        typer.echo(f"{len(items)} tracks of {date} are in {out}.")


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
    text = "\n\n".join(textwrap.fill(each, _LETTER_WIDTH) for each in paragraphs) + "\n"
    write_or_print(text, out)
    if out is not None:
        typer.echo(f"{heading(facts)}: in {out}.")


def write_or_print(text: str, out: Path | None) -> None:
    """Write a text to a file, or print it where none is named.

    Raises:
        SettingsError: when the file can't be written.
    """
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{out} can't be written: {error.strerror}.", remedy="Name another file with --out."
        ) from None


def export_history(
    out: Annotated[
        Path,
        typer.Argument(help="The file: .zip for ListenBrainz' importer, .jsonl, or .csv."),
    ],
    listener: ListenerOption = None,
) -> None:
    """Write all your plays to a file, for ListenBrainz, a spreadsheet or another machine."""
    from smallhours.listening.history_export import export_history as write_history

    name, _, lake = open_listener(listener)
    count = write_history(lake, name, out)
    typer.echo(f"{count:,} plays of {name} are in {out}.")


# The reactions with a column of their own; those of the pages' buttons have none.
_REACTIONS_SHOWN = (
    *(Reaction.KEPT, Reaction.PLAYED, Reaction.SAVED),
    *(Reaction.REMOVED, Reaction.SKIPPED, Reaction.PASSED),
)


# So many columns a table with intervals needs.
_WITH_INTERVALS = 130


def _share(row: "Mapping[Hashable, Any] | None", *, wide: bool) -> str:
    """Return a number of picks, with their share and its interval: `5 (.17, .08-.34)`."""
    if row is None or not row["n"]:
        return ""
    if not wide:
        return str(row["n"])
    share, low, high = (f"{row[end]:.2f}".removeprefix("0") for end in ("share", "low", "high"))
    return f"{row['n']} ({share}, {low}-{high})"


def open_listener(listener: str | None) -> "tuple[str, ListenerSettings, Lake]":
    """Return a listener's name, settings and lake; the lake is only read."""
    from smallhours.lake.migrations import open_to_read

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    return name, settings.listener(name), open_to_read(settings.lake.url)


def _artist_and_title(track: str) -> tuple[str, str]:
    parts = re.split(r"\s+[-–]\s+", track.strip(), maxsplit=1)
    if len(parts) != 2 or not all(parts):
        raise SettingsError(
            f"{track!r} is not of the form `Artist - Title`.",
            remedy='Write it like "Ride - Vapour Trail".',
        )
    return parts[0], parts[1]
