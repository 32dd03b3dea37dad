"""Where a study's rows come from: a lake, or tables of tracks and of artists' tags.

In tables, tracks come with their own tags and with measured features; artists with tags and counts.
Only tracks whose artist has tags are used. A track's own tags have no counts there: each is 100.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallhours.catalog.features import features_by_track
from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PLAYS
from smallhours.training.tags import load_tags
from smallhours.vocabulary import Provenance
from smallhours_study.grid import FEATURES
from smallhours_study.study_rows import StudyRows

TRACK_COLUMNS = ("artist", "tags", *FEATURES)
ARTIST_COLUMNS = ("artist", "tag", "count")
WORD_COUNT = 100.0


@dataclass(frozen=True)
class InputTables:
    """Tracks and artists' tags as they are in the files, concatenated."""

    tracks: pd.DataFrame
    tags: pd.DataFrame


def read_tables(paths: Sequence[Path]) -> InputTables:
    """Read tables, whose kind is recognised by their columns.

    Args:
        paths: One or more tables of tracks, and of artists' tags; CSV (gzipped or not) or Parquet.

    Raises:
        SettingsError: when one can't be read, has neither set of columns, or a kind is missing.
    """
    tables = [(path, read_table(path)) for path in paths]
    tracks = [t for _, t in tables if set(TRACK_COLUMNS) <= set(t.columns)]
    tags = [t for _, t in tables if set(ARTIST_COLUMNS) <= set(t.columns)]
    for path, table in tables:
        if not any(table is known for known in (*tracks, *tags)):
            raise SettingsError(
                f"{path.name} has neither the columns {', '.join(TRACK_COLUMNS)} nor "
                f"{', '.join(ARTIST_COLUMNS)}.",
                remedy="Name a table of tracks, and one of artists' tags.",
            )
    for found, what in ((tracks, "tracks"), (tags, "artists' tags")):
        if not found:
            raise SettingsError(
                f"A table of {what} is missing.",
                remedy="Name a table of tracks, and one of artists' tags.",
            )
    return InputTables(pd.concat(tracks, ignore_index=True), pd.concat(tags, ignore_index=True))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; only numbers may be missing, since a tag may be called "nan" or "null".

    Raises:
        SettingsError: when it is missing or is no table.
    """
    numeric: dict[str, Any] = {column: [""] for column in (*FEATURES, "count")}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=False, na_values=numeric)
    except FileNotFoundError:
        raise SettingsError(f"There is no file {path}.", remedy="Correct its name.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"{path} can't be read as a table: {error}.",
            remedy="It must be a CSV (gzipped or not) or Parquet file.",
        ) from None


def usable(tracks: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return tracks with an artist and all five features within 0-1, and counts of the others.

    Raises:
        SettingsError: when a feature is not numeric.
    """
    try:
        values = tracks[list(FEATURES)].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"A feature of the table of tracks is not a number: {error}.", remedy="Correct it."
        ) from None
    artist = folded(tracks["artist"])
    named = artist != ""
    whole = values.apply(lambda column: column.between(0.0, 1.0)).all(axis=1)
    left_out = [
        f"{int((~named).sum()):,} tracks without an artist",
        f"{int((named & ~whole).sum()):,} with a feature missing or outside of 0-1",
    ]
    return tracks.assign(**values, artist=artist)[named & whole], left_out


def rows_of(tables: InputTables, *, origin: str = "") -> StudyRows:
    """Join the tables.

    Args:
        tables: As read.
        origin: Origin of the rows, for the reader.
    """
    tracks, tags, left_out = tracks_with_tags(tables)
    written: dict[str, dict[str, float]] = {}
    for artist, tag, count in tags[["artist", "raw", "count"]].itertuples(index=False):
        found = written.setdefault(artist, {})
        found[tag] = max(found.get(tag, 0.0), float(count))
    by_name = {artist: _named(found) for artist, found in written.items()}
    words = [_words(text) for text in tracks["tags"].fillna("").tolist()]
    artists = tracks["artist"].tolist()
    return StudyRows(
        origin=origin,
        artists=artists,
        own=[_named(own) for own in words],
        artist_tags=[by_name[artist] for artist in artists],
        raw=[{**own, **written[artist]} for own, artist in zip(words, artists, strict=True)],
        plays=[1] * len(tracks),
        targets=tracks[list(FEATURES)].to_numpy(dtype=np.float64),
        left_out=left_out,
    )


def tracks_with_tags(tables: InputTables) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the usable tracks whose artist has tags, those tags, and counts of the others."""
    tracks, left_out = usable(tables.tracks)
    tags = tables.tags.assign(
        artist=folded(tables.tags["artist"]), raw=tables.tags["tag"].astype(str).str.strip()
    )
    tags = tags[(tags["count"] > 0) & (tags["raw"] != "") & (tags["artist"] != "")]
    has_tags = tracks["artist"].isin(set(tags["artist"]))
    left_out.append(f"{int((~has_tags).sum()):,} tracks whose artist has no tags")
    return tracks[has_tags], tags, left_out


def folded(names: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return names in lower case, without spaces around them; "" where there is none."""
    return names.fillna("").astype(str).str.strip().str.lower()


def _words(text: str) -> dict[str, float]:
    words = (word.strip().replace("_", " ") for word in str(text).split(","))
    return {word: WORD_COUNT for word in words if word}


def _named(counts: dict[str, float]) -> dict[str, float]:
    """Return counts by lower-case name; of two spellings the larger count is kept."""
    named: dict[str, float] = {}
    for tag, count in counts.items():
        named[tag.lower()] = max(named.get(tag.lower(), 0.0), count)
    return named


def lake_rows(lake: Lake, listener: str, sources: Iterable[str]) -> StudyRows:
    """Read every measured track with a tag, with the number and hours of the listener's plays.

    Args:
        lake: The lake.
        listener: The listener whose plays count.
        sources: Allowed sources of features; the first one with a value is used.
    """
    order = list(sources)
    stored = lake.frame(AUDIO_FEATURES, columns=["track_key", "source", "feature", "value"])
    stored = stored[
        stored["feature"].isin(FEATURES)
        & (stored["source"] != Provenance.PREDICTED)
        & stored["value"].notna()
    ]
    wide = features_by_track(stored, order)[list(FEATURES)]
    whole = wide.dropna()
    raw, named = load_tags(lake, whole.index), load_tags(lake, whole.index, normalised=True)
    keys = [key for key in whole.index if raw.of(key)]
    artists = [artist_key_in(key) for key in keys]
    plays = lake.frame(PLAYS, columns=["played_at", "track_key"], where={"listener": listener})
    count = plays["track_key"].value_counts()
    return StudyRows(
        origin=f"the lake's measured tracks ({', '.join(order)}), plays of {listener}",
        artists=artists,
        own=[dict(named.own.get(key, {})) for key in keys],
        artist_tags=[dict(named.artist.get(artist, {})) for artist in artists],
        raw=[
            {**raw.own.get(key, {}), **raw.artist.get(artist, {})}
            for key, artist in zip(keys, artists, strict=True)
        ],
        plays=[max(int(count.get(key, 0)), 1) for key in keys],
        targets=whole.loc[keys].to_numpy(dtype=np.float64),
        hours=_hours(plays, {key: at for at, key in enumerate(keys)}),
        left_out=[
            f"{len(wide) - len(whole):,} tracks that were measured in part",
            f"{len(whole) - len(keys):,} measured tracks without tags",
        ],
    )


def _hours(plays: pd.DataFrame, row: dict[str, int]) -> list[list[int]]:
    """Return the rows played in each clock hour, in the order of time; other plays are left out."""
    known = plays[plays["track_key"].isin(row)].sort_values(["played_at", "track_key"])
    hour = known["played_at"].dt.floor("h")
    rows = known["track_key"].map(row)
    return [found.tolist() for _, found in rows.groupby(hour, sort=True)]
