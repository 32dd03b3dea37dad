"""How is a simulated listener's installation set up? Settings and keys that suit the sandbox."""

from pathlib import Path
from typing import Any

from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from smallhours.settings import Settings, parse_settings

_ENOUGH = 1_000_000
# What a small world needs; a real one is asked for more.
_CATALOG = {
    "lastfm_calls_per_night": 500,
    "seed_tracks": 60,
    "seed_artists": 30,
    "near_artists": 80,
    "seed_tags": 10,
    "foreign_tags": 10,
}
LIST_SIZE = 10


class Keys:
    """The sandbox's credentials."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        """Any key of the right length will do."""
        return LastfmCredentials("5a4d" * 8, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """The sandbox's app, and the login that it made for the listener."""
        return SpotifyCredentials(
            "sandbox-client", "sandbox-secret", f"refresh-{listener}", listener=listener
        )

    def keep_refresh_token(self, listener: str, token: str) -> None:
        """The sandbox takes the old one, too."""
        del listener, token


def settings_for(listener: str, url: str, lake: Path) -> Settings:
    """One listener's settings, every dial as it comes but for a short list and no waiting.

    Args:
        listener: Who.
        url: Where the sandbox is served.
        lake: A folder.
    """
    fast: dict[str, Any] = {"calls_per_second": _ENOUGH}
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
                    "calls_per_day": _ENOUGH,
                    **fast,
                },
                "lastfm": {"api_url": f"{url}/2.0/", **fast},
                "reccobeats": {"api_url": f"{url}/reccobeats/v1/", **fast},
                "acousticbrainz": {"api_url": f"{url}/acousticbrainz/api/v1/", **fast},
            },
        },
        origin="the simulation",
    )
