"""The stages of a night over a sandbox that records its calls.

`python -m benchmarks.support.ingest_stages STAGE,... LAKE URL RATE` is a process to be killed.
"""

import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smallhours.run_context import RunContext
from smallhours.runs import STAGES
from smallhours.services.credentials import SpotifyCredentials
from smallhours.settings import Settings
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import (
    LISTENER,
    SandboxCredentials,
    sandbox_services,
    sandbox_settings,
)
from smallhours_sandbox.state import SandboxState

FIRST_NIGHT = "2026-11-02"
LATENCY_S = 0.3
# Marks that the stages were done before the kill.
DONE = "done"


@dataclass
class RecordedCall:
    """One call of a service, with its times.

    Attributes:
        question: The service's path and query; one for each id, where a call has many.
        at: Time of the call, in seconds of the monotonic clock.
        answered: Time at which the whole answer was sent; infinite before that.
    """

    question: str
    at: float
    answered: float = math.inf


class AdaCredentials(SandboxCredentials):
    """The sandbox's credentials of its `ada`, whatever the listener is called here."""

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return the login of `ada`."""
        del listener
        return super().spotify("ada")


class RecordingServer(SandboxServer):
    """A sandbox that records each call, with its times."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__(state)
        self.asked: list[RecordedCall] = []

    def serve(self, state: SandboxState) -> None:
        """Serve a state, recording its calls."""
        super().serve(state)
        if self._app is not None:
            self._app = self._noting(self._app)

    def _noting(self, app: ASGIApp) -> ASGIApp:
        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith(("/_sandbox", "/api/token")):
                await app(scope, receive, send)
                return
            noted: list[RecordedCall] = []

            def note(query: bytes) -> None:
                asked, now = _questions(scope["path"], query.decode("latin-1")), time.monotonic()
                noted.extend(RecordedCall(each, now) for each in asked)
                self.asked.extend(noted)

            async def hear() -> Message:
                message = await receive()
                if message.get("body"):
                    note(message["body"])
                return message

            async def answer(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    for each in noted:
                        each.answered = time.monotonic()

            if scope["method"] == "GET":
                note(scope["query_string"])
            await app(scope, hear, answer)

        return noting


def _questions(path: str, query: str) -> list[str]:
    """Return the questions of a request, one for each id where it has many."""
    fields = dict(parse_qsl(query))
    ids = fields.pop("ids", fields.pop("recording_ids", ""))
    plain = f"{path} {sorted(fields.items())}"
    return [f"{plain} {each}" for each in re.split("[,;]", ids)]


def run_stages(
    verbs: tuple[str, ...] | list[str],
    lake: Path,
    url: str,
    rate: float,
    *,
    night: str = FIRST_NIGHT,
    archive: bool = False,
) -> None:
    """Run stages as their commands do, with the budgets beside the lake."""
    settings = settings_of(url, lake, rate, archive=archive)
    with RunContext(LISTENER, settings.night(LISTENER, night), settings, AdaCredentials()) as run:
        for verb in verbs:
            STAGES[verb](run)


@contextmanager
def latency(server: SandboxServer) -> Iterator[None]:
    """Delay every answer as long as Last.fm's take."""
    rules = fault_rules_of(server.state)
    rules.add(Fault("slow", seconds=LATENCY_S, times=0))
    yield
    rules.clear()


def start(verbs: tuple[str, ...], lake: Path, url: str, rate: float) -> "subprocess.Popen[bytes]":
    """Run stages in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.support.ingest_stages", ",".join(verbs)]
    return subprocess.Popen([*command, str(lake), url, str(rate)])


def settings_of(url: str, lake: Path, rate: float, *, archive: bool = False) -> Settings:
    """Return the settings of one listener at a sandbox; `archive` turns AcousticBrainz on."""
    services = sandbox_services(
        url, lastfm={"calls_per_second": rate}, acousticbrainz={"enabled": archive}
    )
    return sandbox_settings(lake={"url": str(lake)}, services=services)


def main() -> None:
    """Run the stages of the command line, and write a mark beside the lake when they are done."""
    verbs, lake, url, rate = sys.argv[1:]
    run_stages(verbs.split(","), Path(lake), url, float(rate), archive=True)
    Path(lake).with_name(DONE).touch()


if __name__ == "__main__":
    main()
