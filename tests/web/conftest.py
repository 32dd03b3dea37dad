"""Fixtures of the pages' tests: a listener with a lake, and a browser with a role."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from smallhours.lake.store import Lake
from smallhours.settings import settings_path
from smallhours.web.app import PREFIX, create_app
from smallhours.web.page_context import (
    AccountStore,
    AirflowBridge,
    NightProgress,
    WaitingList,
)
from tests.playlist.ranked_lake import first_ranked_lake, ranked_lake

__all__ = ["first_ranked_lake", "ranked_lake"]

SECRET = "of the tests"


def form_token() -> str:
    """Return the form token of a visitor without a login."""
    return hmac.new(SECRET.encode(), b"", hashlib.sha256).hexdigest()


def _accounts() -> AccountStore:
    """Return Airflow's connections; a test that asks for them has a database of Airflow's."""
    from smallhours.orchestration.connections import AirflowSecrets

    return AirflowSecrets()


@dataclass
class PageVisitor:
    """A visitor of the pages, with the role that a test gives them."""

    lake: Lake
    role: str = "writer"
    may_connect: bool = True
    warning: str = ""
    waiting: list[WaitingList] = field(default_factory=list)
    answered: list[tuple[str, bool]] = field(default_factory=list)
    progress: NightProgress | None = None
    paused: list[str] = field(default_factory=list)
    triggered: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    parsed: int = 0
    partitions: dict[tuple[str, str], str] = field(default_factory=dict)

    def wish(self, sections: str) -> None:
        """Add sections to the listener's settings."""
        with settings_path().open("a", encoding="utf-8") as file:
            file.write(f"\n{sections}\n")

    def _resume(self, dags: Sequence[str]) -> None:
        self.paused = [dag for dag in self.paused if dag not in dags]

    def _parse_again(self) -> None:
        self.parsed += 1

    def airflow_bridge(self) -> AirflowBridge:
        """Return the interface to Airflow for this visitor."""

        def may_read(request: Request) -> None:
            del request
            if self.role == "nobody":
                raise HTTPException(401, "Not authenticated")

        def trigger(dag_id: str, configuration: Mapping[str, Any]) -> str:
            self.triggered.append((dag_id, configuration))
            return "manual__1"

        return AirflowBridge(
            may_read=may_read,
            may_write=lambda: self.role == "writer",
            may_connect=lambda: self.may_connect,
            accounts=_accounts,
            waiting=lambda: list(self.waiting),
            answer=lambda _request, run, approve: self.answered.append((run, approve)),
            trigger=trigger,
            partition_of=lambda dag, run: self.partitions.get((dag, run)),
            warning=lambda _listener: self.warning,
            paused=lambda: list(self.paused),
            resume=self._resume,
            parse_again=self._parse_again,
            progress=lambda _listener, _night: self.progress,
            secret=lambda: SECRET,
        )


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PageVisitor:
    """Return a visitor of the listener `default`, whose lake is empty."""
    settings = tmp_path / "smallhours.toml"
    settings.write_text('[listeners.default]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n')
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(settings))
    monkeypatch.setenv("SMALLHOURS_LAKE", str(tmp_path / "lake"))
    return PageVisitor(Lake(str(tmp_path / "lake")))


@pytest.fixture
def browser(visitor: PageVisitor) -> Iterator[TestClient]:
    """Yield a browser that does not follow redirects, so that a test sees them."""
    from fastapi import FastAPI

    outer = FastAPI()
    outer.mount(PREFIX, create_app(visitor.airflow_bridge()))
    with TestClient(outer, follow_redirects=False) as client:
        yield client
