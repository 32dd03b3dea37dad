"""Credentials in Airflow's connections, and renewed refresh tokens in its variables.

Secrets are Airflow connections: `spotify_<listener>` (login: client id, password: client secret,
extra: `refresh_token`), `lastfm_<listener>` (password: API key), `listenbrainz_<listener>`
(password: token) and `subsonic_<listener>` (host, login, password). Environment variables such as
`AIRFLOW_CONN_LASTFM_ADA` come before Airflow's database, so that the command line needs none.

Spotify may answer a refresh token with a new one, and the old one then soon ends. The new one is
kept as an Airflow variable, encrypted like a connection, together with a fingerprint of the token
in the connection: when the listener logs in again, the connection is newer, and wins.

A task asks its supervisor for both, and never the database; whoever else asks, asks the stores.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Literal

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from smallhours.errors import SettingsError
from smallhours.services.credentials import (
    NOTICES_CONNECTION,
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)
from smallhours.settings import Settings

LOG = logging.getLogger(__name__)

Service = Literal["lastfm", "listenbrainz", "spotify", "subsonic"]
SERVICES: tuple[Service, ...] = ("lastfm", "listenbrainz", "spotify", "subsonic")
# Those that answer nothing without a login.
NEED_LOGIN: tuple[Service, ...] = ("lastfm", "spotify")

_HOW_TO_ADD = {
    "subsonic": "with your server's address as its host, and your account's login and password",
    "listenbrainz": "with the token from listenbrainz.org/settings as its password",
    "lastfm": "with your API key (www.last.fm/api/accounts) as its password",
    "spotify": "with your app's client id as its login and its client secret as its password "
    "(developer.spotify.com/dashboard), then run `smallhours login spotify --listener {listener}`",
}


def ask_without_database(question: Literal["get_connection", "get_variable"], name: str) -> Any:
    """Ask Airflow's secret stores but its database: the environment, and a vault if one is set."""
    from airflow.configuration import ensure_secrets_loaded
    from airflow.secrets.metastore import MetastoreBackend

    stores = (each for each in ensure_secrets_loaded() if not isinstance(each, MetastoreBackend))
    answers = (getattr(each, question)(name) for each in stores)
    return next((each for each in answers if each is not None), None)


def read_variable(name: str) -> Any:
    """Return the JSON value of an Airflow variable; None when there is none."""
    if in_task():
        from airflow.sdk import Variable

        return Variable.get(name, default=None, deserialize_json=True)
    from airflow.models.variable import Variable as StoredVariable

    from smallhours.orchestration.database import has_database

    found = ask_without_database("get_variable", name)
    if found is None and has_database():
        found = StoredVariable.get(name, default_var=None)
    return None if found is None else json.loads(found)


def write_variable(name: str, value: dict[str, str]) -> None:
    """Store a JSON value as an Airflow variable.

    Raises:
        SettingsError: when Airflow would not encrypt it, or its database refuses.
    """
    if in_task():
        from airflow.sdk import Variable

        Variable.set(name, value, serialize_json=True)
        return
    from airflow.models.variable import Variable as StoredVariable
    from sqlalchemy.exc import SQLAlchemyError

    from smallhours.orchestration.database import make_database, require_key

    require_key()
    try:
        make_database()
        StoredVariable.set(name, value, serialize_json=True)
    except SQLAlchemyError as error:
        raise SettingsError(
            "Spotify renewed the login, and Airflow's database does not take it "
            f"({type(error).__name__}).",
            remedy="Make sure that Airflow's database is yours to write, and log in again.",
        ) from None


def in_task() -> bool:
    """Return whether this is a task's process, which must ask its supervisor, not the database."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None


class AirflowSecrets:
    """The credentials in Airflow's connections, for use in a task or outside of one.

    What writes or deletes a connection raises SettingsError when it is an environment variable,
    which only its owner can change, or when Airflow's database can't be written.
    """

    def lastfm(self, listener: str) -> LastfmCredentials:
        """Return a listener's Last.fm credentials.

        Raises:
            SettingsError: when the connection is missing or incomplete.
        """
        connection = _connection("lastfm", listener)
        fields = {"api_key": connection.password, **connection.extra_dejson}
        _mask(fields.get("api_key"), fields.get("api_secret"))
        return LastfmCredentials.parse(fields, listener=listener)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        """Return a listener's ListenBrainz credentials; without a token where none is kept.

        Raises:
            SettingsError: when the connection is malformed.
        """
        if not self.has("listenbrainz", listener):
            return ListenBrainzCredentials(listener=listener)
        connection = _connection("listenbrainz", listener)
        fields = {"token": connection.password, **connection.extra_dejson}
        _mask(fields.get("token"))
        return ListenBrainzCredentials.parse(fields, listener=listener)

    def subsonic(self, listener: str) -> SubsonicCredentials:
        """Return the credentials of a listener's music server.

        Raises:
            SettingsError: when the connection is missing or incomplete.
        """
        connection = _connection("subsonic", listener)
        fields = {
            "host": connection.host,
            "schema": connection.schema,
            "port": connection.port,
            "user": connection.login,
            "password": connection.password,
            **connection.extra_dejson,
        }
        _mask(fields.get("password"), fields.get("api_key"))
        return SubsonicCredentials.parse(fields, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return a listener's Spotify credentials, with the newest refresh token.

        Raises:
            SettingsError: when the connection is missing or incomplete.
            NeedsLogin: when there is no refresh token yet.
        """
        fields = self._spotify_fields(listener)
        kept = read_variable(variable_of(listener))
        if kept and kept.get("replaces") == _fingerprint(fields.get("refresh_token")):
            fields["refresh_token"] = kept["refresh_token"]
        _mask(fields.get("client_secret"), fields.get("refresh_token"))
        return SpotifyCredentials.parse(fields, listener=listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Store the refresh token that Spotify returned in place of the one it was sent."""
        _mask(token)
        replaced = _fingerprint(self._spotify_fields(listener).get("refresh_token"))
        write_variable(variable_of(listener), {"replaces": replaced, "refresh_token": token})
        LOG.info("Spotify renewed the login of %s; it is kept.", listener)

    def has(self, service: str, listener: str) -> bool:
        """Return whether there is a connection `<service>_<listener>`, complete or not."""
        try:
            _connection(service, listener)
        except SettingsError:
            return False
        return True

    def has_login(self, service: Service, listener: str) -> bool:
        """Return whether there is a connection, and for Spotify a refresh token in it."""
        if not self.has(service, listener):
            return False
        return service != "spotify" or bool(self._spotify_fields(listener).get("refresh_token"))

    def spotify_app(self, listener: str) -> tuple[str, str | None]:
        """Return the client id and secret of a listener's app, logged in or not.

        Raises:
            SettingsError: when the connection is missing or has no client id.
        """
        fields = {**self._spotify_fields(listener), "refresh_token": "not-yet"}
        app = SpotifyCredentials.parse(fields, listener=listener)
        return app.client_id, app.client_secret

    def keep_login(self, credentials: SpotifyCredentials) -> None:
        """Write a new login into the listener's connection, in Airflow's database."""
        moment = credentials.authorized_at
        _store(
            "spotify",
            f"spotify_{credentials.listener}",
            login=credentials.client_id,
            password=credentials.client_secret,
            extra={
                "refresh_token": credentials.refresh_token,
                "scopes": " ".join(credentials.scopes),
                "authorized_at": moment.isoformat() if moment else None,
            },
        )

    def keep_key(self, credentials: LastfmCredentials) -> None:
        """Write an API key into the listener's connection, in Airflow's database."""
        name, key = f"lastfm_{credentials.listener}", credentials.api_key
        _store("lastfm", name, login=None, password=key, extra={})

    def keep_token(self, credentials: ListenBrainzCredentials, user: str) -> None:
        """Write a token into the listener's connection, in Airflow's database."""
        name, token = f"listenbrainz_{credentials.listener}", credentials.token
        _store("listenbrainz", name, login=user, password=token, extra={})

    def keep_server(self, credentials: SubsonicCredentials) -> None:
        """Write the login of a music server into the listener's connection."""
        _store(
            "subsonic",
            f"subsonic_{credentials.listener}",
            login=credentials.user,
            password=credentials.password,
            extra={"host": credentials.url},
        )

    def keep_notices(self, address: str) -> None:
        """Write the address that notices go to into a connection of Apprise."""
        _mask(address)
        extra = {"config": [{"path": address, "tag": "all"}]}
        _store("apprise", NOTICES_CONNECTION, login=None, password=None, extra=extra)

    def forget_notices(self) -> None:
        """Delete that connection."""
        _delete(NOTICES_CONNECTION)

    def disconnect(self, service: Service, listener: str) -> None:
        """Delete a listener's connection from Airflow's database, with the renewed token."""
        _delete(f"{service}_{listener}", variable_of(listener) if service == "spotify" else None)

    def _spotify_fields(self, listener: str) -> dict[str, Any]:
        connection = _connection("spotify", listener)
        return {
            "client_id": connection.login,
            "client_secret": connection.password,
            **connection.extra_dejson,
        }


def missing_logins(
    listener: str, settings: Settings, services: Sequence[Service] = NEED_LOGIN
) -> list[Service]:
    """Return the services that a listener uses and has not logged in to yet.

    A connection that is there and incomplete is not missing: the stages say what is wrong with it.
    """
    secrets = AirflowSecrets()
    mine = settings.listener(listener)
    uses = {"lastfm": bool(mine.lastfm), "spotify": mine.spotify}
    used = [service for service in services if uses.get(service)]
    return [service for service in used if not secrets.has_login(service, listener)]


def _connection(service: str, listener: str) -> Any:
    """Return the connection `<service>_<listener>`, from a task's supervisor or Airflow's store.

    Returns:
        Airflow's connection; the two places have two classes for it, alike in what is used here.

    Raises:
        SettingsError: when there is no such connection.
    """
    name = f"{service}_{listener}"
    try:
        return stored_connection(name)
    except AirflowNotFoundException:
        how = _HOW_TO_ADD[service].format(listener=listener)
        raise SettingsError(
            f"There is no Airflow connection `{name}`.",
            remedy=f"Run `smallhours login {service} --listener {listener}`. Or add it in Airflow "
            f"(Admin, Connections; type {service}) or in the variable "
            f"AIRFLOW_CONN_{name.upper()}, {how}.",
        ) from None


def stored_connection(name: str) -> Any:
    """Return a connection of Airflow's by its id.

    Raises:
        AirflowNotFoundException: when there is none.
    """
    if in_task():
        from airflow.sdk import Connection

        return Connection.get(name)
    from airflow.models.connection import Connection as StoredConnection

    from smallhours.orchestration.database import has_database

    found = ask_without_database("get_connection", name)
    if found is None and not has_database():
        raise AirflowNotFoundException
    return found or StoredConnection.get_connection_from_secrets(name)


def _store(
    kind: str, name: str, *, login: str | None, password: str | None, extra: dict[str, Any]
) -> None:
    """Create or change a connection of some type in Airflow's database.

    Raises:
        SettingsError: when an environment variable would hide it, Airflow would not encrypt it, or
            the database refuses.
    """
    from airflow.models.connection import Connection as StoredConnection
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    from smallhours.orchestration.database import make_database, require_key

    _refuse_variable(name)
    require_key()
    _mask(password, extra.get("refresh_token"))
    try:
        make_database()
        with create_session() as session:
            stored = session.scalar(
                select(StoredConnection).where(StoredConnection.conn_id == name)
            )
            if stored is None:
                stored = StoredConnection(conn_id=name, conn_type=kind)
                session.add(stored)
            stored.login = login
            stored.set_password(password)
            stored.set_extra(json.dumps({**stored.extra_dejson, **extra}))
    except SQLAlchemyError as error:
        raise SettingsError(
            f"Airflow's database does not take the connection `{name}` ({type(error).__name__}).",
            remedy="Make sure that AIRFLOW_HOME, or Airflow's database, is yours to write.",
        ) from None


def _delete(name: str, variable: str | None = None) -> None:
    """Delete a connection, and the variable that belongs to it, from Airflow's database."""
    from airflow.models.connection import Connection as StoredConnection
    from airflow.models.variable import Variable as StoredVariable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    _refuse_variable(name)
    with create_session() as session:
        session.execute(delete(StoredConnection).where(StoredConnection.conn_id == name))
        session.execute(delete(StoredVariable).where(StoredVariable.key == variable))


def _refuse_variable(name: str) -> None:
    """Refuse to change a connection that an environment variable gives."""
    variable = f"AIRFLOW_CONN_{name.upper()}"
    if variable in os.environ:
        raise SettingsError(
            f"The connection `{name}` is given by the variable {variable}, which comes before what "
            "would be kept in Airflow's database.",
            remedy=f"Unset {variable}, and try again.",
        )


def variable_of(listener: str) -> str:
    """Return the name of the variable that keeps a listener's renewed refresh token."""
    # Airflow masks the value of every variable with "token" in its name.
    return f"smallhours_spotify_token_{listener}"


def _fingerprint(token: object) -> str:
    return hashlib.blake2b(str(token).encode(), digest_size=16).hexdigest()


def _mask(*values: object) -> None:
    """Mask secrets in every log."""
    for value in values:
        if isinstance(value, str) and value:
            mask_secret(value)
