"""Tests of the pages' interface to Airflow: login warnings and roles."""

import datetime as dt

import pytest
from starlette.requests import Request

from smallhours.orchestration.pages import login_warning, may_write
from tests.airflow_home import AirflowInstall

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


def log_in(airflow_install: AirflowInstall, *, days_ago: int) -> None:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)
    airflow_install.set_connection(
        "spotify_ada",
        conn_type="spotify",
        login="sandbox-client",
        password="sandbox-secret",
        extra={"refresh_token": "refresh-ada", "authorized_at": at.isoformat()},
    )


def test_a_fresh_login_needs_no_word(airflow_install: AirflowInstall) -> None:
    log_in(airflow_install, days_ago=100)

    assert login_warning("ada") == ""


@pytest.mark.parametrize(("days_ago", "says"), [(155, "it ends in 26 days"), (190, "it ended")])
def test_from_day_150_on_the_pages_say_what_to_run(
    airflow_install: AirflowInstall, days_ago: int, says: str
) -> None:
    log_in(airflow_install, days_ago=days_ago)

    told = login_warning("ada")

    assert says in told
    assert "smallhours login spotify" in told
    assert "refresh-ada" not in told


def test_a_missing_connection_is_told_too(airflow_install: AirflowInstall) -> None:
    airflow_install.unset_connection("spotify_ada")

    assert "There is no Airflow connection `spotify_ada`" in login_warning("ada")


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize(
    ("role", "may"), [("viewer", False), ("user", True), ("op", True), ("admin", True)]
)
def test_who_may_start_runs_may_press_the_buttons(role: str, may: bool) -> None:
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    create_auth_manager()

    assert (
        may_write(Request({"type": "http"}), SimpleAuthManagerUser(username="zoe", role=role))
        is may
    )
