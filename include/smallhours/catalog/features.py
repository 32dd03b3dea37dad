"""Audio features in the lake: from several sources, each value with its source.

That a source has nothing for a track is stored, too. Which source to believe is decided by
`most_reliable`, in the order of `Provenance`, and nowhere else. The requests are in
`feature_sources`.
"""

import csv
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from smallhours.catalog.stored_answers import store_tags
from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in, identify, is_named
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import AUDIO_FEATURES, FEATURES, TRACK_TAGS
from smallhours.vocabulary import CatalogSource, Provenance

NOTHING = ""

# Features that are shares, and must lie within 0-1 to be believed.
_SHARES = frozenset(FEATURES) - {"loudness", "tempo", "key", "mode", "duration_ms"}

_FILE_NEEDS = ("artist", "tags", *FEATURES[:5])


def most_reliable(rows: pd.DataFrame, sources: Iterable[str] = tuple(Provenance)) -> pd.DataFrame:
    """Return the most reliable row for each track and feature.

    Conflicts are settled feature by feature, so a later source fills the gaps of an earlier one.

    Args:
        rows: `track_key`, `source`, `feature`, `value`, and what else `audio_features` has.
        sources: Whom to ask, most believed first; others are left out.

    Returns:
        The rows, ordered by track and then as FEATURES are; impossible values are left out.
    """
    order = {source: place for place, source in enumerate(sources)}
    known = rows[rows["source"].isin(order) & rows["feature"].isin(FEATURES)]
    known = known[known["value"].notna()]
    possible = ~known["feature"].isin(_SHARES) | known["value"].between(0.0, 1.0)
    known = known[possible]
    ranked = known.assign(
        _rank=known["source"].map(order),
        _place=known["feature"].map({name: place for place, name in enumerate(FEATURES)}),
    ).sort_values(["track_key", "_place", "_rank"], kind="stable")
    best = ranked.drop_duplicates(["track_key", "feature"], ignore_index=True)
    return best[list(rows.columns)]


def features_by_track(
    rows: pd.DataFrame, sources: Iterable[str] = tuple(Provenance)
) -> pd.DataFrame:
    """Return the most reliable value of each feature, one row per track.

    Args:
        rows: `track_key`, `source`, `feature` and `value` of `audio_features`.
        sources: Whom to ask, most believed first; others are left out.

    Returns:
        Indexed by `track_key` in order: a column for each of FEATURES (NaN where nobody has a
        value), and `source`: who gave the first of the features that the track has.
    """
    best = most_reliable(rows, sources)
    wide = best.pivot(index="track_key", columns="feature", values="value")
    wide = wide.reindex(columns=list(FEATURES)).sort_index()
    wide.columns.name = None
    return wide.assign(source=best.drop_duplicates("track_key").set_index("track_key")["source"])


def store_features(
    lake: Lake,
    asked: Sequence[str],
    found: Mapping[str, Mapping[str, float]],
    *,
    source: Provenance = Provenance.RECCOBEATS,
    night: dt.date,
) -> int:
    """Store what a source answered for the asked track keys; return how many had features."""
    rows: list[dict[str, object]] = []
    for key in asked:
        known = found.get(key, {})
        values = {name: known[name] for name in FEATURES if name in known}
        rows += (
            {"track_key": key, "feature": name, "value": values.get(name)}
            for name in values or (NOTHING,)
        )
    _merge(lake, pd.DataFrame(rows), source=source, model=None, night=night)
    return sum(1 for key in asked if found.get(key))


def import_features(lake: Lake, path: Path, *, night: dt.date) -> dict[str, int]:
    """Read a CSV or Parquet file of tracks with tags and audio features into the lake.

    The file needs the columns `artist`, `tags` (comma-separated, `_` for a space) and the five
    features that are predicted from tags; `title` and the other features may be there. A track
    without a title goes by its `track_id`: good enough to learn from, never recommended.

    Returns:
        How many `tracks`, `features` and `tags` were read, zeros when this very file was read
        before; and how many rows are `nameless`: they have no artist and are left out.

    Raises:
        SettingsError: when the file is missing, unreadable or lacks a column.
    """
    everything = _read(path)
    frame = everything[everything["artist"].map(is_named).astype(bool)].reset_index(drop=True)
    nameless = len(everything) - len(frame)
    version = f"{path.name}@{_fingerprint(path)}"
    # The artist's name and the title (or the id in the file) name the recording.
    titles = frame["title" if "title" in frame else "track_id"]
    numbers = pd.Series(range(len(frame)), index=frame.index).map("track {}".format)
    titles = titles.where(titles.str.strip() != "", numbers)
    frame["track_key"] = [
        identify(artist, title).track_key
        for artist, title in zip(frame["artist"], titles, strict=True)
    ]
    frame = frame.drop_duplicates("track_key", ignore_index=True)
    stored = lake.frame(AUDIO_FEATURES, columns=["source", "model"])
    if ((stored["source"] == Provenance.DATASET) & (stored["model"] == version)).any():
        return {"tracks": 0, "features": 0, "tags": 0, "nameless": nameless}
    names = [name for name in FEATURES if name in frame]
    long = frame.melt("track_key", names, var_name="feature", value_name="value").dropna()
    tags = frame[["track_key"]].assign(tag=frame["tags"].str.split(","))
    tags = tags.explode("tag", ignore_index=True)
    tags["tag"] = tags["tag"].str.replace("_", " ").str.strip()
    tags = tags[tags["tag"] != ""].assign(count=100)
    store_tags(lake, TRACK_TAGS, tags, source=CatalogSource.DATASET, night=night)
    _merge(lake, long, source=Provenance.DATASET, model=version, night=night)
    return {"tracks": len(frame), "features": len(long), "tags": len(tags), "nameless": nameless}


def _merge(
    lake: Lake, rows: pd.DataFrame, *, source: Provenance, model: str | None, night: dt.date
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
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            # A song may be called "None", "NA" or "1979", and a band "311": names are texts.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
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
            remedy="Add them; docs/settings.md shows the format.",
        )
    for name in ("artist", "title", "track_id", "tags"):
        if name in frame:
            texts = frame[name].astype(object)
            frame[name] = texts.where(texts.notna(), "").map(str)
    # What is no number is no value.
    for name in set(FEATURES) & set(frame):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    return frame


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:12]
