"""Tests of two nights: every stage in order, against the sandbox, without a scheduler."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from smallhours.catalog import seeds
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import PLAYS
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import LASTFM_KEY, settings_for

pytestmark = pytest.mark.slow(seconds=20)

STAGES = tuple(chain.from_iterable(NIGHTLY.values()))
LISTS = Path(__file__).with_name("lists.json")
SUNDAY, MONDAY = "2026-11-02", "2026-11-03"
# The lists were kept when this was the default.
AS_EVER = {"playlist": {"calibration": 0.3}}


class SandboxSecrets:
    """The sandbox's public credentials."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        del listener
        return LastfmCredentials(LASTFM_KEY)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        return ListenBrainzCredentials(listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        del listener
        return SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada")

    def subsonic(self, listener: str) -> SubsonicCredentials:
        raise AssertionError(listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        raise AssertionError(f"{listener} was not to get {token}")


@contextmanager
def night(sandbox: SandboxServer, lake: Path, date: str = SUNDAY) -> Iterator[RunContext]:
    settings = settings_for(sandbox.url, listener=AS_EVER, lake={"url": str(lake)})
    with RunContext("default", settings.night("default", date), settings, SandboxSecrets()) as run:
        yield run


def run_all(sandbox: SandboxServer, lake: Path, date: str = SUNDAY, *, times: int = 1) -> None:
    for stage in STAGES:
        for _ in range(times):
            with night(sandbox, lake, date) as run:
                stage(run)


def content(lake: Path) -> dict[str, bytes]:
    """Return every file of the lake by its path, except locks and the day's call counts.

    What a model and predictions were made from is left out, too: it names files by their inodes.
    Of the lists their rows, with the sandbox's port left out: covers name it.
    """
    return {
        str(path.relative_to(lake)): _rows(path) if "playlists" in path.parts else path.read_bytes()
        for path in sorted(lake.rglob("*"))
        if path.is_file() and not path.relative_to(lake).parts[0].startswith(".")
        if path.name not in {"learned_from.json", "predicted.json"}
    }


def _rows(path: Path) -> bytes:
    return re.sub(r"127.0.0.1:\d+", "the sandbox", str(pq.read_table(path).to_pylist())).encode()


def keys_of(lake: Path, sandbox: SandboxServer, date: str) -> list[str]:
    with night(sandbox, lake, date) as run:
        rows = run.lake.frame(PLAYLISTS)
    return list(rows.loc[rows["night"].astype(str) == date, "track_keys"].iloc[0])


def calls(sandbox: SandboxServer) -> Counter[str]:
    total: Counter[str] = Counter()
    for (service, _), count in sandbox.state.calls.items():
        total[service] += count
    return total


@dataclass(frozen=True)
class SundayNight:
    """A first night that no test changes.

    Attributes:
        lake: The folder of its lake.
        state: The file of the sandbox as the night left it.
        calls: The calls that it took, by service.
    """

    lake: Path
    state: Path
    calls: Counter[str]


@pytest.fixture(scope="module", autouse=True)
def no_first_night_limits() -> Iterator[None]:
    """Let a first night ask for all that it wants, so that no other night asks for its rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeds, "FIRST_NIGHT", {})
        patch.setattr(seeds, "LASTFM_ALONE", {})
        yield


@pytest.fixture(scope="module")
def sunday(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> SundayNight:
    """Return the first night of the small world, which all tests here start from."""
    folder = tmp_path_factory.mktemp("sunday")
    with SandboxServer(SandboxState(small_world)) as server:
        run_all(server, folder / "lake")
        server.state.save(folder / "sandbox.npz")
        return SundayNight(folder / "lake", folder / "sandbox.npz", calls(server))


@pytest.fixture
def lake(sunday: SundayNight, sandbox: SandboxServer, small_world: World, tmp_path: Path) -> Path:
    """Return a copy of the first night's lake; the sandbox is as that night left it."""
    sandbox.state = SandboxState.load(sunday.state, small_world)
    sandbox.serve(sandbox.state)
    shutil.copytree(sunday.lake, tmp_path / "lake")
    return tmp_path / "lake"


def test_a_playlist_of_unheard_tracks_with_reasons_arrives(
    sandbox: SandboxServer, lake: Path
) -> None:
    (playlist,) = [p for p in sandbox.state.playlists.values() if p.by_app]
    assert len(playlist.items) == 30
    assert not playlist.public
    with night(sandbox, lake) as run:
        chosen = run.lake.frame(RECOMMENDATIONS).dropna(subset=["position"])
        heard = set(run.lake.frame(PLAYS)["track_key"])
    assert not set(chosen["track_key"]) & heard
    assert chosen["reason"].str.len().min() > 20
    assert chosen["reason"].nunique() > 0.9 * len(chosen)


def test_the_second_night_is_incremental_and_brings_another_list(
    sandbox: SandboxServer, lake: Path, sunday: SundayNight
) -> None:
    with night(sandbox, lake, MONDAY) as run:
        sandbox.state.advance(run.night.as_of.timestamp())
    run_all(sandbox, lake, MONDAY)
    assert calls(sandbox)["lastfm"] < sunday.calls["lastfm"] / 5
    lists = {date: keys_of(lake, sandbox, date) for date in (SUNDAY, MONDAY)}
    assert not set(lists[MONDAY]) & set(lists[SUNDAY])
    # The lists that this world gives: a commit that changes them says why.
    assert lists == json.loads(LISTS.read_text(encoding="utf-8"))


def test_a_kill_after_any_task_and_a_rerun_give_the_lake_of_an_unbroken_night(
    sandbox: SandboxServer, sunday: SundayNight, tmp_path: Path
) -> None:
    # A task that was killed before it could say that it was done is run again: here, each is.
    run_all(sandbox, tmp_path, times=2)
    one, two = (keys_of(lake, sandbox, SUNDAY) for lake in (sunday.lake, tmp_path))
    assert one == two
    unbroken, broken = content(sunday.lake), content(tmp_path)
    assert broken.keys() == unbroken.keys()
    assert [path for path in unbroken if broken[path] != unbroken[path]] == []


def test_a_night_that_is_run_again_as_a_whole_leaves_history_and_one_whole_playlist(
    sandbox: SandboxServer, lake: Path
) -> None:
    before = content(lake)
    sizes = {p.id: len(p.items) for p in sandbox.state.playlists.values()}
    run_all(sandbox, lake)
    after = content(lake)
    # More is known of the winners now - their ids, when they came out, what they sound like - and
    # so the list may be another. What the listener did, and what was asked of Last.fm, is the same.
    changed = {path.split("/")[0] for path in after if after[path] != before.get(path)}
    assert not changed & {"plays", "library", "feedback", "track_tags", "artist_tags", "similar"}
    assert {p.id: len(p.items) for p in sandbox.state.playlists.values()} == sizes
