"""How is a program that serves started in the background, and ended without leaving anything?"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from smallhours.private_files import UMASK, make_private_folder, private_opener

_STOP_S = 20.0


class PartStopped(Exception):
    """A part ended that should have gone on."""

    def __init__(self, part: "Part") -> None:
        super().__init__(
            f"{part.name} ended with code {part.process.returncode}; its log is {part.log}"
        )
        self.part = part


class Part:
    """One background program in a session of its own, so that Ctrl+C in the terminal spares it.

    What it writes is for its owner alone.

    Args:
        name: What to call it.
        command: The program and its arguments.
        env: Its whole environment.
        log: The file that its output goes to.
        cwd: Where it runs.
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
        """Whether it has not ended."""
        return self.process.poll() is None

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            PartStopped: when it does not.
        """
        if not self.running:
            raise PartStopped(self)


def stop_all(parts: Iterable[Part]) -> None:
    """End parts with SIGTERM, all at once; what is left of them after 20 s is killed."""
    parts = list(parts)
    for part in parts:
        if part.running:
            part.process.terminate()
    until = time.monotonic() + _STOP_S
    for part in parts:
        try:
            part.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            part.process.kill()
            part.process.wait()
        # The part led a session of its own: whoever is still in it was started by the part.
        try:
            os.killpg(part.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
