"""Tests of the Spotify client when the sandbox misbehaves: logins, limits, faults."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from smallhours.errors import BrokenReply, NeedsLogin, QuotaExceeded, Refused, RetryLater
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, unlimited_rate
from tests.services.spotify_client import ADA, client_of, misbehave, settings_of

# The login


def test_one_access_token_serves_many_threads(
    spotify: SpotifyClient, sandbox: SandboxServer
) -> None:
    ids = sandbox.state.world.track_spotify_id[:40]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(spotify.track, ids))
    assert [track.id for track in got] == ids
    assert spotify.calls == {"GET tracks/{id}": 40, "POST api/token": 1}


def test_a_login_by_pkce_needs_no_secret(sandbox: SandboxServer, fake_sleep: FakeSleep) -> None:
    pkce = SpotifyCredentials("sandbox-client", None, "refresh-bruno", listener="bruno")
    with client_of(sandbox, pkce, fake_sleep) as client:
        assert client.me().id == sandbox.state.world.listeners["bruno"].spotify_id


@pytest.mark.parametrize("token", ["expired-ada", "revoked-ada", "nonsense-hush"])
def test_an_ended_login_says_how_to_log_in_again(
    sandbox: SandboxServer, fake_sleep: FakeSleep, token: str
) -> None:
    ended = SpotifyCredentials("sandbox-client", "sandbox-secret", token, listener="ada")
    with (
        client_of(sandbox, ended, fake_sleep) as client,
        pytest.raises(NeedsLogin, match="smallhours login spotify --listener ada") as caught,
    ):
        client.me()
    assert "6 months" in caught.value.remedy
    assert client.calls == {"POST api/token": 1}


def test_a_wrong_client_secret_names_the_connection_and_shows_no_secret(
    sandbox: SandboxServer, fake_sleep: FakeSleep, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wrong = SpotifyCredentials("sandbox-client", "hush-secret", "refresh-ada", listener="ada")
    with (
        client_of(sandbox, wrong, fake_sleep) as client,
        pytest.raises(Refused, match="--new-app --listener ada`") as e,
    ):
        client.me()
    for secret in ("hush-secret", "refresh-ada"):
        assert secret not in f"{e.value!r} {client!r} {caplog.text}"


def test_no_token_reaches_the_log(spotify: SpotifyClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    spotify.me()
    assert "Bearer" not in caplog.text
    assert "refresh-ada" not in caplog.text


@pytest.mark.parametrize("times", [1, 2])
def test_a_spurious_401_is_survived(
    spotify: SpotifyClient, sandbox: SandboxServer, times: int
) -> None:
    misbehave(sandbox, kind="unauthorized_once", times=times, match="GET /v1/me/")
    assert spotify.me().id
    assert spotify.calls["POST api/token"] == 2


def test_a_lasting_401_asks_for_a_login(spotify: SpotifyClient, sandbox: SandboxServer) -> None:
    misbehave(sandbox, kind="unauthorized_once", times=0, match="GET /v1/me/")
    with pytest.raises(NeedsLogin, match="smallhours login"):
        spotify.me()
    assert spotify.calls == {"GET me": 3, "POST api/token": 2}


# Limits


def test_a_rate_limit_carries_its_wait(
    spotify: SpotifyClient, sandbox: SandboxServer, fake_sleep: FakeSleep
) -> None:
    misbehave(sandbox, kind="rate_limit", service="spotify", seconds=17)
    with pytest.raises(RetryLater) as caught:
        spotify.me()
    assert (type(caught.value), caught.value.after) == (RetryLater, 17)
    assert not fake_sleep.seconds


def test_a_short_rate_limit_is_waited_out_by_whoever_has_the_patience(
    sandbox: SandboxServer, fake_sleep: FakeSleep
) -> None:
    misbehave(sandbox, kind="rate_limit", service="spotify", seconds=17)
    patient = RetryPolicy(rate_limit_s=60, sleep=fake_sleep)
    with client_of(sandbox, ADA, fake_sleep, retry_policy=patient) as client:
        assert client.create_playlist("x", "").name == "x"
    assert fake_sleep.seconds == [17]


def test_an_exceeded_quota_is_never_asked_twice(
    spotify: SpotifyClient, sandbox: SandboxServer, fake_sleep: FakeSleep
) -> None:
    misbehave(sandbox, kind="quota_exceeded", match="*/search")
    with pytest.raises(QuotaExceeded, match="day's quota") as caught:
        spotify.search_tracks("x")
    assert caught.value.after > 3600
    assert spotify.calls["GET search"] == 1
    assert not fake_sleep.seconds


def test_our_own_daily_limit_counts_catalogue_calls_only(
    sandbox: SandboxServer, fake_sleep: FakeSleep
) -> None:
    rate_limit = TokenBucket(10_000, 10, service="Spotify", calls_per_day=2)
    with client_of(sandbox, ADA, fake_sleep, rate_limit=rate_limit) as client:
        for _ in range(2):
            client.search_tracks("x")
            client.me()
        with pytest.raises(QuotaExceeded, match="calls_per_day"):
            client.search_tracks("x")
        assert client.me().id


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "server_error", "status": 500},
        {"kind": "server_error", "status": 503},
        {"kind": "html_body"},
        {"kind": "html_body", "status": 502},
        {"kind": "truncated_body"},
        {"kind": "empty_body"},
        {"kind": "drop_connection"},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
def test_a_passing_fault_is_tried_again_when_reading_and_moving(
    spotify: SpotifyClient,
    sandbox: SandboxServer,
    fake_sleep: FakeSleep,
    mine: PlaylistDetails,
    uris: list[str],
    fault: dict[str, object],
) -> None:
    misbehave(sandbox, **fault, times=2, service="spotify", match="GET /v1/me/")
    assert spotify.me().id
    assert fake_sleep.seconds == [1.0, 2.0]
    snapshot = spotify.add_items(mine.id, uris[:3])
    misbehave(sandbox, **fault, times=2, service="spotify", match="PUT *")
    spotify.move_items(mine.id, 1, 1, 0, snapshot)
    assert [item.uri for item in spotify.playlist_items(mine.id)] == [uris[1], uris[0], uris[2]]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "server_error", "acted": True}, RetryLater),
        ({"kind": "drop_connection"}, RetryLater),
        ({"kind": "html_body", "acted": True}, BrokenReply),
        ({"kind": "empty_body"}, BrokenReply),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_what_appends_is_sent_once_only_so_that_nothing_doubles(
    spotify: SpotifyClient,
    sandbox: SandboxServer,
    mine: PlaylistDetails,
    uris: list[str],
    fault: dict[str, object],
    expected: type[Exception],
) -> None:
    misbehave(sandbox, **fault, times=1, service="spotify", match="POST *")
    with pytest.raises(expected):
        spotify.add_items(mine.id, uris[:2])
    assert spotify.calls["POST playlists/{id}/items"] == 1
    assert len(spotify.playlist_items(mine.id)) == 2


def test_a_faulty_token_endpoint_is_tried_again(
    spotify: SpotifyClient, sandbox: SandboxServer, fake_sleep: FakeSleep
) -> None:
    misbehave(sandbox, kind="server_error", service="accounts", times=2)
    assert spotify.me().id
    misbehave(sandbox, kind="html_body", service="accounts", times=0)
    with client_of(sandbox, ADA, fake_sleep) as another:
        with pytest.raises(BrokenReply, match="accounts service"):
            another.me()
        assert another.calls == {"POST api/token": 3}


def test_a_slow_answer_is_given_up(sandbox: SandboxServer, fake_sleep: FakeSleep) -> None:
    misbehave(sandbox, kind="timeout", service="spotify", seconds=5, times=1)
    settings = settings_of(sandbox).model_copy(update={"timeout_s": 0.2})
    with (
        SpotifyClient(
            ADA,
            settings=settings,
            rate_limit=unlimited_rate(),
            retry_policy=RetryPolicy(tries=1, sleep=fake_sleep),
        ) as client,
        pytest.raises(RetryLater, match="ReadTimeout"),
    ):
        client.me()
