"""Tests of atomic writes: a kill, a full disk or two writers leave the old file or the new one."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smallhours.errors import LakeError, LakeUnwritable
from smallhours.lake.files import LocalFiles, ReadCache, open_files
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.private_files import open_to_others
from tests.lake.samples import MINE, play, plays
from tests.lake.stores import FailingDisk, Killed, KilledDisk

ROOT = Path(__file__).parents[2]

OLD = plays(play(0), play(1))
NEW = plays(play(1, album="Homogenic"), play(2))


def titles(lake: Lake) -> list[tuple[int, str | None]]:
    rows = lake.read(PLAYS).to_pylist()
    return [(row["played_at"].minute, row["album"]) for row in rows]


BEFORE = [(0, None), (1, None)]
AFTER = [(0, None), (1, "Homogenic"), (2, None)]


def steps_of(folder: Path) -> list[str]:
    """Return the disk operations of a merge into an existing partition."""
    Lake(str(folder)).merge(PLAYS, OLD, partition=MINE)
    disk = KilledDisk(dies_at=10_000)
    Lake("", files=LocalFiles(folder, disk=disk)).merge(PLAYS, NEW, partition=MINE)
    return disk.done


def test_a_write_is_flushed_before_it_is_renamed_and_the_folder_after(tmp_path: Path) -> None:
    assert steps_of(tmp_path) == ["lock", "read", "write", "flush", "rename", "flush"]


@pytest.mark.parametrize("dies_at", range(1, 7))
def test_a_kill_at_any_step_leaves_the_old_rows_or_the_new(tmp_path: Path, dies_at: int) -> None:
    lake = Lake(str(tmp_path))
    lake.merge(PLAYS, OLD, partition=MINE)
    disk = KilledDisk(dies_at)
    dying = Lake("", files=LocalFiles(tmp_path, disk=disk))
    with pytest.raises(Killed):
        dying.merge(PLAYS, NEW, partition=MINE)
    assert titles(lake) == (AFTER if "rename" in disk.done[:-1] else BEFORE)
    lake.merge(PLAYS, NEW, partition=MINE)
    assert titles(lake) == AFTER
    left = [path.name for path in (tmp_path / "plays").rglob("*") if path.is_file()]
    assert left == ["part.parquet"]


@pytest.mark.parametrize("dies_at", range(1, 20))
def test_a_kill_of_a_first_write_leaves_nothing_or_everything(tmp_path: Path, dies_at: int) -> None:
    disk = KilledDisk(dies_at)
    root = tmp_path / "new" / "lake"
    dying, lake = Lake("", files=LocalFiles(root, disk=disk)), Lake(str(root))
    with pytest.raises(Killed):
        dying.merge(PLAYS, OLD, partition=MINE)
    assert titles(lake) == (BEFORE if "rename" in disk.done[:-1] else [])
    lake.merge(PLAYS, OLD, partition=MINE)
    assert titles(lake) == BEFORE


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_a_kill_of_a_removal_leaves_the_file_or_none(tmp_path: Path, dies_at: int) -> None:
    lake = Lake(str(tmp_path))
    lake.merge(PLAYS, OLD, partition=MINE)
    disk = KilledDisk(dies_at)
    with pytest.raises(Killed):
        Lake("", files=LocalFiles(tmp_path, disk=disk)).replace(PLAYS, OLD.iloc[:0], partition=MINE)
    assert titles(lake) in (BEFORE, [])
    lake.replace(PLAYS, OLD.iloc[:0], partition=MINE)
    assert titles(lake) == []


def test_a_process_that_is_killed_while_it_merges_loses_nothing(tmp_path: Path) -> None:
    code = """if True:
        import os, signal, sys
        from pathlib import Path
        from smallhours.lake.files import Disk, LocalFiles
        from smallhours.lake.store import Lake
        from smallhours.lake.tables import PLAYS
        from tests.lake.samples import MINE, play, plays

        class Fatal(Disk):
            def write(self, path, data):
                super().write(path, data[:100])
                os.kill(os.getpid(), signal.SIGKILL)

        lake = Lake("", files=LocalFiles(Path(sys.argv[1]), disk=Fatal()))
        lake.merge(PLAYS, plays(play(9)), partition=MINE)
    """
    lake = Lake(str(tmp_path))
    lake.merge(PLAYS, OLD, partition=MINE)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=_env())
    assert done.returncode == -9
    assert len(list(tmp_path.rglob(".part.tmp"))) == 1
    assert titles(lake) == BEFORE
    lake.merge(PLAYS, NEW, partition=MINE)
    assert titles(lake) == AFTER
    assert list(tmp_path.rglob(".part.tmp")) == []


def test_two_processes_that_merge_at_once_lose_nothing(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from smallhours.lake.store import Lake
        from smallhours.lake.tables import PLAYS
        from tests.lake.samples import MINE, play, plays

        lake, first = Lake(sys.argv[1]), int(sys.argv[2])
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for minute in range(first, first + 40):
            lake.merge(PLAYS, plays(play(minute)), partition=MINE)
    """
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), first],
            env=_env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for first in ("0", "1000")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:  # both start before either is waited for
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert len(Lake(str(tmp_path)).read(PLAYS)) == 80


def _env() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("include", "."))
    }


@pytest.mark.parametrize(
    ("operation", "code", "remedy"),
    [
        ("write", errno.ENOSPC, "Free some space on that disk"),
        ("flush", errno.EDQUOT, "Free some of your disk quota"),
        ("rename", errno.EACCES, "Give the user that runs Smallhours write access"),
        ("write", errno.EROFS, "Mount it writable"),
        ("lock", errno.ENOLCK, "Use a file system that supports locks"),
        ("write", errno.EIO, "Make it writable"),
    ],
)
def test_a_write_that_fails_says_what_to_do_and_keeps_the_old_file(
    tmp_path: Path, operation: str, code: int, remedy: str
) -> None:
    lake = Lake(str(tmp_path))
    lake.merge(PLAYS, OLD, partition=MINE)
    disk = FailingDisk(operation, OSError(code, os.strerror(code)))
    with pytest.raises(LakeUnwritable, match=os.strerror(code)) as caught:
        Lake("", files=LocalFiles(tmp_path, disk=disk)).merge(PLAYS, NEW, partition=MINE)
    assert caught.value.remedy.startswith(remedy)
    assert "SMALLHOURS_LAKE" in caught.value.remedy
    assert titles(lake) == BEFORE
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_lake_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeUnwritable, match="file") as caught:
        Lake(str(tmp_path / "file" / "lake")).check_writable()
    assert "Move away the file" in caught.value.remedy


def test_a_folder_of_someone_else_is_not_writable(tmp_path: Path) -> None:
    disk = FailingDisk("write", PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(LakeUnwritable, match="Permission denied"):
        Lake("", files=LocalFiles(tmp_path, disk=disk)).check_writable()


def test_checking_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    Lake(str(tmp_path / "some" / "lake")).check_writable()
    assert list((tmp_path / "some" / "lake").iterdir()) == []


def test_a_file_that_may_not_be_read_is_an_error_of_the_lake(tmp_path: Path) -> None:
    Lake(str(tmp_path)).merge(PLAYS, OLD, partition=MINE)
    disk = FailingDisk("read", PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(LakeError, match=r"can't be read at .*part.parquet: Permission denied"):
        Lake("", files=LocalFiles(tmp_path, disk=disk)).read(PLAYS)


def test_urls_of_this_machine_are_folders(tmp_path: Path) -> None:
    files = open_files(f"file://{tmp_path}")
    assert isinstance(files, LocalFiles)
    assert files.root == tmp_path


def test_an_unknown_kind_of_url_is_an_error_of_the_lake() -> None:
    with pytest.raises(LakeError, match=r"can't be opened") as caught:
        Lake("nowhere://x")
    assert "SMALLHOURS_LAKE" in caught.value.remedy


def test_a_lake_that_is_made_is_its_owners_alone_and_an_existing_one_keeps_its_mode(
    tmp_path: Path,
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o750)

    before = os.umask(0o022)
    try:
        for folder in (tmp_path / "new", shared):
            files = LocalFiles(folder)
            with files.lock("plays"):
                files.replace("plays/part.parquet", b"x")
    finally:
        os.umask(before)

    assert open_to_others(tmp_path / "new") == []
    assert open_to_others(shared) == [shared]
    assert shared.stat().st_mode & 0o777 == 0o750


def test_content_is_kept_while_its_stamp_is_the_same() -> None:
    cache = ReadCache()
    cache.put("a", 1, b"old")
    assert cache.get("a", 1) == b"old"
    assert cache.get("a", 2) is None
    cache.put("a", 2, b"new")
    assert cache.get("a", 1) is None
    assert cache.get("a", 2) == b"new"


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = ReadCache(max_bytes=5)
    cache.put("a", 1, b"aa")
    cache.put("b", 1, b"bb")
    assert cache.get("a", 1) == b"aa"
    cache.put("c", 1, b"cc")
    assert cache.get("b", 1) is None
    assert cache.get("a", 1) == b"aa"
    assert cache.get("c", 1) == b"cc"


def test_a_file_that_is_larger_than_the_cache_is_not_kept() -> None:
    cache = ReadCache(max_bytes=5)
    cache.put("a", 1, b"123456")
    assert cache.get("a", 1) is None
    cache.put("b", 1, b"bb")
    assert cache.get("b", 1) == b"bb"
