"""Files and folders that only their owner may read.

What other users of the machine may do with a file is in its mode: 0700 for a folder and 0600 for a
file lets nobody else in.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
# The mode of a new file loses these bits: those of the group and of everybody else.
UMASK = 0o077


def make_private_folder(folder: Path) -> None:
    """Make a folder, and the missing ones above it; an existing one keeps its mode."""
    for each in reversed([folder, *folder.parents]):
        if not each.is_dir():
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=private_opener)`; a new one is its owner's alone."""
    return os.open(path, flags, FILE_MODE)


def write_private(target: Path, text: str) -> None:
    """Write a file of its owner's alone; it is seen whole or not at all, also after a power cut."""
    unfinished = target.with_name(f"{target.name}.tmp")
    unfinished.unlink(missing_ok=True)
    with open(unfinished, "x", encoding="utf-8", opener=private_opener) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(target)
    flush_folder(target.parent)


def flush_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_to_others(folder: Path) -> list[Path]:
    """Return what others may read, write or list: the folder, and everything below it."""
    return [path for path, mode in _modes(folder) if mode & UMASK]


def close_to_others(folder: Path) -> None:
    """Take the rights of others from a folder and everything below it.

    What belongs to another user stays as it is; `open_to_others` still finds it.
    """
    for path, mode in _modes(folder):
        if mode & UMASK:
            try:
                path.chmod(mode & ~UMASK)
            except (FileNotFoundError, PermissionError):
                continue


def _modes(folder: Path) -> Iterator[tuple[Path, int]]:
    """The modes of a folder and of what is in it, links aside: these have no mode of their own."""
    yield from _mode(folder)
    for at, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            yield from _mode(Path(at, name))


def _mode(path: Path) -> Iterator[tuple[Path, int]]:
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISLNK(found):
        yield path, stat.S_IMODE(found)
