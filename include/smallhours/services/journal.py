"""A journal of replies that no table holds yet, so that a killed process loses none.

A stage stores its replies in batches, so a process that is killed would take replies with it. Each
reply is therefore appended to a small file beside the lake before it is used:
`.journal/<listener>/<stage>.jsonl`. When the same stage of the same run starts again, it finds its
replies there and asks only for those that are missing: at most those that were under way.

The file belongs to one run: a listener's night and the moment at which its history ends. Another
run, or the same one hours later, asks anew. The file is emptied when the stage is done, and when
a service refused or sent an unusable reply: then a second try has to ask again. It holds the last
16 to 32 MB of compressed replies, several times what a stage has not stored yet. A process that is
killed loses nothing that was written; a power cut may cost the last seconds. A lake on an object
store has no journal, because such a store can't append.
"""

import base64
import binascii
import fcntl
import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from smallhours.errors import LakeUnwritable, RetryLater, ServiceError
from smallhours.private_files import make_private_folder

LOG = logging.getLogger(__name__)

# A retry comes within minutes, or within an hour of a rate limit. What is older may have changed.
MAX_AGE_S: Final = 6 * 3600.0
# There may be two of these: the file that is written, and the one before it.
SEGMENT_BYTES: Final = 16_000_000
_RUN: Final = "run"


class Journal:
    """The replies of one run that may not be stored yet.

    Threads may share it. Without a folder it keeps nothing, and outside of `of` neither.

    Args:
        folder: Where the files lie; made when needed.
        run: Which run this is; replies of any other are not used.
        clock: Unix seconds.
    """

    def __init__(
        self,
        folder: Path | None = None,
        run: str = "",
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._path = Path()
        self._file: int | None = None
        self._found: dict[str, str] = {}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Keep the replies of one stage while it runs.

        They stay when the stage is to be tried again (a rate limit, a passing fault), when the
        lake could not be written, and when the process dies. A second process with the same stage
        of the same listener keeps nothing: the first one has the file.

        Raises:
            LakeUnwritable: the file can't be made.
        """
        self._open(stage)
        try:
            yield
        except RetryLater:
            raise
        except ServiceError:
            self._empty()
            raise
        else:
            self._empty()
        finally:
            self._close()

    def recall(self, question: str) -> str | None:
        """Return the reply that a killed process of this run got; each is given once."""
        packed = self._found.pop(question, None)
        try:
            return None if packed is None else zlib.decompress(base64.b85decode(packed)).decode()
        except (ValueError, zlib.error, binascii.Error):
            return None  # the file was damaged; what is missing is asked for

    def note(self, replies: Mapping[str, str]) -> None:
        """Store replies, by their questions, before they are used.

        Raises:
            LakeUnwritable: the disk is full; what was kept before is still there.
        """
        lines = (
            _line([question, base64.b85encode(zlib.compress(reply.encode(), 1)).decode()])
            for question, reply in replies.items()
        )
        data = b"".join(lines)
        with self._lock:
            self._append(data)

    def decide_once(self, name: str, value: str) -> str:
        """Return what a killed process of this run noted under a name, else note and give `value`.

        So that a second try asks the same questions, although the lake has changed since.
        """
        before = self.recall(name)
        if before is None:
            self.note({name: value})
        return value if before is None else before

    def _open(self, stage: str) -> None:
        self._found.clear()
        if self._folder is None:
            return
        self._path = self._folder / f"{stage}.jsonl"
        with self._writing():
            make_private_folder(self._folder)
            self._file = _locked(self._path)
            if self._file is None:
                LOG.info("%s is another process's: replies are not kept", self._path)
                return
            for path in (self._before, self._path):
                self._found |= self._read(path)
            if not self._found:
                self._empty()
            else:
                # Half a line that the kill left would spoil the next one.
                self._append(b"\n")
                LOG.info("%d replies of a run that was cut off are used", len(self._found))

    @property
    def _before(self) -> Path:
        return self._path.with_suffix(".before.jsonl")

    def _read(self, path: Path) -> dict[str, str]:
        """Return the packed replies in a file of this run; skip lines that are none."""
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        rows = [row for line in lines if isinstance(row := _parsed(line), list) and len(row) == 2]
        if not rows or rows[0][0] != _RUN:
            return {}
        head = rows[0][1]
        if not (isinstance(head, list) and len(head) == 2 and head[0] == self._run):
            return {}
        if not 0 <= self._clock() - float(head[1]) <= MAX_AGE_S:
            return {}
        return {q: a for q, a in rows[1:] if isinstance(q, str) and isinstance(a, str)}

    def _empty(self) -> None:
        """Forget all replies; the lock stays."""
        self._found.clear()
        if self._file is not None:
            with self._writing():
                self._before.unlink(missing_ok=True)
                os.ftruncate(self._file, 0)

    def _append(self, data: bytes) -> None:
        if self._file is None:
            return
        with self._writing():
            size = os.fstat(self._file).st_size
            if size >= SEGMENT_BYTES:
                size = self._next_segment()
            if not size:
                data = _line([_RUN, [self._run, self._clock()]]) + data
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(28, os.strerror(28))  # the disk is full
            except OSError:
                os.ftruncate(self._file, size)
                raise

    def _next_segment(self) -> int:
        self._path.replace(self._before)
        self._close()
        self._file = _locked(self._path)
        return 0

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)  # also gives the lock back
            self._file = None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LakeUnwritable(
                f"Replies of a service can't be kept at {self._path}: {error.strerror}. Nothing "
                "was lost.",
                remedy="Free some space on that disk, or give the user that runs Smallhours write "
                "access to it; then run the task again: it goes on from here.",
            ) from error


def _locked(path: Path) -> int | None:
    """Return the file, open and locked for us; None when another process holds the lock."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _line(row: list[Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
