"""The catalog of recordings: every track that was played, liked or recommended by a service."""

import datetime as dt

import numpy as np
import pandas as pd

from smallhours.identity import identify, is_named
from smallhours.lake.store import Lake, MergeReport, among, prefix_of
from smallhours.lake.tables import LIBRARY, PLAYS, TRACKS

COLUMNS = [column.name for column in TRACKS.columns]
_KNOWN_IDS = ["spotify_id", "isrc", "album"]


def add_tracks(lake: Lake, named: pd.DataFrame, *, night: dt.date) -> MergeReport:
    """Add new tracks to the catalog, and ids that known tracks lack.

    Rows without a visible artist or title are left out.

    Args:
        lake: The lake.
        named: `artist` and `title`, and any of `album`, `released`, `duration_ms`, `listeners`,
            `mbid`, `isrc` and `spotify_id` with its `spotify_method`.
        night: Becomes `first_seen` of new tracks.
    """
    new = _rows(named, night)
    where = {"prefix": sorted(set(new["prefix"]))}
    ours = among("track_key", new["track_key"])
    stored = lake.frame(TRACKS, columns=COLUMNS, where=where, filters=ours).set_index("track_key")
    known = new["track_key"].isin(stored.index)
    old = stored.loc[new.loc[known, "track_key"]].reset_index()
    fresh = new[known].reset_index(drop=True)
    # What is stored wins, but for a gap, or for a Spotify id where there was only a miss.
    found = old["spotify_id"].isna() & fresh["spotify_id"].notna()
    filled = found
    for column in ("spotify_id", "spotify_method", "spotify_score", "spotify_at"):
        old[column] = old[column].astype(object).where(~found, fresh[column].astype(object))
    for column in ("album", "released", "duration_ms", "listeners", "mbid", "isrc"):
        gap = old[column].isna() & fresh[column].notna()
        old[column] = old[column].astype(object).where(~gap, fresh[column].astype(object))
        filled = filled | gap
    # The others are left out: another run may be filling their gaps.
    old = old[filled]
    rows = pd.concat([old.astype(object), new.loc[~known, COLUMNS].astype(object)])
    rows["prefix"] = [prefix_of(key) for key in rows["artist_key"]]
    return lake.merge(TRACKS, rows)


def named_rows(tracks: pd.DataFrame) -> pd.DataFrame:
    """The rows whose `artist` and `title` show anything."""
    pairs = zip(tracks["artist"], tracks["title"], strict=True)
    return tracks[np.fromiter((is_named(*pair) for pair in pairs), np.bool_, len(tracks))]


def heard_tracks(lake: Lake, listener: str) -> pd.DataFrame:
    """Return names and known ids of all tracks in the plays and library, one row per track."""
    names = ["track_key", "artist", "title", *_KNOWN_IDS]
    plays = lake.frame(
        PLAYS,
        columns=[*names, "duration_ms", "track_mbid", "played_at"],
        where={"listener": listener},
    ).rename(columns={"track_mbid": "mbid"})
    plays = plays.sort_values("played_at", ascending=False, kind="stable").drop(columns="played_at")
    library = lake.frame(
        LIBRARY,
        columns=["track_key", "artist", "title", "spotify_id", "isrc"],
        where={"listener": listener},
    )
    tracks = pd.concat([library.astype(object), plays.astype(object)])
    # `first` takes the newest known value of each column.
    return tracks.groupby("track_key", sort=True, as_index=False).first()


def _rows(named: pd.DataFrame, night: dt.date) -> pd.DataFrame:
    rows = named_rows(named).reset_index(drop=True).astype(object)
    identities = [identify(a, t) for a, t in zip(rows["artist"], rows["title"], strict=True)]
    rows["track_key"] = [identity.track_key for identity in identities]
    rows["artist_key"] = [identity.artist_key for identity in identities]
    rows["version"] = [identity.label for identity in identities]
    rows["prefix"] = [prefix_of(key) for key in rows["artist_key"]]
    rows["first_seen"] = night
    for column in COLUMNS:
        if column not in rows:
            rows[column] = None
    has_id = rows["spotify_id"].notna()
    rows["spotify_at"] = rows["spotify_at"].where(~has_id, night)
    rows["spotify_method"] = rows["spotify_method"].where(
        ~has_id | rows["spotify_method"].notna(), "history"
    )
    # Of several rows the first known value of each column, as if each had come on its own: it does
    # not matter which of them arrive together.
    return rows.groupby("track_key", sort=False, as_index=False).first()
