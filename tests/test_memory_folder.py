"""Temporary files are in memory only where there is room, and nobody chose another folder."""

import shutil
from pathlib import Path

import pytest

from tests import memory_folder
from tests.memory_folder import choose_folder


def test_a_folder_that_somebody_chose_is_left_alone(tmp_path: Path) -> None:
    assert choose_folder(tmp_path, {"TMPDIR": "/var/tmp"}) is None  # noqa: S108 - never written


def test_without_memory_that_holds_files_they_are_on_the_disk(tmp_path: Path) -> None:
    assert choose_folder(tmp_path / "missing", {}) is None


@pytest.mark.parametrize(("room", "taken"), [(1, True), (-1, False)])
def test_files_are_in_memory_where_there_is_room(
    room: int, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(memory_folder, "MIN_FREE_BYTES", free // 2 if room > 0 else free * 2)
    assert (choose_folder(tmp_path, {}) == str(tmp_path)) is taken
