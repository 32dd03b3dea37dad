"""Files with a listening history: where they are, of which format they are, and their rows.

A zip, the folder that it was unpacked to and single files are all read, without ever holding a
whole file. Nothing is unpacked to the disk.
"""

import codecs
import contextlib
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from smallhours.errors import SettingsError
from smallhours.listening.formats.known import FORMATS, format_of
from smallhours.listening.formats.reading import (
    BLOCK,
    NOT_KNOWN,
    ChoiceNeeded,
    ExclusionReason,
    Format,
    Head,
    MalformedFile,
    ReadOptions,
)

LOG = logging.getLogger(__name__)

_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)
_HOWEVER = "Everything before that is kept, and importing it again adds nothing."
# So many rows without a single one that can be used are of a format that we don't know.
_MANY_ROWS = 10
_BY_THEMSELVES = ReadOptions()
# A file of a folder or a zip is looked into only when its name ends like that of a history.
_MAYBE_HISTORY = re.compile(r"\.(?:jsonl?|ndjson|csv|tsv|txt|log)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One file of a history.

    Attributes:
        path: The file, or the zip that it is in.
        member: Its name in the zip.
        size: Its length in bytes, unpacked.
        format: How it is read.
    """

    path: Path
    member: str | None
    size: int
    format: Format

    @property
    def name(self) -> str:
        """The file's path as shown to a person."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    def rows(
        self,
        progress: Callable[[int], None] | None = None,
        options: ReadOptions = _BY_THEMSELVES,
    ) -> Iterator[Any]:
        """Yield each row of the file: a play, or the reason to leave it out.

        Args:
            progress: Told the number of bytes of every block that was read.
            options: What the person says of the file.

        Raises:
            SettingsError: the file is truncated, damaged or not a history, or it does not say
                what its times mean; the error says where and what to do. The rows before that
                were yielded.
        """
        number = usable = unusable = first = 0
        try:
            with self._opened(progress or (lambda _: None)) as (text, head):
                for number, row in enumerate(self.format.read(text, head, options), start=1):
                    if row is ExclusionReason.UNUSABLE:
                        unusable += 1
                        first = first or number
                    else:
                        usable += 1
                    yield row
            if unusable >= _MANY_ROWS and not usable:
                raise MalformedFile(f"none of its {unusable} rows {NOT_KNOWN}")
        except MalformedFile as error:
            raise self._unreadable(f"{error}", number) from error
        except ChoiceNeeded as error:
            raise SettingsError(f"{self.name}: {error}.", remedy=error.remedy) from error
        except _DAMAGES as error:
            raise self._unreadable(f"it can't be read ({error})", number) from error
        if unusable:
            LOG.warning("%s: %d rows can't be used, row %d first", self.name, unusable, first)

    @contextlib.contextmanager
    def _opened(self, progress: Callable[[int], None]) -> Iterator[tuple[io.TextIOWrapper, Head]]:
        with contextlib.ExitStack() as opened:
            if self.member is None:
                stream: IO[bytes] = opened.enter_context(self.path.open("rb"))
            else:
                archive = opened.enter_context(zipfile.ZipFile(self.path))
                stream = opened.enter_context(archive.open(self.member))
            counted = io.BufferedReader(_Counted(stream, progress), BLOCK)
            first = counted.peek(BLOCK)
            # Bytes that are not UTF-8 become lone surrogates, so that the row can be named.
            text = opened.enter_context(
                io.TextIOWrapper(counted, _encoding(first), errors="surrogateescape", newline="")
            )
            yield text, _head_of(self.member or self.path.name, first)

    def _unreadable(self, why: str, row: int) -> SettingsError:
        return _unreadable(self.name, f"{why}, after row {row}" if row else why, self.format.name)


class _Counted(io.RawIOBase):
    """A stream that tells how many bytes are read of it."""

    def __init__(self, stream: IO[bytes], progress: Callable[[int], None]) -> None:
        self._stream = stream
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._progress(len(data))
        return len(data)


def history_files(path: Path) -> list[HistoryFile]:
    """Return the files of a history at a path, in the order of their names and numbers.

    Args:
        path: A file of a known format under any name, or a zip or a folder with such files.

    Raises:
        SettingsError: there is nothing at the path, nothing of a known format in it, or it is a
            zip that is damaged or wants a password.
    """
    if path.is_dir():
        files = [
            file
            for each in sorted(path.rglob("*"), key=_by_number)
            if each.is_file() and _is_wanted(each) and (_may_be_zip(each) or _looks_known(each))
            for file in _files_in(each)
        ]
    elif path.exists():
        files = _files_in(path)
    else:
        raise SettingsError(f"There is no file or folder {path}.", remedy="Correct the path.")
    if not files and path.is_file() and not path.stat().st_size:
        raise SettingsError(f"{path} is empty.", remedy="Export your history once more.")
    if not files:
        raise SettingsError(
            f"There is no listening history of a known format in {path}.",
            remedy="Known are: " + "; ".join(dict.fromkeys(each.name for each in FORMATS)) + ". "
            "docs/history-files.md says how to get them.",
        )
    return files


def _is_wanted(path: Path) -> bool:
    """Return whether a file's name may be that of a history, or of a zip with one."""
    # A Mac leaves a shadow of each file that it packs, under `__MACOSX` and with `._` in front.
    if "__MACOSX" in path.parts or path.name.startswith("._"):
        return False
    return _may_be_zip(path) or bool(_MAYBE_HISTORY.search(path.name))


def _may_be_zip(path: Path) -> bool:
    return path.suffix.casefold() == ".zip"


def _looks_known(path: Path) -> bool:
    return format_of(_head(path.name, partial(_open, path))) is not None


def _files_in(path: Path) -> list[HistoryFile]:
    """Return the history files in a zip, or the one file that is not a zip."""
    if not zipfile.is_zipfile(path):
        if _may_be_zip(path):
            raise _unreadable(str(path), "it is not a zip, or only the beginning of one")
        return _known(path, None, path.stat().st_size, partial(_open, path))
    files = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda each: _by_number(Path(each.filename)))
            for each in members:
                if each.is_dir() or not _is_wanted(Path(each.filename)):
                    continue
                if each.flag_bits & 1:
                    raise SettingsError(
                        f"{path} wants a password.",
                        remedy="Unpack it, and give the folder that comes out of it. " + _HOWEVER,
                    )
                opener = partial(archive.open, each.filename)
                files += _known(path, each.filename, each.file_size, opener)
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(str(path), f"the zip is damaged ({error})") from error
    return files


def _known(
    path: Path, member: str | None, size: int, opener: Callable[[], IO[bytes]]
) -> list[HistoryFile]:
    """Return the file if its format is known."""
    found = format_of(_head(member or path.name, opener))
    return [HistoryFile(path, member, size, found)] if found else []


def _head(name: str, opener: Callable[[], IO[bytes]]) -> Head:
    """Return the start of a file; empty where not even that can be read."""
    try:
        with opener() as file:
            first = file.read(BLOCK)
    except _DAMAGES:
        # A history's name is enough to try it, so that its damage is told.
        first = b""
    return _head_of(name, first)


def _head_of(name: str, first: bytes) -> Head:
    text = first.decode(_encoding(first), "replace")
    return Head(Path(name).name, text, whole=len(first) < BLOCK)


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _encoding(first: bytes) -> str:
    return "utf-16" if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts `endsong_2` before `endsong_10`."""
    return [
        (int(part), "") if part.isdigit() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", str(path).casefold())
    ]


def _unreadable(name: str, why: str, kind: str = "a history") -> SettingsError:
    return SettingsError(
        f"{name} is not a whole file of {kind}: {why}.",
        remedy=f"Download or unpack it again, or leave it out. {_HOWEVER}",
    )
