"""Tests of the search for the chosen tracks on Spotify."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from smallhours.errors import NotEnoughData, QuotaExceeded
from smallhours.identity import artist_key_in
from smallhours.lake.parquet import with_partition
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import LIBRARY, TRACKS
from smallhours.listening.library import library_frame
from smallhours.playlist.choose import rank_candidates
from smallhours.playlist.resolve import resolve_tracks
from smallhours.sandbox.faults import Fault, book
from smallhours.summary import Summary
from tests.household import Household
from tests.playlist.evening import Evening


def resolve(evening: Evening, household: Household) -> Summary:
    return resolve_tracks(
        "default",
        evening.lake,
        household.spotify,
        settings=evening.settings,
        night=evening.night(),
    )


def rank(evening: Evening, date: str = "2026-11-02") -> None:
    rank_candidates(
        "default", evening.lake, settings=evening.settings, night=evening.night(date), size=10
    )


def searches(household: Household) -> int:
    return household.spotify.calls["GET search"]


def track(evening: Evening, key: str) -> dict[str, Any]:
    rows = evening.lake.read(TRACKS, where={"prefix": prefix_of(artist_key_in(key))})
    return next(row for row in rows.to_pylist() if row["track_key"] == key)


def change_track(evening: Evening, key: str, **values: str) -> None:
    row = {**track(evening, key), **values}
    evening.lake.merge(TRACKS, pa.Table.from_pylist([row], schema=with_partition(TRACKS)))


def test_every_track_of_the_list_gets_its_id(evening: Evening, household: Household) -> None:
    rank(evening)
    listed = evening.listed()
    summary = resolve(evening, household)
    assert summary["resolved"] == 10
    world = household.sandbox.state.world
    for key in evening.listed():
        row = track(evening, key)
        assert row["spotify_id"] in world.track_spotify_id
        assert row["spotify_method"] == "search"
        assert row["spotify_score"] >= 85
    assert set(listed) == set(evening.listed())


def test_one_search_is_enough_for_a_track_that_is_there(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    summary = resolve(evening, household)
    assert summary["searches"] == searches(household) == 10


def test_a_second_run_asks_nothing_and_changes_nothing(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    resolve(evening, household)
    settled, asked = evening.recommendations(), searches(household)
    resolve(evening, household)
    assert searches(household) == asked
    pd.testing.assert_frame_equal(evening.recommendations(), settled)


def test_ids_that_are_known_cost_nothing(evening: Evening, household: Household) -> None:
    rank(evening)
    for number, key in enumerate(evening.listed()):
        change_track(evening, key, spotify_id=f"{number:022d}", spotify_method="library")
    assert resolve(evening, household)["known_before"] == 10
    assert searches(household) == 0


def test_the_reserve_takes_the_place_of_what_is_not_found(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    lost = evening.listed()[3]
    change_track(evening, lost, title="No Such Song Anywhere")
    summary = resolve(evening, household)
    assert summary["resolved"] == 10
    assert summary["not_found"] == 1
    assert lost not in evening.listed()
    rows = evening.recommendations()
    assert rows.loc[lost, "why_not"] == "not found on Spotify"
    assert rows.loc[lost, "slot"] == ""
    assert (rows.loc[evening.listed(), "why_not"] == "").all()
    assert track(evening, lost)["spotify_method"] == "miss"


def test_a_miss_is_believed_for_a_month(evening: Evening, household: Household) -> None:
    rank(evening)
    lost = evening.listed()[3]
    change_track(evening, lost, title="No Such Song Anywhere")
    resolve(evening, household)
    rank(evening, "2026-11-03")
    assert evening.recommendations("2026-11-03").loc[lost, "why_not"] == "not found on Spotify"
    rank(evening, "2026-12-10")
    assert evening.recommendations("2026-12-10").loc[lost, "why_not"] != "not found on Spotify"


def test_a_track_that_the_listener_has_under_another_name_is_passed_over(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    key = evening.listed()[0]
    change_track(evening, key, spotify_id="7" * 22, spotify_method="history")
    night = evening.night().date
    saved = library_frame(
        [{"signal": "saved", "artist": "Typo", "title": "Tpyo", "spotify_id": "7" * 22}],
        night=night,
    )
    evening.lake.merge(LIBRARY, saved, partition={"listener": "default"})
    resolve(evening, household)
    assert evening.recommendations().loc[key, "why_not"] == "known under another name"


def test_two_names_of_one_spotify_track_are_one_pick(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    one, other = evening.listed()[:2]
    for key in (one, other):
        change_track(evening, key, spotify_id="7" * 22, spotify_method="search")
    resolve(evening, household)
    assert one in evening.listed()
    assert evening.recommendations().loc[other, "why_not"] == (
        "the same Spotify track as another pick"
    )


def test_what_was_found_before_the_quota_ended_is_kept(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    faults = book(household.sandbox.state)
    faults.add(Fault(kind="quota_exceeded", service="spotify", match="*search*", after=4, times=0))
    before = evening.recommendations()
    with pytest.raises(QuotaExceeded):
        resolve(evening, household)
    pd.testing.assert_frame_equal(evening.recommendations(), before)
    asked = searches(household)
    faults.clear()
    assert resolve(evening, household)["known_before"] == 4
    assert searches(household) - asked == 6


def test_a_night_that_was_not_ranked_says_what_to_do(
    evening: Evening, household: Household
) -> None:
    with pytest.raises(NotEnoughData, match="rank_candidates"):
        resolve(evening, household)


def with_overrides(evening: Evening, text: str) -> Evening:
    path = Path(evening.lake.url) / "overrides.toml"
    path.write_text(text, encoding="utf-8")
    catalog = evening.settings.catalog.model_copy(update={"overrides_file": str(path)})
    settings = evening.settings.model_copy(update={"catalog": catalog})
    return dataclasses.replace(evening, settings=settings)


def test_the_listeners_own_file_says_which_track_is_meant(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    key = evening.listed()[0]
    names = track(evening, key)
    said = f'["{names["artist"]}"]\n"{names["title"]}" = "spotify:track:{"7" * 22}"\n'
    summary = resolve(with_overrides(evening, said), household)
    assert summary["searches"] == 9
    row = track(evening, key)
    assert (row["spotify_id"], row["spotify_method"]) == ("7" * 22, "override")


def test_a_track_that_the_listener_never_wants_leaves_its_place(
    evening: Evening, household: Household
) -> None:
    rank(evening)
    key = evening.listed()[0]
    names = track(evening, key)
    said = f'["{names["artist"]}"]\n"{names["title"]}" = "none"\n'
    summary = resolve(with_overrides(evening, said), household)
    assert summary["resolved"] == summary["searches"] == 10
    assert key not in evening.listed()
    assert evening.recommendations().loc[key, "why_not"] == "never, says your file of overrides"
