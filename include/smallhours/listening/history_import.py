"""The stage `import_history`: it adds the plays of files of any known format to the history."""

import datetime as dt
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.errors import SettingsError, SmallhoursError
from smallhours.lake.store import Lake
from smallhours.listening.formats.history_file import HistoryFile, history_files
from smallhours.listening.formats.reading import ExclusionReason, ReadOptions
from smallhours.listening.history_merge import supplement
from smallhours.listening.plays import (
    EXPORT,
    FILE,
    FILE_MINUTES,
    MAX_TRACK_LENGTH,
    REPORTED_AT,
    StoreReport,
    load_plays_around,
    missing_lengths,
    store,
)
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# Few enough that a million plays take little memory; each rewrites some months of the lake.
_CHUNK = 20_000
# Rows so near may be of one play, so they are stored together.
_GAP_S = 120
_REACH = 2 * MAX_TRACK_LENGTH
# What the summary always says, of all the reasons to leave a row out.
_ALWAYS_TOLD = (
    ExclusionReason.PRIVATE, ExclusionReason.PODCAST, ExclusionReason.AUDIOBOOK,
    ExclusionReason.VIDEO, ExclusionReason.UNUSABLE,
)  # fmt: skip

Progress = Callable[[int, int], None]


def import_history(
    listener: str,
    lake: Lake,
    paths: Sequence[Path | str],
    *,
    settings: Settings,
    night: Night,
    timezone: str | None = None,
    day_first: bool | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Add the plays of history files to the history; each file's format is told by its content.

    What was read is stored bit by bit. Importing a file again, or another one that repeats some of
    its rows, changes nothing. Spotify's streams of any length are stored, with how
    long they were heard; private sessions and everything but music are counted and left out.

    Args:
        listener: Whose files they are.
        lake: Where the history is.
        paths: Zips, folders or files.
        settings: Only asked whether there is such a listener.
        night: What was played later doesn't belong to it and is left out.
        timezone: The zone of times that the files give without one.
        day_first: Whether such times begin with the day; None lets the files tell.
        progress: Told now and then how many bytes were read, and how many there are.

    Raises:
        SettingsError: a path or file can't be read, or there is no such listener or zone; what was
            read before it is stored.
    """
    settings.listener(listener)
    options = ReadOptions(_zone(timezone), day_first)
    files, trouble = _found([Path(path).expanduser() for path in paths])
    total, done = sum(file.size for file in files), 0

    def count_bytes(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(min(done, total), total)

    left_out: Counter[str] = Counter()
    report, rows = StoreReport(), 0
    for form, alike in itertools.groupby(files, key=lambda file: file.format):
        plays = (_plays(file, options, count_bytes, left_out, night) for file in alike)
        for chunk in _chunks(itertools.chain.from_iterable(plays)):
            if chunk:
                report += _add(lake, listener, form.plays(chunk))
            rows += len(chunk)
    if trouble:
        raise trouble
    return {
        "files_read": len(files),
        "plays_read": rows,
        "plays_added": report.added,
        "plays_joined": report.joined,
        **{
            reason.value: left_out[reason]
            for reason in ExclusionReason
            if reason in _ALWAYS_TOLD or left_out[reason]
        },
        "after_the_night": left_out["after_the_night"],
    }


def _found(paths: Sequence[Path]) -> tuple[list[HistoryFile], SmallhoursError | None]:
    """Return the files at the paths, each once, up to the first bad path, and its error."""
    files: dict[tuple[Path, str | None], HistoryFile] = {}
    for path in paths:
        try:
            found = history_files(path)
        except SmallhoursError as error:
            return list(files.values()), error
        files |= {(file.path.resolve(), file.member): file for file in found}
    return list(files.values()), None


def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"There is no time zone {name!r}.", remedy="Give one such as Europe/Dublin."
        ) from None


def _plays(
    file: HistoryFile,
    options: ReadOptions,
    count_bytes: Callable[[int], None],
    left_out: Counter[str],
    night: Night,
) -> Iterator[Any]:
    """Yield the plays of one file; count the other rows."""
    for row in file.rows(count_bytes, options):
        if isinstance(row, ExclusionReason):
            left_out[row] += 1
        elif row.reported_at > night.as_of:
            left_out["after_the_night"] += 1
        else:
            yield row
    LOG.info("%s: read as %s", file.name, file.format.name)


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """Yield the rows in lists that end where nothing was played for some time."""
    chunk: list[Any] = []
    try:
        for row in rows:
            if len(chunk) >= _CHUNK and (
                len(chunk) >= 2 * _CHUNK or _seconds_apart(chunk[-1], row) > _GAP_S
            ):
                yield chunk
                chunk = []
            chunk.append(row)
    except SettingsError:
        yield chunk  # what comes before the damage is kept
        raise
    yield chunk


def _seconds_apart(one: Any, two: Any) -> float:
    apart: dt.timedelta = two.reported_at - one.reported_at
    return abs(apart.total_seconds())


def _add(lake: Lake, listener: str, plays: pd.DataFrame) -> StoreReport:
    """Merge plays into the history, those of each source by themselves."""
    report = StoreReport()
    for source, part in plays.groupby(plays["sources"].map(_merged_as), sort=True):
        since, until = part["played_at"].min() - _REACH, part["played_at"].max() + _REACH
        stored = load_plays_around(lake, listener, since, until)
        # What is farther away is no other report of these plays.
        stored = stored[stored["played_at"].between(since, until)]
        lengths = missing_lengths(lake, stored)
        unified = supplement(stored, part, source=str(source), durations=lengths)
        report += store(lake, listener, stored, unified)
    return report


def _merged_as(sources: Sequence[str]) -> str:
    """Return as whose report a play is merged; files that Smallhours wrote name any sources."""
    alone = sources[0] if len(sources) == 1 else FILE
    return alone if alone in (EXPORT, FILE_MINUTES, *REPORTED_AT) else FILE
