"""Tests of the Tonight page: tonight's list, and its buttons."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from smallhours.nights import Night
from smallhours.playlist.select.quality import ACCEPTANCE, ALARM_SUBJECT
from smallhours.settings import settings_path
from smallhours.training.evaluation.metrics import Metric, store_metrics
from smallhours.web.app import PREFIX
from smallhours.web.page_context import NightProgress
from tests.web.conftest import PageVisitor
from tests.web.lists import (
    BEFORE,
    NIGHT,
    add_energy,
    add_list,
    add_promise,
    add_reactions,
    add_track,
    reactions_of,
)

RIDE = ("Ride", "Vapour Trail")
LUSH = ("Lush", "De-Luxe")
HOSTILE = ("<script>alert(1)</script>", "'\"&")


def token_on(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_before_the_first_night_the_page_says_what_comes(browser: TestClient) -> None:
    page = browser.get(f"{PREFIX}/tonight")

    assert page.status_code == 200
    assert "There is no list yet" in page.text


def test_the_list_is_shown_with_reasons_links_and_sound(
    browser: TestClient, visitor: PageVisitor
) -> None:
    first, _ = add_list(visitor.lake, NIGHT, [RIDE, LUSH])
    add_energy(visitor.lake, first, 0.31, margin=0.12)

    page = browser.get(f"{PREFIX}/tonight").text

    assert "<h2>Vapour Trail <span" in page
    assert "Close to Slowdive – Alison, for Vapour Trail." in page
    assert "https://www.last.fm/music/Ride/_/Vapour%20Trail" in page
    assert "https://open.spotify.com/track/0000000000000000000000" in page
    assert ".31 ± .12" in page


def test_a_reason_tells_the_sound_in_a_word_and_its_bars_the_figure(
    browser: TestClient, visitor: PageVisitor
) -> None:
    first, _ = add_list(visitor.lake, NIGHT, [("Ride", "Twisterella (measured valence .86)"), LUSH])
    add_energy(visitor.lake, first, 0.31, margin=0.12)

    reasons = browser.get(f"{PREFIX}/tonight").text.partition('class="reason">')[2]

    assert reasons.startswith("Close to Slowdive – Alison, for Twisterella.")
    assert ".31 ± .12" in reasons


def test_in_a_sandbox_no_link_leads_to_a_track_that_is_made_up(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.wish("[schedule]\ntoday = 2026-11-02\n[listeners.default.pages]\nplayer = true")
    cover = "https://i.scdn.co/image/ab67616d"
    add_list(visitor.lake, NIGHT, [RIDE], covers=[cover])

    page = browser.get(f"{PREFIX}/tonight").text.partition("<footer>")[0]

    assert "These songs are made up" in page
    assert cover in page
    assert "open.spotify.com" not in page
    assert "last.fm" not in page


def test_the_heading_says_which_list_this_is(browser: TestClient, visitor: PageVisitor) -> None:
    visitor.wish("[schedule]\ntoday = 2026-11-02")
    for night in (BEFORE, NIGHT):
        add_list(visitor.lake, night, [RIDE, LUSH])
    add_list(visitor.lake, NIGHT, [RIDE], intent="sunday")

    def heading(query: str = "") -> str:
        found = re.search("<h1>(.*)</h1>", browser.get(f"{PREFIX}/tonight{query}").text)
        return found[1] if found else ""

    assert heading() == "Tonight's list"
    assert heading("?night=2026-11-01") == "The list of 2026-11-01"
    assert heading("?intent=sunday") == "Tonight's list: Smallhours"
    assert (
        "How your lists of the last 30 days were received" in browser.get(f"{PREFIX}/tonight").text
    )


def test_the_promise_is_shown_and_the_nights_alarms_with_their_remedies(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, NIGHT, [RIDE, LUSH])
    assert "Promise" not in browser.get(f"{PREFIX}/tonight").text
    add_promise(visitor.lake, NIGHT, 1, 2)
    alarm = Metric(ALARM_SUBJECT, ACCEPTANCE, 0.2, 5, 0.7)
    night = Night.on(NIGHT, ZoneInfo("UTC"))
    store_metrics(visitor.lake, [alarm], listener="default", night=night)

    page = browser.get(f"{PREFIX}/tonight").text

    assert "you will hear out 1 to 2 of these tracks" in page
    assert "of the last 5 that you went through 20% was heard out" in page
    assert "exclude that listening" in page


def test_the_newest_night_comes_first_and_an_older_one_on_request(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, BEFORE, [RIDE])
    add_list(visitor.lake, NIGHT, [LUSH])

    assert "<h2>De-Luxe" in browser.get(f"{PREFIX}/tonight").text
    assert "<h2>Vapour Trail" in browser.get(f"{PREFIX}/tonight?night={BEFORE}").text


def test_what_came_and_went_is_told(browser: TestClient, visitor: PageVisitor) -> None:
    add_list(visitor.lake, BEFORE, [RIDE])
    add_list(visitor.lake, NIGHT, [LUSH])

    page = browser.get(f"{PREFIX}/tonight").text

    assert "Changes since the last list: 1 new, 1 gone" in page
    assert "<h3>New</h3><ul><li>Lush – De-Luxe</li>" in page
    assert "<h3>Gone</h3><ul><li>Ride – Vapour Trail</li>" in page


def test_the_strip_tells_what_became_of_the_last_days(
    browser: TestClient, visitor: PageVisitor
) -> None:
    ride, lush = add_list(visitor.lake, BEFORE, [RIDE, LUSH])
    add_reactions(visitor.lake, BEFORE, {ride: "played", lush: "removed"})
    add_list(visitor.lake, NIGHT, [("Swervedriver", "Duel")])

    page = browser.get(f"{PREFIX}/tonight").text

    assert f"{BEFORE}: 2 tracks, 1 welcome, 1 not." in page
    assert page.count('<li title="20') == 30


def test_a_first_list_has_no_strip_of_earlier_ones(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, NIGHT, [RIDE])
    assert "were received" not in browser.get(f"{PREFIX}/tonight").text


@pytest.mark.parametrize(
    ("reactions", "told"),
    [
        (["passed"], "0 welcome, 1 not"),
        (["passed", "kept"], "0 welcome, 1 not"),
        (["played", "removed"], "0 welcome, 1 not"),
        (["played", "skipped"], "1 welcome, 0 not"),
        (["unplayed", "kept"], "0 welcome, 0 not"),
    ],
)
def test_the_strip_counts_a_pick_as_the_ranking_learns_from_it(
    reactions: list[str], told: str, browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, BEFORE, [RIDE])
    for reaction in reactions:
        add_reactions(visitor.lake, BEFORE, {key: reaction})
    add_list(visitor.lake, NIGHT, [LUSH])

    assert f"{BEFORE}: 1 tracks, {told}." in browser.get(f"{PREFIX}/tonight").text


def test_a_button_writes_one_reaction_and_pressing_it_again_takes_it_back(
    browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, NIGHT, [RIDE])
    add_reactions(visitor.lake, NIGHT, {key: "played"})
    form = {"listener": "default", "night": str(NIGHT), "intent": "main", "track_key": key}
    form["form_token"] = token_on(browser.get(f"{PREFIX}/tonight").text)

    answers = [
        browser.post(f"{PREFIX}/feedback", data={**form, "reaction": reaction})
        for reaction in ("thumbs_up", "blocked")
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert reactions_of(visitor.lake, key) == {"played", "blocked"}
    pressed = browser.get(answers[0].headers["location"]).text
    assert 'aria-pressed="true"' in pressed
    # Without scripts, the page comes back at the row that the button was in.
    assert f'id="{answers[0].headers["location"].partition("#")[2]}" data-row' in pressed

    browser.post(f"{PREFIX}/feedback", data={**form, "reaction": "take_back"})
    assert reactions_of(visitor.lake, key) == {"played"}


def test_a_list_says_how_long_it_plays(browser: TestClient, visitor: PageVisitor) -> None:
    ride, lush = add_list(visitor.lake, NIGHT, [RIDE, LUSH])
    add_track(visitor.lake, ride, RIDE, duration_ms=3_785_000)
    assert "2 tracks, at least 1 h 3 min" in browser.get(f"{PREFIX}/tonight").text

    add_track(visitor.lake, lush, LUSH, duration_ms=187_000)
    page = browser.get(f"{PREFIX}/tonight").text
    assert "2 tracks, 1 h 6 min" in page
    assert '<span class="length">3:07</span>' in page


def test_covers_come_from_spotifys_image_host_only(
    browser: TestClient, visitor: PageVisitor
) -> None:
    ours, theirs = "https://i.scdn.co/image/ab67", "https://elsewhere.example/image/ab67"
    add_list(visitor.lake, NIGHT, [RIDE, LUSH], covers=[ours, theirs])

    answer = browser.get(f"{PREFIX}/tonight")

    assert f'src="{ours}"' in answer.text
    assert theirs not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "img-src data: https://i.scdn.co; frame-src 'none'" in policy


def test_covers_of_the_cover_art_archive_are_for_those_with_listenbrainz(
    browser: TestClient, visitor: PageVisitor
) -> None:
    cover = "https://coverartarchive.org/release/5e1/77-250.jpg"
    add_list(visitor.lake, NIGHT, [RIDE], covers=[cover])
    assert cover not in browser.get(f"{PREFIX}/tonight").text

    settings = settings_path().read_text().replace('"ada"', '"ada"\nlistenbrainz = "ada"')
    settings_path().write_text(settings)
    answer = browser.get(f"{PREFIX}/tonight")

    assert f'src="{cover}"' in answer.text
    policy = answer.headers["content-security-policy"]
    hosts = "https://coverartarchive.org https://archive.org https://*.archive.org"
    assert f"img-src data: https://i.scdn.co {hosts}; frame-src" in policy


def test_the_player_is_there_for_those_who_turned_it_on(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, NIGHT, [RIDE])
    assert "data-player" not in browser.get(f"{PREFIX}/tonight").text.partition("<main")[2]

    visitor.wish("[listeners.default.pages]\nplayer = true")
    answer = browser.get(f"{PREFIX}/tonight")
    player = "https://open.spotify.com/embed/track/0000000000000000000000"
    assert f'data-player="{player}"' in answer.text
    assert "frame-src https://open.spotify.com" in answer.headers["content-security-policy"]


def test_a_track_without_a_link_is_looked_for_where_the_listener_likes(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, NIGHT, [("AC/DC", 'R&B "Live"')], outcome="planned", uris=[])
    visitor.wish(
        '[listeners.default.pages]\ntrack_link = "https://find.example/?q={artist}+{title}"'
    )

    page = browser.get(f"{PREFIX}/tonight").text

    assert 'href="https://find.example/?q=AC%2FDC+R%26B+%22Live%22"' in page


@pytest.mark.parametrize(
    "template", ["javascript:{title}", "https://{artist}.example/", "ftp://a/"]
)
def test_a_link_that_could_lead_anywhere_is_refused(
    template: str, browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.wish(f'[listeners.default.pages]\ntrack_link = "{template}"')

    add_list(visitor.lake, NIGHT, [RIDE], uris=[""])

    page = browser.get(f"{PREFIX}/tonight").text

    assert "`listeners.default.pages.track_link`" in page
    assert "Play Ride" not in page


@pytest.mark.parametrize(
    "wrong",
    [{"reaction": "kept"}, {"track_key": "somebody · else"}, {"night": "tonight"}],
)
def test_a_made_up_button_writes_nothing(
    wrong: dict[str, str], browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, NIGHT, [RIDE])
    form = {"listener": "default", "night": str(NIGHT), "intent": "main", "track_key": key}
    form |= {"form_token": token_on(browser.get(f"{PREFIX}/tonight").text), "reaction": "blocked"}

    assert browser.post(f"{PREFIX}/feedback", data={**form, **wrong}).status_code == 400
    assert reactions_of(visitor.lake, key) == set()


def test_names_of_strangers_are_text_not_markup(browser: TestClient, visitor: PageVisitor) -> None:
    add_list(visitor.lake, NIGHT, [HOSTILE])

    page = browser.get(f"{PREFIX}/tonight").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_runs_tab_shows_the_night_of_that_run(browser: TestClient, visitor: PageVisitor) -> None:
    add_list(visitor.lake, BEFORE, [RIDE])
    add_list(visitor.lake, NIGHT, [LUSH])
    visitor.partitions["write_playlist", "asset_triggered__1"] = f"default@{BEFORE}"

    asked = {"dag": "write_playlist", "run": "asset_triggered__1"}
    assert "<h2>Vapour Trail" in browser.get(f"{PREFIX}/run", params=asked).text
    other = browser.get(f"{PREFIX}/run", params={**asked, "run": "manual__1"}).text
    assert "nobody's night" in other.replace("&#39;", "'")


def test_a_night_without_a_list_says_so(browser: TestClient) -> None:
    asked = NIGHT + dt.timedelta(days=9)

    assert f"for the night of {asked}" in browser.get(f"{PREFIX}/tonight?night={asked}").text


def test_a_paused_night_is_said_and_let_run_by_a_button(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.paused = ["sync_listening", "write_playlist"]

    page = browser.get(f"{PREFIX}/tonight").text
    assert "No new list is made: sync_listening, write_playlist are paused in Airflow." in page

    pressed = browser.post(
        f"{PREFIX}/resume", data={"listener": "default", "form_token": token_on(page)}
    )
    assert pressed.status_code == 303
    assert visitor.paused == []
    assert "paused" not in browser.get(f"{PREFIX}/tonight").text


def test_who_may_only_look_is_told_of_a_pause_and_sees_no_button(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.paused, visitor.role = ["train_models"], "reader"

    page = browser.get(f"{PREFIX}/tonight").text

    assert "train_models is paused in Airflow." in page
    assert "Let the nights run" not in page
    assert browser.post(f"{PREFIX}/resume", data={"listener": "default"}).status_code == 403


def test_make_the_list_now_runs_the_whole_night_from_any_state(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.paused = ["train_models"]
    page = browser.get(f"{PREFIX}/tonight").text
    form = {"listener": "default", "form_token": token_on(page)}

    pressed = browser.post(f"{PREFIX}/night", data=form)

    assert pressed.status_code == 303
    assert visitor.paused == []
    ((dag, wanted),) = visitor.triggered
    assert dag == "sync_listening"
    assert wanted["listener"] == "default"
    assert dt.date.fromisoformat(wanted["night"]) > NIGHT

    visitor.progress = NightProgress("Read new plays", 3, 19, 4, failed=False)
    browser.post(f"{PREFIX}/night", data=form)
    assert len(visitor.triggered) == 1, "a night that runs is not started again"

    visitor.progress = NightProgress("Read new plays", 3, 19, 4, failed=True)
    browser.post(f"{PREFIX}/night", data=form)
    assert len(visitor.triggered) == 2


@pytest.mark.parametrize(
    ("minutes", "failed", "says"),
    [
        (4, False, "Find neighbours: step 8 of 19. About 4 minutes left, by the last night."),
        (None, False, "step 8 of 19. How long it takes is not known yet"),
        (None, True, "This step failed: Find neighbours."),
    ],
)
def test_a_night_that_runs_shows_its_step_and_an_honest_estimate(
    minutes: int | None, failed: bool, says: str, browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.progress = NightProgress("Find neighbours", 7, 19, minutes, failed=failed)

    page = " ".join(browser.get(f"{PREFIX}/tonight").text.split())

    assert says in page
    assert ("Make tonight's list now</button>" in page.replace("&#39;", "'")) is failed
