"""Tests of the Last.fm client against the sandbox: replies and faults."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import requests

from smallhours.errors import BrokenReply, NotFound, Refused, RetryLater, SourceRefused
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import NoSuchPage
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, unlimited_rate


def client_of(
    sandbox: SandboxServer, fake_sleep: FakeSleep, key: str = LASTFM_API_KEY
) -> LastfmClient:
    return LastfmClient(
        key,
        api_url=sandbox.lastfm_url,
        calls_per_second=4,
        timeout_s=2,
        rate_limit=unlimited_rate(),
        retry_policy=fake_sleep.retry_policy,
        listener="ada",
    )


@pytest.fixture
def lastfm(sandbox: SandboxServer, fake_sleep: FakeSleep) -> Iterator[LastfmClient]:
    with client_of(sandbox, fake_sleep) as client:
        yield client


def misbehave(sandbox: SandboxServer, **rule: object) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=10)
    assert answer.ok, answer.text


def test_all_pages_together_hold_every_scrobble(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    log = sandbox.state.scrobbles("ada")
    first = lastfm.recent_tracks("ada", until=sandbox.state.world.ends)
    assert (first.user, first.page, first.total) == ("ada", 1, len(log))
    rows = list(first.scrobbles)
    for page in range(2, first.pages + 1):
        rows += lastfm.recent_tracks("ada", page=page, until=sandbox.state.world.ends).scrobbles
    assert sorted(int(row.played_at.timestamp()) for row in rows) == sorted(log.at.tolist())
    assert lastfm.calls == {"user.getRecentTracks": first.pages}


def test_a_thousand_rows_come_in_one_call(lastfm: LastfmClient) -> None:
    assert len(lastfm.recent_tracks("ada", limit=1000).scrobbles) == 1000


def test_a_scrobble_has_names_and_mbids_where_known(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    world, log = sandbox.state.world, sandbox.state.scrobbles("ada")
    newest = lastfm.recent_tracks("ada", limit=1).scrobbles[0]
    track = int(log.track[int(np.argmax(log.at))])
    assert newest.artist == world.artist_name[world.track_artist[track]]
    assert newest.title == world.lastfm_title(track)
    assert newest.track_mbid in (None, world.track_mbid[track])
    assert newest.played_at.tzinfo is UTC


def test_a_window_holds_its_start_but_not_its_end(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    at = np.unique(sandbox.state.scrobbles("ada").at)[-40:-19]
    since, until = (datetime.fromtimestamp(int(at[i]), UTC) for i in (0, -1))
    rows = lastfm.recent_tracks("ada", since=since, until=until).scrobbles
    assert min(row.played_at for row in rows) == since
    assert max(row.played_at for row in rows) < until


def test_a_window_without_plays_is_empty(lastfm: LastfmClient) -> None:
    until = datetime(2003, 1, 1, tzinfo=UTC)
    page = lastfm.recent_tracks("ada", since=until - timedelta(days=9), until=until)
    assert (page.total, page.scrobbles) == (0, ())


def test_a_page_beyond_the_last_is_told_from_an_unknown_user(lastfm: LastfmClient) -> None:
    with pytest.raises(NoSuchPage):
        lastfm.recent_tracks("ada", page=999)
    with pytest.raises(NotFound, match="`lastfm` in") as caught:
        lastfm.recent_tracks("nobody-at-all")
    assert not isinstance(caught.value, NoSuchPage)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_that_lastfm_refuses_is_never_sent(lastfm: LastfmClient, limit: int) -> None:
    with pytest.raises(ValueError, match="1-1000"):
        lastfm.recent_tracks("ada", limit=limit)
    assert not lastfm.calls


def test_a_moment_without_a_time_zone_is_refused(lastfm: LastfmClient) -> None:
    with pytest.raises(ValueError, match="time zone"):
        lastfm.recent_tracks("ada", since=datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_odd_rows_are_counted_and_left_out(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    for kind in ("now_playing", "row_1970", "dateless_row"):
        misbehave(sandbox, kind=kind)
    pages = [lastfm.recent_tracks("ada", limit=10) for _ in range(3)]
    assert {page.now_playing_skipped for page in pages} == {1}
    assert sum(page.undated_skipped for page in pages) == 2
    assert min(row.played_at for page in pages for row in page.scrobbles).year > 2002


def test_another_users_page_is_asked_for_again(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    misbehave(sandbox, kind="wrong_user")
    assert lastfm.recent_tracks("ada", limit=10).user == "ada"
    misbehave(sandbox, kind="wrong_user", times=0)
    with pytest.raises(BrokenReply, match="another user"):
        lastfm.recent_tracks("ada", limit=10)


def test_loved_tracks_come_whole(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    loved = lastfm.loved_tracks("ada")
    truth = sandbox.state.world.listeners["ada"].loved
    assert {int(track.loved_at.timestamp()) for track in loved if track.loved_at} == set(
        truth.values()
    )


def test_user_info_counts_the_plays(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    info = lastfm.user_info("ada")
    assert info.name == "ada"
    assert info.playcount >= len(sandbox.state.scrobbles("ada"))
    assert info.registered_at is not None


def _tagged(sandbox: SandboxServer) -> tuple[str, str]:
    world = sandbox.state.world
    track = next(t for t in range(len(world.track_title)) if len(world.track_tags[t][0]))
    return world.artist_name[world.track_artist[track]], world.lastfm_title(track)


def test_tags_are_weighted_and_names_corrected(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    artist, title = _tagged(sandbox)
    tags = lastfm.track_tags(artist.upper(), title.upper())
    assert (tags.artist, tags.title) == (artist, title)
    assert tags.tags[0].count == 100
    assert [tag.count for tag in tags.tags] == sorted((t.count for t in tags.tags), reverse=True)
    assert lastfm.artist_tags(artist).title is None


def test_a_track_without_tags_is_no_error(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    bare = next(
        t
        for t in range(len(world.track_title))
        if not len(world.track_tags[t][0])
        and world.find_track(world.artist_name[world.track_artist[t]], world.lastfm_title(t)) == t
    )
    artist = world.artist_name[world.track_artist[bare]]
    assert lastfm.track_tags(artist, world.lastfm_title(bare)).tags == ()


def test_what_lastfm_does_not_know_is_not_found(lastfm: LastfmClient) -> None:
    for ask in (
        lambda: lastfm.track_tags("Nobody", "Nothing"),
        lambda: lastfm.artist_tags("Nobody"),
        lambda: lastfm.similar_artists("Nobody"),
        lambda: lastfm.artist_top_tracks("Nobody"),
    ):
        with pytest.raises(NotFound, match="error 6"):
            ask()


@pytest.mark.parametrize("name", ["", " ", "\u200b"])
def test_nothing_is_asked_for_an_empty_name(name: str, lastfm: LastfmClient) -> None:
    for ask in (
        lambda: lastfm.artist_tags(name),
        lambda: lastfm.track_tags("Somebody", name),
        lambda: lastfm.similar_artists(name),
        lambda: lastfm.tag_top_tracks(name),
    ):
        with pytest.raises(NotFound, match="empty name"):
            ask()
    assert lastfm.calls.total() == 0


def test_neighbours_are_ranked(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = world.artist_name[int(np.argmax(world.artist_popularity))]
    similar = lastfm.similar_artists(artist, limit=5)
    assert len(similar) == 5
    assert [s.match for s in similar] == sorted((s.match for s in similar), reverse=True)
    top = lastfm.artist_top_tracks(artist, limit=3)
    assert [track.rank for track in top] == [1, 2, 3]
    assert {track.artist for track in top} == {artist}
    assert all(0 < near.match <= 1 for near in lastfm.similar_tracks(artist, top[0].title))


def test_tags_lead_to_tracks(lastfm: LastfmClient) -> None:
    chart = lastfm.top_tags(limit=5)
    assert chart[0].taggings >= chart[-1].taggings > 0
    tracks = lastfm.tag_top_tracks(chart[0].name, limit=10)
    assert [track.rank for track in tracks] == list(range(1, 11))
    assert lastfm.tag_top_tracks("no such tag", limit=10) == ()


def test_threads_share_a_client(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    names = sandbox.state.world.artist_name[:60]
    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(lastfm.artist_tags, names))
    assert [each.artist for each in tags] == names
    assert lastfm.calls["artist.getTopTags"] == 60


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lastfm_error", "code": 8},
        {"kind": "lastfm_error", "code": 11, "status": 200},
        {"kind": "lastfm_error", "code": 16},
        {"kind": "server_error", "status": 502},
        {"kind": "html_body"},
        {"kind": "empty_body"},
        {"kind": "truncated_body"},
        {"kind": "drop_connection"},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('code', '')}",
)
def test_a_passing_fault_is_tried_again_within_the_call(
    lastfm: LastfmClient, sandbox: SandboxServer, fake_sleep: FakeSleep, fault: dict[str, object]
) -> None:
    misbehave(sandbox, **fault, times=2)
    assert lastfm.user_info("ada").name == "ada"
    assert fake_sleep.seconds == [1.0, 2.0]
    assert lastfm.calls["user.getInfo"] == 3


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "lastfm_error", "code": 8}, RetryLater),
        ({"kind": "server_error", "status": 503}, RetryLater),
        ({"kind": "drop_connection"}, RetryLater),
        ({"kind": "html_body"}, BrokenReply),
        ({"kind": "truncated_body"}, BrokenReply),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_a_lasting_fault_ends_in_a_typed_error_after_three_tries(
    lastfm: LastfmClient,
    sandbox: SandboxServer,
    fault: dict[str, object],
    expected: type[Exception],
) -> None:
    misbehave(sandbox, **fault, times=0)
    with pytest.raises(expected):
        lastfm.artist_tags("Anyone")
    assert lastfm.calls["artist.getTopTags"] == 3


@pytest.mark.parametrize("status", [429, 200])
def test_a_rate_limit_is_handed_on_with_a_growing_wait(
    lastfm: LastfmClient, sandbox: SandboxServer, fake_sleep: FakeSleep, status: int
) -> None:
    misbehave(sandbox, kind="rate_limit", service="lastfm", status=status, times=3)
    waits = []
    for _ in range(3):
        with pytest.raises(RetryLater, match="rate limit") as caught:
            lastfm.user_info("ada")
        waits.append(caught.value.after)
    assert waits == [60, 120, 240]
    assert not fake_sleep.seconds
    assert lastfm.user_info("ada").name == "ada"


def test_a_private_profile_says_which_switch_to_turn(
    lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    misbehave(sandbox, kind="private_profile", user="ada")
    with pytest.raises(Refused, match="Hide recent listening"):
        lastfm.recent_tracks("ada")
    assert lastfm.calls.total() == 1


def test_a_wrong_key_names_the_login_and_never_itself(
    sandbox: SandboxServer, fake_sleep: FakeSleep, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    key = "ab12" * 8
    client = client_of(sandbox, fake_sleep, key)
    with pytest.raises(Refused, match="login lastfm --listener ada`") as caught:
        client.user_info("ada")
    assert key not in f"{caught.value!r} {caught.value} {client!r} {caplog.text}"
    assert client.calls.total() == 1


@pytest.mark.parametrize(
    "rule",
    [
        *({"kind": "lastfm_error", "code": code} for code in (4, 9, 10, 13, 26)),
        {"kind": "lastfm_error", "code": 6, "words": "You must supply a valid api_key"},
        {"kind": "html_body", "status": 401},
        {"kind": "html_body", "status": 403},
    ],
    ids=str,
)
def test_a_refused_key_is_told_from_a_refused_question(
    rule: dict[str, object], lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    misbehave(sandbox, **rule)
    with pytest.raises(SourceRefused, match="login lastfm --listener ada`"):
        lastfm.user_info("ada")
    assert lastfm.calls.total() == 1


@pytest.mark.parametrize(
    "rule",
    [
        *({"kind": "lastfm_error", "code": code} for code in (7, 17, 27)),
        {"kind": "lastfm_error", "code": 6, "words": "artist is missing or malformed"},
        {"kind": "html_body", "status": 403},
    ],
    ids=str,
)
def test_a_refused_question_is_no_refused_key(
    rule: dict[str, object], lastfm: LastfmClient, sandbox: SandboxServer
) -> None:
    misbehave(sandbox, **rule)
    with pytest.raises(Refused) as caught:
        lastfm.artist_tags("Somebody")
    assert not isinstance(caught.value, SourceRefused)


def test_a_suspended_key_says_to_stop(lastfm: LastfmClient, sandbox: SandboxServer) -> None:
    misbehave(sandbox, kind="lastfm_error", code=26)
    with pytest.raises(Refused, match="has suspended the API key"):
        lastfm.user_info("ada")
    assert lastfm.calls.total() == 1


def test_no_server_at_all_is_a_reason_to_retry_later(fake_sleep: FakeSleep) -> None:
    client = LastfmClient(
        "key",
        api_url="http://127.0.0.1:9/2.0/",
        calls_per_second=4,
        timeout_s=1,
        rate_limit=unlimited_rate(),
        retry_policy=fake_sleep.retry_policy,
    )
    with pytest.raises(RetryLater, match="internet connection"):
        client.user_info("ada")
