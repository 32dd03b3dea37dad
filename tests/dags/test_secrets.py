"""Tests that no secret is stored or logged after successful and failed nights."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smallhours.orchestration.connections import AirflowSecrets
from smallhours.run_context import lastfm_client, spotify_client
from smallhours.runs import NIGHTLY
from smallhours.settings import load_settings
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.spotify_accounts import accounts_of
from tests.airflow_home import NIGHT, AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=10),
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
]

# Distinct enough to be found wherever they turn up.
API_KEY = "5a4d" * 8
CLIENT_SECRET = "sandbox-secret"
REFRESH_TOKEN = "refresh-ada"


def files_below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def found_in(secret: str, *folders: Path) -> list[str]:
    return [str(path) for path in files_below(*folders) if secret.encode() in path.read_bytes()]


def test_no_secret_is_in_logs_results_rendered_templates_or_the_lake(
    run_dag: Callable[..., DagRunResult],
    synced: AirflowInstall,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", logger="smallhours")
    for dag in NIGHTLY:
        assert run_dag(dag, listener="ada", night=NIGHT).succeeded
    # Errors talk about what went wrong: here that must not be what it went wrong with.
    fault_rules_of(synced.sandbox.state).add(Fault("private_profile", service="lastfm"))
    run_dag("sync_listening", listener="ada", night=NIGHT)
    fault_rules_of(synced.sandbox.state).clear()
    accounts_of(synced.sandbox.state).revoked.add("ada")
    run_dag("sync_listening", listener="ada", night=NIGHT)

    home = Path(os.environ["AIRFLOW_HOME"])  # its database holds results and rendered templates
    for secret in (API_KEY, CLIENT_SECRET, REFRESH_TOKEN):
        assert secret not in caplog.text
        assert found_in(secret, home, synced.settings.parent) == []


def test_no_secret_is_in_the_repr_of_what_holds_it(airflow_install: AirflowInstall) -> None:
    del airflow_install
    kept, settings = AirflowSecrets(), load_settings()
    with (
        spotify_client("ada", settings, kept) as spotify,
        lastfm_client("ada", settings, kept) as lastfm,
    ):
        spotify.me()
        shown = [repr(each) for each in (kept.spotify("ada"), kept.lastfm("ada"), spotify, lastfm)]

    for secret in (API_KEY, CLIENT_SECRET, REFRESH_TOKEN):
        assert not any(secret in text for text in shown)
