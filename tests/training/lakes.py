"""Small lakes built by hand: a listener with a history, and tracks with measured features."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
    PREDICTED_FEATURES,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.nights import Night
from smallhours.settings import Settings, parse_settings

ADA = "ada"
NIGHT = Night.on(dt.date(2026, 11, 21), ZoneInfo("Europe/Dublin"))
NEXT_NIGHT = Night.on(dt.date(2026, 11, 22), ZoneInfo("Europe/Dublin"))


def some_settings(**training: object) -> Settings:
    return parse_settings(
        {
            "listeners": {ADA: {"lastfm_user": "ada", "timezone": "Europe/Dublin"}},
            "training": training,
        },
        origin="a test",
    )


def add_plays(lake: Lake, plays: Mapping[str, int], *, days_ago: float = 10) -> None:
    """Play each track key the given number of times, a minute apart."""
    first = NIGHT.as_of - dt.timedelta(days=days_ago)
    keys = [key for key, times in plays.items() for _ in range(times)]
    rows = pd.DataFrame({"track_key": keys})
    rows["played_at"] = [first + dt.timedelta(minutes=at) for at in range(len(keys))]
    rows["month"] = [f"{at:%Y-%m}" for at in rows["played_at"]]
    rows = rows.assign(ordinal=0, artist="An Artist", title="A Title")
    rows["sources"] = [["lastfm"]] * len(rows)
    _merge(lake, PLAYS, rows.assign(listener=ADA))


def add_signals(
    lake: Lake,
    signal: str,
    track_keys: Iterable[str],
    *,
    first_seen: dt.date = NIGHT.date,
    last_seen: dt.date = NIGHT.date,
    time_range: str = "",
) -> None:
    rows = pd.DataFrame({"track_key": list(track_keys)}).assign(
        listener=ADA,
        signal=signal,
        source="spotify",
        time_range=time_range,
        artist="An Artist",
        title="A Title",
        first_seen=first_seen,
        last_seen=last_seen,
    )
    _merge(lake, LIBRARY, rows)


def add_background(lake: Lake, track_keys: Iterable[str], *, route: str = "background") -> None:
    rows = pd.DataFrame({"track_key": list(track_keys)}).assign(
        listener=ADA, route=route, seed_key="a tag", strength=0.0, seen=NIGHT.date
    )
    _merge(lake, CANDIDATES, rows)


def add_tracks(lake: Lake, track_keys: Iterable[str], *, on: dt.date = NIGHT.date) -> None:
    rows = pd.DataFrame({"track_key": list(track_keys)})
    rows["artist_key"] = rows["track_key"].map(artist_key_in)
    rows = rows.assign(artist="An Artist", title="A Title", version="", first_seen=on)
    _merge(lake, TRACKS, rows.assign(prefix=rows["artist_key"].map(prefix_of)))


def add_track_tags(
    lake: Lake, tags: Mapping[str, Mapping[str, int]], *, on: dt.date = NIGHT.date
) -> None:
    _add_tags(lake, TRACK_TAGS, tags, on)


def add_artist_tags(lake: Lake, tags: Mapping[str, Mapping[str, int]]) -> None:
    _add_tags(lake, ARTIST_TAGS, tags, NIGHT.date)


def add_features(
    lake: Lake,
    values: Mapping[str, Sequence[float | None]],
    *,
    source: str = "dataset",
    **others: float,
) -> None:
    """Add the five features of each track key, in the order of PREDICTED_FEATURES, and others."""
    rows = pd.DataFrame(
        [
            {"track_key": key, "feature": feature, "value": value}
            for key, row in values.items()
            for feature, value in (
                *zip(PREDICTED_FEATURES, row, strict=True),
                *others.items(),
            )
        ]
    ).assign(source=source, fetched_at=NIGHT.date)
    rows["value"] = rows["value"].astype(float)
    _merge(
        lake,
        AUDIO_FEATURES,
        rows.assign(prefix=rows["track_key"].map(artist_key_in).map(prefix_of)),
    )


def listener_who_likes_indie(
    lake: Lake, *, tops: int = 12, saved: int = 18, strange: int = 40
) -> None:
    """Add likes with indie tags of their own, and strange tracks that share none of them."""
    likes = [f"indie {at} · song" for at in range(tops + saved)]
    add_plays(lake, dict.fromkeys(likes, 2))
    add_signals(lake, "top", likes[:tops], time_range="short_term")
    add_signals(lake, "saved", likes[tops:])
    polka = [f"polka {at} · tune" for at in range(strange)]
    add_background(lake, polka)
    moods = ("dreamy", "sad", "Lo-Fi", "shoegaze")
    steps = ("waltz", "brass", "Oberkrainer")
    add_track_tags(
        lake,
        {
            **{key: {"indie": 100, moods[at % 4]: 50} for at, key in enumerate(likes)},
            **{key: {"polka": 100, steps[at % 3]: 60} for at, key in enumerate(polka)},
        },
    )


def measured_catalog(lake: Lake, *, artists: int = 60, each: int = 6, seed: int = 5) -> list[str]:
    """Add tracks whose five features follow from their artist's tags, with noise; return keys.

    Loud artists are energetic, calm ones acoustic; how much of either is in the tag's count.
    """
    rng = np.random.default_rng(seed)
    keys, values, tags = [], {}, {}
    for at in range(artists):
        loud = float(rng.uniform())
        artist = f"artist {at}"
        tags[artist] = {"Loud": 1 + int(99 * loud), "calm": 100 - int(99 * loud), f"tag {at}": 7}
        for song in range(each):
            key = f"{artist} · song {song}"
            noise = rng.normal(0, 0.05, 5)
            truth = np.array([0.5 + 0.3 * loud, 1 - loud, loud, 0.4 + 0.2 * loud, 0.8 - 0.6 * loud])
            values[key] = np.clip(truth + noise, 0, 1).tolist()
            keys.append(key)
    add_artist_tags(lake, tags)
    add_features(lake, values)
    return keys


def _add_tags(lake: Lake, table: Table, tags: Mapping[str, Mapping[str, int]], on: dt.date) -> None:
    key = table.key[0]
    rows = pd.DataFrame(
        [
            {key: owner, "tag": tag, "count": count}
            for owner, found in tags.items()
            for tag, count in found.items()
        ]
    ).assign(source="lastfm", fetched_at=on)
    if table is ARTIST_TAGS:
        rows["artist"] = rows[key]
    _merge(lake, table, rows.assign(prefix=rows[key].map(artist_key_in).map(prefix_of)))


def _merge(lake: Lake, table: Table, rows: pd.DataFrame) -> None:
    """Merge rows, with nulls for what the test does not care about."""
    absent = [c.name for c in table.columns if c.name not in rows]
    lake.merge(table, rows.assign(**dict.fromkeys(absent)))
