"""Tests of the alarms about what grows worse unnoticed."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.checkup.stored_data import check_alarms
from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.playlist.select.quality import LATELY, MIN_BEFORE, alarms_of, raise_alarms
from smallhours.training.evaluation.metrics import Metric, store_metrics
from smallhours.training.evaluation.receptions import Reception

NIGHT = dt.date(2026, 11, 20)
ALL = LATELY + MIN_BEFORE


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def measured(lake: Lake, subject: str, name: str, values: Sequence[float], n: int = 50) -> None:
    """Store a figure of the last nights, tonight's last."""
    nights = [NIGHT - dt.timedelta(days=age) for age in range(len(values))]
    figure = {"listener": "ada", "subject": subject, "metric": name, "n": n}
    rows = pd.DataFrame({"night": nights, "value": list(reversed(values)), **figure})
    rows = rows.assign(low=None, high=None, baseline=None)
    lake.merge(METRICS, rows.assign(month=[f"{night:%Y-%m}" for night in nights]))


def store(lake: Lake, metrics: Sequence[Metric], night: dt.date) -> None:
    store_metrics(lake, metrics, listener="ada", night=Night.on(night, ZoneInfo("UTC")))


def received(*heard: int) -> list[Reception]:
    """Return lists of ten of the last nights, the newest last."""
    nights = [NIGHT - dt.timedelta(days=age) for age in range(len(heard), 0, -1)]
    return [Reception(night, 10, each) for night, each in zip(nights, heard, strict=True)]


def kinds(lake: Lake, past: Sequence[Reception] = (), night: dt.date = NIGHT) -> list[str]:
    return [each.name for each in raise_alarms(lake, "ada", past, night=night)]


def test_lists_that_are_received_worse_raise_an_alarm_with_figures_and_a_remedy(lake: Lake) -> None:
    found = raise_alarms(lake, "ada", received(*[7] * 20, *[2] * 5), night=NIGHT)

    (alarm,) = alarms_of(found)
    assert "of the last 5 that you went through 20% was heard out" in alarm.what
    assert "before 70%" in alarm.what
    assert "Edits" in alarm.remedy


def test_lists_that_are_received_as_ever_or_better_raise_none(lake: Lake) -> None:
    assert kinds(lake, received(*[7, 5, 6] * 8)) == []
    assert kinds(lake, received(*[4] * 20, *[8] * 8)) == []


def test_an_alarm_is_given_again_after_a_month_only(lake: Lake) -> None:
    past = received(*[7] * 20, *[2] * 5)
    store(lake, raise_alarms(lake, "ada", past, night=NIGHT), NIGHT)

    assert kinds(lake, past) == ["acceptance"]  # the same night, run again
    assert kinds(lake, past, NIGHT + dt.timedelta(days=29)) == []
    assert kinds(lake, past, NIGHT + dt.timedelta(days=30)) == ["acceptance"]


@pytest.mark.parametrize(
    ("subject", "name", "usual", "now"),
    [
        ("playlist", "novelty", [6.0] * MIN_BEFORE, [4.5] * LATELY),
        ("ranking", "candidate_recall", [0.5] * MIN_BEFORE, [0.5] * (LATELY - 1) + [0.05]),
        ("evidence", "old_share", [0.0] * MIN_BEFORE, [0.0] * (LATELY - 1) + [0.7]),
    ],
)
def test_a_figure_that_grew_worse_raises_an_alarm_and_one_that_stays_does_not(
    subject: str, name: str, usual: list[float], now: list[float], lake: Lake
) -> None:
    measured(lake, subject, name, [*usual, *usual][:ALL])
    assert kinds(lake) == []

    measured(lake, subject, name, [*usual, *now])
    assert len(kinds(lake)) == 1


def test_doctor_repeats_the_alarms_of_a_week(lake: Lake) -> None:
    store(lake, raise_alarms(lake, "ada", received(*[7] * 20, *[2] * 5), night=NIGHT), NIGHT)

    (found,) = check_alarms("ada", lake, today=NIGHT + dt.timedelta(days=6))
    assert found.subject == "acceptance"
    assert "Edits" in found.remedy
    assert check_alarms("ada", lake, today=NIGHT + dt.timedelta(days=7)) == []
    assert check_alarms("bruno", lake, today=NIGHT) == []
