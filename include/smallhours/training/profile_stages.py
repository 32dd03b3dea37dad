"""The stage that writes `profile`, the table behind the Taste page."""

from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.catalog.features import most_reliable
from smallhours.catalog.normalisation import back_off
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PROFILE
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PLAYS, PREDICTED_FEATURES
from smallhours.listening.plays import counted_once, heard
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import profile
from smallhours.training.tags import load_tags


def describe_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Describe what the listener plays, for the pages: `profile`.

    Without plays nothing is written, and `skipped` says so.
    """
    plays = lake.frame(
        PLAYS,
        columns=["played_at", "artist", "track_key", "ms_played"],
        where={"listener": listener},
    )
    plays = plays[heard(plays) & (plays["played_at"] < night.as_of)]
    plays = plays[counted_once(plays)]
    if plays.empty:
        return {"skipped": "no plays yet"}
    keys = set(plays["track_key"])
    tags = load_tags(lake, keys, normalised=True)
    tags_of = {
        key: back_off(tags.own.get(key, {}), tags.artist.get(artist_key_in(key), {}))
        for key in sorted(keys)
    }
    zone = ZoneInfo(settings.listener(listener).timezone)
    year = plays[plays["played_at"] >= night.as_of - 4 * profile.RECENT]
    rows = pd.concat(
        [
            profile.tag_rows(plays, tags_of, as_of=night.as_of),
            profile.clock_rows(year, zone),
            profile.artist_rows(plays, as_of=night.as_of),
            profile.centre_rows(plays, tags_of, seed=night.seed(listener, "centres") % 2**32),
            profile.feature_rows(_features(lake), plays["track_key"].value_counts()),
        ],
        ignore_index=True,
    )
    lake.replace(PROFILE, rows, partition={"listener": listener})
    told = rows[rows["kind"] == profile.CENTRE]
    return {
        "plays": len(plays),
        "tracks": len(keys),
        "tracks_with_tags": sum(bool(found) for found in tags_of.values()),
        "centres": "; ".join(told["name"]),
    }


def _features(lake: Lake) -> pd.DataFrame:
    """Return one value of each 0-1 feature for each track: measured, or else predicted."""
    rows = lake.frame(AUDIO_FEATURES, columns=["track_key", "source", "feature", "value"])
    rows = rows[rows["feature"].isin(PREDICTED_FEATURES)]
    return most_reliable(rows)
