"""Tests that a connection's fields are read, checked, and never shown."""

from datetime import UTC, datetime

import pytest

from smallhours.errors import NeedsLogin, SettingsError
from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials

SPOTIFY = {
    "client_id": "app",
    "client_secret": "hush-secret",
    "refresh_token": "hush-refresh",
    "scopes": "user-top-read,user-library-read",
    "authorized_at": "2026-05-01T08:00:00Z",
}


def test_all_fields_of_a_spotify_connection() -> None:
    got = SpotifyCredentials.parse(SPOTIFY, listener="ada")
    assert got == SpotifyCredentials(
        "app",
        "hush-secret",
        "hush-refresh",
        ("user-library-read", "user-top-read"),
        datetime(2026, 5, 1, 8, tzinfo=UTC),
        "ada",
    )


def test_a_login_ends_six_months_after_consent() -> None:
    got = SpotifyCredentials.parse(SPOTIFY, listener="ada")
    assert got.expires_at == datetime(2026, 10, 30, 8, tzinfo=UTC)


def test_a_login_by_pkce_has_no_secret() -> None:
    fields = {**SPOTIFY, "client_secret": None}
    assert SpotifyCredentials.parse(fields, listener="ada").client_secret is None


@pytest.mark.parametrize("authorized_at", [1_777_622_400, datetime(2026, 5, 1, 8, tzinfo=UTC)])
def test_the_moment_of_consent_may_be_seconds_or_a_moment(authorized_at: object) -> None:
    fields = {**SPOTIFY, "authorized_at": authorized_at}
    got = SpotifyCredentials.parse(fields, listener="ada")
    assert got.authorized_at == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_secrets_do_not_appear_in_a_repr() -> None:
    shown = repr(SpotifyCredentials.parse(SPOTIFY, listener="ada"))
    shown += repr(LastfmCredentials.parse({"api_key": "hush", "api_secret": "hush"}, listener="a"))
    assert "hush" not in shown


@pytest.mark.parametrize("absent", [None, "", "   "])
def test_a_missing_client_id_is_named_with_its_connection(absent: str | None) -> None:
    with pytest.raises(SettingsError, match=r"`spotify_ada` has no `client_id`"):
        SpotifyCredentials.parse({**SPOTIFY, "client_id": absent}, listener="ada")


def test_a_missing_refresh_token_asks_for_a_login() -> None:
    fields = {"client_id": "app"}
    with pytest.raises(NeedsLogin, match="smallhours login spotify --listener ada"):
        SpotifyCredentials.parse(fields, listener="ada")


def test_a_missing_api_key_is_named_with_its_connection() -> None:
    with pytest.raises(SettingsError, match=r"`lastfm_ada` has no `api_key`"):
        LastfmCredentials.parse({}, listener="ada")


@pytest.mark.parametrize("slip", ["ab cd", "schlüssel", "a\nb", 17])
def test_a_slip_of_the_clipboard_is_found_early_and_not_repeated(slip: object) -> None:
    with pytest.raises(SettingsError, match="`api_key`") as caught:
        LastfmCredentials.parse({"api_key": slip}, listener="ada")
    assert str(slip) not in str(caught.value)


def test_space_around_a_key_is_dropped() -> None:
    assert LastfmCredentials.parse({"api_key": " key\n"}, listener="ada").api_key == "key"


@pytest.mark.parametrize("field", ["scopes", "authorized_at"])
def test_malformed_extras_are_named(field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        SpotifyCredentials.parse({**SPOTIFY, field: {"no": "idea"}}, listener="ada")
