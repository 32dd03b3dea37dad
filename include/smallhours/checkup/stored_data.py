"""Checks of the lake: readable files, unknown files, and gaps in the listening history."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from smallhours.checkup.finding import Finding, bad, good, note
from smallhours.errors import LakeError
from smallhours.lake.partition import values_of_path
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS, TABLES

# Folder of the models; beside it and the tables, only hidden files (with a dot) are expected.
MODELS = "models"
# Longest gap that is normal; a longer one may mean that the scrobbler is signed out.
MAX_GAP = dt.timedelta(days=14)
MAX_NAMED_FILES = 3


def check_lake(lake: Lake) -> list[Finding]:
    """Check that every file can be read, and list unknown files.

    Raises:
        LakeError: the lake can't be listed.
    """
    paths = [path for path in lake.files.list("") if not _hidden(path)]
    tables: Counter[str] = Counter()
    strangers = []
    for path in paths:
        name = path.partition("/")[0]
        if name in TABLES and values_of_path(TABLES[name], path) is not None:
            tables[name] += 1
        elif name != MODELS:
            strangers.append(path)
    if not tables:
        return [note("lake", f"{lake.url} is empty", "Run `smallhours night`, or let it come.")]
    found = [_table(lake, name, files) for name, files in sorted(tables.items())]
    if strangers:
        found.append(
            note(
                "lake files",
                f"{len(strangers)} that nobody knows: {_listed(strangers)}",
                f"Nothing reads them; look at them below {lake.url} and remove them.",
            )
        )
    return found


def check_history(listener: str, lake: Lake, *, today: dt.date) -> Finding:
    """Check that the history is up to date, and report its longest gap in the last year."""
    subject = "listening history"
    where = {"listener": listener}
    played = lake.frame(PLAYS, columns=["played_at"], where=where)["played_at"]
    if played.empty:
        return note(subject, "no plays yet", "Run sync_listening.")
    days = pd.Series(sorted(set(played.dt.date)))
    last = days.iloc[-1]
    told = f"{len(played):,} plays from {days.iloc[0]} to {last}"
    if today - last > MAX_GAP:
        return note(
            subject,
            f"{told}: nothing for {(today - last).days} days",
            "See at Last.fm whether your player still scrobbles; run sync_listening.",
        )
    recent = days[days >= today - dt.timedelta(days=365)]
    silence = pd.to_datetime(recent).diff().max()
    if silence > MAX_GAP:  # false when there is only one day
        told += f"; the longest silence of the last year was {silence.days} days"
    return good(subject, told)


def _table(lake: Lake, name: str, files: int) -> Finding:
    """Check that every file of a table can be read and has its columns."""
    table = TABLES[name]
    try:
        rows = lake.read(table, columns=list(table.key[:1])).num_rows
    except LakeError as error:
        return bad(f"table {name}", error.what, error.remedy)
    size = sum(len(lake.files.read(path)) for path in lake.files.list(name) if not _hidden(path))
    return good(f"table {name}", f"{rows:,} rows, {files} files, {size / 1e6:.1f} MB")


def _hidden(path: str) -> bool:
    return any(step.startswith(".") for step in path.split("/"))


def _listed(paths: Iterable[str]) -> str:
    names = list(paths)
    more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
    return ", ".join(names[:MAX_NAMED_FILES]) + more
