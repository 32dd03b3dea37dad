"""Tests of the Models page: models in use, measurements, promotions and contributions."""

import datetime as dt
from collections.abc import Iterable

import pytest
from fastapi.testclient import TestClient

from smallhours.lake.store import Lake
from smallhours.training.evaluation.metrics import Metric, store_metrics
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry
from smallhours.training.taste.model import FIRST_SEED
from smallhours.web.app import PREFIX
from smallhours_study.report import ComparisonFigures, write_report
from smallhours_study.results import StudyFolder
from smallhours_study.study_request import store_request
from tests.service_fixtures import settings_for
from tests.study.rows_by_hand import SMALL, some_rows
from tests.web.conftest import PageVisitor
from tests.web.lists import BEFORE, ME, NIGHT


def save_taste(lake: Lake, night: dt.date, *, promoted: str, why: str, name: str = "taste") -> str:
    """Save a version of the taste model and return its name."""
    card = ModelCard(
        name=name,
        owner=ME,
        night=str(night),
        purpose="P(like) of a track.",
        limits="music without tags.",
        features=["tags"],
        data={"likes": 120},
        settings={"C": 0.1, "promoted": promoted, "why": why},
        seeds={"split": 1},
        metrics={"auc": 0.8314},
    )
    files = {"model.skops": f"not opened by the page, {night}".encode()}
    return Registry.of(lake).save(card, files, use=promoted == "yes").version


def note(lake: Lake, night: dt.date, metrics: Iterable[Metric]) -> None:
    store_metrics(
        lake, metrics, listener=ME, night=settings_for("http://127.0.0.1:9").night(ME, str(night))
    )


def words(browser: TestClient, path: str = "models") -> str:
    return " ".join(browser.get(f"{PREFIX}/{path}").text.split())


def test_models_in_use_are_shown_with_their_cards(
    browser: TestClient, visitor: PageVisitor
) -> None:
    version = save_taste(visitor.lake, NIGHT, promoted="yes", why="nothing was in use before")

    page = words(browser)

    assert version in page
    assert "What you like: how likely a track is to be to your taste" in page
    assert "P(like) of a track." in page
    assert '<th scope="row">likes</th><td>120</td>' in page
    assert "0.8314" in page


def test_who_won_is_told_night_by_night_with_the_reason(
    browser: TestClient, visitor: PageVisitor
) -> None:
    first = save_taste(visitor.lake, BEFORE, promoted="yes", why="nothing was in use before")
    save_taste(visitor.lake, NIGHT, promoted="no", why="worse than the one in use: AUC .7 < .8")

    page = words(browser)

    won = f'{BEFORE}, taste</b>: the new one went into use <span class="tag">in use now</span>'
    lost = f"{NIGHT}, taste</b>: the new one was not used"
    assert page.index(lost) < page.index(won)
    assert f"Nothing was in use before. {first}" in page
    assert "Worse than the one in use: AUC .7 &lt; .8." in page


def test_figures_of_several_nights_are_drawn_and_the_newest_listed(
    browser: TestClient, visitor: PageVisitor
) -> None:
    note(visitor.lake, BEFORE, [Metric("taste", "auc", 0.7, n=200)])
    note(visitor.lake, NIGHT, [Metric("taste", "auc", 0.8, n=200)])

    page = words(browser)

    assert "puts the right one first in 80 of 100 cases" in page
    assert ">AUC</title>" in page
    assert '<td class="n">0.800</td>' in page
    assert '<td class="n">0.700</td>' not in page


def test_the_first_version_is_in_use_only_without_a_taste_model(
    browser: TestClient, visitor: PageVisitor
) -> None:
    save_taste(visitor.lake, BEFORE, promoted="yes", why="", name=FIRST_SEED)
    assert "first version, as a stand-in" in words(browser)

    save_taste(visitor.lake, NIGHT, promoted="yes", why="")
    assert "first version, as a stand-in" not in words(browser)


def test_every_series_is_drawn(browser: TestClient, visitor: PageVisitor) -> None:
    names = [f"audio_{number}" for number in range(14)]
    for night, value in ((BEFORE, 0.3), (NIGHT, 0.4)):
        note(visitor.lake, night, [Metric(name, "r2", value, n=9) for name in names])

    page = words(browser)

    assert [f">R², {number} of 3</title>" in page for number in (1, 2, 3)] == [True] * 3
    assert all(f">audio {number} r2</text>" in page for number in range(14))


def test_the_curve_of_the_newest_night_is_drawn_with_its_counts(
    browser: TestClient, visitor: PageVisitor
) -> None:
    subject = "taste_reliability"
    note(
        visitor.lake,
        BEFORE,
        [Metric(subject, "said_90", 0.5, n=4, baseline=0.94, low=0.15, high=0.85)],
    )
    note(
        visitor.lake,
        NIGHT,
        [
            Metric(subject, "said_00", 0.05, n=100, baseline=0.04, low=0.02, high=0.11),
            Metric(subject, "said_50", 0.6, n=10, baseline=0.55, low=0.31, high=0.83),
        ],
    )

    page = words(browser)

    assert "0.04 said, 0.05 of 100 happened (0.02 to 0.11); 0.55 said, 0.6 of 10" in page
    assert "0.94 said" not in page
    assert "<summary>taste reliability" not in page


def test_the_taste_stands_beside_simpler_rules(browser: TestClient, visitor: PageVisitor) -> None:
    note(
        visitor.lake,
        NIGHT,
        [
            Metric("taste", "auc", 0.81, n=50, low=0.75, high=0.86),
            Metric("taste_popularity", "auc", 0.6, n=50, low=0.5, high=0.7),
        ],
    )

    assert "taste 0.810; popularity 0.600." in words(browser)


def test_each_part_of_the_ranking_is_told_alone_and_left_out(
    browser: TestClient, visitor: PageVisitor
) -> None:
    def part(name: str, value: float, **more: float) -> Metric:
        return Metric("ranking_parts", name, value, n=45, **{"low": 0.1, "high": 0.4} | more)

    note(
        visitor.lake,
        NIGHT,
        [
            part("fused", 0.3),
            part("default", 0.28),  # of a version that learned weights
            part("alone_popularity", 0.15),
            part("adds_popularity", -0.01),
            part("alone_near_tracks", 0.2),
            part("adds_near_tracks", 0.05),
        ],
    )

    page = words(browser)

    near = page.index('<th scope="row">near tracks</th><td class="n">0.200</td>')
    assert '<td class="n">0.250</td><td class="n">+0.050</td>' in page[near:]
    assert near < page.index('<th scope="row">popularity</th>')
    assert "on 45 tracks that you took up" in page
    assert (
        "“near tracks” alone finds best what you take up; the rest would miss “near tracks” most"
        in page
    )
    assert '<td class="n">0.280</td>' not in page


@pytest.fixture
def study(visitor: PageVisitor) -> StudyFolder:
    folder = StudyFolder(visitor.lake.files, "studies/f00-1983")
    rows = some_rows()
    folder.open(rows, SMALL.seed)
    store_request(folder, rows, SMALL, at=dt.datetime(2026, 11, 2, tzinfo=dt.UTC))
    return folder


def test_a_study_under_way_is_listed_without_a_report(
    browser: TestClient, study: StudyFolder
) -> None:
    assert study.path

    page = words(browser)

    assert f"0 of {len(SMALL.settings())} settings are done; there is no report yet." in page
    assert "Asked on 2026-11-02 of 120 tracks (made by hand): bayes, linear on tags, apart" in page
    assert browser.get(f"{PREFIX}/study?name=f00-1983").status_code == 400


def test_a_study_s_report_opens_in_full_and_leads_back(
    browser: TestClient, study: StudyFolder
) -> None:
    write_report(study, some_rows(), SMALL, ComparisonFigures({}, None))
    link = f'<a href="{PREFIX}/study?name=f00-1983&amp;listener=default">f00-1983</a>'
    assert link in words(browser)

    report = browser.get(f"{PREFIX}/study?name=f00-1983")

    assert "Audio features from tags: the study" in report.text
    assert f'<a href="{PREFIX}/models?listener=default">Back to Models</a>' in report.text
    policy = report.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


@pytest.mark.parametrize("name", ["", "..", "../studies/f00-1983", "f00-1983/../f00-1983", "f"])
def test_only_a_listed_study_can_be_opened(
    name: str, browser: TestClient, study: StudyFolder
) -> None:
    write_report(study, some_rows(), SMALL, ComparisonFigures({}, None))

    answer = browser.get(f"{PREFIX}/study", params={"name": name})

    assert answer.status_code == 400
    assert "There is no report" in answer.text
