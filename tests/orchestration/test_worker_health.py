"""Tests of Celery's workers: one whose machine is at fault takes no tasks until it is mended."""

import datetime as dt
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smallhours.errors import CorruptFile, LakeUnwritable, SettingsUnreadable, SmallhoursError
from smallhours.lake.migrations import prepare
from smallhours.lake.store import Lake
from smallhours.orchestration.worker_health import WorkerHealth, machine_fault

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]

NOW = dt.datetime(2026, 3, 1, 3, tzinfo=dt.UTC)
FAULT = LakeUnwritable("The disk is full.", remedy="Free some space.")


class Queues(dict[str, Any]):
    """The queues that Celery knows, and of them those that it consumes."""

    def __init__(self, names: list[str]) -> None:
        super().__init__({name: SimpleNamespace(name=name) for name in names})
        self.consume_from = dict(self)

    def select_add(self, queue: Any) -> None:
        self.consume_from[queue.name] = queue


class Consumer:
    """Celery's consumer, as far as it is used: it does at once what it is told to do soon."""

    hostname = "worker-1@here"

    def __init__(self) -> None:
        self.queues = Queues(["default", "more"])
        self.consumed = {"default", "more"}
        self.answers: dict[str, list[str]] | None = None
        control = SimpleNamespace(inspect=lambda **_: SimpleNamespace(active_queues=self.active))
        self.app = SimpleNamespace(amqp=SimpleNamespace(queues=self.queues), control=control)

    def active(self) -> dict[str, list[str]] | None:
        return self.answers

    def call_soon(self, function: Callable[[str], None], name: str) -> None:
        function(name)

    def cancel_task_queue(self, name: str) -> None:
        self.queues.consume_from.pop(name)
        self.consumed.remove(name)

    def add_task_queue(self, name: str) -> None:
        self.consumed.add(name)

    def reconnect(self) -> None:
        self.consumed = set(self.queues.consume_from)


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def faults() -> list[SmallhoursError]:
    """What is wrong with the machine: nothing yet."""
    return []


@pytest.fixture
def health(consumer: Consumer, faults: list[SmallhoursError]) -> WorkerHealth:
    return WorkerHealth(consumer, lambda: faults[0] if faults else None)


def after(minutes: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=minutes)


def test_a_machine_at_fault_takes_no_tasks_until_it_is_sound(
    consumer: Consumer,
    faults: list[SmallhoursError],
    health: WorkerHealth,
    caplog: pytest.LogCaptureFixture,
) -> None:
    health.check(after(0))
    assert consumer.consumed == {"default", "more"}

    faults.append(FAULT)
    health.check(after(1))
    health.check(after(2))
    assert consumer.consumed == set()
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(errors) == 2  # told once
    assert errors[0] == str(FAULT)
    assert "smallhours doctor" in errors[1]

    consumer.reconnect()
    assert consumer.consumed == set()
    faults.clear()
    health.check(after(3))
    assert consumer.consumed == {"default", "more"}
    consumer.reconnect()
    assert consumer.consumed == {"default", "more"}


@pytest.mark.parametrize(
    ("answers", "consumed"),
    [
        (None, {"default", "more"}),
        ({"worker-1@here": ["default"], "worker-2@there": []}, {"default", "more"}),
        ({"worker-2@there": ["default"]}, set()),
    ],
)
def test_where_no_worker_is_sound_tasks_fail_after_an_hour(
    consumer: Consumer,
    faults: list[SmallhoursError],
    health: WorkerHealth,
    answers: dict[str, list[str]] | None,
    consumed: set[str],
) -> None:
    consumer.answers = answers
    faults.append(FAULT)
    for minutes in (0, 30, 59):
        health.check(after(minutes))
        assert consumer.consumed == set()
    health.check(after(61))
    assert consumer.consumed == consumed

    faults.clear()
    health.check(after(62))
    assert consumer.consumed == {"default", "more"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with settings, a lake and a folder of logs."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(tmp_path / "smallhours.toml"))
    monkeypatch.delenv("SMALLHOURS_LAKE", raising=False)
    text = f'[listeners.ada]\ntimezone = "UTC"\n[lake]\nurl = "{tmp_path / "data"}"\n'
    (tmp_path / "smallhours.toml").write_text(text)
    (tmp_path / "logs").mkdir()
    prepare(Lake(str(tmp_path / "data")))
    assert machine_fault() is None
    return tmp_path


def test_lost_settings_are_the_machines_fault(machine: Path) -> None:
    (machine / "smallhours.toml").unlink()
    assert isinstance(machine_fault(), SettingsUnreadable)


def test_wrong_settings_are_not(machine: Path) -> None:
    (machine / "smallhours.toml").write_text("[listeners")
    assert machine_fault() is None


def test_a_lake_that_is_not_mounted_is_the_machines_fault(machine: Path) -> None:
    (machine / "data").rename(machine / "elsewhere")
    (machine / "data").mkdir()
    assert "Mount it there" in str(machine_fault())
    assert not list((machine / "data").iterdir())


def test_a_full_disk_is_the_machines_fault(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_asked: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert str(machine / "logs") in str(machine_fault())


@pytest.mark.usefixtures("machine")
def test_an_object_store_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALLHOURS_LAKE", "s3://nowhere/lake")
    assert machine_fault() is None


@pytest.mark.usefixtures("machine")
def test_a_damaged_file_is_nobodys_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_lake: Lake) -> None:
        raise CorruptFile("It is cut off.", remedy="Restore it.")

    monkeypatch.setattr(Lake, "check_writable", damaged)
    assert machine_fault() is None
