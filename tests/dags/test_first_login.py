"""Until somebody has logged in, night and poll are skipped: no failure, one sentence."""

from collections.abc import Callable

import pytest

from tests.airflow_home import NIGHT, House
from tests.dags.conftest import AIRFLOWS_OWN, Outcome

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings(AIRFLOWS_OWN)]

RunDag = Callable[..., Outcome]


def log_out(house: House, *names: str) -> None:
    for name in names:
        house.unset_connection(name)


@pytest.mark.parametrize("dag", ["sync_listening", "poll_recent_plays"])
def test_before_anybody_has_logged_in_a_run_is_skipped(
    run_dag: RunDag, house: House, dag: str
) -> None:
    log_out(house, "lastfm_ada", "lastfm_bruno", "spotify_ada", "spotify_bruno")

    outcome = run_dag(dag)

    assert outcome.succeeded
    assert set(outcome.states.values()) == {"skipped"}
    assert outcome.errors == []
    assert outcome.log.count("has not logged in to all services yet") == 2  # once a listener
    assert "run `smallhours login" in outcome.log
    assert house.sandbox.state.calls.total() == 0


def test_a_listener_who_has_not_logged_in_is_left_out(run_dag: RunDag, house: House) -> None:
    log_out(house, "spotify_ada")

    outcome = run_dag("sync_listening", night=NIGHT)

    assert outcome.succeeded
    assert f"bruno@{NIGHT}" in outcome.names
    assert f"ada@{NIGHT}" not in outcome.names


@pytest.mark.parametrize("extra", [{}, {"refresh_token": ""}])
def test_an_app_without_a_login_is_not_a_login(
    run_dag: RunDag, house: House, extra: dict[str, str]
) -> None:
    for name in ("ada", "bruno"):
        house.set_connection(
            f"spotify_{name}", conn_type="spotify", login="sandbox-client", extra=extra
        )

    assert set(run_dag("poll_recent_plays").states.values()) == {"skipped"}


def test_the_poll_needs_no_lastfm(run_dag: RunDag, house: House) -> None:
    log_out(house, "lastfm_ada", "lastfm_bruno")

    outcome = run_dag("poll_recent_plays", night=NIGHT)

    assert outcome.succeeded
    assert outcome.states["sync_recent_plays", 0] == "success"
