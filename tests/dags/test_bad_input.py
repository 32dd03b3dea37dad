"""Tests of the task logs for errors that only a person can fix.

Each error is one line: what is wrong, and what to do. There is no traceback and no retry.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smallhours.lake.tables import PLAYS
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.airflow_home import NIGHT, AirflowInstall, settings_text
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult
from tests.web.lists import BEFORE, add_list

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=6),
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
]

RunDag = Callable[..., DagRunResult]


def only_error(outcome: DagRunResult) -> str:
    """Return the one error line of a failed run."""
    assert not outcome.succeeded
    assert "Traceback" not in outcome.log
    assert len(outcome.errors) == 1, outcome.errors
    return outcome.errors[0]


def sync(run_dag: RunDag) -> str:
    return only_error(run_dag("sync_listening", listener="ada", night=NIGHT))


def test_no_connection_any_more(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    add_list(airflow_install.lake, BEFORE, [("Ride", "Vapour Trail")], listener="ada")
    airflow_install.unset_connection("lastfm_ada")

    error = sync(run_dag)

    assert "There is no Airflow connection `lastfm_ada`." in error
    assert "AIRFLOW_CONN_LASTFM_ADA" in error


def test_a_connection_without_a_key(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    airflow_install.set_connection("lastfm_ada", conn_type="lastfm")

    assert "`lastfm_ada` has no `api_key`" in sync(run_dag)


def test_a_wrong_key_sets_lastfm_aside(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    airflow_install.set_connection("lastfm_ada", conn_type="lastfm", password="0" * 32)

    outcome = run_dag("sync_listening", listener="ada", night=NIGHT)

    assert outcome.succeeded
    assert "set aside: Last.fm" in outcome.log
    assert "login lastfm --listener ada`" in outcome.log
    assert "0" * 32 not in outcome.log


def test_a_revoked_login_sets_spotify_aside(run_dag: RunDag, synced: AirflowInstall) -> None:
    fault_rules_of(synced.sandbox.state).add(Fault("invalid_grant"))

    outcome = run_dag("sync_listening", listener="ada", night=NIGHT)

    assert outcome.succeeded
    assert "set aside: Spotify: the login has ended" in outcome.log
    assert "smallhours login spotify --listener ada" in outcome.log
    assert "refresh-ada" not in outcome.log


def test_an_unknown_lastfm_user(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    airflow_install.write_settings(
        settings_text(airflow_install.sandbox.url, {"ada": "nobody-of-that-name"})
    )

    assert "nobody-of-that-name" in sync(run_dag)


def test_a_private_profile(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    fault_rules_of(airflow_install.sandbox.state).add(
        Fault("lastfm_error", match="user.getRecentTracks", code=17, times=0)
    )

    assert "private" in sync(run_dag)


def test_a_settings_file_with_a_typo(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(text.replace("lastfm_user", "lastfmm", 1))

    error = only_error(run_dag("sync_listening", night=NIGHT))

    assert "`listeners.ada.lastfmm` is not a setting (did you mean `lastfm`?)" in error


def test_no_settings_file(run_dag: RunDag, airflow_install: AirflowInstall) -> None:
    airflow_install.settings.unlink()

    error = only_error(run_dag("sync_listening", night=NIGHT))

    assert "There is no settings file" in error
    assert "smallhours init" in error


def test_a_lake_that_cant_be_written(
    run_dag: RunDag, airflow_install: AirflowInstall, tmp_path: Path
) -> None:
    # A file where the folder should be: permissions would not stop a test that runs as root.
    in_the_way = tmp_path / "a-file"
    in_the_way.touch()
    airflow_install.monkeypatch.setenv("SMALLHOURS_LAKE", str(in_the_way / "lake"))

    assert "a-file" in sync(run_dag)
    assert airflow_install.sandbox.state.calls.total() == 0


def test_a_truncated_parquet_file(run_dag: RunDag, synced: AirflowInstall) -> None:
    mine = [part for part in synced.lake.partitions(PLAYS) if part["listener"] == "ada"]
    newest = synced.lake.path(PLAYS, mine[-1])
    os.truncate(newest, 100)

    assert newest.rpartition("plays")[2] in sync(run_dag)


def test_a_playlist_wish_out_of_bounds_is_refused_by_the_form(run_dag: RunDag) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="size"):
        run_dag("write_playlist", listener="ada", night=NIGHT, size=1000)
