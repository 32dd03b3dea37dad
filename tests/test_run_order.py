"""Tests of the order of modules, in runs of pytest of their own."""

import subprocess
import sys
from pathlib import Path

from tests.airflow_home import CHECKOUT
from tests.run_order import group_of

QUICK = "def test_quick(): pass\n"
SLOW = """
import pytest

pytestmark = pytest.mark.slow{arguments}

def test_one(): pass
def test_two(): pass
"""


def test_the_longest_modules_come_first_and_the_rest_in_its_order(tmp_path: Path) -> None:
    for name, text in {
        "test_a.py": QUICK,
        "test_b.py": SLOW.format(arguments=""),
        "test_c.py": QUICK,
        "test_d.py": SLOW.format(arguments="(seconds=90)"),
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    options = ["-p", "tests.run_order", "--collect-only", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )

    modules = [line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line]
    assert modules == ["test_d.py"] * 2 + ["test_b.py"] * 2 + ["test_a.py", "test_c.py"]


def test_modules_that_run_dags_in_their_process_go_to_one_worker() -> None:
    night, pages = group_of("tests/dags/test_night.py::test_a"), group_of("tests/dags/test_page.py")
    assert night == pages
    assert group_of("tests/lake/test_rows.py::test_a[b::c]") == "tests/lake/test_rows.py"
