"""Tests of `smallhours playlist` and `smallhours rollback` from end to end."""

import pytest
from typer.testing import CliRunner

from smallhours.cli import app
from smallhours.errors import NotEnoughData
from smallhours.runs import NIGHTLY
from tests.airflow_home import NIGHT, AirflowInstall, airflow_install, settings_text
from tests.e2e.installation import SMALL_CATALOG

__all__ = ["airflow_install"]

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=15),
    pytest.mark.filterwarnings("ignore::Warning"),
]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    airflow_install: AirflowInstall,
) -> None:
    settings = settings_text(airflow_install.sandbox.url, {"ada": "ada"})
    airflow_install.write_settings(settings + SMALL_CATALOG)
    for stage in (stage for stages in list(NIGHTLY.values())[:3] for stage in stages):
        run(stage.__name__.replace("_", "-"), "--night", NIGHT)
    shown = run("playlist", "--night", NIGHT, "--dry-run")
    assert f"Smallhours (spotify), night {NIGHT}" in shown
    assert "30 tracks, 30 added." in shown
    assert not [one for one in airflow_install.sandbox.state.playlists.values() if one.by_app]

    assert "verified" in run("playlist", "--night", NIGHT)
    (made,) = [one for one in airflow_install.sandbox.state.playlists.values() if one.by_app]
    uris = [item.uri for item in made.items]

    run("playlist", "--night", "2026-11-03")
    assert [item.uri for item in made.items] != uris
    assert "was put back" in run("rollback", NIGHT)
    assert [item.uri for item in made.items] == uris

    with pytest.raises(NotEnoughData, match="No list was written on 2020-01-01"):
        run("rollback", "2020-01-01")
