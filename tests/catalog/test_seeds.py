"""Tests of the weights of the listener's tracks, artists and tags, and of what they lead to."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_series_equal

from smallhours.catalog import candidates
from smallhours.catalog.candidates import (
    artist_weights,
    gather,
    heard_weights,
    tag_weights,
    track_weights,
)
from smallhours.catalog.seeds import near_calls, nearest_artists
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.plays import month_of, plays_frame
from smallhours.nights import Night
from smallhours.settings import CatalogSettings

NIGHT = dt.date(2026, 11, 2)


def plays(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "track_key": [key for key, _ in rows],
            "played_at": pd.to_datetime([day for _, day in rows], utc=True),
        }
    )


def library(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["track_key", "signal"])


def test_a_recent_play_weighs_more_than_an_old_one() -> None:
    weights = track_weights(
        plays(("a · old", "2016-11-01"), ("a · new", "2026-11-01")), library(), night=NIGHT
    )
    assert weights.index.tolist() == ["a · new", "a · old"]
    assert weights.iloc[0] == 1.0


def test_a_loved_track_outweighs_a_single_play() -> None:
    weights = track_weights(
        plays(("a · played", "2026-11-01")), library(("a · loved", "loved")), night=NIGHT
    )
    assert weights.index[0] == "a · loved"


def night_of(date: dt.date) -> Night:
    return Night(date, dt.datetime.combine(date, dt.time(4), dt.UTC))


def hear(lake: Lake, *titles: str) -> None:
    start = dt.datetime(2026, 10, 1, len(titles), tzinfo=dt.UTC)
    rows = plays_frame(
        [
            {"played_at": start + dt.timedelta(hours=at), "artist": "low", "title": title}
            for at, title in enumerate(titles)
        ],
        source="lastfm",
    )
    rows["month"] = month_of(rows["played_at"])
    lake.merge(PLAYS, rows, partition={"listener": "ada"})


def test_weights_are_read_once_until_something_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, night = Lake(str(tmp_path)), night_of(NIGHT)
    hear(lake, "canada", "sunflower")
    found = heard_weights(lake, "ada", night=night)
    with monkeypatch.context() as patch:
        patch.setattr(candidates, "own_plays", None)  # nobody reads the plays
        assert_series_equal(heard_weights(lake, "ada", night=night), found)
    hear(lake, "canada", "sunflower", "lullaby")
    now = heard_weights(lake, "ada", night=night)
    assert "low · lullaby" in now
    later = heard_weights(lake, "ada", night=night_of(NIGHT + dt.timedelta(days=90)))
    assert not later.equals(now)


def test_a_damaged_note_of_weights_is_made_again(tmp_path: Path) -> None:
    lake, night = Lake(str(tmp_path)), night_of(NIGHT)
    hear(lake, "canada")
    found = heard_weights(lake, "ada", night=night)
    (note,) = tmp_path.glob(".heard/listener=ada/*")
    note.write_bytes(note.read_bytes()[:60])
    assert_series_equal(heard_weights(lake, "ada", night=night), found)


def test_artists_and_tags_inherit_the_weight_of_their_tracks() -> None:
    tracks = pd.Series({"slowdive · alison": 1.0, "slowdive · 40 days": 1.0, "ride · drive": 0.5})
    artists = artist_weights(tracks)
    assert artists.index.tolist() == ["slowdive", "ride"]
    tags = tag_weights(
        artists,
        pd.DataFrame(
            {
                "artist_key": ["slowdive", "slowdive", "ride", "abba"],
                "tag": ["Shoegaze", "dream pop", "shoegaze", "pop"],
                "count": [100, 50, 100, 100],
            }
        ),
    )
    assert tags.index.tolist() == ["shoegaze", "dream pop"]


def test_no_history_gives_no_weights() -> None:
    weights = track_weights(plays(), library(), night=NIGHT)
    assert weights.empty
    assert artist_weights(weights).empty


def test_various_artists_are_no_artist_to_ask_about() -> None:
    weights = track_weights(
        plays(
            ("various artists · song", "2026-11-01"),
            ("va · song", "2026-11-01"),
            ("unknown · song", "2026-11-01"),
            ("low · song", "2026-11-01"),
        ),
        library(),
        night=NIGHT,
    )
    assert artist_weights(weights).index.tolist() == ["low"]


def similar(*rows: tuple[str, str, str, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["kind", "seed_key", "neighbour_key", "match", "rank"])


def test_a_neighbour_of_a_neighbour_is_a_candidate_by_the_seed_behind_it() -> None:
    lists = similar(
        ("track", "a · mine", "b · near", 0.5, 1),
        ("track", "b · near", "c · far", 0.4, 1),
        ("track", "b · near", "a · mine", 0.4, 2),
        ("track", "z · strange", "y · stranger", 0.9, 1),
    )
    none = pd.Series(dtype=float)
    mine = pd.Series({"a · mine": 1.0})
    found = gather(
        lists, tracks=mine, artists=none, tags=none, foreign_tags=frozenset(), night=NIGHT
    )
    rows = found[["track_key", "route", "seed_key", "strength"]].to_numpy().tolist()
    assert rows == [
        ["b · near", "similar_track", "a · mine", 0.5],
        ["c · far", "two_steps", "a · mine", pytest.approx(0.2)],
    ]


def test_high_places_in_the_lists_of_the_strongest_make_an_artist_near() -> None:
    lists = similar(
        ("artist", "ride", "lush", 0.1, 1),
        ("artist", "low", "lush", 0.1, 3),
        ("artist", "ride", "slowdive", 0.9, 2),
        ("artist", "ride", "low", 0.9, 3),
        ("artist", "strange", "stranger", 1.0, 1),
    ).assign(artist="A Name")
    near = nearest_artists(lists, pd.Series({"ride": 1.0, "low": 0.5}))
    assert near == [("lush", "A Name"), ("slowdive", "A Name")]


def test_the_questions_about_near_ones_are_as_many_as_the_setting_allows() -> None:
    for most in (0, 1, 3, 200):
        calls = near_calls(CatalogSettings(near_artists=most))
        assert sum(calls) == most
        assert min(calls) >= 0
