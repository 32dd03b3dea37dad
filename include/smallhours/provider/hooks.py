"""Airflow's hooks for the two services: a client from a connection, for a DAG of one's own."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from smallhours.provider.connections import AirflowSecrets
from smallhours.runs import lastfm_client, spotify_client
from smallhours.settings import load_settings

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.spotify import SpotifyClient


class SpotifyHook(BaseHook):
    """A listener's Spotify, from the connection `spotify_<listener>`."""

    conn_name_attr = "spotify_conn_id"
    conn_type = "spotify"
    hook_name = "Spotify"

    def __init__(self, listener: str) -> None:
        super().__init__()
        self.listener = listener

    def get_conn(self) -> "SpotifyClient":
        """A client; the caller closes it."""
        return spotify_client(self.listener, load_settings(), AirflowSecrets())


class LastfmHook(BaseHook):
    """A listener's Last.fm, from the connection `lastfm_<listener>`."""

    conn_name_attr = "lastfm_conn_id"
    conn_type = "lastfm"
    hook_name = "Last.fm"

    def __init__(self, listener: str) -> None:
        super().__init__()
        self.listener = listener

    def get_conn(self) -> "LastfmClient":
        """A client; the caller closes it."""
        return lastfm_client(self.listener, load_settings(), AirflowSecrets())
