"""Tests of the report of skipped tests, in runs of pytest of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow_home import CHECKOUT
from tests.skip_report import MUST_RUN_SKIPPED

TESTS = """
import pytest

@pytest.mark.skipif(True, reason="there is no organ here")
@pytest.mark.parametrize("key", [1, 2])
def test_organ(key):
    raise AssertionError

def test_choir():
    pytest.skip("nobody sings")

@pytest.mark.xfail
def test_known_fault():
    raise AssertionError

def test_bell():
    pass
"""


def run(folder: Path, *options: str) -> tuple[int, list[str]]:
    """Run the tests above; return the exit code and the lines of output."""
    (folder / "test_church.py").write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.skip_report", *options, "test_church.py"],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("processes", [(), ("--numprocesses", "1")], ids=["one", "workers"])
def test_the_reasons_stand_above_the_closing_line(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    code, lines = run(tmp_path, *processes)

    assert code == 0
    assert [line.strip() for line in lines[-4:-1]] == [
        "skipped, by reason:",
        "2  there is no organ here  (test_church.py)",
        "1  nobody sings  (test_church.py)",
    ]
    assert "1 passed, 3 skipped, 1 xfailed" in lines[-1]


def test_a_skip_of_what_must_run_fails_the_run(tmp_path: Path) -> None:
    code, lines = run(tmp_path, "--must-run", "organ")

    assert code == MUST_RUN_SKIPPED
    assert "must not be skipped: test_church.py::test_organ[1]" in lines
    assert run(tmp_path, "--must-run", "bell")[0] == 0
