"""The history as a file: ListenBrainz' own format, as lines or in its zip, and CSV.

Either holds every column of `plays`, so that importing it again gives the same rows. In JSON,
what ListenBrainz has no member for is in `additional_info.smallhours`.
"""

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from smallhours.errors import NotEnoughData, SettingsError
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.formats.listenbrainz_export import OURS, TOLD_ELSEWHERE
from smallhours.listening.formats.own_table import EMPTY, WRITTEN

_SPOTIFY_TRACK = "https://open.spotify.com/track/"

Write = Callable[[Iterator[dict[str, Any]], TextIO], int]


def export_history(lake: Lake, listener: str, path: Path) -> int:
    """Write a listener's whole history to a file, the oldest play first.

    Args:
        lake: Where the history is.
        listener: Whose.
        path: Its name says the format: `.jsonl`, `.csv`, or `.zip` for what ListenBrainz imports.

    Returns:
        The number of plays.

    Raises:
        NotEnoughData: there is no history; nothing is written.
        SettingsError: the format is not known, or the file can't be written; a file that was
            there is as it was.
    """
    kind = path.suffix.casefold()
    if kind not in (".zip", *_WRITERS):
        raise SettingsError(
            f"The format of {path} is not known.",
            remedy="Name a file that ends in .jsonl, .csv or .zip.",
        )
    months = _months(lake, listener)
    if not months:
        raise NotEnoughData(
            f"{listener} has no history yet.",
            remedy="Run `smallhours sync-scrobbles` or `smallhours import-history` first.",
        )
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        try:
            if kind == ".zip":
                count = _write_zip(unfinished, lake, listener, months)
            else:
                with unfinished.open("w", encoding="utf-8", newline="") as text:
                    count = _WRITERS[kind](_plays(lake, listener, months), text)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path} can't be written: {error.strerror}.", remedy="Name another file."
        ) from None
    return count


def _months(lake: Lake, listener: str) -> list[str]:
    return [part["month"] for part in lake.partitions(PLAYS) if part["listener"] == listener]


def _plays(lake: Lake, listener: str, months: list[str]) -> Iterator[dict[str, Any]]:
    """Yield each play: the columns of `plays`, without those that are missing."""
    for month in months:
        frame = lake.frame(PLAYS, columns=WRITTEN, where={"listener": listener, "month": month})
        for row in frame.itertuples(index=False, name=None):
            yield {
                name: _plain(value)
                for name, value in zip(WRITTEN, row, strict=True)
                if name == "sources" or not pd.isna(value)
            }


def _plain(value: Any) -> Any:
    """Return a value as JSON and CSV can hold it."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, np.ndarray | list):
        return list(value)
    if isinstance(value, np.bool_):
        return bool(value)
    return value if isinstance(value, str | bool) else int(value)


def _write_lines(plays: Iterator[dict[str, Any]], text: TextIO) -> int:
    count = 0
    for play in plays:
        text.write(json.dumps(_listen(play), ensure_ascii=False) + "\n")
        count += 1
    return count


def _listen(play: dict[str, Any]) -> dict[str, Any]:
    """Return a play as ListenBrainz writes a listen."""
    at: dt.datetime = play["played_at"]
    ours = {name: _text(value) for name, value in play.items() if name not in TOLD_ELSEWHERE}
    info: dict[str, Any] = {
        "submission_client": "Smallhours",
        **{name: play[name] for name in ("duration_ms", "isrc") if name in play},
    }
    if "spotify_id" in play:
        info["spotify_id"] = _SPOTIFY_TRACK + play["spotify_id"]
    if "track_mbid" in play:
        info["recording_mbid"] = play["track_mbid"]
    if "artist_mbid" in play:
        info["artist_mbids"] = [play["artist_mbid"]]
    told = {"artist_name": play["artist"], "track_name": play["title"]}
    if "album" in play:
        told["release_name"] = play["album"]
    return {
        "listened_at": int(at.timestamp()),
        "track_metadata": {**told, "mbid_mapping": None, "additional_info": {**info, OURS: ours}},
    }


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _write_table(plays: Iterator[dict[str, Any]], text: TextIO) -> int:
    table = csv.writer(text, lineterminator="\n")
    table.writerow(WRITTEN)
    count = 0
    for play in plays:
        table.writerow(_cell(play.get(name)) for name in WRITTEN)
        count += 1
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(value)
    return EMPTY if value == "" else _text(value)


def _write_zip(path: Path, lake: Lake, listener: str, months: list[str]) -> int:
    """Write what ListenBrainz' importer takes: `listens/<year>/<month>.jsonl` and `user.json`."""
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", json.dumps({"user_id": 0, "username": listener}))
        for month in months:
            name = f"listens/{month[:4]}/{int(month[5:])}.jsonl"
            with archive.open(name, "w") as file:
                text = io.TextIOWrapper(file, encoding="utf-8", newline="")
                count += _write_lines(_plays(lake, listener, [month]), text)
                text.close()
    return count


_WRITERS: dict[str, Write] = {".jsonl": _write_lines, ".csv": _write_table}
