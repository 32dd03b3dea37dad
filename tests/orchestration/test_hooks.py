"""Tests of the hooks: a listener's client, and the connection test."""

import pytest

from smallhours.errors import SettingsError
from smallhours.orchestration.hooks import LastfmHook, ListenBrainzHook, SpotifyHook
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from tests.airflow_home import AirflowInstall

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


def test_a_good_connection_says_whose_it_is(airflow_install: AirflowInstall) -> None:
    del airflow_install

    assert SpotifyHook("spotify_ada").test_connection() == (True, "Spotify knows this login: Ada.")
    assert LastfmHook("lastfm_ada").test_connection() == (
        True,
        "The key works: ada has 3,000 scrobbles.",
    )


def test_a_token_is_checked_against_the_user_in_the_settings(
    airflow_install: AirflowInstall,
) -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(text.replace("lastfm_user", 'listenbrainz = "ada"\nlastfm', 1))
    works, told = ListenBrainzHook("listenbrainz_ada").test_connection()
    assert works
    assert told.startswith("ada has ")

    for token, good in ((listenbrainz_token("ada"), True), ("no-token", False)):
        airflow_install.set_connection("listenbrainz_ada", conn_type="listenbrainz", password=token)
        works, told = ListenBrainzHook("listenbrainz_ada").test_connection()
        assert works == good
        assert token not in told


def test_a_bad_connection_says_what_to_do_and_no_secret(airflow_install: AirflowInstall) -> None:
    airflow_install.set_connection("lastfm_ada", conn_type="lastfm", password="not-the-key")
    airflow_install.set_connection(
        "spotify_ada",
        conn_type="spotify",
        login="sandbox-client",
        password="sandbox-secret",
        extra={"refresh_token": "revoked-token"},
    )

    for hook in (SpotifyHook("spotify_ada"), LastfmHook("lastfm_ada")):
        works, told = hook.test_connection()
        assert not works
        assert not any(secret in told for secret in ("not-the-key", "revoked-token", "secret"))
    assert "smallhours login spotify" in SpotifyHook("spotify_ada").test_connection()[1]


def test_a_connection_that_is_no_listeners_is_named() -> None:
    with pytest.raises(SettingsError, match="`my_spotify` is not named after a listener"):
        SpotifyHook("my_spotify")
