"""Tests of two nights: every stage in order, against the sandbox, without a scheduler."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import PLAYS
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import LASTFM_KEY, settings_for

STAGES = tuple(chain.from_iterable(NIGHTLY.values()))
LISTS = Path(__file__).with_name("lists_7924c24.json")
SUNDAY, MONDAY = "2026-11-02", "2026-11-03"


class SandboxSecrets:
    """The sandbox's public credentials."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        del listener
        return LastfmCredentials(LASTFM_KEY)

    def spotify(self, listener: str) -> SpotifyCredentials:
        del listener
        return SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada")

    def store_refresh_token(self, listener: str, token: str) -> None:
        raise AssertionError(f"{listener} was not to get {token}")


@contextmanager
def night(sandbox: SandboxServer, lake: Path, date: str = SUNDAY) -> Iterator[RunContext]:
    settings = settings_for(sandbox.url, lake={"url": str(lake)})
    with RunContext("default", settings.night("default", date), settings, SandboxSecrets()) as run:
        yield run


def run_all(sandbox: SandboxServer, lake: Path, date: str = SUNDAY, *, times: int = 1) -> None:
    for stage in STAGES:
        for _ in range(times):
            with night(sandbox, lake, date) as run:
                stage(run)


def content(lake: Path) -> dict[str, bytes]:
    """Return every file of the lake by its path, except locks and the day's call counts."""
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in sorted(lake.rglob("*"))
        if path.is_file() and not path.relative_to(lake).parts[0].startswith(".")
    }


def keys_of(lake: Path, sandbox: SandboxServer, date: str) -> list[str]:
    with night(sandbox, lake, date) as run:
        rows = run.lake.frame(PLAYLISTS)
    return list(rows.loc[rows["night"].astype(str) == date, "track_keys"].iloc[0])


def calls(sandbox: SandboxServer) -> Counter[str]:
    total: Counter[str] = Counter()
    for (service, _), count in sandbox.state.calls.items():
        total[service] += count
    return total


@pytest.fixture
def fresh(sandbox: SandboxServer, small_world: World) -> Callable[[], SandboxServer]:
    """Return the unchanged world again."""

    def serve() -> SandboxServer:
        state = SandboxState(small_world)
        sandbox.state = state
        sandbox.serve(state)
        return sandbox

    return serve


def test_a_playlist_of_unheard_tracks_with_reasons_arrives(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    run_all(sandbox, tmp_path)
    (playlist,) = [p for p in sandbox.state.playlists.values() if p.by_app]
    assert len(playlist.items) == 30
    assert not playlist.public
    with night(sandbox, tmp_path) as run:
        chosen = run.lake.frame(RECOMMENDATIONS).dropna(subset=["position"])
        heard = set(run.lake.frame(PLAYS)["track_key"])
    assert not set(chosen["track_key"]) & heard
    assert chosen["reason"].str.len().min() > 20
    assert chosen["reason"].nunique() > 0.9 * len(chosen)


def test_the_second_night_is_incremental_and_brings_another_list(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    run_all(sandbox, tmp_path)
    first = calls(sandbox)
    with night(sandbox, tmp_path, MONDAY) as run:
        sandbox.state.advance(run.night.as_of.timestamp())
    run_all(sandbox, tmp_path, MONDAY)
    second = calls(sandbox) - first
    assert second["lastfm"] < first["lastfm"] / 5
    lists = {date: keys_of(tmp_path, sandbox, date) for date in (SUNDAY, MONDAY)}
    assert not set(lists[MONDAY]) & set(lists[SUNDAY])
    # The lists that commit 7924c24 made of this world: what changes them says why.
    assert lists == json.loads(LISTS.read_text(encoding="utf-8"))


def test_the_same_lake_and_night_give_the_same_playlist(
    fresh: Callable[[], SandboxServer], tmp_path: Path
) -> None:
    run_all(fresh(), tmp_path / "one")
    sandbox = fresh()
    run_all(sandbox, tmp_path / "two")
    one, two = (keys_of(tmp_path / name, sandbox, SUNDAY) for name in ("one", "two"))
    assert one == two


def test_a_kill_after_any_task_and_a_rerun_give_the_lake_of_an_unbroken_night(
    fresh: Callable[[], SandboxServer], tmp_path: Path
) -> None:
    # A task that was killed before it could say that it was done is run again: here, each is.
    run_all(fresh(), tmp_path / "unbroken")
    run_all(fresh(), tmp_path / "broken", times=2)
    unbroken, broken = content(tmp_path / "unbroken"), content(tmp_path / "broken")
    assert broken.keys() == unbroken.keys()
    assert [path for path in unbroken if broken[path] != unbroken[path]] == []


def test_a_night_that_is_run_again_as_a_whole_leaves_history_and_one_whole_playlist(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    run_all(sandbox, tmp_path)
    before = content(tmp_path)
    sizes = {p.id: len(p.items) for p in sandbox.state.playlists.values()}
    run_all(sandbox, tmp_path)
    after = content(tmp_path)
    # More is known of the winners now - their ids, when they came out, what they sound like - and
    # so the list may be another. What the listener did, and what was asked of Last.fm, is the same.
    changed = {path.split("/")[0] for path in after if after[path] != before.get(path)}
    assert not changed & {"plays", "library", "feedback", "track_tags", "artist_tags", "similar"}
    assert {p.id: len(p.items) for p in sandbox.state.playlists.values()} == sizes
