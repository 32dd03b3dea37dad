"""Tests of what is wrong with one machine among several: the task is tried again on another."""

import datetime as dt
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from platform import node
from types import SimpleNamespace

import pytest
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException

from smallhours.errors import CorruptFile, LakeError, LakeUnwritable, SettingsError, SmallhoursError
from smallhours.lake.migrations import prepare
from smallhours.lake.store import Lake
from smallhours.orchestration import tasks
from smallhours.orchestration.tasks import StageStopped, load_settings_here, one_line_errors

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]

SETTINGS = '[listeners.ada]\nlastfm = "ada"\ntimezone = "UTC"\n[lake]\nurl = "{lake}"\n'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of this machine, and no lake yet."""
    path = tmp_path / "smallhours.toml"
    path.write_text(SETTINGS.format(lake=tmp_path / "data"))
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(path))
    monkeypatch.delenv("SMALLHOURS_LAKE", raising=False)
    return path


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.timedelta], None]:
    """Make this one of several machines, in a run that began so long ago."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    def run_of(age: dt.timedelta) -> None:
        run = SimpleNamespace(start_date=dt.datetime.now(dt.UTC) - age)
        monkeypatch.setattr(tasks, get_current_context.__name__, lambda: {"dag_run": run})

    run_of(dt.timedelta())
    return run_of


def lost(path: Path) -> None:
    path.unlink()


def unreadable(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("fault", [lost, unreadable])
def test_missing_settings_send_the_task_to_another_machine(
    fault: Callable[[Path], None],
    settings: Path,
    several: Callable[[dt.timedelta], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    del several
    fault(settings)
    before = dt.datetime.now(dt.UTC)

    with (
        caplog.at_level(logging.INFO),
        pytest.raises(AirflowRescheduleException) as caught,
        one_line_errors(),
    ):
        load_settings_here()

    assert before < caught.value.reschedule_date < before + dt.timedelta(minutes=2)
    told = [record.getMessage() for record in caplog.records]
    assert str(settings) in told[0]
    assert node() in told[1]


def test_a_folder_without_a_lake_is_no_new_lake(
    settings: Path, several: Callable[[dt.timedelta], None]
) -> None:
    del several
    lake = settings.with_name("data")
    lake.mkdir()
    with pytest.raises(LakeError, match=r"There is no lake at .* on this machine\. Mount it"):
        load_settings_here()
    assert not list(lake.iterdir())

    prepare(Lake(str(lake)))

    assert load_settings_here().lake.url == str(lake)


@pytest.mark.parametrize(
    "error",
    [
        LakeUnwritable(f"{errno.errorcode[errno.ENOSPC]}.", remedy="B."),
        LakeError("503.", remedy="B."),
    ],
)
@pytest.mark.usefixtures("several")
def test_a_full_disk_and_a_lake_out_of_reach_are_tried_elsewhere(error: SmallhoursError) -> None:
    with pytest.raises(AirflowRescheduleException), one_line_errors():
        raise error


@pytest.mark.parametrize(
    "error", [SettingsError("A.", remedy="B."), CorruptFile("A.", remedy="B.")]
)
@pytest.mark.usefixtures("several")
def test_what_is_wrong_on_all_machines_fails_at_once(error: SmallhoursError) -> None:
    with pytest.raises(StageStopped), one_line_errors():
        raise error


def test_after_an_hour_it_fails(several: Callable[[dt.timedelta], None]) -> None:
    several(tasks.MAX_OUTAGE)

    with pytest.raises(StageStopped), one_line_errors():
        raise LakeUnwritable("A.", remedy="B.")


def test_on_a_single_machine_it_fails_at_once_and_a_new_lake_is_made(settings: Path) -> None:
    assert load_settings_here().lake.url == str(settings.with_name("data"))
    with pytest.raises(StageStopped), one_line_errors():
        raise LakeUnwritable("A.", remedy="B.")
