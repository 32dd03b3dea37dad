"""After the README's steps the night comes by itself; after a week off, one more does.

Then `up` is killed: it runs once per home, ends all of its parts, and cleans up after itself.
"""

import datetime as dt
import re
import signal
from collections.abc import Iterator
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest
import requests

from smallhours.local.airflow import AirflowApi
from smallhours.local.processes import ManagedProcess, free_ports
from smallhours.local.running import end_parts, left_running
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

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=100), pytest.mark.timeout(1200)]

DUBLIN = ZoneInfo("Europe/Dublin")
TYPED = "typed-into-airflows-page"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield the installation of all tests here: each goes on where the one before it ended."""
    with Installation(tmp_path_factory.mktemp("home"), SMALL_WORLD) as made:
        yield made
        end_parts(left_running(made.home.folder))


def test_the_first_night_comes_by_itself(installation: Installation) -> None:
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


@pytest.fixture(scope="module")
def after_a_week(installation: Installation) -> ManagedProcess:
    """Return `up`, started when the machine had been off for a week."""
    sleep_through_nights(installation.home, days=7)
    (installation.folder / "data").chmod(0o755)
    return installation.start_up()


def test_after_a_week_off_one_more_night_comes(
    installation: Installation, after_a_week: ManagedProcess
) -> None:
    del after_a_week
    home = installation.home
    with closing(AirflowApi(home.url, password=home.password())) as airflow:
        nights = wait_for_nights(airflow, since=dt.datetime.now(dt.UTC) - dt.timedelta(days=8))

    # The night of a week ago, and the one that was due while the machine was off.
    assert len(nights) == 2, nights


def test_up_once_killed_and_up_again(
    installation: Installation, after_a_week: ManagedProcess
) -> None:
    home, up = installation.home, after_a_week
    assert open_to_others(home.folder) + open_to_others(installation.folder / "data") == []
    login = {"username": "admin", "password": home.password()}
    token = requests.post(f"{home.url}/auth/token", json=login, timeout=300).json()
    cookie = {"_token": token["access_token"]}
    page = f"{home.url}/smallhours/tonight"
    assert requests.get(page, cookies=cookie, timeout=300).status_code == 200
    assert f"{home.url}/plugin/smallhours" in installation.said("up")

    # Another one on another port is refused.
    (other,) = free_ports(1)
    said = installation.refusal("up", "--port", str(other))
    assert f"Airflow runs in {home.folder} already (process {up.process.pid})" in said

    up.process.kill()
    up.process.wait()
    left = {part.name for part in left_running(home.folder)}
    assert left == {"api-server", "scheduler", "dag-processor"}
    said = installation.refusal("up", "--port", str(other))
    assert all(re.search(rf"{name} \(process \d+\)", said) for name in left)
    assert "run `smallhours up --end-left`" in said
    assert len(left_running(home.folder)) == len(left)

    other_lake = installation.folder / "elsewhere"
    (other_lake / "plays").mkdir(parents=True)
    (other_lake / "plays" / "part.parquet").touch()
    other_lake.chmod(0o755)
    again = installation.start_up("--end-left", SMALLHOURS_LAKE="elsewhere")
    assert "They have ended." in installation.said("up")
    assert open_to_others(other_lake) == []
    # The session of before still holds.
    assert requests.get(page, cookies=cookie, timeout=300).status_code == 200

    again.process.send_signal(signal.SIGHUP)
    assert again.process.wait(600) == 0
    assert "Stopped." in installation.said("up")
    assert left_running(home.folder) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(home.url, timeout=5)
