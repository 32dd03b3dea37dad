"""Hooks that return a service's client from a listener's connection, for custom DAGs.

The client uses the settings of the listener in the connection's name. The *Test* button of a
connection's form asks the service a question.
"""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from smallhours.errors import SettingsError, SmallhoursError
from smallhours.orchestration.connections import AirflowSecrets
from smallhours.run_context import (
    lastfm_client,
    listenbrainz_client,
    spotify_client,
    subsonic_client,
)
from smallhours.services.listenbrainz import check_token
from smallhours.settings import load_settings

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.spotify import SpotifyClient
    from smallhours.services.subsonic import SubsonicClient


class SpotifyHook(BaseHook):
    """A hook for a listener's Spotify.

    Args:
        spotify_conn_id: The connection, `spotify_<listener>`.
    """

    conn_name_attr = "spotify_conn_id"
    conn_type = "spotify"
    hook_name = "Spotify"

    def __init__(self, spotify_conn_id: str) -> None:
        super().__init__()
        self.listener = _listener_of(spotify_conn_id, "spotify")

    def get_conn(self) -> "SpotifyClient":
        """Return a client; the caller closes it."""
        return spotify_client(self.listener, load_settings(), AirflowSecrets())

    def test_connection(self) -> tuple[bool, str]:
        """Ask Spotify for the account; behind the *Test* button of the connection's form."""
        try:
            with self.get_conn() as client:
                account = client.me()
        except SmallhoursError as error:
            return False, str(error)
        return True, f"Spotify knows this login: {account.display_name or account.id}."


class LastfmHook(BaseHook):
    """A hook for a listener's Last.fm.

    Args:
        lastfm_conn_id: The connection, `lastfm_<listener>`.
    """

    conn_name_attr = "lastfm_conn_id"
    conn_type = "lastfm"
    hook_name = "Last.fm"

    def __init__(self, lastfm_conn_id: str) -> None:
        super().__init__()
        self.listener = _listener_of(lastfm_conn_id, "lastfm")

    def get_conn(self) -> "LastfmClient":
        """Return a client; the caller closes it."""
        return lastfm_client(self.listener, load_settings(), AirflowSecrets())

    def test_connection(self) -> tuple[bool, str]:
        """Ask Last.fm for the listener; behind the *Test* button of the connection's form."""
        try:
            user = load_settings().listener(self.listener).lastfm
            with self.get_conn() as client:
                told = client.user_info(user)
        except SmallhoursError as error:
            return False, str(error)
        return True, f"The key works: {told.name} has {told.playcount:,} scrobbles."


class ListenBrainzHook(BaseHook):
    """A hook for a listener's ListenBrainz.

    Args:
        listenbrainz_conn_id: The connection, `listenbrainz_<listener>`.
    """

    conn_name_attr = "listenbrainz_conn_id"
    conn_type = "listenbrainz"
    hook_name = "ListenBrainz"

    def __init__(self, listenbrainz_conn_id: str) -> None:
        super().__init__()
        self.listener = _listener_of(listenbrainz_conn_id, "listenbrainz")

    def get_conn(self) -> "ListenBrainzClient":
        """Return a client; the caller closes it."""
        return listenbrainz_client(self.listener, load_settings(), AirflowSecrets())

    def test_connection(self) -> tuple[bool, str]:
        """Ask ListenBrainz for the token's user; behind the *Test* button of the form."""
        try:
            user = load_settings().listener(self.listener).listenbrainz
            with self.get_conn() as client:
                return True, check_token(client, user)
        except SmallhoursError as error:
            return False, str(error)


class SubsonicHook(BaseHook):
    """A hook for a listener's music server at home.

    Args:
        subsonic_conn_id: The connection, `subsonic_<listener>`.
    """

    conn_name_attr = "subsonic_conn_id"
    conn_type = "subsonic"
    hook_name = "Subsonic"

    def __init__(self, subsonic_conn_id: str) -> None:
        super().__init__()
        self.listener = _listener_of(subsonic_conn_id, "subsonic")

    def get_conn(self) -> "SubsonicClient":
        """Return a client; the caller closes it."""
        return subsonic_client(self.listener, load_settings(), AirflowSecrets())

    def test_connection(self) -> tuple[bool, str]:
        """Log in to the server; behind the *Test* button of the connection's form."""
        try:
            with self.get_conn() as client:
                told = client.check_login()
        except SmallhoursError as error:
            return False, str(error)
        return True, f"The login works: {told}."


def _listener_of(connection: str, service: str) -> str:
    """Return the listener of a connection, from its name.

    Raises:
        SettingsError: when it is not named after a listener.
    """
    before, _, listener = connection.partition("_")
    if before != service or not listener:
        raise SettingsError(
            f"The connection `{connection}` is not named after a listener.",
            remedy=f"Name it `{service}_<listener>`, with the listener's name in smallhours.toml.",
        )
    return listener
