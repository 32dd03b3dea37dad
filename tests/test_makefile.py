"""Tests of the Makefile."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("target", ["setup", "test", "docs", "lock", "audit", "demo", "up"])
def test_no_command_depends_on_how_the_folder_is_called(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "it's my music $HOME"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    command = ["make", "--no-print-directory", "--dry-run", target]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert told.stdout
    assert "my music" not in told.stdout
