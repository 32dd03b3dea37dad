"""After the README's steps the night comes by itself; after a week off, one more does."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.private_files import open_to_others
from smallhours.runs import DAGS
from tests.e2e.installation import (
    CLIENT_SECRET,
    LASTFM_KEY,
    SMALL_CATALOG,
    SMALL_WORLD,
    Installation,
    cron_in,
    files_with,
    refresh_token,
    sleep_through_nights,
    type_connection,
    wait_for_nights,
)

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=180), pytest.mark.timeout(1200)]

DUBLIN = ZoneInfo("Europe/Dublin")
TYPED = "typed-into-airflows-page"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, SMALL_WORLD) as made:
        yield made


def test_the_first_night_comes_by_itself_and_after_a_week_off_one_more(
    installation: Installation,
) -> None:
    started = dt.datetime.now(dt.UTC)
    said = installation.set_up(cron_in(2, DUBLIN))
    assert "The first night starts on" in said
    assert "at 03:30 (Europe/Dublin)" in said
    with installation.home.settings.open("a") as settings:
        settings.write(SMALL_CATALOG)

    with installation.up() as airflow:
        type_connection(installation.home, "typed", TYPED)
        assert len(installation.wait_for_playlist()) == 30
        assert airflow.dags() == set(DAGS)
        assert airflow.paused() == set()
        assert len(wait_for_nights(airflow, since=started)) == 1
        # Through the scheduler, which hides the database from it.
        (maintenance,) = airflow.runs("maintenance", since=started)
        assert airflow.run_state("maintenance", maintenance) == "success"

    home, lake = installation.home.folder, installation.folder / "data"
    secrets = (LASTFM_KEY, CLIENT_SECRET, TYPED, refresh_token(installation.home, "me"))
    assert files_with(secrets, home, lake, installation.folder / "up.log") == []
    assert open_to_others(home) + open_to_others(lake) == []

    sleep_through_nights(installation.home, days=7)
    week_ago = started - dt.timedelta(days=7)
    with installation.up() as airflow:
        nights = wait_for_nights(airflow, since=week_ago)

    # The night of a week ago, and the one that was due while the machine was off.
    assert len(nights) == 2, nights
