"""Tests that replies outlive a killed process until they are stored, and only within their run."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallhours.errors import (
    BrokenReply,
    LakeUnwritable,
    NotFound,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
)
from smallhours.service_settings import ReccobeatsSettings, SpotifySettings
from smallhours.services import journal as journals
from smallhours.services.journal import MAX_AGE_S, Journal
from smallhours.services.lastfm import LastfmClient
from smallhours.services.reccobeats import ReccobeatsClient
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import SECRET_KEY, Reply, scripted, unlimited_rate
from tests.services.spotify_client import ADA

RUN = "2026-11-02 until 2026-11-03T00:00:00+00:00"
STAGE = "fetch_tags"


class Killed(BaseException):
    """The end of the process."""


@contextmanager
def killed(journal: Journal) -> Iterator[None]:
    """Run the body as the work of a stage that is killed at its end."""
    with suppress(Killed), journal.of(STAGE):
        yield
        raise Killed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".journal" / "default"


def kept(folder: Path, *questions: str, run: str = RUN) -> list[str | None]:
    """Return what a further process of the run finds; that process is killed as well."""
    journal = Journal(folder, run)
    found: list[str | None] = []
    with killed(journal):
        found += map(journal.recall, questions)
    return found


def die_with(folder: Path, replies: dict[str, str]) -> None:
    journal = Journal(folder, RUN)
    with killed(journal):
        journal.note(replies)


def test_the_same_run_finds_the_replies_of_a_killed_process(folder: Path) -> None:
    die_with(folder, {"a": "Ä", "b": "two"})
    die_with(folder, {"c": "three"})
    assert kept(folder, "a", "b", "c", "d") == ["Ä", "two", "three", None]


def test_a_reply_is_given_once_so_that_asking_again_asks(folder: Path) -> None:
    die_with(folder, {"a": "one"})
    assert kept(folder, "a", "a") == ["one", None]


def test_the_process_that_asked_is_not_answered_from_the_journal(folder: Path) -> None:
    journal = Journal(folder, RUN)
    with journal.of(STAGE):
        journal.note({"a": "one"})
        assert journal.recall("a") is None


def test_another_night_asks_anew(folder: Path) -> None:
    die_with(folder, {"a": "one"})
    assert kept(folder, "a", run="2026-11-03 until 2026-11-04T00:00:00+00:00") == [None]
    assert kept(folder, "a") == [None]


@pytest.mark.parametrize(("later_s", "reply"), [(MAX_AGE_S - 1, "one"), (MAX_AGE_S + 1, None)])
def test_hours_later_the_same_night_asks_anew(
    folder: Path, later_s: float, reply: str | None
) -> None:
    now = 1_800_000_000.0
    first = Journal(folder, RUN, clock=lambda: now)
    with killed(first):
        first.note({"a": "one"})
    second = Journal(folder, RUN, clock=lambda: now + later_s)
    with second.of(STAGE):
        assert second.recall("a") == reply


def test_each_stage_has_its_own(folder: Path) -> None:
    die_with(folder, {"a": "one"})
    journal = Journal(folder, RUN)
    with journal.of("sync_library"):
        assert journal.recall("a") is None
    assert kept(folder, "a") == ["one"]


def test_a_stage_that_is_done_leaves_nothing(folder: Path) -> None:
    die_with(folder, {"a": "one"})
    journal = Journal(folder, RUN)
    with journal.of(STAGE):
        journal.note({"b": "two"})
    assert kept(folder, "a", "b") == [None, None]
    assert all(path.stat().st_size == 0 for path in folder.iterdir())


def _error(kind: type[ServiceError]) -> Exception:
    more = {"after": 600.0} if issubclass(kind, RetryLater) else {}
    return kind("Last.fm", "no.", remedy="Wait.", **more)


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (_error(RetryLater), True),
        (_error(QuotaExceeded), True),
        (LakeUnwritable("full.", remedy="Make room."), True),
        (_error(BrokenReply), False),
        (_error(Refused), False),
    ],
)
def test_replies_stay_when_the_same_is_to_be_tried_again(
    folder: Path, error: Exception, stays: bool
) -> None:
    journal = Journal(folder, RUN)
    with pytest.raises(type(error)), journal.of(STAGE):  # noqa: PT012 - it is about what is around
        journal.note({"a": "one"})
        raise error
    assert kept(folder, "a") == ["one" if stays else None]


def test_half_a_line_costs_that_reply_only(folder: Path) -> None:
    die_with(folder, {"a": "one", "b": "two"})
    path = folder / f"{STAGE}.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    die_with(folder, {"c": "three"})
    assert kept(folder, "a", "b", "c") == ["one", None, "three"]


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_file_holds_it_is_a_reply_or_none(
    tmp_path: Path, lines: list[bytes], ours: bool
) -> None:
    folder = tmp_path / "any"
    die_with(folder, {"a": "one"})
    path = folder / f"{STAGE}.jsonl"
    path.write_bytes((path.read_bytes() if ours else b"") + b"\n".join(lines))
    journal = Journal(folder, RUN)
    with journal.of(STAGE):
        assert journal.recall("a") == ("one" if ours else None)
        assert journal.recall("b") is None


def test_what_was_decided_stays_decided(folder: Path) -> None:
    journal = Journal(folder, RUN)
    with killed(journal):
        assert journal.decide_once("begin", "2010") == "2010"
    assert Journal().decide_once("begin", "2026") == "2026"
    with journal.of(STAGE):
        assert journal.decide_once("begin", "2026") == "2010"


def test_it_grows_no_further_than_two_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 2_000)
    journal = Journal(folder, RUN)
    with killed(journal):
        for number in range(500):
            journal.note({f"question {number}": f"reply {number}"})
        assert sum(path.stat().st_size for path in folder.iterdir()) < 5_000
    newest = [f"question {number}" for number in range(480, 500)]
    assert None not in kept(folder, *newest)
    assert kept(folder, "question 0") == [None]


def test_a_second_process_with_the_same_stage_keeps_nothing_and_spoils_nothing(
    folder: Path,
) -> None:
    first, second = Journal(folder, RUN), Journal(folder, RUN)
    with killed(first):
        first.note({"a": "one"})
        with second.of(STAGE):
            second.note({"b": "two"})
    assert kept(folder, "a", "b") == ["one", None]


def test_without_a_folder_nothing_is_kept() -> None:
    journal = Journal()
    with killed(journal):
        journal.note({"a": "one"})
    assert journal.recall("a") is None


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Limit the size of files within the body, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_clear_error_and_costs_nothing_that_was_kept(folder: Path) -> None:
    journal = Journal(folder, RUN)
    noise = os.urandom(400_000).hex()
    with killed(journal):
        journal.note({"a": "one"})
        full = pytest.raises(LakeUnwritable, match=r"Nothing was lost.*Free some space")
        with full, files_of_at_most(200_000):
            journal.note({"b": noise})
    die_with(folder, {"c": "three"})
    assert kept(folder, "a", "b", "c") == ["one", None, "three"]


# The clients


def lastfm_at(sandbox: SandboxServer, journal: Journal) -> LastfmClient:
    return LastfmClient(
        LASTFM_API_KEY,
        api_url=f"{sandbox.url}/2.0/",
        calls_per_second=1000,
        timeout_s=5,
        rate_limit=unlimited_rate(),
        journal=journal,
    )


def reccobeats_at(sandbox: SandboxServer, journal: Journal) -> ReccobeatsClient:
    settings = ReccobeatsSettings(api_url=sandbox.reccobeats_url)
    return ReccobeatsClient(settings=settings, rate_limit=unlimited_rate(), journal=journal)


def spotify_at(sandbox: SandboxServer, journal: Journal) -> SpotifyClient:
    settings = SpotifySettings(api_url=f"{sandbox.url}/v1/", accounts_url=f"{sandbox.url}/")
    return SpotifyClient(ADA, settings=settings, rate_limit=unlimited_rate(), journal=journal)


def tags(sandbox: SandboxServer, journal: Journal) -> tuple[object, int]:
    with lastfm_at(sandbox, journal) as lastfm:
        answer = lastfm.artist_tags(sandbox.state.world.artist_name[0])
        return answer, lastfm.calls.total()


def scrobbles(sandbox: SandboxServer, journal: Journal) -> tuple[object, int]:
    with lastfm_at(sandbox, journal) as lastfm:
        return lastfm.recent_tracks("ada", limit=200), lastfm.calls.total()


def search(sandbox: SandboxServer, journal: Journal) -> tuple[object, int]:
    with spotify_at(sandbox, journal) as spotify:
        found = spotify.search_tracks(sandbox.state.world.artist_name[0])
        return found, spotify.calls["GET search"]


def saved(sandbox: SandboxServer, journal: Journal) -> tuple[object, int]:
    with spotify_at(sandbox, journal) as spotify:
        return list(spotify.saved_tracks()), spotify.calls["GET me/tracks"]


def features(sandbox: SandboxServer, journal: Journal) -> tuple[object, int]:
    with reccobeats_at(sandbox, journal) as reccobeats:
        found = reccobeats.audio_features(sandbox.state.world.track_spotify_id[:90])
        return found, reccobeats.calls.total()


@pytest.mark.parametrize("question", [tags, scrobbles, search, saved, features])
def test_after_a_kill_the_same_answer_comes_without_a_call(
    question: Callable[[SandboxServer, Journal], tuple[object, int]],
    sandbox: SandboxServer,
    folder: Path,
) -> None:
    journal = Journal(folder, RUN)
    with killed(journal):
        answer, calls = question(sandbox, journal)
    assert calls > 0
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    for secret in (LASTFM_API_KEY, ADA.client_secret, ADA.refresh_token, "Bearer"):
        assert str(secret).encode() not in content
    with journal.of(STAGE):
        assert question(sandbox, journal) == (answer, 0)
        assert question(sandbox, journal) == (answer, calls)


def test_of_a_batch_that_is_cut_otherwise_only_the_unknown_is_asked(
    sandbox: SandboxServer, folder: Path
) -> None:
    ids = sandbox.state.world.track_spotify_id[:90]
    journal = Journal(folder, RUN)
    with killed(journal), reccobeats_at(sandbox, journal) as reccobeats:
        reccobeats.audio_features(ids[:40])
    with journal.of(STAGE), reccobeats_at(sandbox, journal) as reccobeats:
        found = reccobeats.audio_features(ids[7:80])
        assert reccobeats.calls.total() == 1
    with reccobeats_at(sandbox, Journal()) as reccobeats:
        assert reccobeats.audio_features(ids[7:80]) == found


def lastfm_of(url: str, journal: Journal) -> LastfmClient:
    return LastfmClient(
        SECRET_KEY,
        api_url=url,
        calls_per_second=1000,
        timeout_s=5,
        rate_limit=unlimited_rate(),
        journal=journal,
    )


def test_an_absence_is_an_answer_and_a_rate_limit_is_none(folder: Path) -> None:
    absent = Reply(b'<lfm status="failed"><error code="6">Artist not found</error></lfm>', 404)
    busy = Reply(b'<lfm status="failed"><error code="29">Rate limit</error></lfm>', 429)
    journal = Journal(folder, RUN)
    with scripted(absent, busy) as server, lastfm_of(server.url, journal) as client:
        for _ in range(2):
            with killed(journal), pytest.raises(NotFound):
                client.artist_tags("Nobody")
        assert len(server.seen) == 1
        for calls in (2, 3):
            with pytest.raises(RetryLater), journal.of(STAGE):
                client.artist_tags("Somebody")
            assert len(server.seen) == calls


def test_a_reply_that_quotes_the_key_is_not_kept(folder: Path) -> None:
    said = f'<lfm status="ok"><toptags artist="A"><tag><name>{SECRET_KEY}</name>'
    reply = Reply(f"{said}<count>3</count></tag></toptags></lfm>".encode())
    journal = Journal(folder, RUN)
    with (
        scripted(reply) as server,
        lastfm_of(server.url, journal) as client,
        killed(journal),
    ):
        client.artist_tags("A")
    assert kept(folder, "Last.fm artist.getTopTags artist=A&autocorrect=1") == [None]
