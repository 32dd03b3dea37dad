"""Tests of the merge of any number of sources: one play, however many tell of it."""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.listening.history_merge import supplement, unify
from smallhours.listening.plays import (
    EXPORT,
    FILE,
    FILE_MINUTES,
    LASTFM,
    LISTENBRAINZ,
    SPOTIFY,
    counted_once,
    plays_frame,
)

NOON = dt.datetime(2026, 11, 1, 12, 0, 0, tzinfo=dt.UTC)
SINCE, UNTIL = NOON - dt.timedelta(hours=6), NOON + dt.timedelta(hours=12)
ID = "x" * 22
MBID = "0a8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b01"
LENGTH_S = 240
Reports = dict[str, list[dict[str, Any]]]


def play(seconds: float, title: str = "Alison", **known: Any) -> dict[str, Any]:
    at = NOON + dt.timedelta(seconds=seconds)
    return {"played_at": at, "artist": "Slowdive", "title": title, **known}


def from_spotify(seconds: float, title: str = "Alison") -> dict[str, Any]:
    """Return a listen that ListenBrainz has from Spotify."""
    return play(seconds, title, spotify_id=ID, duration_ms=LENGTH_S * 1000, track_mbid=MBID)


def merged(stored: pd.DataFrame, source: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    reported = plays_frame(rows, source=source)
    if source in (LASTFM, LISTENBRAINZ):
        return unify(stored, reported, source=source, since=SINCE, until=UNTIL)
    return supplement(stored, reported, source=source)


def history(reports: Reports, order: Sequence[str]) -> pd.DataFrame:
    rows = plays_frame([], source=LASTFM)
    for source in order:
        rows = merged(rows, source, reports[source])
    return rows


ONE_PLAY: Reports = {
    LASTFM: [play(0)],
    LISTENBRAINZ: [play(2, track_mbid=MBID)],
    FILE: [play(-5)],
    SPOTIFY: [play(LENGTH_S + 1, spotify_id=ID, isrc="GB", duration_ms=LENGTH_S * 1000)],
    EXPORT: [play(30, ms_played=200_000, reason_end="trackdone", shuffle=False)],
}


@pytest.mark.parametrize(
    "sources",
    [
        (LASTFM, LISTENBRAINZ),
        (LISTENBRAINZ, SPOTIFY),
        (LISTENBRAINZ, EXPORT),
        (LASTFM, FILE),
        (LASTFM, LISTENBRAINZ, SPOTIFY),
        (LISTENBRAINZ, FILE, EXPORT),
    ],
)
def test_a_play_that_several_tell_of_is_one_row_in_whatever_order_they_come(
    sources: tuple[str, ...],
) -> None:
    orders = list(itertools.permutations(sources))[::2]
    first, *others = (history(ONE_PLAY, order) for order in orders)
    assert first["sources"].tolist() == [sorted(sources)]
    for other in others:
        pd.testing.assert_frame_equal(other, first)


def test_each_column_has_the_value_of_who_knows_it_best() -> None:
    rows = history(ONE_PLAY, [EXPORT, FILE, SPOTIFY, LISTENBRAINZ, LASTFM])
    row = rows.iloc[0]
    assert len(rows) == 1
    assert row["played_at"] == NOON
    assert row["listenbrainz_at"] == NOON + dt.timedelta(seconds=2)
    assert row["spotify_at"] == NOON + dt.timedelta(seconds=LENGTH_S + 1)
    assert (row["track_mbid"], row["spotify_id"], row["isrc"]) == (MBID, ID, "GB")
    assert row["ms_played"] == 200_000


@pytest.mark.parametrize("at", [0, LENGTH_S])
def test_what_listenbrainz_has_from_spotify_may_have_the_end_of_a_play(at: int) -> None:
    rows = history({LASTFM: [play(0)], LISTENBRAINZ: [from_spotify(at)]}, [LASTFM, LISTENBRAINZ])
    assert rows["sources"].tolist() == [["lastfm", "listenbrainz"]]
    assert rows["played_at"].tolist() == [NOON]


def test_a_listen_that_a_scrobbler_sent_has_the_start_of_a_play() -> None:
    reports = {LASTFM: [play(0)], LISTENBRAINZ: [play(LENGTH_S)]}
    assert len(history(reports, [LASTFM, LISTENBRAINZ])) == 2


def test_two_players_that_both_send_a_play_make_two_rows_that_count_once() -> None:
    doubled = {LASTFM: [play(0)], LISTENBRAINZ: [play(0), play(12)]}
    rows = history(doubled, [LISTENBRAINZ, LASTFM])
    assert rows["sources"].tolist() == [["lastfm", "listenbrainz"], ["listenbrainz"]]
    assert counted_once(rows).tolist() == [True, False]


def test_a_listen_that_is_deleted_leaves_the_play_to_the_others() -> None:
    rows = history(ONE_PLAY, [LASTFM, LISTENBRAINZ, SPOTIFY])
    rows = merged(rows, LISTENBRAINZ, [])
    assert rows["sources"].tolist() == [["lastfm", "spotify"]]
    assert rows["listenbrainz_at"].isna().all()
    alone = history(ONE_PLAY, [LISTENBRAINZ])
    assert merged(alone, LISTENBRAINZ, []).empty


def test_a_scrobble_that_is_deleted_leaves_the_others_their_own_times() -> None:
    rows = history(ONE_PLAY, [LASTFM, LISTENBRAINZ, SPOTIFY])
    rows = merged(rows, LASTFM, [])
    assert rows["sources"].tolist() == [["listenbrainz", "spotify"]]
    assert rows["played_at"].tolist() == [NOON + dt.timedelta(seconds=2)]


@pytest.mark.parametrize("live", [LASTFM, LISTENBRAINZ])
@pytest.mark.parametrize(("file", "seconds"), [(FILE, 1), (FILE_MINUTES, 60)])
def test_a_file_that_comes_again_or_beside_a_live_sync_doubles_nothing(
    live: str, file: str, seconds: int
) -> None:
    times = [10, 10, 250, 500, 7000]
    written = plays_frame([play(at // seconds * seconds) for at in times], source=file)
    before = merged(plays_frame([], source=live), live, [play(at) for at in times])
    once = supplement(before, written, source=file)
    assert len(once) == len(times)
    pd.testing.assert_frame_equal(supplement(once, written, source=file), once)
    other_way = merged(written, live, [play(at) for at in times])
    assert len(other_way) == len(times)


def test_a_play_at_the_edge_of_a_month_that_a_kill_left_in_both_is_mended() -> None:
    midnight = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC) - NOON).total_seconds()
    reports = {LASTFM: [play(midnight + 5)], LISTENBRAINZ: [play(midnight - 10)]}
    alone = history(reports, [LISTENBRAINZ])
    joined = history(reports, [LISTENBRAINZ, LASTFM])
    assert len(joined) == 1
    left = pd.concat([alone, joined], ignore_index=True)
    mended = supplement(left, plays_frame([], source=SPOTIFY), source=SPOTIFY)
    pd.testing.assert_frame_equal(mended, joined)


# Who tells of each play of an evening, and how far off their clocks are, in seconds.
tellers = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            LASTFM: st.just(0),
            LISTENBRAINZ: st.integers(-9, 9),
            FILE: st.integers(-9, 9),
            EXPORT: st.integers(0, 20),
            SPOTIFY: st.integers(-2, 2),
        },
    ).filter(bool),
    min_size=1,
    max_size=7,
)


@pytest.mark.slow(seconds=10)
@settings(max_examples=4, deadline=None)
@given(told=tellers, order=st.permutations(list(ONE_PLAY)), again=st.booleans())
def test_nothing_is_lost_or_doubled_and_the_order_does_not_matter(
    told: list[dict[str, int]], order: list[str], again: bool
) -> None:
    """Each track is played once: whoever tells of it, it is one row that names them all."""
    reports: Reports = {source: [] for source in ONE_PLAY}
    for number, sources in enumerate(told):
        start, title = number * 300, f"Song {number}"
        for source, off in sources.items():
            more: dict[str, Any] = {}
            if source == EXPORT:
                more = {"ms_played": LENGTH_S * 1000, "reason_end": "trackdone", "shuffle": False}
            if source == SPOTIFY:
                more = {"spotify_id": f"{number:022}", "duration_ms": LENGTH_S * 1000}
            end = LENGTH_S if source == SPOTIFY else 0
            reports[source].append(play(start + end + off, title, **more))
    rows = history(reports, [*order, *(order if again else ())])
    assert sorted(rows["title"]) == sorted(f"Song {number}" for number in range(len(told)))
    named = dict(zip(rows["title"], map(tuple, rows["sources"]), strict=True))
    assert named == {f"Song {n}": tuple(sorted(each)) for n, each in enumerate(told)}
    pd.testing.assert_frame_equal(rows, history(reports, list(ONE_PLAY)))


@pytest.mark.slow(seconds=3)
@settings(max_examples=3, deadline=None)
@given(
    times=st.lists(st.integers(0, 20), min_size=1, max_size=8),
    sources=st.permutations([LASTFM, LISTENBRAINZ, FILE]),
)
def test_a_song_on_repeat_is_told_by_all_as_often_as_it_was_played(
    times: list[int], sources: list[str]
) -> None:
    starts = np.cumsum([LENGTH_S + each for each in times])
    reports: Reports = {source: [play(float(at)) for at in starts] for source in sources}
    rows = history(reports, sources)
    assert len(rows) == len(times)
    assert all(names == sorted(sources) for names in rows["sources"])
