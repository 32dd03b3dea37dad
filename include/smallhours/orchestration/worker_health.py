"""A Celery worker that takes no tasks while its machine is at fault.

A worker without its settings file, its mount of the lake or room on its disk fails every task at
once, and so takes more of them than the sound ones. It looks at its machine from time to time, and
stops consuming its queues until the fault is gone.
"""

import datetime as dt
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from platform import node
from typing import Any

from airflow.configuration import conf

from smallhours.errors import LakeUnwritable, SmallhoursError
from smallhours.lake.files import local_folder
from smallhours.orchestration.tasks import MAX_OUTAGE, may_work_elsewhere
from smallhours.settings import load_settings

LOG = logging.getLogger(__name__)

CHECK_S = 10.0


def machine_fault() -> SmallhoursError | None:
    """Return what is wrong with this machine alone: its settings file, its mount, its disk.

    An object store is not looked at: it is the same for all machines.
    """
    try:
        settings = load_settings()
        if local_folder(settings.lake.url):
            _check_mount(settings.lake.url)
        _check_disk(conf.get("logging", "base_log_folder"))
    except SmallhoursError as error:
        return error if may_work_elsewhere(error) else None
    return None


def _check_mount(url: str) -> None:
    from smallhours.lake.migrations import refuse_missing
    from smallhours.lake.store import Lake

    lake = Lake(url)
    refuse_missing(lake)
    lake.check_writable()


def _check_disk(folder: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise LakeUnwritable(
            f"Nothing can be written below {folder}: {error.strerror}.",
            remedy="Free some space on that disk, or make it writable.",
        ) from error


class WorkerHealth:
    """What decides whether a worker consumes its queues.

    Args:
        consumer: Celery's consumer of this worker.
        fault: Returns what is wrong with the machine, or None.
        others_consume: Returns whether another worker takes tasks.
    """

    def __init__(
        self,
        consumer: Any,
        fault: Callable[[], SmallhoursError | None] = machine_fault,
        others_consume: Callable[[], bool] | None = None,
    ) -> None:
        self._consumer = consumer
        self._fault = fault
        self._others_consume = others_consume or self._ask_others
        self._paused: dict[str, Any] = {}
        self._faulty_since: dt.datetime | None = None

    def check(self, now: dt.datetime) -> None:
        """Stop consuming when the machine is at fault, and go on when it is sound.

        After an hour in which no other worker took tasks either, tasks are taken again: they
        fail, and tell their listeners why.
        """
        fault = self._fault()
        if not fault:
            self._faulty_since = None
            self._resume("This machine is sound again: tasks are taken.")
            return
        self._faulty_since = self._faulty_since or now
        if now - self._faulty_since < MAX_OUTAGE or self._others_consume():
            self._pause(fault)
        else:
            self._resume("No other worker takes tasks: they are taken, so that they say why.")

    def _pause(self, fault: SmallhoursError) -> None:
        queues = dict(self._consumer.app.amqp.queues.consume_from)
        if not queues:
            return
        LOG.error("%s", fault)
        LOG.error("No tasks are taken until then: run `smallhours doctor` on %s.", node())
        self._paused |= queues
        for name in queues:
            self._consumer.call_soon(self._consumer.cancel_task_queue, name)

    def _resume(self, why: str) -> None:
        if not self._paused:
            return
        LOG.warning(why)
        for name, queue in self._paused.items():
            # `add_task_queue` alone is forgotten when the connection to the broker is made anew.
            self._consumer.app.amqp.queues.select_add(queue)
            self._consumer.call_soon(self._consumer.add_task_queue, name)
        self._paused = {}

    def _ask_others(self) -> bool:
        told = self._consumer.app.control.inspect(timeout=5).active_queues() or {}
        return any(queues for name, queues in told.items() if name != self._consumer.hostname)


def watch_machine(consumer: Any) -> None:
    """Check the machine of a worker at once, and from then on until the process ends."""
    health = WorkerHealth(consumer)

    def check() -> None:
        try:
            health.check(dt.datetime.now(dt.UTC))
        except Exception:
            LOG.exception("The machine could not be checked")

    def check_again() -> None:
        while True:
            time.sleep(CHECK_S)
            check()

    check()
    threading.Thread(target=check_again, name="machine", daemon=True).start()
