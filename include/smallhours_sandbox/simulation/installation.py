"""Settings and credentials of a simulated listener's installation."""

from pathlib import Path
from typing import Any

from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from smallhours.settings import Settings, parse_settings

_UNLIMITED = 1_000_000
# Smaller than the defaults, since the simulated world is small.
_CATALOG = {
    "lastfm_calls_per_night": 500,
    "seed_tracks": 60,
    "seed_artists": 30,
    "near_artists": 80,
    "seed_tags": 10,
    "foreign_tags": 10,
}
LIST_SIZE = 10


class SandboxCredentials:
    """The sandbox's credentials, in the place of Airflow's connections."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        """Return an API key; the sandbox accepts any key of the right length."""
        return LastfmCredentials("5a4d" * 8, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return the sandbox's app and its built-in login of the listener."""
        return SpotifyCredentials(
            "sandbox-client", "sandbox-secret", f"refresh-{listener}", listener=listener
        )

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Ignore a new token: the sandbox accepts the old one, too."""
        del listener, token


def settings_for(listener: str, url: str, lake: Path) -> Settings:
    """Return one listener's settings: all defaults but a short list and no rate limits.

    Args:
        listener: Name of the listener.
        url: Address of the sandbox.
        lake: Folder of the lake.
    """
    fast: dict[str, Any] = {"calls_per_second": _UNLIMITED}
    playlist = {"size": LIST_SIZE, "shortest": LIST_SIZE // 2}
    me = {"lastfm_user": listener, "timezone": "UTC", "playlist": playlist}
    return parse_settings(
        {
            "listeners": {listener: me},
            "lake": {"url": str(lake)},
            "catalog": _CATALOG,
            "services": {
                "spotify": {
                    "api_url": f"{url}/v1/",
                    "accounts_url": f"{url}/",
                    "calls_per_day": _UNLIMITED,
                    **fast,
                },
                "lastfm": {"api_url": f"{url}/2.0/", **fast},
                "reccobeats": {"api_url": f"{url}/reccobeats/v1/", **fast},
                "acousticbrainz": {"api_url": f"{url}/acousticbrainz/api/v1/", **fast},
            },
        },
        origin="the simulation",
    )
