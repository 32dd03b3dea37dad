"""Tests of the catalog stages against the sandbox."""

import logging
import math
from typing import Any

import pandas as pd
import pytest

from smallhours.catalog.lastfm_fetch import neighbours_of
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
from tests.service_fixtures import ServiceFixture


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


@pytest.fixture
def home(household: ServiceFixture) -> ServiceFixture:
    listen(household)
    return household


def test_every_heard_track_is_in_the_catalog_once(home: ServiceFixture) -> None:
    refresh(home)
    tracks = home.lake.frame(TRACKS)
    played = set(home.lake.frame(PLAYS, columns=["track_key"])["track_key"])
    assert played <= set(tracks["track_key"])
    assert tracks["track_key"].is_unique


def test_nothing_is_asked_about_various_artists(home: ServiceFixture) -> None:
    names = ["Various Artists", "VA", "<unknown>", "Разные исполнители"]
    heard = pd.DataFrame({"artist": names, "title": "Song"})
    night = home.night()
    add_tracks(home.lake, heard, night=night.date)
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
    home.lake.merge(LIBRARY, saved, partition={"listener": "default"})
    refresh(home)
    nobody = {artist_key_of(name) for name in names}
    assert not nobody & set(home.lake.frame(ARTIST_TAGS)["artist_key"])
    for table, column in ((TRACK_TAGS, "track_key"), (SIMILAR, "seed_key")):
        assert not nobody & set(home.lake.frame(table)[column].map(artist_key_in))


def test_candidates_are_unheard_tracks_with_every_seed_that_brought_them(
    home: ServiceFixture,
) -> None:
    summary = refresh(home)["candidates"]
    rows = home.lake.frame(CANDIDATES)
    assert summary["candidates"] > 300
    assert {"similar_track", "similar_artist", "known_artist", "tag"} <= set(rows["route"])
    assert rows["strength"].between(0, 1).all()
    assert rows.groupby("track_key")["seed_key"].nunique().max() > 5
    assert set(rows["track_key"]) <= set(home.lake.frame(TRACKS)["track_key"])


def test_lengths_that_last_fm_tells_are_kept_with_their_source(home: ServiceFixture) -> None:
    refresh(home)
    rows = home.lake.frame(AUDIO_FEATURES)
    lengths = rows[rows["source"] == "lastfm"]
    assert set(lengths["feature"]) == {"duration_ms"}
    assert lengths["value"].between(30_000, 3_600_000).all()
    similar = home.lake.frame(SIMILAR)
    near = similar.loc[(similar["kind"] == "track") & (similar["rank"] > 0), "neighbour_key"]
    assert set(near) <= set(lengths["track_key"])


def test_lengths_that_are_known_are_not_written_again(home: ServiceFixture) -> None:
    refresh(home)
    before = home.lake.files.stamps(AUDIO_FEATURES.name)
    similar = home.lake.frame(SIMILAR)
    row = similar[(similar["kind"] == "track") & (similar["rank"] > 0)].iloc[0]
    tracks = home.lake.frame(TRACKS).set_index("track_key")
    artist, title = tracks.loc[row["seed_key"], ["artist", "title"]]
    seed = Seed("track", row["seed_key"], artist, title)

    with neighbours_of(home.lake, home.lastfm, night=home.night("2026-11-09").date) as asking:
        found = asking.call(seed)()
        asking.store([(seed, found)])

    assert found
    assert home.lake.files.stamps(AUDIO_FEATURES.name) == before


def test_background_tracks_come_from_tags_that_the_history_does_not_have(
    home: ServiceFixture,
) -> None:
    refresh(home)
    rows = home.lake.frame(CANDIDATES)
    foreign = set(rows.loc[rows["route"] == "background", "seed_key"])
    heard = set(home.lake.frame(PLAYS, columns=["track_key"])["track_key"])
    tags = home.lake.frame(TRACK_TAGS)
    heard_tags = set(tags.loc[tags["track_key"].isin(heard), "tag"].str.lower())
    assert foreign
    assert not foreign & heard_tags


def test_the_same_night_again_asks_nothing(home: ServiceFixture) -> None:
    refresh(home)
    home.lastfm.calls.clear()
    home.reccobeats.calls.clear()
    refresh(home)
    assert home.lastfm.calls.total() == 0
    assert home.reccobeats.calls.total() == 0


def test_an_empty_answer_is_kept_so_that_it_is_not_asked_again(home: ServiceFixture) -> None:
    refresh(home)
    tags = home.lake.frame(TRACK_TAGS)
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
    assert any(f"200 tonight, in about 1 minutes; {nights} nights" in m for m in caplog.messages)
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


def test_features_are_kept_with_their_source_and_misses_too(home: ServiceFixture) -> None:
    summary = refresh(home)["features"]
    rows = home.lake.frame(AUDIO_FEATURES)
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
