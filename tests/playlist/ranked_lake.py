"""A lake as it is before the playlist stages: some history, and candidates from the sandbox."""

import dataclasses
import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest

from smallhours.catalog.tracks import add_tracks
from smallhours.identity import identify, song_key_of
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, CANDIDATES, PLAYS, TRACKS
from smallhours.listening.plays import month_of, plays_frame
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours_sandbox.world import World
from tests.service_fixtures import NIGHT, settings_for

KNOWN = 40
CANDIDATE_COUNT = 120


@dataclass
class RankedLake:
    """One listener's lake, with the keys that were put into it.

    Attributes:
        lake: A copy of one's own.
        settings: Of the listener `default`; no service is at the addresses in them.
        known: Keys of played tracks.
        candidates: Keys of candidates, the strongest first.
        names: `Artist – Title` of the known tracks, by key.
    """

    lake: Lake
    settings: Settings
    known: list[str]
    candidates: list[str]
    names: dict[str, str]

    def night(self, date: str = NIGHT) -> Night:
        """Return the night of a date, for the listener."""
        return self.settings.night("default", date)

    def recommendations(self, date: str = NIGHT) -> pd.DataFrame:
        """Return a night's rows of `recommendations`, best first."""
        rows = self.lake.frame(RECOMMENDATIONS, where={"listener": "default", "night": date})
        return rows.sort_values("rank").set_index("track_key")

    def listed(self, date: str = NIGHT) -> list[str]:
        """Return a night's list, in order."""
        rows = self.recommendations(date)
        return rows[rows["position"].notna()].sort_values("position").index.tolist()


@pytest.fixture(scope="session")
def first_ranked_lake(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> RankedLake:
    """Return a lake with Ada's first 40 songs as history and 120 others as candidates."""
    world = small_world
    played = list(dict.fromkeys(world.listeners["ada"].play_track.tolist()))
    known = _distinct(world, played, KNOWN)
    rest = [track for track in range(len(world.track_title)) if not world.track_version[track]]
    songs = {song_key_of(key) for key in known}
    others = _distinct(world, rest, CANDIDATE_COUNT + KNOWN)
    new = {key: track for key, track in others.items() if song_key_of(key) not in songs}
    new = dict(list(new.items())[:CANDIDATE_COUNT])

    lake = Lake(str(tmp_path_factory.mktemp("ranked-lake")))
    _remember(lake, world, list(known.values()), list(new.values()))
    _tag_artists(lake, [*known, *new])
    seeds = list(known)
    rows = [
        (key, "similar_track", seeds[i % len(seeds)], 0.9 * 0.98**i) for i, key in enumerate(new)
    ]
    write_candidates(lake, [*rows, (seeds[0], "similar_track", seeds[1], 0.95)])
    names = {
        key: f"{world.artist_name[world.track_artist[track]]} – {world.track_title[track]}"
        for key, track in known.items()
    }
    return RankedLake(lake, settings_for("http://127.0.0.1:9"), seeds, list(new), names)


@pytest.fixture
def ranked_lake(first_ranked_lake: RankedLake, tmp_path: Path) -> RankedLake:
    """Return the same night with a copy of the lake."""
    shutil.copytree(first_ranked_lake.lake.url, tmp_path / "lake", dirs_exist_ok=True)
    return dataclasses.replace(first_ranked_lake, lake=Lake(str(tmp_path / "lake")))


@pytest.fixture(scope="session")
def first_resolved_lake(
    first_ranked_lake: RankedLake, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> RankedLake:
    """Return the first night with the Spotify id of every candidate."""
    lake = Lake(str(tmp_path_factory.mktemp("found") / "lake"))
    shutil.copytree(first_ranked_lake.lake.url, lake.url)
    world = small_world
    tracks = {
        identify(world.artist_name[artist], title).track_key: track
        for track, (artist, title) in enumerate(
            zip(world.track_artist.tolist(), world.track_title, strict=True)
        )
    }
    wanted = [tracks[key] for key in first_ranked_lake.candidates]
    named = pd.DataFrame(
        {
            "artist": [world.artist_name[world.track_artist[track]] for track in wanted],
            "title": [world.track_title[track] for track in wanted],
            "spotify_id": [world.track_spotify_id[track] for track in wanted],
            "spotify_method": "search",
        }
    )
    add_tracks(lake, named, night=dt.date(2026, 11, 1))
    return dataclasses.replace(first_ranked_lake, lake=lake)


@pytest.fixture
def found(first_resolved_lake: RankedLake, tmp_path: Path) -> RankedLake:
    """Return that evening with a copy of the lake."""
    shutil.copytree(first_resolved_lake.lake.url, tmp_path / "found", dirs_exist_ok=True)
    return dataclasses.replace(first_resolved_lake, lake=Lake(str(tmp_path / "found")))


def write_choice(
    ranked_lake: RankedLake, keys: list[str], date: str = NIGHT, intent: str = "main"
) -> None:
    """Write a night's list of an intent, in this order."""
    tracks = ranked_lake.lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    rows = tracks.set_index("track_key").loc[keys].reset_index()
    rows = rows.assign(
        intent=intent,
        p_like=None,
        consensus=0.5,
        tag_affinity=0.5,
        popularity=0.5,
        score=[0.9 - 0.001 * place for place in range(len(keys))],
        rank=range(1, len(keys) + 1),
        position=range(1, len(keys) + 1),
        slot="exploit",
        propensity=None,
        why_not="",
        reason="Because.",
        reason_kind="tag",
        added=None,
    )
    rows["seeds"] = [[] for _ in keys]
    where = {"listener": "default", "night": date}
    ranked_lake.lake.merge(
        RECOMMENDATIONS, rows, partition=where, replace=pc.field("intent") == intent
    )


def write_candidates(lake: Lake, rows: list[tuple[str, str, str, float]]) -> None:
    """Write the listener's candidates: (track_key, route, seed_key, strength)."""
    frame = pd.DataFrame(rows, columns=["track_key", "route", "seed_key", "strength"])
    frame["seen"] = dt.date(2026, 11, 2)
    lake.replace(CANDIDATES, frame, partition={"listener": "default"})


def _distinct(world: World, tracks: list[int], count: int) -> dict[str, int]:
    """Return the first tracks of different songs, by key."""
    found: dict[str, int] = {}
    songs: set[str] = set()
    for track in tracks:
        key = identify(world.artist_name[world.track_artist[track]], world.track_title[track])
        if song_key_of(key.track_key) not in songs and len(found) < count:
            songs.add(song_key_of(key.track_key))
            found[key.track_key] = track
    return found


def _remember(lake: Lake, world: World, known: list[int], new: list[int]) -> None:
    named = pd.DataFrame(
        {
            "artist": [world.artist_name[world.track_artist[track]] for track in [*known, *new]],
            "title": [world.track_title[track] for track in [*known, *new]],
            "listeners": range(1, len(known) + len(new) + 1),
        }
    )
    add_tracks(lake, named, night=dt.date(2026, 11, 1))
    start = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    plays = plays_frame(
        [
            {"played_at": start + dt.timedelta(hours=i), "artist": row.artist, "title": row.title}
            for i, row in enumerate(named.head(len(known)).itertuples())
        ],
        source="lastfm",
    )
    plays["month"] = month_of(plays["played_at"])
    lake.merge(PLAYS, plays, partition={"listener": "default"})


def _tag_artists(lake: Lake, keys: list[str]) -> None:
    artists = sorted({key.split(" · ")[0] for key in keys})
    rows = [
        {"artist_key": artist, "artist": artist, "tag": tag, "count": count}
        for place, artist in enumerate(artists)
        for tag, count in (("shoegaze", 100), (("jazz", "dub", "folk")[place % 3], 60))
    ]
    frame = pd.DataFrame(rows)
    frame["fetched_at"], frame["source"] = dt.date(2026, 11, 1), "lastfm"
    frame["prefix"] = frame["artist_key"].map(prefix_of)
    lake.merge(ARTIST_TAGS, frame)
