"""The stage `import_history`: it adds the plays of Spotify's export to the history."""

import datetime as dt
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallhours.errors import SmallhoursError
from smallhours.lake.store import Lake
from smallhours.listening.formats.spotify import (
    ExclusionReason,
    HistoryFile,
    Stream,
    history_files,
)
from smallhours.listening.history_merge import supplement
from smallhours.listening.plays import (
    EXPORT,
    StoreReport,
    load_plays_around,
    missing_lengths,
    plays_frame,
    store,
    with_ordinals,
)
from smallhours.listening.report_matching import SAME_MOMENT_MS
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# Spotify cuts its files at some 16,000 rows; only what someone has glued together is longer.
_CHUNK = 50_000

Progress = Callable[[int, int], None]


def import_history(
    listener: str,
    lake: Lake,
    paths: Sequence[Path | str],
    *,
    settings: Settings,
    night: Night,
    progress: Progress | None = None,
) -> Summary:
    """Add the plays of Spotify's export files to the history.

    Each file is stored before the next is read. Importing a file again, or another one that
    repeats some of its rows, changes nothing. Streams of any length are stored, with how long
    they were heard; private sessions and everything but music are counted and left out.

    Args:
        listener: Whose export it is.
        lake: Where the history is.
        paths: Zips, folders or JSON files.
        settings: Only asked whether there is such a listener.
        night: Streams that ended later don't belong to it and are left out.
        progress: Told now and then how many bytes were read, and how many there are.

    Raises:
        SettingsError: a path or file can't be read, or there is no such listener; the files
            before it are stored.
    """
    settings.listener(listener)
    files, trouble = _found([Path(path).expanduser() for path in paths])
    total, done = sum(file.size for file in files), 0

    def count_bytes(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(min(done, total), total)

    left_out: Counter[str] = Counter()
    report, streams = StoreReport(), 0
    for file in files:
        for chunk in _chunks(_streams(file, count_bytes, left_out, night)):
            report += _add(lake, listener, chunk)
            streams += len(chunk)
        LOG.info("%s: read; %d plays added so far", file.name, report.added)
    if trouble:
        raise trouble
    return {
        "files_read": len(files),
        "streams_read": streams,
        "plays_added": report.added,
        "plays_joined": report.joined,
        **{reason.value: left_out[reason] for reason in ExclusionReason},
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


def _streams(
    file: HistoryFile, count_bytes: Callable[[int], None], left_out: Counter[str], night: Night
) -> Iterator[Stream]:
    """Yield the streams of one file; count the other rows."""
    for row in file.rows(count_bytes):
        if isinstance(row, ExclusionReason):
            left_out[row] += 1
        elif row.ended_at > night.as_of:
            left_out["after_the_night"] += 1
        else:
            yield row


def _chunks(streams: Iterator[Stream]) -> Iterator[list[Stream]]:
    while chunk := list(itertools.islice(streams, _CHUNK)):
        yield chunk


def _plays(streams: Sequence[Stream]) -> pd.DataFrame:
    """Return the rows of `plays`; rows of one track and length at one time are one stream.

    Spotify may write a stream twice, some seconds apart: nobody hears a track to the same
    millisecond twice in less than that time.
    """
    plays = plays_frame(map(_row, _apart(streams)), source=EXPORT)
    plays = plays.sort_values(["track_key", "ms_played", "played_at"], kind="stable")
    same = (
        plays[["track_key", "ms_played"]].eq(plays[["track_key", "ms_played"]].shift()).all(axis=1)
    )
    gap = plays["played_at"].diff().dt.total_seconds() * 1000
    lasted = plays["ms_played"].astype(float).clip(upper=SAME_MOMENT_MS)
    doubled = (same & ((gap == 0) | (gap < lasted))).to_numpy(np.bool_)
    return with_ordinals(plays[~doubled])


def _apart(streams: Sequence[Stream]) -> list[Stream]:
    """Return the streams with those apart that were heard offline and sent at one moment.

    All of them have that moment as their end; when each was heard offline says which came first,
    and when.
    """
    sent = Counter(each.ended_at for each in streams if each.offline_at is not None)
    return [
        replace(each, ended_at=each.offline_at + dt.timedelta(milliseconds=each.ms_played))
        if each.offline_at is not None and sent[each.ended_at] > 1
        else each
        for each in streams
    ]


def _row(stream: Stream) -> dict[str, Any]:
    return {
        "played_at": stream.started_at,
        "artist": stream.artist,
        "album": stream.album,
        "title": stream.title,
        "spotify_id": stream.spotify_id,
        "ms_played": stream.ms_played,
        "skipped": stream.skipped,
        "reason_start": stream.reason_start,
        "reason_end": stream.reason_end,
        "shuffle": stream.shuffle,
    }


def _add(lake: Lake, listener: str, streams: Sequence[Stream]) -> StoreReport:
    plays = _plays(streams)
    if plays.empty:
        return StoreReport()
    stored = load_plays_around(lake, listener, plays["played_at"].min(), plays["played_at"].max())
    lengths = missing_lengths(lake, stored)
    unified = supplement(stored, plays, source=EXPORT, durations=lengths)
    return store(lake, listener, stored, unified)
