"""Tests of the live check: what it asks, what it writes, and that it leaves nothing behind."""

import datetime as dt
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smallhours.checkup import Finding, Health
from smallhours.checkup.live import PLAYLIST_NAME, check_live, known_shapes, shapes_of
from smallhours.local.processes import interrupted_by_signals
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.spotify_login import COVER_SCOPE
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import READY_MADE_SCOPES, Grant, accounts_of
from tests.checkup.test_logins import StoredCredentials
from tests.service_fixtures import settings_for

NOW = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
LOGIN = SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada", listener="default")


def check(
    sandbox: SandboxServer,
    folder: Path,
    said: list[str] | None = None,
    *,
    login: SpotifyCredentials = LOGIN,
) -> list[Finding]:
    me = {"listenbrainz": "ada"}
    settings = settings_for(sandbox.url, listener=me, lake={"url": str(folder / "lake")})
    report, say = folder / "report.json", (said if said is not None else []).append
    secrets = StoredCredentials(login)
    return check_live("default", settings, secrets, now=NOW, report=report, say=say)


def spoil(sandbox: SandboxServer, **rule: Any) -> None:
    fault_rules_of(sandbox.state).add(Fault.from_json(rule))


def left_behind(sandbox: SandboxServer) -> list[str]:
    playlists = sandbox.state.playlists.values()
    return [each.name for each in playlists if each.followed and PLAYLIST_NAME in each.name]


def made(sandbox: SandboxServer) -> int:
    return sum(PLAYLIST_NAME in each.name for each in sandbox.state.playlists.values())


def bad_ones(findings: list[Finding]) -> list[str]:
    return [each.what for each in findings if each.health is Health.BAD]


def test_every_kind_of_question_is_asked_and_nothing_is_left(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    said: list[str] = []
    findings = check(sandbox, tmp_path, said)
    report = json.loads((tmp_path / "report.json").read_text())

    assert {each.health for each in findings} == {Health.GOOD}
    assert set(report["replies"]) == set(known_shapes())
    assert made(sandbox) == 1
    assert left_behind(sandbox) == said == []
    assert not any(each.public for each in sandbox.state.playlists.values() if each.by_app)


def test_a_cover_is_sent_where_the_login_allows_it(sandbox: SandboxServer, tmp_path: Path) -> None:
    grant = Grant("ada", READY_MADE_SCOPES | {COVER_SCOPE})
    token = accounts_of(sandbox.state).issue_refresh_token(grant)

    findings = check(
        sandbox, tmp_path, login=replace(LOGIN, refresh_token=token, scopes=(COVER_SCOPE,))
    )

    assert bad_ones(findings) == []
    (covered,) = [each for each in sandbox.state.playlists.values() if each.cover]
    assert PLAYLIST_NAME in covered.name


def test_the_file_has_no_name_id_or_secret(sandbox: SandboxServer, tmp_path: Path) -> None:
    check(sandbox, tmp_path)
    text = (tmp_path / "report.json").read_text()
    report = json.loads(text)

    world = sandbox.state.world
    person = world.listeners["ada"]
    secrets = ("sandbox-secret", "sandbox-client", "refresh-ada", "5a4d", sandbox.url)
    ids = (person.spotify_id, person.account_id, *world.track_spotify_id, *world.track_mbid)
    names = (person.display_name, *world.track_title, *world.artist_name)
    assert not [each for each in (*secrets, *ids) if each and each in text]
    values = {line for shape in report["replies"].values() for line in shape.values()}
    assert not values & set(names)
    assert all(set(line) <= set("abcdefghijklmnopqrstuvwxyz|-0123456789 ") for line in values)


@pytest.mark.parametrize(
    ("change", "told", "health"),
    [
        ({"track.novel": 1}, "1 have members that are new to us", Health.GOOD),
        ({"track.explicit": 7}, "type: items[].track.explicit is number", Health.NOTE),
    ],
)
def test_what_differs_is_told(
    sandbox: SandboxServer, tmp_path: Path, change: dict[str, Any], told: str, health: Health
) -> None:
    spoil(sandbox, kind="odd_rows", match="*/me/tracks", change=change)

    found = [each for each in check(sandbox, tmp_path) if "Spotify" in each.subject]

    assert health in {each.health for each in found}
    assert told in " ".join(each.what for each in found)
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["differences"]) == {"Spotify GET me/tracks"}


@pytest.mark.parametrize(
    "match",
    ["POST */playlists/*/items", "GET */playlists/*/items", "PUT */items", "DELETE */items"],
)
def test_a_check_that_fails_half_way_removes_its_playlist(
    sandbox: SandboxServer, tmp_path: Path, match: str
) -> None:
    spoil(sandbox, kind="refused", match=match)

    findings = check(sandbox, tmp_path)

    assert len(bad_ones(findings)) == 1
    assert (made(sandbox), left_behind(sandbox)) == (1, [])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["failures"]["Spotify"] == ["Refused"]


def test_a_playlist_whose_creation_was_not_confirmed_is_removed(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    spoil(sandbox, kind="refused", match="POST */me/playlists", acted=True)

    check(sandbox, tmp_path)

    assert (made(sandbox), left_behind(sandbox)) == (1, [])


def test_a_playlist_that_can_not_be_removed_is_named(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    spoil(sandbox, kind="refused", match="DELETE */me/library")

    (told,) = bad_ones(check(sandbox, tmp_path))

    (name,) = left_behind(sandbox)
    assert repr(name) in told


def test_an_interrupted_check_removes_its_playlist_and_writes_what_it_saw(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    def interrupt(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/items"):
            sandbox.on_request = None
            os.kill(os.getpid(), signal.SIGTERM)

    sandbox.on_request = interrupt
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        check(sandbox, tmp_path)

    assert (made(sandbox), left_behind(sandbox)) == (1, [])
    report = json.loads((tmp_path / "report.json").read_text())
    assert "Spotify POST me/playlists" in shapes_of(report)


def test_a_service_that_can_not_be_asked_is_a_finding_and_the_others_are_asked(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    spoil(sandbox, kind="lastfm_error", code=10, times=0)

    findings = check(sandbox, tmp_path)

    assert len(bad_ones(findings)) == 1
    assert {each.subject for each in findings if each.health is Health.BAD} == {"live: Last.fm"}
    replies = json.loads((tmp_path / "report.json").read_text())["replies"]
    assert "Spotify GET search" in replies
    assert "Last.fm user.getInfo (403)" in replies


def test_a_file_that_can_not_be_written_is_a_finding(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    (tmp_path / "report.json").mkdir()

    (told,) = bad_ones(check(sandbox, tmp_path))

    assert "can't be written" in told
