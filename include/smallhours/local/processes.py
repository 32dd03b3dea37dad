"""Background processes that are stopped without leaving child processes behind."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from smallhours.local.running import STOP_S, kill_session
from smallhours.private_files import UMASK, make_private_folder, private_opener

# Of each part's log, and as much again of what came before.
MAX_LOG_BYTES = 5_000_000


class ProcessStopped(Exception):
    """A background process ended unexpectedly."""

    def __init__(self, part: "ManagedProcess") -> None:
        super().__init__(
            f"{part.name} ended with code {part.process.returncode}; its log is {part.log}"
        )
        self.part = part


class ManagedProcess:
    """A background process in a session of its own, which Ctrl+C in the terminal does not reach.

    Args:
        name: Display name.
        command: The program and its arguments.
        env: Its complete environment.
        log: File for its output.
        cwd: Its working directory.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path
    ) -> None:
        self.name = name
        self.log = log
        make_private_folder(log.parent)
        with open(log, "ab", opener=private_opener) as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=UMASK,
            )

    @property
    def running(self) -> bool:
        """Return whether the process is running."""
        return self.process.poll() is None

    def check(self) -> None:
        """Check that the process is running, and begin its log anew where it is large.

        Raises:
            ProcessStopped: when it is not.
        """
        if not self.running:
            raise ProcessStopped(self)
        rotate_log(self.log)


def rotate_log(log: Path, *, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Move a log's content to `<log>.1` where it is large; who appends to it goes on at its start.

    A line that is written in between is lost.
    """
    if log.stat().st_size <= max_bytes:
        return
    with (
        log.open("rb+") as full,
        open(log.with_name(f"{log.name}.1"), "wb", opener=private_opener) as kept,
    ):
        shutil.copyfileobj(full, kept)
        full.truncate(0)


def stop_all(processes: Iterable[ManagedProcess]) -> None:
    """Stop processes with SIGTERM, all at once; kill those that still run after 20 s.

    Ctrl+C and the like are ignored until that is done.
    """
    with _handled_by(signal.SIG_IGN):
        _stop(list(processes))


def _stop(processes: Sequence[ManagedProcess]) -> None:
    for part in processes:
        if part.running:
            part.process.terminate()
    until = time.monotonic() + STOP_S
    for part in processes:
        try:
            part.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            part.process.kill()
            part.process.wait()
        # The process led a session of its own: all others in it are its descendants, whichever
        # group they have put themselves into.
        kill_session(part.process.pid)


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt like Ctrl+C, so that everything is stopped.

    SIGINT is handled too: a shell that starts a program in the background makes it ignore SIGINT.
    `nohup` makes it ignore SIGHUP, and means it. After the first signal, further ones are ignored
    until the block is left.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _handled_by(interrupt) as numbers:
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None] | int) -> Iterator[list[int]]:
    """Let a handler have the signals that end a program; yield their numbers."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield numbers
    finally:
        for number, former in before.items():
            signal.signal(number, former)
