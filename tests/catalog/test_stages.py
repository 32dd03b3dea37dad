"""Tests of the catalog stages against the sandbox."""

import logging
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smallhours.catalog.features import ToldLengths
from smallhours.catalog.lastfm_data import neighbours_of
from smallhours.catalog.stages import (
    fetch_audio_features,
    fetch_neighbours,
    fetch_tags,
    gather_candidates,
    update_tracks,
)
from smallhours.catalog.stored_answers import Seed
from smallhours.catalog.tracks import add_tracks
from smallhours.errors import RetryLater
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening.stages import sync_library, sync_scrobbles
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import ServiceFixture, open_household

pytestmark = pytest.mark.slow(seconds=3)


def listen(household: ServiceFixture) -> None:
    about: dict[str, Any] = {"settings": household.settings, "night": household.night()}
    sync_scrobbles("default", household.lake, household.lastfm, **about)
    sync_library("default", household.lake, household.spotify, household.lastfm, **about)


def refresh(household: ServiceFixture) -> dict[str, Summary]:
    about: dict[str, Any] = {"settings": household.settings, "night": household.night()}
    who = "default", household.lake
    return {
        "tracks": update_tracks(*who, **about),
        "neighbours": fetch_neighbours(*who, household.lastfm, **about),
        "tags": fetch_tags(*who, household.lastfm, **about),
        "features": fetch_audio_features(*who, household.reccobeats, **about),
        "candidates": gather_candidates(*who, **about),
    }


@dataclass
class FirstNight:
    """A first night without trouble.

    Attributes:
        listened: A lake after the stages of listening; do not change it.
        lake: The lake after those of the catalog; do not change it.
        told: What the catalog's stages returned.
    """

    listened: Path
    lake: Lake
    told: dict[str, Summary]


@pytest.fixture(scope="module")
def first_night(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> FirstNight:
    folder = tmp_path_factory.mktemp("first_night")
    with (
        SandboxServer(SandboxState(small_world)) as server,
        open_household(server, folder / "lake") as made,
    ):
        listen(made)
        listened = Path(shutil.copytree(made.lake.url, folder / "listened"))
        return FirstNight(listened, made.lake, refresh(made))


@pytest.fixture
def home(household: ServiceFixture, first_night: FirstNight) -> ServiceFixture:
    """A household whose catalog is empty."""
    shutil.copytree(first_night.listened, household.lake.url)
    return household


@pytest.fixture
def refreshed(household: ServiceFixture, first_night: FirstNight) -> ServiceFixture:
    """A household whose catalog knows what a first night asks."""
    shutil.copytree(first_night.lake.url, household.lake.url)
    return household


def test_every_heard_track_is_in_the_catalog_once(first_night: FirstNight) -> None:
    tracks = first_night.lake.frame(TRACKS)
    played = set(first_night.lake.frame(PLAYS, columns=["track_key"])["track_key"])
    assert played <= set(tracks["track_key"])
    assert tracks["track_key"].is_unique


def test_nothing_is_asked_about_various_artists(refreshed: ServiceFixture) -> None:
    names = ["Various Artists", "VA", "<unknown>", "Разные исполнители"]
    heard = pd.DataFrame({"artist": names, "title": "Song"})
    night = refreshed.night()
    add_tracks(refreshed.lake, heard, night=night.date)
    saved = heard.assign(
        signal="saved",
        source="spotify",
        time_range="",
        track_key=[identify(name, "Song").track_key for name in names],
        rank=None,
        spotify_id=None,
        isrc=None,
        added_at=None,
        first_seen=night.date,
        last_seen=night.date,
    )
    refreshed.lake.merge(LIBRARY, saved, partition={"listener": "default"})
    refresh(refreshed)
    nobody = {artist_key_of(name) for name in names}
    assert not nobody & set(refreshed.lake.frame(ARTIST_TAGS)["artist_key"])
    for table, column in ((TRACK_TAGS, "track_key"), (SIMILAR, "seed_key")):
        assert not nobody & set(refreshed.lake.frame(table)[column].map(artist_key_in))


def test_candidates_are_unheard_tracks_with_every_seed_that_brought_them(
    first_night: FirstNight,
) -> None:
    summary = first_night.told["candidates"]
    rows = first_night.lake.frame(CANDIDATES)
    assert summary["candidates"] > 300
    assert {"similar_track", "similar_artist", "known_artist", "tag"} <= set(rows["route"])
    assert rows["strength"].between(0, 1).all()
    assert rows.groupby("track_key")["seed_key"].nunique().max() > 5
    assert set(rows["track_key"]) <= set(first_night.lake.frame(TRACKS)["track_key"])


def test_lengths_that_last_fm_tells_are_kept_with_their_source(first_night: FirstNight) -> None:
    rows = first_night.lake.frame(AUDIO_FEATURES)
    lengths = rows[rows["source"] == "lastfm"]
    assert set(lengths["feature"]) == {"duration_ms"}
    assert lengths["value"].between(30_000, 3_600_000).all()
    similar = first_night.lake.frame(SIMILAR)
    near = similar.loc[(similar["kind"] == "track") & (similar["rank"] > 0), "neighbour_key"]
    assert set(near) <= set(lengths["track_key"])


def test_lengths_that_are_known_are_not_written_again(refreshed: ServiceFixture) -> None:
    before = refreshed.lake.files.stamps(AUDIO_FEATURES.name)
    similar = refreshed.lake.frame(SIMILAR)
    row = similar[(similar["kind"] == "track") & (similar["rank"] > 0)].iloc[0]
    tracks = refreshed.lake.frame(TRACKS).set_index("track_key")
    artist, title = tracks.loc[row["seed_key"], ["artist", "title"]]
    seed = Seed("track", row["seed_key"], artist, title)

    night = refreshed.night("2026-11-09").date
    asking = neighbours_of(refreshed.lake, refreshed.lastfm, night=night)
    found = asking.call(seed)()
    asking.store([(seed, found)])
    ToldLengths(refreshed.lake, night).store()

    assert found
    assert refreshed.lake.files.stamps(AUDIO_FEATURES.name) == before


def test_background_tracks_come_from_tags_that_the_history_does_not_have(
    first_night: FirstNight,
) -> None:
    rows = first_night.lake.frame(CANDIDATES)
    foreign = set(rows.loc[rows["route"] == "background", "seed_key"])
    heard = set(first_night.lake.frame(PLAYS, columns=["track_key"])["track_key"])
    tags = first_night.lake.frame(TRACK_TAGS)
    heard_tags = set(tags.loc[tags["track_key"].isin(heard), "tag"].str.lower())
    assert foreign
    assert not foreign & heard_tags


def test_the_same_night_again_asks_nothing(
    refreshed: ServiceFixture, first_night: FirstNight
) -> None:
    assert first_night.told["tags"]["tracks_asked"] > 0
    refresh(refreshed)
    assert refreshed.lastfm.calls.total() == 0
    assert refreshed.reccobeats.calls.total() == 0


def test_an_empty_answer_is_kept_so_that_it_is_not_asked_again(first_night: FirstNight) -> None:
    tags = first_night.lake.frame(TRACK_TAGS)
    assert (tags["tag"] == "").any()
    asked = set(tags["track_key"])
    assert len(asked) > 500


def test_the_budget_limits_a_night_and_the_next_goes_on(
    home: ServiceFixture, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = home.settings.catalog.model_copy(update={"lastfm_calls_per_night": 200})
    home.settings = home.settings.model_copy(update={"catalog": catalog})
    with caplog.at_level(logging.INFO):
        first = refresh(home)["tags"]
    assert first["artists_asked"] + first["tracks_asked"] == 200
    left = first["left_for_later"]
    assert isinstance(left, int)
    assert left > 0
    # How long it still takes is said before the first call, and after the last.
    nights = math.ceil((left + 200) / 200)
    assert any(f"200 tonight, in about 1 min; {nights} nights" in m for m in caplog.messages)
    assert first["nights_to_go"] == nights - 1
    assert first["minutes_to_go"] == 1
    second = refresh(home)["tags"]
    assert second["left_for_later"] < first["left_for_later"]


def test_a_rate_limit_loses_no_answer(home: ServiceFixture) -> None:
    faults = fault_rules_of(home.sandbox.state)
    faults.add(Fault("rate_limit", service="lastfm", match="*.getTopTags", after=150, times=0))
    with pytest.raises(RetryLater):
        refresh(home)
    kept = len(home.lake.frame(ARTIST_TAGS)["artist_key"].unique())
    assert kept > 50
    faults.clear()
    before = dict(home.sandbox.state.calls)
    refresh(home)
    again = home.sandbox.state.calls["lastfm", "artist.getTopTags"]
    assert again - before["lastfm", "artist.getTopTags"] + kept >= len(
        home.lake.frame(ARTIST_TAGS)["artist_key"].unique()
    )
    assert len(home.lake.frame(SIMILAR)) > 0


def test_features_are_kept_with_their_source_and_misses_too(first_night: FirstNight) -> None:
    summary = first_night.told["features"]
    rows = first_night.lake.frame(AUDIO_FEATURES)
    rows = rows[rows["source"] != "lastfm"]  # which tells lengths
    assert set(rows["source"]) == {"reccobeats"}
    assert 0 < summary["tracks_found"] < summary["tracks_asked"]
    found = rows[rows["feature"] == "energy"]
    assert len(found) == summary["tracks_found"]
    assert found["value"].between(0, 1).all()
    assert (rows["feature"] == "").sum() == summary["tracks_asked"] - summary["tracks_found"]


@pytest.mark.parametrize("name", ["", " ", "\u200b"])
def test_where_no_name_shows_anything_no_track_is_added(home: ServiceFixture, name: str) -> None:
    nameless = pd.DataFrame({"artist": [name], "title": [name]})
    for _ in range(2):  # into an empty catalog, and into one with tracks
        assert add_tracks(home.lake, nameless, night=home.night().date).rows_added == 0
        update_tracks("default", home.lake, settings=home.settings, night=home.night())
