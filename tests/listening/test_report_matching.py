"""Tests of the merge of plays: a table of cases, and properties."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.listening.history_merge import supplement, unify
from smallhours.listening.plays import EXPORT, LASTFM, SPOTIFY, plays_frame

NOON = dt.datetime(2026, 11, 1, 12, 0, 0, tzinfo=dt.UTC)
SINCE, UNTIL = NOON - dt.timedelta(hours=6), NOON + dt.timedelta(hours=6)
LENGTHS = {"slowdive · alison": 240_000}
ID = "x" * 22
FULL: dict[str, Any] = {"reason_end": "trackdone", "shuffle": False}
COARSE: dict[str, Any] = {"spotify_id": None}


def play(seconds: float, title: str = "Alison", **known: Any) -> dict[str, object]:
    at = NOON + dt.timedelta(seconds=seconds)
    return {"played_at": at, "artist": "Slowdive", "title": title, **known}


def stream(seconds: float, heard_s: float, **known: Any) -> dict[str, object]:
    """Return a row of the export with the given apparent start and time heard."""
    return play(seconds, ms_played=round(heard_s * 1000), **{"spotify_id": ID, **known})


def unified(stored: pd.DataFrame, reported: pd.DataFrame, source: str) -> pd.DataFrame:
    return unify(
        stored,
        reported,
        source=source,
        since=SINCE,
        until=UNTIL,
        durations=LENGTHS,
    )


@pytest.mark.parametrize(
    ("apart_s", "title", "same"),
    [
        (0, "Alison", True),
        (8, "Alison", True),
        (-8, "Alison", True),
        (240, "Alison", True),  # Spotify gave the end of the play
        (250, "Alison - 2005 Remaster", True),
        (130, "Alison", False),  # neither its start nor its end
        (8, "Souvlaki Space Station", False),
        (8, "Alison (Live)", False),
        (3600, "Alison", False),
    ],
)
def test_when_two_services_saw_one_play(apart_s: float, title: str, same: bool) -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    recent = plays_frame([play(apart_s, title, spotify_id="x" * 22)], source=SPOTIFY)
    rows = unified(scrobble, recent, SPOTIFY)
    assert len(rows) == (1 if same else 2)
    if same:
        assert list(rows["sources"][0]) == ["lastfm", "spotify"]
        assert rows["played_at"][0] == NOON
        assert rows["title"][0] == "Alison"
        assert rows["spotify_id"][0] == "x" * 22


def test_it_does_not_matter_who_reports_first() -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    recent = plays_frame([play(240, spotify_id="x" * 22)], source=SPOTIFY)
    one = unified(scrobble, recent, SPOTIFY)
    other = unified(recent, scrobble, LASTFM)
    pd.testing.assert_frame_equal(one, other)


def test_a_report_is_used_once() -> None:
    twice = plays_frame([play(0), play(240)], source=LASTFM)
    once = plays_frame([play(241, spotify_id="x" * 22)], source=SPOTIFY)
    rows = unified(twice, once, SPOTIFY)
    assert [list(names) for names in rows["sources"]].count(["lastfm", "spotify"]) == 1
    assert len(rows) == 2


def test_a_scrobble_that_was_deleted_goes_and_a_late_one_comes() -> None:
    stored = plays_frame([play(0), play(600, "Machine Gun")], source=LASTFM)
    reported = plays_frame([play(600, "Machine Gun"), play(-900, "40 Days")], source=LASTFM)
    rows = unified(stored, reported, LASTFM)
    assert rows["title"].tolist() == ["40 Days", "Machine Gun"]


def test_a_play_that_another_source_still_reports_stays() -> None:
    both = unified(
        plays_frame([play(0)], source=LASTFM), plays_frame([play(3)], source=SPOTIFY), SPOTIFY
    )
    rows = unified(both, plays_frame([], source=LASTFM), LASTFM)
    assert [list(names) for names in rows["sources"]] == [["spotify"]]


def test_plays_outside_of_the_span_are_left_alone() -> None:
    stored = plays_frame([play(-7 * 3600), play(0)], source=LASTFM)
    rows = unified(stored, plays_frame([], source=LASTFM), LASTFM)
    assert len(rows) == 1


def test_two_identical_rows_in_one_second_are_two_plays() -> None:
    reported = plays_frame([play(0), play(0)], source=LASTFM)
    rows = unified(plays_frame([], source=LASTFM), reported, LASTFM)
    assert rows["ordinal"].tolist() == [0, 1]
    again = unified(rows, reported, LASTFM)
    assert again["ordinal"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("start_s", "heard_s", "same"),
    [
        (0, 240, True),  # exact
        (0, 31, True),
        (0, 29, False),  # nobody scrobbles what was heard for less than 30 seconds
        (20, 240, True),  # fuzzy: two clocks
        (-20, 240, True),
        (-61, 240, False),
        (100, 240, True),  # during: it was paused for 100 seconds
        (179, 240, True),
        (181, 240, False),  # rather the next play
        (-40, 60, False),  # it had ended before, nearly: a skip just before the real play
        (3600, 240, False),
    ],
)
@pytest.mark.parametrize("scrobble_first", [True, False])
def test_when_a_scrobble_and_a_stream_of_the_export_are_one_play(
    start_s: float, heard_s: int, same: bool, scrobble_first: bool
) -> None:
    scrobble = plays_frame([play(0, track_mbid="m")], source=LASTFM)
    streams = plays_frame([stream(start_s, heard_s, reason_end="trackdone")], source=EXPORT)
    if scrobble_first:
        rows = supplement(scrobble, streams, source=EXPORT)
    else:
        rows = unified(streams, scrobble, LASTFM)
    assert len(rows) == (1 if same else 2)
    if same:
        assert list(rows["sources"][0]) == ["export", "lastfm"]
        assert rows["played_at"][0] == NOON
        assert (rows["track_mbid"][0], rows["ms_played"][0]) == ("m", heard_s * 1000)
        assert (rows["reason_end"][0], rows["spotify_id"][0]) == ("trackdone", ID)


@pytest.mark.parametrize(
    ("recent_s", "same"),
    [
        (0, True),
        (55, True),
        (-100, True),  # the stream was paused
        (240, True),
        (200, True),
        (290, True),
        (120, False),  # in the midst of it is neither
        (-300, False),
        (400, False),
    ],
)
@pytest.mark.parametrize("stream_first", [True, False])
def test_spotify_gives_a_streams_start_or_its_end(
    recent_s: float, same: bool, stream_first: bool
) -> None:
    streams = plays_frame([stream(0, 240, artist="Various Artists")], source=EXPORT)
    recent = plays_frame([play(recent_s, spotify_id=ID, isrc="GB")], source=SPOTIFY)
    if stream_first:
        rows = unified(streams, recent, SPOTIFY)
    else:
        rows = supplement(recent, streams, source=EXPORT)
    assert len(rows) == (1 if same else 2)
    if same:
        assert list(rows["sources"][0]) == ["export", "spotify"]
        assert (rows["artist"][0], rows["isrc"][0]) == ("Slowdive", "GB")
        assert rows["played_at"][0] == NOON


@pytest.mark.parametrize(
    ("scrobbled", "exported", "apart_s", "same"),
    [
        ("Alison (Live)", "Alison - Live at the Roxy", 20, True),
        ("Alison (Live)", "Alison", 0, False),
        ("Alison (Live at the Roxy)", "Alison - Live in Tokyo", 0, False),
        ("Alison - Remastered 2005", "Alison", 100, True),
        ("Alison (Live)", "Alison - Live at the Roxy", 100, False),  # two things in doubt
    ],
)
def test_when_two_names_mean_one_track(
    scrobbled: str, exported: str, apart_s: float, same: bool
) -> None:
    scrobbles = plays_frame([play(0, scrobbled)], source=LASTFM)
    streams = plays_frame([stream(apart_s, 240, title=exported)], source=EXPORT)
    rows = supplement(scrobbles, streams, source=EXPORT)
    assert len(rows) == (1 if same else 2)


@pytest.mark.parametrize(("apart_s", "rows"), [(2, 1), (20, 2)])
def test_the_albums_artist_may_be_nobody(apart_s: float, rows: int) -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    streams = plays_frame([stream(apart_s, 240, artist="Various Artists")], source=EXPORT)
    assert len(supplement(scrobble, streams, source=EXPORT)) == rows


def test_the_same_spotify_id_is_the_same_track_whatever_it_is_called() -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    both = unified(scrobble, plays_frame([play(3, spotify_id=ID)], source=SPOTIFY), SPOTIFY)
    streams = plays_frame([stream(100, 240, title="Alison, for Alison")], source=EXPORT)
    rows = supplement(both, streams, source=EXPORT)
    assert [list(names) for names in rows["sources"]] == [["export", "lastfm", "spotify"]]
    assert rows["title"].tolist() == ["Alison"]


def test_a_song_on_repeat_is_as_many_plays_as_it_was_played() -> None:
    starts = [0, 240, 480, 720]
    scrobbles = plays_frame([play(s) for s in starts], source=LASTFM)
    ends = plays_frame([play(s + 240, spotify_id=ID) for s in starts], source=SPOTIFY)
    streams = plays_frame([stream(s + 1, 240) for s in starts], source=EXPORT)
    rows = supplement(unified(scrobbles, ends, SPOTIFY), streams, source=EXPORT)
    assert [list(names) for names in rows["sources"]] == [["export", "lastfm", "spotify"]] * 4


def test_the_play_after_a_skip_of_the_same_song_is_the_scrobbled_one() -> None:
    scrobble = plays_frame([play(45)], source=LASTFM)
    streams = plays_frame([stream(0, 44, skipped=True), stream(46, 240)], source=EXPORT)
    rows = supplement(scrobble, streams, source=EXPORT)
    assert [len(names) for names in rows["sources"]] == [1, 2]


def test_spotifys_end_of_a_play_is_understood_once_its_length_is_known() -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    end = plays_frame([play(240, spotify_id=ID)], source=SPOTIFY)
    apart = unify(scrobble, end, source=SPOTIFY, since=SINCE, until=UNTIL)
    assert len(apart) == 2
    streams = plays_frame([stream(0, 240)], source=EXPORT)
    assert len(supplement(apart, streams, source=EXPORT)) == 1


def test_spotify_may_tell_of_a_play_again_and_again() -> None:
    scrobbles = plays_frame([play(0), play(900)], source=LASTFM)
    recent = plays_frame([play(s, spotify_id=ID) for s in (240, 901, 2000)], source=SPOTIFY)
    rows = history = supplement(scrobbles, recent, source=SPOTIFY, durations=LENGTHS)
    assert [len(names) for names in rows["sources"]] == [2, 2, 1]
    for _ in range(2):
        rows = supplement(rows, recent, source=SPOTIFY, durations=LENGTHS)
        pd.testing.assert_frame_equal(rows, history)


def test_spotifys_play_is_joined_by_the_next_poll_that_knows_its_length() -> None:
    recent = plays_frame([play(240, spotify_id=ID)], source=SPOTIFY)
    apart = unify(
        recent, plays_frame([play(0)], source=LASTFM), source=LASTFM, since=SINCE, until=UNTIL
    )
    assert len(apart) == 2
    assert len(supplement(apart, recent, source=SPOTIFY, durations=LENGTHS)) == 1


@pytest.mark.parametrize(
    ("scrobbled", "polls", "joined"),
    [
        # The same song at once again: each of Spotify's times may be one's end, the other's start.
        ((0, 240), ((240,), (240, 480)), {0: 240, 240: 480}),
        ((0, 240), ((0,), (0, 240)), {0: 0, 240: 240}),
        ((0, 240), ((0,), (0, 480)), {0: 0, 240: 480}),
        ((0, 240), ((240,), (240,)), {240: 240}),  # a start, rather than an end
        ((0, 245, 490), ((242,), (242, 487), (242, 487, 732)), {0: 242, 245: 487, 490: 732}),
        ((0,), ((0,), (0, 240)), {0: 0}),  # the second play was not scrobbled
        ((0, 240), ((200,), (200, 440)), {0: 200, 240: 440}),
        ((0, 600), ((240,), (240, 600), (240, 600, 840)), {0: 240, 600: 600}),
    ],
)
@pytest.mark.parametrize("scrobbles_first", [True, False])
def test_a_song_that_is_repeated_at_once_is_joined_the_same_however_often_spotify_tells_it(
    scrobbled: tuple[int, ...],
    polls: tuple[tuple[int, ...], ...],
    joined: dict[int, int],
    scrobbles_first: bool,
) -> None:
    lastfm = plays_frame([play(at) for at in scrobbled], source=LASTFM)
    rows = plays_frame([], source=LASTFM)
    if scrobbles_first:
        rows = unify(rows, lastfm, source=LASTFM, since=SINCE, until=UNTIL)
    for poll in polls:
        told = [play(at, spotify_id=ID, duration_ms=240_000) for at in poll]
        rows = supplement(rows, plays_frame(told, source=SPOTIFY), source=SPOTIFY)
    for _ in range(2):
        rows = unify(rows, lastfm, source=LASTFM, since=SINCE, until=UNTIL)
        both = rows[[list(names) == ["lastfm", "spotify"] for names in rows["sources"]]]
        starts, told_at = (
            ((both[name] - NOON).dt.total_seconds().astype(int).tolist())
            for name in ("played_at", "spotify_at")
        )
        assert dict(zip(starts, told_at, strict=True)) == joined
        assert rows["spotify_at"].notna().sum() == len(polls[-1])


def test_what_spotify_told_is_counted_for_one_play_only_when_another_is_scrobbled_late() -> None:
    end = plays_frame([play(240, spotify_id=ID, isrc="GB", duration_ms=240_000)], source=SPOTIFY)
    rows = supplement(plays_frame([play(0)], source=LASTFM), end, source=SPOTIFY)
    assert [list(names) for names in rows["sources"]] == [["lastfm", "spotify"]]
    late = plays_frame([play(0), play(240)], source=LASTFM)
    rows = unify(rows, late, source=LASTFM, since=SINCE, until=UNTIL)
    assert [list(names) for names in rows["sources"]] == [["lastfm"], ["lastfm", "spotify"]]
    for column in ("spotify_id", "isrc", "spotify_at", "duration_ms"):
        assert rows[column].isna().tolist() == [True, False]


def test_a_scrobble_that_is_deleted_leaves_spotify_its_own_time() -> None:
    end = plays_frame([play(240, spotify_id=ID, duration_ms=240_000)], source=SPOTIFY)
    rows = supplement(plays_frame([play(0)], source=LASTFM), end, source=SPOTIFY)
    assert rows["played_at"].tolist() == [NOON]
    none = plays_frame([], source=LASTFM)
    rows = unify(rows, none, source=LASTFM, since=SINCE, until=UNTIL)
    assert rows["played_at"].tolist() == [NOON + dt.timedelta(seconds=240)]


def test_a_play_of_before_spotifys_own_time_was_kept_stays_joined() -> None:
    told = plays_frame([play(0, spotify_id=ID)], source=SPOTIFY)
    scrobbles = plays_frame([play(0)], source=LASTFM)
    old = supplement(scrobbles, told, source=SPOTIFY).assign(spotify_at=None)
    rows = unify(old, scrobbles, source=LASTFM, since=SINCE, until=UNTIL)
    assert [list(names) for names in rows["sources"]] == [["lastfm", "spotify"]]
    rows = supplement(rows, told, source=SPOTIFY)
    assert [list(names) for names in rows["sources"]] == [["lastfm", "spotify"]]
    assert rows["spotify_at"].tolist() == [NOON]


@pytest.mark.parametrize("paused_s", [0, 40, 170])
def test_an_export_that_was_joined_is_recognised_when_it_comes_again(paused_s: float) -> None:
    scrobbles = plays_frame([play(0), play(900)], source=LASTFM)
    streams = plays_frame(
        [stream(paused_s, 240), stream(900, 240), stream(1500, 2), stream(1503, 2)], source=EXPORT
    )
    once = supplement(scrobbles, streams, source=EXPORT)
    assert len(once) == 4
    pd.testing.assert_frame_equal(supplement(once, streams, source=EXPORT), once)


def test_the_next_file_may_begin_with_the_same_song_again() -> None:
    scrobbles = plays_frame([play(0)], source=LASTFM)
    once = supplement(scrobbles, plays_frame([stream(0, 240)], source=EXPORT), source=EXPORT)
    rows = supplement(once, plays_frame([stream(240, 240)], source=EXPORT), source=EXPORT)
    assert [list(names) for names in rows["sources"]] == [["export", "lastfm"], ["export"]]


def test_an_edited_scrobble_stays_one_play_with_what_the_export_knows() -> None:
    both = supplement(
        plays_frame([play(0, "Allison", track_mbid="wrong")], source=LASTFM),
        plays_frame([stream(0, 240, title="Allison")], source=EXPORT),
        source=EXPORT,
    )
    rows = unified(both, plays_frame([play(0, "Alison")], source=LASTFM), LASTFM)
    assert rows["title"].tolist() == ["Alison"]
    assert rows["ms_played"].tolist() == [240_000]
    assert rows["track_mbid"].isna().all()


@pytest.mark.parametrize("scrobbled", [True, False])
@pytest.mark.parametrize("fuller_first", [True, False])
def test_the_extended_export_outdoes_the_shorter_one(scrobbled: bool, fuller_first: bool) -> None:
    exports = [
        plays_frame([stream(0, 240, **FULL), stream(300, 3, **FULL)], source=EXPORT),
        # The minute of its end is told, the seconds are not.
        plays_frame([stream(-43, 240, **COARSE), stream(258, 3, **COARSE)], source=EXPORT),
    ]
    rows = plays_frame([play(0)] if scrobbled else [], source=LASTFM)
    for streams in exports if fuller_first else exports[::-1]:
        rows = supplement(rows, streams, source=EXPORT)
    assert rows["played_at"].tolist() == [NOON, NOON + dt.timedelta(seconds=300)]
    assert rows["reason_end"].tolist() == ["trackdone"] * 2
    assert rows["spotify_id"].tolist() == [ID] * 2


@st.composite
def evenings(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """Draw what three sources report of an evening: plays in a row, some songs repeated.

    The export has all of it. Last.fm and Spotify miss some, and their clocks differ.
    """
    at, evening = 0.0, []
    for _ in range(draw(st.integers(1, 10))):
        heard = draw(st.sampled_from([2, 20, 120, 240, 240]))
        evening.append((at, heard, draw(st.sampled_from(["Alison", "Machine Gun"]))))
        at += heard + draw(st.sampled_from([10, 20, 600]))
    reports: dict[str, list[dict[str, object]]] = {LASTFM: [], SPOTIFY: [], EXPORT: []}
    jitter = st.integers(-4, 4)
    for at, heard, title in evening:
        known = {"spotify_id": title.ljust(22, "x"), "album": "Souvlaki"}
        reports[EXPORT].append(stream(at + draw(jitter) / 4, heard, title=title, **known, **FULL))
        if heard >= 120 and draw(st.booleans()):
            reports[LASTFM].append(play(at + draw(jitter), title))
        if heard >= 30 and draw(st.booleans()):
            moment = at + heard if draw(st.booleans()) else at
            reports[SPOTIFY].append(play(moment + draw(jitter), title, isrc=title, **known))
    return {source: plays_frame(rows, source=source) for source, rows in reports.items()}


@given(evenings(), st.permutations([LASTFM, SPOTIFY, EXPORT]))
@settings(max_examples=15)
def test_the_history_does_not_depend_on_who_reports_first(
    reports: dict[str, pd.DataFrame], order: list[str]
) -> None:
    rows, expected = (history_of(reports, each) for each in (order, [LASTFM, EXPORT, SPOTIFY]))
    pd.testing.assert_frame_equal(rows, expected)
    for source, report in reports.items():
        assert sum(source in names for names in rows["sources"]) == len(report)
    again = history_of(reports, order, rows)
    pd.testing.assert_frame_equal(again, rows)


@given(evenings())
@settings(max_examples=15)
def test_every_scrobble_finds_its_stream(reports: dict[str, pd.DataFrame]) -> None:
    rows = history_of(reports, [LASTFM, EXPORT])
    assert len(rows) == len(reports[EXPORT])


def history_of(
    reports: dict[str, pd.DataFrame], order: list[str], rows: pd.DataFrame | None = None
) -> pd.DataFrame:
    rows = plays_frame([], source=LASTFM) if rows is None else rows
    for source in order:
        if source == LASTFM:
            rows = unify(rows, reports[source], source=source, since=SINCE, until=UNTIL)
        else:
            rows = supplement(rows, reports[source], source=source)
    return rows
