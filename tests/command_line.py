"""Runs the command line in the tests' own process: for commands that do not import Airflow.

Airflow reads its configuration once, when it is imported; a command of another home that imports it
needs a process of its own.
"""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from smallhours import cli


def run_here(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Run `smallhours` in a folder, without Airflow's variables; return its code and its output."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        for name in [each for each in os.environ if "AIRFLOW" in each]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["smallhours", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0), said.getvalue()
