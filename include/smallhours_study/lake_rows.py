"""A study's rows from a lake: the measured tracks, and the hours of listening."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from smallhours.catalog.features import features_by_track
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PLAYS
from smallhours.training.tags import load_tags
from smallhours.vocabulary import Provenance
from smallhours_study.grid import FEATURES
from smallhours_study.study_rows import StudyRows


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
