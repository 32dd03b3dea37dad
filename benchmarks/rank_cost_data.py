"""A made-up catalog of 50,000 candidates in a lake, the same each time.

Its size follows a real one: 20 seeds lead to each candidate, artists carry 15 tags, half of all
tracks have a few of their own, nearly all have predicted features, and 17,000 tracks were played
90,000 times.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallhours.catalog.tag_names import refresh_names
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
from smallhours.listening.plays import month_of

LISTENER = "default"
NIGHT = dt.date(2026, 11, 21)
CANDIDATE_COUNT, ARTISTS, VOTES = 50_000, 12_000, 20
KNOWN, KNOWN_ARTISTS, PLAYED, SAVED = 17_000, 3_000, 90_000, 800
TAGS, TAGS_OF_ARTIST, TAGS_OF_TRACK = 5_000, 15, 6
ROUTES = ("similar_track", "similar_artist", "known_artist", "tag")
DAYS = 2_000

_FIRST = ("dark", "post", "indie", "dream", "folk", "acid", "deep", "noise", "space", "neo")
_SECOND = (
    "rock",
    "pop",
    "jazz",
    "techno",
    "wave",
    "soul",
    "drone",
    "house",
    "punk",
    "blues",
)


@dataclass(frozen=True)
class CatalogSize:
    """The size of the made-up catalog."""

    candidates: int = CANDIDATE_COUNT
    known: int = KNOWN
    plays: int = PLAYED


def write_catalog(lake: Lake, size: CatalogSize) -> None:
    """Fill an empty lake."""
    rng = np.random.default_rng(50)
    # The listener knows some of the candidates' artists by other tracks.
    candidates = [f"artist {at % ARTISTS} · song {at}" for at in range(size.candidates)]
    known = [f"artist {at % KNOWN_ARTISTS} · old song {at}" for at in range(size.known)]
    tracks = [*candidates, *known]
    artists = sorted(set(map(artist_key_in, tracks)))
    tags = _tag_names()
    _by_prefix(lake, TRACKS, _tracks(tracks, rng))
    _by_prefix(lake, ARTIST_TAGS, _tags("artist_key", artists, TAGS_OF_ARTIST, tags, rng))
    own = [key for key in tracks if rng.random() < 0.5]
    _by_prefix(lake, TRACK_TAGS, _tags("track_key", own, TAGS_OF_TRACK, tags, rng))
    refresh_names(lake)
    heard = [key for key in tracks if rng.random() < 0.9]
    _by_prefix(lake, AUDIO_FEATURES, _features(heard, rng))
    _history(lake, known, size.plays, rng)
    votes = _votes(candidates, known, tags, rng)
    lake.replace(CANDIDATES, votes, partition={"listener": LISTENER})


def _tag_names() -> np.ndarray:
    """Return tag names as people write them: genres of two words, capitals, years, and habits."""
    kinds = [f"{one} {two}" for one in _FIRST for two in _SECOND]
    named = [
        f"{kinds[at % len(kinds)].title() if at % 7 == 0 else kinds[at % len(kinds)]} {at}"
        for at in range(TAGS - len(kinds))
    ]
    return np.array([*kinds, *named], dtype=object)


def _tracks(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    seen = [NIGHT - dt.timedelta(days=int(age)) for age in rng.integers(0, 90, len(keys))]
    rows = pd.DataFrame({column.name: None for column in TRACKS.columns}, index=range(len(keys)))
    return rows.assign(
        track_key=keys,
        artist_key=[artist_key_in(key) for key in keys],
        artist=[artist_key_in(key).title() for key in keys],
        title=[key.split(" · ")[1].title() for key in keys],
        version="",
        album=pd.Series([f"Album {at // 5}" if at % 3 else None for at in range(len(keys))]),
        released=pd.Series(["2026-10-12" if at % 9 == 0 else None for at in range(len(keys))]),
        listeners=rng.integers(1, 1_000_000, len(keys)),
        first_seen=seen,
    )


def _tags(
    key: str, owners: list[str], each: int, names: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(owners) * each
    # A few tags are everywhere, most are rare.
    drawn = names[(len(names) * rng.uniform(0, 1, n) ** 4).astype(int)]
    place = np.tile(np.arange(each), len(owners))
    rows = pd.DataFrame({key: np.repeat(owners, each), "tag": drawn, "count": 100 - 5 * place})
    rows = rows.drop_duplicates([key, "tag"])
    if key == "artist_key":
        rows["artist"] = rows[key]
    return rows.assign(fetched_at=NIGHT)


def _features(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    n = len(keys) * len(PREDICTED_FEATURES)
    value = rng.uniform(0, 1, n)
    margin = rng.uniform(0.05, 0.2, n)
    return pd.DataFrame(
        {
            "track_key": np.repeat(keys, len(PREDICTED_FEATURES)),
            "source": "predicted",
            "feature": np.tile(np.array(PREDICTED_FEATURES), len(keys)),
            "value": value,
            "low": value - margin,
            "high": value + margin,
            "model": "made up",
            "fetched_at": NIGHT,
        }
    )


def _history(lake: Lake, known: list[str], plays: int, rng: np.random.Generator) -> None:
    tracks = np.array(known, dtype=object)[(len(known) * rng.uniform(0, 1, plays) ** 2).astype(int)]
    began = pd.Timestamp(NIGHT, tz="UTC") - pd.Timedelta(days=DAYS)
    moments = began + pd.to_timedelta(np.sort(rng.integers(0, DAYS * 86_400, plays)), unit="s")
    rows = pd.DataFrame({column.name: None for column in PLAYS.columns}, index=range(plays))
    rows = rows.assign(
        played_at=moments,
        track_key=tracks,
        artist=[artist_key_in(key).title() for key in tracks],
        title=[key.split(" · ")[1].title() for key in tracks],
        ordinal=0,
        sources=pd.Series([["lastfm"]] * plays),
    )
    rows["month"] = month_of(rows["played_at"])
    lake.merge(PLAYS, rows, partition={"listener": LISTENER})
    saved = pd.DataFrame({column.name: None for column in LIBRARY.columns}, index=range(SAVED))
    saved = saved.assign(
        signal="saved",
        time_range="",
        track_key=known[:SAVED],
        artist=[artist_key_in(key).title() for key in known[:SAVED]],
        title=[key.split(" · ")[1].title() for key in known[:SAVED]],
        first_seen=NIGHT,
        last_seen=NIGHT,
    )
    lake.replace(LIBRARY, saved, partition={"listener": LISTENER})


def _votes(
    candidates: list[str], known: list[str], tags: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(candidates) * VOTES
    route = np.array(ROUTES, dtype=object)[rng.integers(0, len(ROUTES), n)]
    track = np.repeat(np.array(candidates, dtype=object), VOTES)
    seeds = np.array(known, dtype=object)[(len(known) * rng.uniform(0, 1, n) ** 2).astype(int)]
    artists = np.array([f"artist {at}" for at in range(KNOWN_ARTISTS)], dtype=object)
    seed = np.select(
        [route == "similar_track", route == "similar_artist", route == "known_artist"],
        [seeds, artists[rng.integers(0, len(artists), n)], [artist_key_in(key) for key in track]],
        tags[rng.integers(0, 50, n)],
    )
    votes = pd.DataFrame(
        {
            "track_key": track,
            "route": route,
            "seed_key": seed,
            "strength": rng.uniform(0, 1, n) ** 3,
        }
    )
    return votes.drop_duplicates(["track_key", "route", "seed_key"]).assign(seen=NIGHT)


def _by_prefix(lake: Lake, table: Table, rows: pd.DataFrame) -> None:
    key = "artist_key" if "artist_key" in rows else "track_key"
    prefixes = {artist: prefix_of(artist) for artist in {artist_key_in(k) for k in rows[key]}}
    lake.merge(table, rows.assign(prefix=[prefixes[artist_key_in(k)] for k in rows[key]]))
