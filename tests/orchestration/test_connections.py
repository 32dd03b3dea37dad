"""Tests of credentials in Airflow's connections, and of renewed refresh tokens."""

import json
from collections.abc import Iterator

import pytest

from smallhours.errors import NeedsLogin, SettingsError
from smallhours.orchestration.connections import AirflowSecrets
from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from tests.airflow_home import AirflowInstall

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


@pytest.fixture
def secrets(airflow_db: None, airflow_install: AirflowInstall) -> Iterator[AirflowSecrets]:
    """Yield the secrets of the environment and an Airflow database, which is emptied afterwards."""
    from airflow.models.connection import Connection
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    del airflow_db, airflow_install
    yield AirflowSecrets()
    with create_session() as session:
        session.execute(delete(Variable))
        session.execute(delete(Connection))


def test_the_environment_needs_no_database(airflow_install: AirflowInstall) -> None:
    del airflow_install
    found = AirflowSecrets()

    assert found.lastfm("ada").api_key == "5a4d" * 8
    assert found.spotify("ada").client_id == "sandbox-client"
    assert found.spotify("ada").refresh_token == "refresh-ada"


def test_a_connection_of_airflows_database_is_found(secrets: AirflowSecrets) -> None:
    store("lastfm_chiara", conn_type="lastfm", password="1234" * 8)

    assert secrets.lastfm("chiara").api_key == "1234" * 8


@pytest.mark.parametrize("service", ["lastfm", "spotify"])
def test_a_missing_connection_is_named_and_how_to_add_it(
    secrets: AirflowSecrets, service: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        getattr(secrets, service)("nobody")

    assert f"`{service}_nobody`" in str(caught.value)
    assert f"AIRFLOW_CONN_{service.upper()}_NOBODY" in str(caught.value)


def test_an_app_without_a_login_says_how_to_log_in(
    secrets: AirflowSecrets, airflow_install: AirflowInstall
) -> None:
    airflow_install.set_connection(
        "spotify_ada", conn_type="spotify", login="app", password="secret"
    )

    with pytest.raises(NeedsLogin, match="smallhours login spotify --listener ada"):
        secrets.spotify("ada")
    assert secrets.spotify_app("ada") == ("app", "secret")


def test_a_renewed_login_is_kept_and_used(secrets: AirflowSecrets) -> None:
    secrets.store_refresh_token("ada", "renewed-once")
    assert secrets.spotify("ada").refresh_token == "renewed-once"

    secrets.store_refresh_token("ada", "renewed-twice")
    assert secrets.spotify("ada").refresh_token == "renewed-twice"


def test_a_new_login_wins_over_an_older_renewal(
    secrets: AirflowSecrets, airflow_install: AirflowInstall
) -> None:
    secrets.store_refresh_token("bruno", "renewed")
    airflow_install.set_connection(
        "spotify_bruno",
        conn_type="spotify",
        login="sandbox-client",
        extra={"refresh_token": "from-a-new-login"},
    )

    assert secrets.spotify("bruno").refresh_token == "from-a-new-login"


def test_a_renewed_login_is_not_stored_in_the_clear(secrets: AirflowSecrets) -> None:
    from airflow.utils.session import create_session
    from sqlalchemy import text

    secrets.store_refresh_token("ada", "very-secret-indeed")

    with create_session() as session:
        stored = session.execute(
            text("select val, is_encrypted from variable where key like 'smallhours%ada'")
        ).one()
    assert stored.is_encrypted
    assert "very-secret-indeed" not in stored.val


def test_a_login_is_written_into_the_connection(
    secrets: AirflowSecrets, airflow_install: AirflowInstall
) -> None:
    airflow_install.unset_connection("spotify_ada")
    store("spotify_ada", conn_type="spotify", login="app", password="secret")

    secrets.keep_login(SpotifyCredentials("app", "secret", "fresh", listener="ada"))

    assert secrets.spotify("ada").refresh_token == "fresh"
    assert secrets.spotify("ada").client_secret == "secret"


def test_a_first_login_makes_the_connection(secrets: AirflowSecrets) -> None:
    secrets.keep_login(SpotifyCredentials("app", None, "fresh", listener="chiara"))
    secrets.keep_key(LastfmCredentials("1234" * 8, listener="chiara"))

    assert secrets.spotify("chiara").refresh_token == "fresh"
    assert secrets.lastfm("chiara").api_key == "1234" * 8


def test_a_login_that_a_variable_would_hide_is_refused(secrets: AirflowSecrets) -> None:
    with pytest.raises(SettingsError, match="Unset AIRFLOW_CONN_SPOTIFY_ADA"):
        secrets.keep_login(SpotifyCredentials("app", None, "fresh", listener="ada"))


def store(name: str, **fields: object) -> None:
    """Add a connection to Airflow's database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection.from_json(json.dumps(fields), conn_id=name))
