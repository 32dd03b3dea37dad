"""Tests of tokens: granting, refreshing, refusal and expiry."""

import base64
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from smallhours_sandbox.spotify_accounts import (
    ACCESS_TOKEN_S,
    REFRESH_TOKEN_S,
    Grant,
    accounts_of,
    s256,
)
from tests.sandbox.spotify_world import ME, OTHER, SECRET, Api, access_token, running

CALLBACK = "http://127.0.0.1:8888/callback"
VERIFIER = "v" * 64


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


def token(
    api: Api, auth: tuple[str, str] | None = SECRET, **form: Any
) -> tuple[int, dict[str, Any]]:
    answer = api.session.post(f"{api.url}/api/token", data=form, auth=auth, timeout=10)
    return answer.status_code, answer.json()


def refresh(api: Api, refresh_token: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return token(api, grant_type="refresh_token", refresh_token=refresh_token, **more)


def authorize(api: Api, **asked: str) -> requests.Response:
    query = {
        "client_id": "sandbox-client",
        "response_type": "code",
        "redirect_uri": CALLBACK,
        **asked,
    }
    return api.session.get(f"{api.url}/authorize", params=query, allow_redirects=False, timeout=10)


def sent_back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(CALLBACK)
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def test_a_confidential_refresh_gives_an_hour_and_no_new_refresh_token(api: Api) -> None:
    status, body = refresh(api, f"refresh-{ME}")
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", ACCESS_TOKEN_S)
    assert "refresh_token" not in body
    assert "user-top-read" in body["scope"].split()
    me = api.call("GET", "/me", token=body["access_token"]).json()
    assert me["id"] == api.state.world.listeners[ME].spotify_id


def test_a_public_client_refreshes_with_its_id_alone(api: Api) -> None:
    status, body = token(
        api,
        auth=None,
        grant_type="refresh_token",
        refresh_token=f"refresh-{OTHER}",
        client_id="sandbox-client",
    )
    assert (status, body["refresh_token"]) == (200, f"refresh-{OTHER}")


@pytest.mark.parametrize(
    ("refresh_token", "description"),
    [
        (f"expired-{ME}", "Refresh token expired"),
        (f"revoked-{ME}", "Refresh token revoked"),
        ("refresh-nobody", "Invalid refresh token"),
        ("AQnonsense.nonsense", "Invalid refresh token"),
    ],
)
def test_a_dead_refresh_token_is_an_invalid_grant(
    api: Api, refresh_token: str, description: str
) -> None:
    assert refresh(api, refresh_token) == (
        400,
        {"error": "invalid_grant", "error_description": description},
    )


def test_a_listener_can_take_the_grant_back() -> None:
    with running() as api:
        accounts_of(api.state).revoked.add(ME)
        assert refresh(api, f"refresh-{ME}")[1]["error_description"] == "Refresh token revoked"
        assert refresh(api, f"refresh-{OTHER}")[0] == 200


@pytest.mark.parametrize(
    ("auth", "description"),
    [
        (("someone", "sandbox-secret"), "Invalid client"),
        (("sandbox-client", "guess"), "Invalid client secret"),
        (None, "Invalid client"),
    ],
)
def test_a_wrong_client_is_refused(
    api: Api, auth: tuple[str, str] | None, description: str
) -> None:
    status, body = token(api, auth, grant_type="refresh_token", refresh_token=f"refresh-{ME}")
    assert (status, body) == (400, {"error": "invalid_client", "error_description": description})


def test_a_broken_basic_header_is_an_invalid_client(api: Api) -> None:
    for header in ("Basic ???", "Basic " + base64.b64encode(b"\xff\xfe").decode()):
        answer = api.session.post(
            f"{api.url}/api/token",
            data={"grant_type": "refresh_token"},
            headers={"Authorization": header},
            timeout=10,
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
    ],
)
def test_an_incomplete_request_says_what_is_wrong(
    api: Api, form: dict[str, Any], error: str
) -> None:
    status, body = token(api, **form)
    assert (status, body["error"]) == (400, error)


def test_login_with_a_secret_gives_both_tokens_and_the_scopes_asked_for(api: Api) -> None:
    answer = sent_back(authorize(api, scope="user-top-read user-library-read", state="abc"))
    assert answer["state"] == "abc"
    form: dict[str, Any] = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "code": answer["code"],
    }
    status, body = token(api, **form)
    assert (status, body["scope"]) == (200, "user-library-read user-top-read")
    assert refresh(api, body["refresh_token"])[1]["scope"] == body["scope"]
    assert api.call("GET", "/me/top/tracks", token=body["access_token"]).status_code == 200
    assert token(api, **form)[1]["error_description"] == "Invalid authorization code"


def test_login_as_a_named_listener(api: Api) -> None:
    code = sent_back(authorize(api, listener=OTHER))["code"]
    _, body = token(api, grant_type="authorization_code", redirect_uri=CALLBACK, code=code)
    me = api.call("GET", "/me", token=body["access_token"]).json()
    assert me["id"] == api.state.world.listeners[OTHER].spotify_id


@pytest.mark.parametrize(("verifier", "status"), [(VERIFIER, 200), ("w" * 64, 400), ("", 400)])
def test_pkce_needs_the_verifier_behind_the_challenge(api: Api, verifier: str, status: int) -> None:
    code = sent_back(authorize(api, code_challenge=s256(VERIFIER), code_challenge_method="S256"))[
        "code"
    ]
    got, body = token(
        api,
        auth=None,
        grant_type="authorization_code",
        client_id="sandbox-client",
        redirect_uri=CALLBACK,
        code=code,
        code_verifier=verifier,
    )
    assert got == status
    assert ("refresh_token" in body) == (status == 200)


def test_the_challenge_is_the_example_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_code_belongs_to_its_redirect_uri(api: Api) -> None:
    code = sent_back(authorize(api))["code"]
    _, body = token(
        api, grant_type="authorization_code", redirect_uri=CALLBACK + "/other", code=code
    )
    assert body == {"error": "invalid_grant", "error_description": "Invalid redirect URI"}


@pytest.mark.parametrize(
    ("redirect_uri", "status"),
    [
        ("http://127.0.0.1:9090/callback", 302),
        ("http://[::1]:9090/callback", 302),
        ("https://music.example/callback", 302),
        ("smallhours://callback", 302),
        ("http://localhost:8888/callback", 400),
        ("https://localhost:8888/callback", 400),
        ("http://music.example/callback", 400),
        ("callback", 400),
        ("", 400),
    ],
)
def test_redirects_go_to_https_or_loopback_addresses_but_not_localhost(
    api: Api, redirect_uri: str, status: int
) -> None:
    answer = authorize(api, redirect_uri=redirect_uri)
    assert answer.status_code == status
    assert (answer.status_code == 302) or answer.text.startswith("INVALID_CLIENT: ")


def test_an_unknown_app_can_not_ask(api: Api) -> None:
    answer = authorize(api, client_id="someone")
    assert (answer.status_code, answer.text) == (400, "INVALID_CLIENT: Invalid client")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"scope": "user-read-mind"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"listener": "nobody"}, "access_denied"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_refused_login_goes_back_with_an_error(
    api: Api, asked: dict[str, str], error: str
) -> None:
    assert sent_back(authorize(api, state="s", **asked)) == {"error": error, "state": "s"}


def test_a_granted_refresh_token_dies_half_a_year_later_by_the_sandbox_clock() -> None:
    with running() as api:
        granted = accounts_of(api.state).issue_refresh_token(Grant(ME, frozenset()))
        api.state.now += REFRESH_TOKEN_S
        assert refresh(api, granted)[0] == 200
        api.state.now += 1
        assert refresh(api, granted)[1]["error_description"] == "Refresh token expired"


def test_a_code_is_good_for_ten_minutes() -> None:
    with running() as api:
        accounts = accounts_of(api.state)
        code = sent_back(authorize(api))["code"]
        accounts.clock = lambda: time.time() + 601
        _, body = token(api, grant_type="authorization_code", redirect_uri=CALLBACK, code=code)
        assert body["error_description"] == "Authorization code expired"


def test_a_grant_outlives_the_process_that_gave_it() -> None:
    with running() as first, running() as second:
        granted = accounts_of(first.state).issue_refresh_token(Grant(ME, frozenset()))
        assert refresh(second, granted)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "No token provided"),
        ({"Authorization": "Bearer made-up"}, 401, "Invalid access token"),
        ({"Authorization": "Basic abc"}, 400, "Only valid bearer authentication supported"),
    ],
)
def test_the_web_api_wants_a_token_of_its_own(
    api: Api, headers: dict[str, str], status: int, message: str
) -> None:
    answer = api.session.get(f"{api.url}/v1/me", headers=headers, timeout=10)
    assert answer.json() == {"error": {"status": status, "message": message}}
    assert answer.status_code == status


def test_an_access_token_expires(api: Api) -> None:
    old = access_token(api.state, lifetime_s=-1)
    answer = api.call("GET", "/me", token=old)
    assert answer.json() == {"error": {"status": 401, "message": "The access token expired"}}
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_refresh_token_is_no_access_token(api: Api) -> None:
    granted = accounts_of(api.state).issue_refresh_token(Grant(ME, frozenset()))
    assert api.refusal("GET", "/me", token=granted) == (401, "Invalid access token")


def test_a_client_credentials_token_speaks_for_nobody(api: Api) -> None:
    _, body = token(api, grant_type="client_credentials")
    assert api.call("GET", "/search?q=a&type=track", token=body["access_token"]).status_code == 200
    assert api.refusal("GET", "/me", token=body["access_token"])[0] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me/top/tracks"),
        ("GET", "/me/tracks"),
        ("GET", "/me/player/recently-played"),
        ("GET", "/me/playlists"),
        ("POST", "/me/playlists"),
        ("PUT", "/me/library?uris=spotify:track:0000000000000000000001"),
        ("GET", "/me/library/contains?uris=spotify:track:0000000000000000000001"),
    ],
)
def test_a_missing_scope_is_forbidden(api: Api, method: str, path: str) -> None:
    bare = access_token(api.state, scopes=frozenset({"user-read-private"}))
    assert api.refusal(method, path, token=bare, json={"name": "x"}) == (
        403,
        "Insufficient client scope",
    )
