"""Tests of the search for the chosen tracks on Spotify."""

import dataclasses
import datetime as dt
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
from smallhours.listening.edits import Edit, store_edit
from smallhours.listening.library import library_frame
from smallhours.playlist.publish.resolve import resolve_tracks
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.summary import Summary
from smallhours.vocabulary import EditKind, EditSubject
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.playlist.ranked_lake import RankedLake
from tests.service_fixtures import ServiceFixture


def resolve(ranked_lake: RankedLake, household: ServiceFixture) -> Summary:
    return resolve_tracks(
        "default",
        ranked_lake.lake,
        household.spotify,
        settings=ranked_lake.settings,
        night=ranked_lake.night(),
    )


def rank(ranked_lake: RankedLake, date: str = "2026-11-02") -> None:
    rank_candidates(
        "default",
        ranked_lake.lake,
        settings=ranked_lake.settings,
        night=ranked_lake.night(date),
        size=10,
    )


def searches(household: ServiceFixture) -> int:
    return household.spotify.calls["GET search"]


def track(ranked_lake: RankedLake, key: str) -> dict[str, Any]:
    rows = ranked_lake.lake.read(TRACKS, where={"prefix": prefix_of(artist_key_in(key))})
    return next(row for row in rows.to_pylist() if row["track_key"] == key)


def save(ranked_lake: RankedLake, artist: str, title: str, **values: Any) -> None:
    row = {"signal": "saved", "artist": artist, "title": title, **values}
    rows = library_frame([row], source="spotify", night=ranked_lake.night().date)
    ranked_lake.lake.merge(LIBRARY, rows, partition={"listener": "default"})


def change_track(ranked_lake: RankedLake, key: str, **values: Any) -> None:
    row = {**track(ranked_lake, key), **values}
    ranked_lake.lake.merge(TRACKS, pa.Table.from_pylist([row], schema=with_partition(TRACKS)))


def test_every_track_of_the_list_gets_its_id(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    listed = ranked_lake.listed()
    summary = resolve(ranked_lake, household)
    assert summary["resolved"] == 10
    world = household.sandbox.state.world
    for key in ranked_lake.listed():
        row = track(ranked_lake, key)
        assert row["spotify_id"] in world.track_spotify_id
        assert row["spotify_method"] == "search"
        assert row["spotify_score"] >= 85
    assert set(listed) == set(ranked_lake.listed())


def test_one_search_is_enough_for_a_track_that_is_there(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    summary = resolve(ranked_lake, household)
    assert summary["searches"] == searches(household) == 10


def test_a_second_run_asks_nothing_and_changes_nothing(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    resolve(ranked_lake, household)
    settled, asked = ranked_lake.recommendations(), searches(household)
    resolve(ranked_lake, household)
    assert searches(household) == asked
    pd.testing.assert_frame_equal(ranked_lake.recommendations(), settled)


def test_ids_that_are_known_cost_nothing(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    for number, key in enumerate(ranked_lake.listed()):
        change_track(ranked_lake, key, spotify_id=f"{number:022d}", spotify_method="library")
    assert resolve(ranked_lake, household)["known_before"] == 10
    assert searches(household) == 0


def test_the_reserve_takes_the_place_of_what_is_not_found(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    lost = ranked_lake.listed()[3]
    change_track(ranked_lake, lost, title="No Such Song Anywhere")
    summary = resolve(ranked_lake, household)
    assert summary["resolved"] == 10
    assert summary["not_found"] == 1
    assert lost not in ranked_lake.listed()
    rows = ranked_lake.recommendations()
    assert rows.loc[lost, "why_not"] == "not found on Spotify"
    assert rows.loc[lost, "slot"] == ""
    assert (rows.loc[ranked_lake.listed(), "why_not"] == "").all()
    assert track(ranked_lake, lost)["spotify_method"] == "miss"


def test_a_miss_is_believed_for_a_month(ranked_lake: RankedLake, household: ServiceFixture) -> None:
    rank(ranked_lake)
    lost = ranked_lake.listed()[3]
    change_track(ranked_lake, lost, title="No Such Song Anywhere")
    resolve(ranked_lake, household)
    rank(ranked_lake, "2026-11-03")
    assert ranked_lake.recommendations("2026-11-03").loc[lost, "why_not"] == "not found on Spotify"
    rank(ranked_lake, "2026-12-10")
    assert ranked_lake.recommendations("2026-12-10").loc[lost, "why_not"] != "not found on Spotify"


def test_a_track_that_the_listener_has_under_another_name_is_passed_over(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    key = ranked_lake.listed()[0]
    change_track(ranked_lake, key, spotify_id="7" * 22, spotify_method="history")
    save(ranked_lake, "Typo", "Tpyo", spotify_id="7" * 22)
    resolve(ranked_lake, household)
    assert ranked_lake.recommendations().loc[key, "why_not"] == "known under another name"


LONG_AGO, LATELY = dt.date(2026, 9, 1), dt.date(2026, 10, 20)


@pytest.mark.parametrize(
    ("method", "noted_at", "searched"),
    [
        ("history", LATELY, True),
        ("search", LONG_AGO, True),
        ("search", LATELY, False),
        ("isrc", LATELY, False),
    ],
)
def test_an_id_that_became_unplayable_is_searched_for_anew(
    ranked_lake: RankedLake,
    household: ServiceFixture,
    method: str,
    noted_at: dt.date,
    searched: bool,
) -> None:
    rank(ranked_lake)
    key = ranked_lake.listed()[0]
    change_track(ranked_lake, key, spotify_id="7" * 22, spotify_method=method, spotify_at=noted_at)
    row = track(ranked_lake, key)
    save(ranked_lake, row["artist"], row["title"], spotify_id=None)  # as an unplayable one is read
    resolve(ranked_lake, household)
    found = track(ranked_lake, key)["spotify_id"]
    assert (found in household.sandbox.state.world.track_spotify_id) == searched
    assert (found == "7" * 22) != searched
    assert key in ranked_lake.listed()


def test_another_release_in_the_library_does_not_cast_doubt_on_an_id_that_is_playable(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    key = ranked_lake.listed()[0]
    change_track(ranked_lake, key, spotify_id="7" * 22, spotify_method="history")
    row = track(ranked_lake, key)
    save(ranked_lake, row["artist"], row["title"], spotify_id=None)
    save(ranked_lake, row["artist"], row["title"], spotify_id="7" * 22, signal="top")
    resolve(ranked_lake, household)
    assert track(ranked_lake, key)["spotify_id"] == "7" * 22


def test_two_names_of_one_spotify_track_are_one_pick(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    one, other = ranked_lake.listed()[:2]
    for key in (one, other):
        change_track(ranked_lake, key, spotify_id="7" * 22, spotify_method="search")
    resolve(ranked_lake, household)
    assert one in ranked_lake.listed()
    assert ranked_lake.recommendations().loc[other, "why_not"] == (
        "the same Spotify track as another pick"
    )


def test_what_was_found_before_the_quota_ended_is_kept(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    faults = fault_rules_of(household.sandbox.state)
    faults.add(Fault(kind="quota_exceeded", service="spotify", match="*search*", after=4, times=0))
    before = ranked_lake.recommendations()
    with pytest.raises(QuotaExceeded):
        resolve(ranked_lake, household)
    pd.testing.assert_frame_equal(ranked_lake.recommendations(), before)
    asked = searches(household)
    faults.clear()
    assert resolve(ranked_lake, household)["known_before"] == 4
    assert searches(household) - asked == 6


def test_a_night_that_was_not_ranked_says_what_to_do(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    with pytest.raises(NotEnoughData, match="write_playlist"):
        resolve(ranked_lake, household)


def with_overrides(ranked_lake: RankedLake, text: str) -> RankedLake:
    path = Path(ranked_lake.lake.url) / "overrides.toml"
    path.write_text(text, encoding="utf-8")
    catalog = ranked_lake.settings.catalog.model_copy(update={"overrides_file": str(path)})
    settings = ranked_lake.settings.model_copy(update={"catalog": catalog})
    return dataclasses.replace(ranked_lake, settings=settings)


def test_the_listeners_own_file_says_which_track_is_meant(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    key = ranked_lake.listed()[0]
    names = track(ranked_lake, key)
    said = f'["{names["artist"]}"]\n"{names["title"]}" = "spotify:track:{"7" * 22}"\n'
    summary = resolve(with_overrides(ranked_lake, said), household)
    assert summary["searches"] == 9
    row = track(ranked_lake, key)
    assert (row["spotify_id"], row["spotify_method"]) == ("7" * 22, "override")


def test_a_track_that_the_listener_never_wants_leaves_its_place(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    key = ranked_lake.listed()[0]
    names = track(ranked_lake, key)
    said = f'["{names["artist"]}"]\n"{names["title"]}" = "none"\n'
    summary = resolve(with_overrides(ranked_lake, said), household)
    assert summary["resolved"] == summary["searches"] == 10
    assert key not in ranked_lake.listed()
    assert ranked_lake.recommendations().loc[key, "why_not"] == "never, says your file of overrides"


def test_an_id_that_was_said_to_be_another_song_is_never_found_again(
    ranked_lake: RankedLake, household: ServiceFixture
) -> None:
    rank(ranked_lake)
    resolve(ranked_lake, household)
    key = ranked_lake.listed()[0]
    wrong = track(ranked_lake, key)["spotify_id"]
    at = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    edit = Edit(EditKind.WRONG_SONG, EditSubject.TRACK, wrong, key, at)

    store_edit(ranked_lake.lake, "default", edit)
    rank(ranked_lake)
    resolve(ranked_lake, household)

    assert track(ranked_lake, key)["spotify_id"] != wrong
    assert key not in ranked_lake.listed() or track(ranked_lake, key)["spotify_id"]
