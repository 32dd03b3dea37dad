"""Tests of the checks of models, the last night and the quota."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smallhours.checkup import Health
from smallhours.checkup.stored_data import (
    check_last_night,
    check_models,
    check_quotas,
    check_set_aside,
)
from smallhours.lake.list_tables import DEFERRED_QUESTIONS, PLAYLISTS, SET_ASIDE
from smallhours.lake.store import Lake
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.settings import LakeLocation
from smallhours.training import TASTE, audio
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import SHARED, Registry
from tests.service_fixtures import settings_for

TODAY = dt.date(2026, 11, 2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def add_list(
    lake: Lake, night: dt.date, outcome: str, note: str = "", intent: str = "main"
) -> None:
    row: dict[str, Any] = {column.name: None for column in PLAYLISTS.columns}
    row |= {"night": night, "intent": intent, "place": "spotify", "name": "Smallhours"}
    row |= {"note": note, "track_keys": [], "uris": [], "listener": "ada", "outcome": outcome}
    lake.merge(PLAYLISTS, pd.DataFrame([row]))


@pytest.mark.parametrize(
    ("age", "outcome", "health"),
    [
        (0, "verified", Health.GOOD),
        (2, "verified", Health.GOOD),
        (3, "verified", Health.BAD),
        (1, "kept_yesterday", Health.NOTE),
        (1, "not_written", Health.NOTE),
        (0, "planned", Health.NOTE),
    ],
)
def test_the_last_night_is_judged_by_its_outcome_and_age(
    age: int, outcome: str, health: Health, lake: Lake
) -> None:
    add_list(lake, TODAY - dt.timedelta(days=age), outcome, "30 tracks.")

    found = check_last_night("ada", lake, today=TODAY)

    assert found.health is health
    assert "30 tracks." in found.what


def test_the_last_night_is_the_main_lists(lake: Lake) -> None:
    add_list(lake, TODAY - dt.timedelta(days=1), "verified", "30 tracks.")
    add_list(lake, TODAY, "not_written", "Too short.", intent="zydeco")

    found = check_last_night("ada", lake, today=TODAY)

    assert (found.health, "30 tracks." in found.what) == (Health.GOOD, True)


def test_before_the_first_night_nothing_is_wrong(lake: Lake) -> None:
    assert check_last_night("ada", lake, today=TODAY).health is Health.NOTE
    assert {found.what for found in check_models("ada", lake, today=TODAY)} == {"none yet"}


@pytest.mark.parametrize(
    ("name", "days", "health"),
    [
        (TASTE, 10, Health.GOOD),
        (TASTE, 11, Health.NOTE),
        (audio.NAME, 60, Health.GOOD),  # it stays while nothing new is measured
    ],
)
def test_a_taste_model_grows_old(name: str, days: int, health: Health, lake: Lake) -> None:
    owner = "ada" if name == TASTE else SHARED
    night = (TODAY - dt.timedelta(days=days)).isoformat()
    card = ModelCard(name, owner, night, "", "", [], {}, {}, {}, {})
    Registry.of(lake).save(card, {"model": b"learned"})

    found = {each.subject: each for each in check_models("ada", lake, today=TODAY)}

    assert found[f"model {name}"].health is health


def test_a_days_budget_that_is_nearly_used_up_is_told(tmp_path: Path) -> None:
    settings = settings_for("http://127.0.0.1:9").model_copy(
        update={"lake": LakeLocation(url=str(tmp_path))}
    )
    limits = settings.services.spotify.model_copy(update={"calls_per_day": 10})
    services = settings.services.model_copy(update={"spotify": limits})
    settings = settings.model_copy(update={"services": services})
    assert check_quotas(settings) == []

    file = tmp_path / ".budgets" / "spotify.json"
    rate_limit = TokenBucket(1000.0, calls_per_day=10, state_file=file)
    for _ in range(9):
        rate_limit.acquire()

    (found,) = check_quotas(settings)
    assert found.health is Health.NOTE
    assert found.what.startswith("9 of the 10 calls")


def test_a_service_that_is_set_aside_is_told_until_the_day_after(lake: Lake) -> None:
    row = {
        "night": TODAY - dt.timedelta(days=1), "service": "Last.fm", "reason": "Last.fm: error 10.",
        "remedy": "Put a key in.", "at": dt.datetime(2026, 11, 1, 3, tzinfo=dt.UTC),
        "access": None,
    }  # fmt: skip
    lake.merge(SET_ASIDE, pd.DataFrame([row]), partition={"listener": "ada"})

    (found,) = check_set_aside("ada", lake, today=TODAY)

    assert found.health is Health.NOTE
    assert (found.subject, found.remedy) == ("Last.fm", "Put a key in.")
    assert "error 10" in found.what
    assert check_set_aside("ada", lake, today=TODAY + dt.timedelta(days=1)) == []


def test_questions_without_an_answer_are_told(lake: Lake) -> None:
    row = {
        "service": "Last.fm", "question": "tags of Somebody", "reason": "Last.fm: an error 500.",
        "failures": 1, "failed_on": TODAY - dt.timedelta(days=1), "ask_again": TODAY,
    }  # fmt: skip
    lake.merge(DEFERRED_QUESTIONS, pd.DataFrame([row]), partition={"listener": "ada"})

    (found,) = check_set_aside("ada", lake, today=TODAY)

    assert found.health is Health.NOTE
    assert found.subject == "Last.fm"
    assert "tags of Somebody" in found.what
    assert "error 500" in found.what
