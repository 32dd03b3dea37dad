"""Pytest plugin: the order of the modules, and the number of workers, that keep all cores busy.

pytest-xdist hands whole modules to its workers, in their order here. When the longest come first,
all workers end at about the same time. Modules that share what is made once in a process go to one
worker together.
"""

import os
from collections import defaultdict

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Their tests run DAGs in their process: Airflow, its database and its API are made once.
TOGETHER = ("tests/dags/",)
# What a test takes that is marked `slow` without a number.
SLOW_S = 10.0


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: tests of whole nights wait for the clock."""
    return (os.cpu_count() or 1) + 1


class ModuleScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands a module, or the modules that go together, to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ModuleScheduling:
    """Return how tests are handed to the workers."""
    return ModuleScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules with the longest tests first; the rest stays in its order."""
    seconds: dict[str, float] = defaultdict(float)
    for item in items:
        seconds[group_of(item.nodeid)] += seconds_of(item)
    items.sort(key=lambda item: -seconds[group_of(item.nodeid)])


def seconds_of(item: pytest.Item) -> float:
    """Return about how long a test takes, from its mark `slow`; 0 without one."""
    mark = item.get_closest_marker("slow")
    return 0.0 if mark is None else float(mark.kwargs.get("seconds", SLOW_S))


def group_of(nodeid: str) -> str:
    """Return the path of a test's module, or of the folder whose modules go together."""
    module = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if module.startswith(folder)), module)
