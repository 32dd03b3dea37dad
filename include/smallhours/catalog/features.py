"""Audio features from where they lawfully can come: ReccoBeats, and a data-set file.

Every value keeps its source. That a source has nothing for a track is kept too.
"""

import csv
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from smallhours.catalog.tags import keep_tags
from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in, identify
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import AUDIO_FEATURES, FEATURES, TRACK_TAGS

RECCOBEATS = "reccobeats"
DATASET = "dataset"
NOTHING = ""

_FILE_NEEDS = ("artist", "tags", *FEATURES[:5])


def keep_features(
    lake: Lake, asked: Sequence[str], found: Mapping[str, Mapping[str, float]], *, night: dt.date
) -> int:
    """Keep what ReccoBeats answered for the asked track keys; returns how many had features."""
    rows: list[dict[str, object]] = []
    for key in asked:
        known = found.get(key, {})
        values = {name: known[name] for name in FEATURES if name in known}
        rows += (
            {"track_key": key, "feature": name, "value": values.get(name)}
            for name in values or (NOTHING,)
        )
    _merge(lake, pd.DataFrame(rows), source=RECCOBEATS, model=None, night=night)
    return sum(1 for key in asked if found.get(key))


def import_features(lake: Lake, path: Path, *, night: dt.date) -> dict[str, int]:
    """Read a CSV or Parquet file of tracks with tags and audio features into the lake.

    The file needs the columns `artist`, `tags` (comma-separated, `_` for a space) and the five
    features that are predicted from tags; `title` and the other features may be there. A track
    without a title goes by its `track_id`: good enough to learn from, never recommended.

    Returns:
        How many `tracks`, `features` and `tags` were read; zeros when this very file was read
        before.

    Raises:
        SettingsError: when the file is missing, unreadable or lacks a column.
    """
    frame = _read(path)
    version = f"{path.name}@{_fingerprint(path)}"
    # The artist's name and the title (or the id in the file) name the recording.
    titles = frame["title"] if "title" in frame else frame["track_id"].fillna("").astype(str)
    numbers = pd.Series(range(len(frame)), index=frame.index).map("track {}".format)
    titles = titles.where(titles.str.strip() != "", numbers)
    frame["track_key"] = [
        identify(artist, title).track_key
        for artist, title in zip(frame["artist"], titles, strict=True)
    ]
    frame = frame.drop_duplicates("track_key", ignore_index=True)
    stored = lake.frame(AUDIO_FEATURES, columns=["source", "model"])
    if ((stored["source"] == DATASET) & (stored["model"] == version)).any():
        return {"tracks": 0, "features": 0, "tags": 0}
    names = [name for name in FEATURES if name in frame]
    long = frame.melt("track_key", names, var_name="feature", value_name="value").dropna()
    tags = frame[["track_key"]].assign(tag=frame["tags"].fillna("").astype(str).str.split(","))
    tags = tags.explode("tag", ignore_index=True)
    tags["tag"] = tags["tag"].str.replace("_", " ").str.strip()
    tags = tags[tags["tag"] != ""].assign(count=100)
    keep_tags(lake, TRACK_TAGS, tags, night=night)
    _merge(lake, long, source=DATASET, model=version, night=night)
    return {"tracks": len(frame), "features": len(long), "tags": len(tags)}


def _merge(
    lake: Lake, rows: pd.DataFrame, *, source: str, model: str | None, night: dt.date
) -> None:
    if rows.empty:
        return
    lake.merge(
        AUDIO_FEATURES,
        rows.assign(
            source=source,
            low=None,
            high=None,
            model=model,
            fetched_at=night,
            prefix=rows["track_key"].map(artist_key_in).map(prefix_of),
        ),
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except FileNotFoundError:
        raise SettingsError(
            f"There is no features file at {path}.", remedy="Correct `catalog.features_file`."
        ) from None
    except (ValueError, OSError, csv.Error) as error:
        raise SettingsError(
            f"{path} can't be read as a table: {error}.",
            remedy="It must be a CSV (optionally gzipped) or Parquet file.",
        ) from None
    missing = [name for name in _FILE_NEEDS if name not in frame]
    if "title" not in frame and "track_id" not in frame:
        missing.append("title or track_id")
    if missing:
        raise SettingsError(
            f"{path} lacks the columns {', '.join(missing)}.",
            remedy="Add them; the README shows the format.",
        )
    return frame.dropna(subset=["artist"]).reset_index(drop=True)


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:12]
