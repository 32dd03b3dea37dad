"""Until somebody has logged in, night and poll are skipped: no failure, one sentence."""

from collections.abc import Callable

import pytest

from tests.airflow_home import NIGHT, AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS)]

RunDag = Callable[..., DagRunResult]


def log_out(airflow_install: AirflowInstall, *names: str) -> None:
    for name in names:
        airflow_install.unset_connection(name)


@pytest.mark.parametrize("dag", ["sync_listening", "poll_recent_plays"])
def test_before_anybody_has_logged_in_a_run_is_skipped(
    run_dag: RunDag, airflow_install: AirflowInstall, dag: str
) -> None:
    log_out(airflow_install, "lastfm_ada", "lastfm_bruno", "spotify_ada", "spotify_bruno")

    outcome = run_dag(dag)

    assert outcome.succeeded
    assert set(outcome.states.values()) == {"skipped"}
    assert outcome.errors == []
    assert outcome.log.count("has not logged in to all services yet") == 2  # once a listener
    assert "run `smallhours login" in outcome.log
    assert airflow_install.sandbox.state.calls.total() == 0


def test_a_listener_who_has_not_logged_in_is_left_out(
    run_dag: RunDag, airflow_install: AirflowInstall
) -> None:
    log_out(airflow_install, "spotify_ada")

    outcome = run_dag("sync_listening", night=NIGHT)

    assert outcome.succeeded
    assert f"bruno@{NIGHT}" in outcome.names
    assert f"ada@{NIGHT}" not in outcome.names


@pytest.mark.parametrize("extra", [{}, {"refresh_token": ""}])
def test_an_app_without_a_login_is_not_a_login(
    run_dag: RunDag, airflow_install: AirflowInstall, extra: dict[str, str]
) -> None:
    for name in ("ada", "bruno"):
        airflow_install.set_connection(
            f"spotify_{name}", conn_type="spotify", login="sandbox-client", extra=extra
        )

    assert set(run_dag("poll_recent_plays").states.values()) == {"skipped"}


def test_the_poll_needs_no_lastfm(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    log_out(airflow_install, "lastfm_ada", "lastfm_bruno")

    outcome = run_dag("poll_recent_plays", night=NIGHT)

    assert outcome.succeeded
    assert outcome.states["sync_recent_plays", 0] == "success"
