"""Audio features in the lake: from several sources, each value with its source.

That a source has nothing for a track is stored, too. Which source to believe is decided by
`most_reliable`, in the order of `Provenance`, and nowhere else. The requests are in
`feature_sources`.

Last.fm tells lengths beside neighbours: they are noted in a small file, and stored together. The
neighbours of five seeds come with the lengths of hundreds of tracks, whose rows lie in nearly all
files of `audio_features`. Stored with every batch of answers, a few numbers would write that table
again each time. The note outlasts a crash: what it holds is stored with the next lengths.
"""

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc

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

LENGTH = "duration_ms"
# Hidden in the lake, beside the tables; a backup has it.
NOTES = ".notes"
LENGTHS_NOTE = f"{NOTES}/lastfm-lengths.json"
# The note is written again with every batch, so it has to stay small.
MAX_NOTED = 5_000


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


class ToldLengths:
    """The lengths that Last.fm tells beside neighbours; most are known from other seeds.

    They are noted in a file, and stored when features are fetched, or when they are many.

    Args:
        lake: The lake.
        night: Tonight.
    """

    def __init__(self, lake: Lake, night: dt.date) -> None:
        self._lake = lake
        self._night = night
        self._stored = False

    def note(self, told: Mapping[str, float]) -> None:
        """Note lengths in milliseconds, by track key."""
        new = self._unknown(told) if self._stored else told
        if not new:
            return
        noted: Mapping[str, float] = {}

        def add(old: bytes | None) -> bytes | None:
            nonlocal noted
            noted = {**_load_lengths(old), **new}
            return _dump_lengths(noted)

        self._lake.files.update(LENGTHS_NOTE, add, empty=b"{}")
        if len(noted) >= MAX_NOTED:
            self.store()

    def store(self) -> None:
        """Store what is noted and new, also by other processes, and take it off the note."""
        try:
            noted = _load_lengths(self._lake.files.read(LENGTHS_NOTE))
        except FileNotFoundError:
            return
        new = self._unknown(noted)
        found = {key: {LENGTH: ms} for key, ms in new.items()}
        if new:
            store_features(
                self._lake, list(new), found, source=Provenance.LASTFM, night=self._night
            )
        self._known.update(new)
        self._lake.files.update(
            LENGTHS_NOTE,
            lambda old: _dump_lengths(dict(_load_lengths(old).items() - noted.items())),
            empty=b"{}",
        )
        self._stored = True

    def _unknown(self, told: Mapping[str, float]) -> Mapping[str, float]:
        return {key: ms for key, ms in told.items() if self._known.get(key) != ms}

    @cached_property
    def _known(self) -> dict[str, float]:
        by_lastfm = (pc.field("source") == Provenance.LASTFM) & (pc.field("feature") == LENGTH)
        rows = self._lake.frame(AUDIO_FEATURES, columns=["track_key", "value"], filters=by_lastfm)
        return dict(zip(rows["track_key"], rows["value"], strict=True))


def _load_lengths(note: bytes | None) -> dict[str, float]:
    try:
        return dict(json.loads(note or b"{}"))
    except (ValueError, TypeError):
        return {}  # a damaged note costs a few lengths


def _dump_lengths(lengths: Mapping[str, float]) -> bytes | None:
    return json.dumps(lengths).encode() if lengths else None
