"""After the README's steps the night comes by itself; after a week off, one more does."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.runs import DAGS
from tests.e2e.installation import (
    Installation,
    cron_in,
    sleep_through_nights,
    wait_for_nights,
)

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=240), pytest.mark.timeout(1200)]

DUBLIN = ZoneInfo("Europe/Dublin")
WORLD = {"artists": 200, "tracks": 2_000, "scrobbles": 4_000}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, WORLD) as made:
        yield made


def test_the_first_night_comes_by_itself_and_after_a_week_off_one_more(
    installation: Installation,
) -> None:
    started = dt.datetime.now(dt.UTC)
    said = installation.set_up(cron_in(2, DUBLIN))
    assert "The first night starts on" in said
    assert "at 03:30 (Europe/Dublin)" in said

    with installation.up() as airflow:
        assert len(installation.wait_for_playlist()) == 30
        assert airflow.dags() == set(DAGS)
        assert airflow.paused() == set()
        assert len(wait_for_nights(airflow, since=started)) == 1

    sleep_through_nights(installation.home, days=7)
    week_ago = started - dt.timedelta(days=7)
    with installation.up() as airflow:
        nights = wait_for_nights(airflow, since=week_ago)

    # The night of a week ago, and the one that was due while the machine was off.
    assert len(nights) == 2, nights
