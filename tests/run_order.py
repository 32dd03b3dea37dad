"""Pytest plugin: the order of the modules, and the number of workers, that keep all cores busy.

pytest-xdist hands whole modules to its workers, in their order here. When the longest come first,
all workers end at about the same time.
"""

import os
from collections import defaultdict

import pytest

# What a test takes that is marked `slow` without a number.
SLOW_S = 10.0


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: tests of whole nights wait for the clock."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules with the longest tests first; the rest stays in its order."""
    seconds: dict[str, float] = defaultdict(float)
    for item in items:
        seconds[module_of(item)] += seconds_of(item)
    items.sort(key=lambda item: -seconds[module_of(item)])


def seconds_of(item: pytest.Item) -> float:
    """Return about how long a test takes, from its mark `slow`; 0 without one."""
    mark = item.get_closest_marker("slow")
    return 0.0 if mark is None else float(mark.kwargs.get("seconds", SLOW_S))


def module_of(item: pytest.Item) -> str:
    """Return the path of a test's module."""
    return item.nodeid.partition("::")[0]
