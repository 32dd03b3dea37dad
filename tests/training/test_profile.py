"""The profile of a listener: tags, hours, artists, centres and audio features."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.catalog.normalisation import WeightedTag
from smallhours.lake.store import Lake
from smallhours.training import profile
from tests.training.lakes import add_features

UTC = ZoneInfo("UTC")
AS_OF = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
TAGS = {
    "ride · a": [WeightedTag("shoegaze", 1.0, "track")],
    "moby · b": [WeightedTag("electronic", 0.75, "track"), WeightedTag("chill", 0.25, "track")],
    "nobody · c": [],
}


def plays(*played: tuple[str, int]) -> pd.DataFrame:
    """Return plays of track keys, each the given number of days ago."""
    keys = [key for key, _ in played]
    at = pd.to_datetime([AS_OF - dt.timedelta(days=days) for _, days in played], utc=True)
    artists = [key.split(" · ")[0] for key in keys]
    return pd.DataFrame({"played_at": at, "track_key": keys, "artist": artists})


def values(rows: pd.DataFrame, period: str) -> dict[str, float]:
    found = rows[rows["period"] == period]
    return dict(zip(found["name"], found["value"], strict=True))


def test_a_play_spreads_one_vote_over_its_tracks_tags() -> None:
    rows = profile.tag_rows(
        plays(("ride · a", 1), ("moby · b", 2), ("nobody · c", 3)), TAGS, as_of=AS_OF, zone=UTC
    )

    assert values(rows, "last 90 days") == {"shoegaze": 0.5, "electronic": 0.375, "chill": 0.125}
    assert values(rows, "2026") == values(rows, "last 90 days")


def test_years_are_told_apart_and_old_plays_are_not_lately() -> None:
    rows = profile.tag_rows(plays(("ride · a", 1), ("moby · b", 400)), TAGS, as_of=AS_OF, zone=UTC)

    assert values(rows, "2026") == {"shoegaze": 1.0}
    assert values(rows, "2025") == {"electronic": 0.75, "chill": 0.25}
    assert values(rows, "last 90 days") == {"shoegaze": 1.0}


def test_a_year_begins_when_it_begins_for_the_listener() -> None:
    late = plays(("ride · a", 0)).assign(played_at=pd.to_datetime(["2024-12-31T23:30:00Z"]))

    rows = profile.tag_rows(late, TAGS, as_of=AS_OF, zone=ZoneInfo("Asia/Tokyo"))

    assert set(rows["period"]) == {"2025"}


def test_the_clock_is_the_listeners_own() -> None:
    monday_23_utc = plays(("ride · a", 0)).assign(
        played_at=pd.to_datetime(["2026-07-06T23:30:00Z"])
    )

    rows = profile.clock_rows(monday_23_utc, ZoneInfo("Europe/Dublin"))

    assert values(rows, "") == {"1-00": 1.0}


def test_artists_are_counted_lately_and_before() -> None:
    rows = profile.artist_rows(
        plays(("ride · a", 1), ("ride · a", 2), ("moby · b", 100), ("ride · a", 300)), as_of=AS_OF
    )

    assert values(rows, "last 90 days") == {"moby": 0.0, "ride": 2.0}
    assert values(rows, "the 90 days before") == {"moby": 1.0, "ride": 0.0}


def test_two_kinds_of_music_are_two_centres() -> None:
    tags = {f"a{at} · x": [WeightedTag("shoegaze", 1.0, "track")] for at in range(30)}
    tags |= {f"b{at} · x": [WeightedTag("techno", 1.0, "track")] for at in range(10)}

    rows = profile.centre_rows(plays(*((key, 1) for key in tags)), tags, seed=1)

    assert set(rows["name"].str.split(", ").str[0]) == {"shoegaze", "techno"}
    assert rows["value"].sum() == pytest.approx(1.0)
    assert rows["n"].sum() == 40


def test_a_few_tracks_have_no_centres() -> None:
    assert profile.centre_rows(plays(("ride · a", 1)), TAGS, seed=1).empty


def test_features_are_weighted_by_plays_for_you_and_not_for_the_catalog() -> None:
    features = pd.DataFrame(
        {
            "track_key": ["ride · a", "moby · b"],
            "feature": ["energy", "energy"],
            "value": [0.99, 0.02],
        }
    )

    played = pd.Series({"ride · a": 3, "moby · b": 1})
    rows = profile.feature_rows(features, features, played)

    assert values(rows, "you")["energy:0.95"] == 0.75
    assert values(rows, "catalog")["energy:0.95"] == 0.5
    assert values(rows, "catalog")["energy:0.00"] == 0.5


def test_of_a_large_catalog_some_partitions_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    assert profile.sampled_features(lake).empty
    tracks = [f"artist {at} · song" for at in range(40)]
    add_features(lake, {key: [0.5] * 5 for key in tracks})
    assert set(profile.sampled_features(lake)["track_key"]) == set(tracks)

    monkeypatch.setattr(profile, "SAMPLED_TRACKS", 10)
    assert 10 <= profile.sampled_features(lake)["track_key"].nunique() < 40


def test_favourites_are_the_most_played_of_all_years_and_of_90_days() -> None:
    told = plays(("ride · a", 1), ("ride · a", 400), ("moby · b", 400), ("moby · b", 401))
    rows = profile.favourite_rows(told.assign(title="t"), as_of=AS_OF)

    tracks = rows[rows["kind"] == "track"]
    assert values(tracks, "") == {"moby – t": 2.0, "ride – t": 2.0}
    assert values(tracks, "last 90 days") == {"ride – t": 1.0}


def test_eras_are_shares_of_the_plays_whose_release_date_is_known() -> None:
    played = pd.Series({"ride · a": 3, "moby · b": 1, "nobody · c": 5})
    released = pd.Series({"ride · a": "1990-10-15", "moby · b": "1999", "nobody · c": None})

    rows = profile.era_rows(played, released)

    assert values(rows, "") == {"1990s": 1.0}
    assert rows["n"].tolist() == [4]
