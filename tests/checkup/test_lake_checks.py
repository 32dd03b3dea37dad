"""Tests of the checks of the lake: damaged files, unknown files, and gaps in the history."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.checkup import Health
from smallhours.checkup.stored_data import check_history, check_lake
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from tests.lake.samples import play, plays

TODAY = dt.date(2026, 11, 2)
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def add_days(lake: Lake, *days: dt.date) -> None:
    """Add plays at noon of these days."""
    rows = plays(
        *(
            play(played_at=dt.datetime.combine(day, dt.time(12), dt.UTC), month=f"{day:%Y-%m}")
            for day in days
        )
    )
    lake.merge(PLAYS, rows.assign(listener="ada"))


def days_before(today: dt.date, *ages: int) -> list[dt.date]:
    return [today - dt.timedelta(days=age) for age in ages]


def test_an_empty_lake_is_a_beginning_not_a_fault(lake: Lake) -> None:
    (found,) = check_lake(lake)

    assert found.health is Health.NOTE
    assert "is empty" in found.what


def test_a_whole_table_is_counted(lake: Lake) -> None:
    add_days(lake, *days_before(TODAY, 1, 2, 40))

    (found,) = check_lake(lake)

    assert found.health is Health.GOOD
    assert found.what.startswith("3 rows, 3 files, ")


def test_a_damaged_file_is_named_with_what_to_do(lake: Lake, tmp_path: Path) -> None:
    add_days(lake, TODAY)
    file = tmp_path / "plays/listener=ada/month=2026-11/part.parquet"
    file.write_bytes(file.read_bytes()[:-20])

    (found,) = check_lake(lake)

    assert found.health is Health.BAD
    assert str(file) in found.what
    assert found.remedy


def test_a_file_that_nobody_knows_is_named(lake: Lake, tmp_path: Path) -> None:
    add_days(lake, TODAY)
    (tmp_path / "plays" / "copy of part.parquet").write_bytes(b"")

    _, found = check_lake(lake)

    assert found.health is Health.NOTE
    assert "plays/copy of part.parquet" in found.what


def test_models_budgets_and_locks_belong_to_the_lake(lake: Lake, tmp_path: Path) -> None:
    add_days(lake, TODAY)
    for name in ("models/ada/taste/card.json", ".budgets/spotify.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")

    assert [found.health for found in check_lake(lake)] == [Health.GOOD]


@pytest.mark.parametrize(
    ("ages", "health", "says"),
    [
        ([1, 2, 3], Health.GOOD, "3 plays from"),
        ([1, 41], Health.GOOD, "the longest silence of the last year was 40 days"),
        ([1, 400], Health.GOOD, "2 plays from"),
        ([20, 21], Health.NOTE, "nothing for 20 days"),
    ],
)
def test_a_silence_in_the_history_is_told(
    ages: list[int], health: Health, says: str, lake: Lake
) -> None:
    add_days(lake, *days_before(TODAY, *ages))

    found = check_history("ada", lake, today=TODAY, zone=TOKYO)

    assert found.health is health
    assert says in found.what


def test_the_days_of_the_history_are_the_listeners(lake: Lake) -> None:
    late = dt.datetime(2026, 10, 30, 20, tzinfo=dt.UTC)
    rows = plays(play(played_at=late, month="2026-10"))
    lake.merge(PLAYS, rows.assign(listener="ada"))

    found = check_history("ada", lake, today=TODAY, zone=TOKYO)

    assert "from 2026-10-31 to 2026-10-31" in found.what
