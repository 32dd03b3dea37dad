"""Tests of blocks, more and less, corrections of the history, and of what the buttons do."""

import datetime as dt
import html

import pytest
from fastapi.testclient import TestClient

from smallhours.lake.tables import PLAYS
from smallhours.listening.edits import read_edits
from smallhours.listening.plays import month_of, plays_frame
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.playlist.select.exclusion import BLOCKED_ARTIST
from smallhours.settings import load_settings
from smallhours.vocabulary import BUTTONS, EditKind, Reaction
from smallhours.web.app import PREFIX
from tests.playlist.ranked_lake import RankedLake
from tests.web.conftest import PageVisitor, form_token
from tests.web.lists import BEFORE, ME, NIGHT, add_list, reactions_of

RIDE, LUSH = ("Ride", "Vapour Trail"), ("Lush", "De-Luxe")
Fields = dict[str, str | list[str]]
CHILD: Fields = {
    "kind": "not_mine",
    "subject": "hours",
    "days": ["sat"],
    "start": "16",
    "end": "19",
}


def send(browser: TestClient, address: str, **fields: str | list[str]) -> tuple[int, str]:
    data = {"listener": ME, "form_token": form_token(), **fields}
    answer = browser.post(f"{PREFIX}/{address}", data=data)
    return answer.status_code, html.unescape(answer.text)


def press(browser: TestClient, night: dt.date, key: str, reaction: str) -> int:
    fields = {"night": str(night), "intent": "main", "track_key": key, "reaction": reaction}
    return send(browser, "feedback", **fields)[0]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": "block", "subject": "artist", "value": "Ride"}, "Ride"),
        ({"kind": "block", "subject": "track", "value": "Ride - Seagull"}, "Ride - Seagull"),
        ({"kind": "block", "subject": "tag", "value": "polka"}, "polka"),
        ({"kind": "more", "subject": "era", "value": "1990s"}, "the 1990s"),
        ({"kind": "less", "subject": "tag", "value": "polka"}, "polka"),
        (CHILD, "Sat, 16:00 to 19:00"),
    ],
)
def test_an_edit_is_shown_with_its_date_and_undone_by_a_button(
    fields: Fields, name: str, browser: TestClient, visitor: PageVisitor
) -> None:
    assert send(browser, "edits", **fields, do="save")[0] == 303
    (edit,) = read_edits(visitor.lake, ME).rows
    page = browser.get(f"{PREFIX}/edits").text
    assert f"<b>{name}</b>" in page
    assert f"since {edit.at.date()}" in page

    told = {"kind": edit.kind, "subject": edit.subject, "value": edit.value}
    assert send(browser, "edits/undo", **told)[0] == 303

    assert read_edits(visitor.lake, ME).rows == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "block", "subject": "artist", "value": "  "},
        {"kind": "block", "subject": "track", "value": "Seagull"},
        {"kind": "block", "subject": "hours", "value": "x"},
        {"kind": "more", "subject": "era", "value": "long ago"},
        {**CHILD, "start": "noon"},
    ],
)
def test_an_edit_that_makes_no_sense_is_explained(
    wrong: Fields, browser: TestClient, visitor: PageVisitor
) -> None:
    assert send(browser, "edits", **wrong, do="save")[0] == 400
    assert read_edits(visitor.lake, ME).rows == ()


def test_a_preview_counts_the_plays_that_it_takes_out(
    browser: TestClient, visitor: PageVisitor
) -> None:
    at = dt.datetime(2026, 10, 31, 17, tzinfo=dt.UTC)
    rows = [
        {"played_at": at + dt.timedelta(minutes=4 * n), "artist": "Wiggles", "title": f"{n}"}
        for n in range(3)
    ] + [{"played_at": at + dt.timedelta(days=1), "artist": "Ride", "title": "Seagull"}]
    plays = plays_frame(rows, source="lastfm")
    plays = plays.assign(month=month_of(plays["played_at"]))
    visitor.lake.merge(PLAYS, plays, partition={"listener": ME})

    _, page = send(browser, "edits", **CHILD, do="preview")

    assert "It leaves out 3 of 4 plays (75 %)." in page
    assert "Then: Ride." in page
    assert read_edits(visitor.lake, ME).rows == ()


@pytest.mark.parametrize("reaction", BUTTONS)
def test_every_button_is_stored_said_in_the_history_and_taken_back(
    reaction: Reaction, browser: TestClient, visitor: PageVisitor
) -> None:
    key, _ = add_list(visitor.lake, BEFORE, [RIDE, LUSH])
    add_list(visitor.lake, NIGHT, [("Swervedriver", "Duel")])

    assert press(browser, BEFORE, key, reaction) == 303
    assert reactions_of(visitor.lake, key) == {reaction}
    said = f"{BUTTONS[reaction]}: Ride – Vapour Trail"
    assert said in browser.get(f"{PREFIX}/history").text
    assert said in browser.get(f"{PREFIX}/tonight").text
    assert f"{BUTTONS[reaction]} <b>1</b></li>" in browser.get(f"{PREFIX}/history").text

    assert press(browser, BEFORE, key, "take_back") == 303
    assert reactions_of(visitor.lake, key) == set()
    assert read_edits(visitor.lake, ME).rows == ()


def test_never_this_artist_blocks_the_artist_until_another_button_is_pressed(
    browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, NIGHT, [RIDE])

    press(browser, NIGHT, key, "artist_blocked")
    assert [edit.name for edit in read_edits(visitor.lake, ME).rows] == ["Ride"]
    press(browser, NIGHT, key, "thumbs_up")

    assert read_edits(visitor.lake, ME).rows == ()


def test_a_wrong_song_names_the_id_that_was_written(
    browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, NIGHT, [RIDE])

    press(browser, NIGHT, key, "wrong_song")

    (edit,) = read_edits(visitor.lake, ME).rows
    assert (edit.kind, edit.name, edit.value) == (EditKind.WRONG_SONG, key, "0" * 22)


@pytest.fixture
def ranked_night(ranked_lake: RankedLake) -> RankedLake:
    """Return a lake with a ranked night of the visitor."""
    _rank(ranked_lake, "2026-11-02")
    return ranked_lake


def _rank(ranked_lake: RankedLake, date: str) -> None:
    settings = load_settings()
    rank_candidates(ME, ranked_lake.lake, settings=settings, night=settings.night(ME, date))


def test_a_blocked_artist_stays_out_of_the_next_list_and_comes_back_after_undo(
    browser: TestClient, ranked_night: RankedLake
) -> None:
    first = ranked_night.listed()
    artist = first[0].split(" · ")[0]

    press(browser, dt.date(2026, 11, 2), first[0], "artist_blocked")
    _rank(ranked_night, "2026-11-02")

    rows = ranked_night.recommendations()
    theirs = rows[[key.startswith(f"{artist} · ") for key in rows.index]]
    assert set(theirs["why_not"]) == {BLOCKED_ARTIST}
    (edit,) = read_edits(ranked_night.lake, ME).rows
    told = {"kind": edit.kind, "subject": edit.subject, "value": edit.value}
    send(browser, "edits/undo", **told)
    _rank(ranked_night, "2026-11-02")
    assert ranked_night.listed() == first


def test_heard_too_often_rests_and_is_no_dislike(
    browser: TestClient, ranked_night: RankedLake
) -> None:
    key = ranked_night.listed()[0]

    press(browser, dt.date(2026, 11, 2), key, "too_often")
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    _rank(ranked_night, str(tomorrow))

    why = ranked_night.recommendations(str(tomorrow)).loc[key, "why_not"]
    assert why == "said to be heard too often 1 day ago"


def test_more_of_an_artist_lifts_their_tracks(
    browser: TestClient, ranked_night: RankedLake
) -> None:
    before = ranked_night.listed()
    rows = ranked_night.recommendations()
    out = rows[rows["position"].isna() & (rows["why_not"] != "known")]
    artist = next(name for name in out["artist"] if name not in set(rows.loc[before, "artist"]))

    send(browser, "edits", kind="more", subject="artist", value=artist, do="save")
    _rank(ranked_night, "2026-11-02")

    rows = ranked_night.recommendations()
    assert artist in set(rows.loc[ranked_night.listed(), "artist"])
