"""Rows of `plays` from the rows of a file of scrobbles, which are the starts of plays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from smallhours.identity import identify, is_named
from smallhours.listening.formats.reading import HistoryRow
from smallhours.listening.plays import COLUMNS, FILE, FILE_MINUTES, typed, with_ordinals

_SAME = ("artist", "album", "title", "artist_mbid", "track_mbid", "isrc", "spotify_id")


def plays_of_file(rows: Sequence[HistoryRow]) -> pd.DataFrame:
    """Return `plays`; a row that is there twice, as in pages that overlap, is one play.

    Rows that Smallhours wrote are all kept, with all that it knew.
    """
    keys: dict[tuple[str, str], str | None] = {}
    for row in rows:
        name = (row.artist, row.title)
        if name not in keys:
            keys[name] = identify(*name).track_key if is_named(*name) else None
    rows = [row for row in rows if keys[row.artist, row.title]]
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in _SAME}
    columns["played_at"] = pd.to_datetime(np.array([row.at_us for row in rows], "M8[us]"), utc=True)
    columns["track_key"] = [keys[row.artist, row.title] for row in rows]
    columns["duration_ms"] = pd.array([row.duration_ms for row in rows], dtype="Int32")
    columns["sources"] = [[FILE_MINUTES if row.to_the_minute else FILE] for row in rows]
    columns["ordinal"] = np.zeros(len(rows), np.int16)
    frame = pd.DataFrame(columns, columns=COLUMNS, index=range(len(rows)))
    ours = np.array([row.columns is not None for row in rows], np.bool_)
    if ours.any():
        frame = _with_columns(frame, [row.columns or {} for row in rows])
    frame = typed(frame)
    again = frame.duplicated(["played_at", "track_key"]).to_numpy(np.bool_)
    return with_ordinals(frame[ours | ~again])


def _with_columns(frame: pd.DataFrame, told: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the frame with the columns that the rows give themselves."""
    columns = {
        name: pd.Series(
            [row.get(name, other) for row, other in zip(told, frame[name], strict=True)],
            dtype=object,
        )
        for name in {name for row in told for name in row}
    }
    return frame.astype(dict.fromkeys(columns, object)).assign(**columns)
