"""Settings and credentials for the sandbox: of a simulated listener, and for tests."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)
from smallhours.settings import Settings, parse_settings
from smallhours_sandbox.listenbrainz_state import listenbrainz_token

LISTENER = "default"
# Calls a second that nothing reaches.
FAST = 10_000.0
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

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        """Return the token of the listener, or of the sandbox's `ada` for `default`."""
        token = listenbrainz_token("ada" if listener == LISTENER else listener)
        return ListenBrainzCredentials(token, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return the sandbox's app and its built-in login of the listener."""
        return SpotifyCredentials(
            "sandbox-client", "sandbox-secret", f"refresh-{listener}", listener=listener
        )

    def subsonic(self, listener: str) -> SubsonicCredentials:
        """Raise an error: no simulated listener has a music server."""
        raise LookupError(listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Ignore a new token: the sandbox accepts the old one, too."""
        del listener, token


def settings_for(
    listener: str, url: str, lake: Path, *, services: Collection[str] = ("lastfm", "spotify")
) -> Settings:
    """Return one listener's settings: all defaults but a short list and no rate limits.

    Args:
        listener: Name of the listener.
        url: Address of the sandbox.
        lake: Folder of the lake.
        services: Where the listener has an account: `lastfm`, `listenbrainz`, `spotify`. Without
            Spotify the list goes to ListenBrainz.
    """
    me: dict[str, Any] = {
        "timezone": "UTC",
        "playlist": {"size": LIST_SIZE, "shortest": LIST_SIZE // 2},
        "spotify": "spotify" in services,
        "publishing": {} if "spotify" in services else {"places": ["listenbrainz"]},
        **{name: listener for name in ("lastfm", "listenbrainz") if name in services},
    }
    return sandbox_settings(
        listeners={listener: me},
        lake={"url": str(lake)},
        catalog=_CATALOG,
        services=sandbox_services(url),
    )


def sandbox_settings(listener: dict[str, Any] | None = None, **sections: Any) -> Settings:
    """Return settings of the listener `default`, who is the sandbox's `ada`.

    Args:
        listener: Further settings of the listener.
        sections: Further sections of the settings.
    """
    ada = {"lastfm_user": "ada", "timezone": "Europe/Dublin", **(listener or {})}
    return parse_settings(
        {"listeners": {LISTENER: ada}, **sections}, origin="the settings for the sandbox"
    )


def sandbox_services(url: str, **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the section `services` for a sandbox without rate limits.

    Args:
        url: Address of the sandbox.
        more: Further settings, by service.
    """
    services: dict[str, dict[str, Any]] = {
        "spotify": {"api_url": f"{url}/v1/", "accounts_url": f"{url}/", "calls_per_day": 1_000_000},
        "lastfm": {"api_url": f"{url}/2.0/"},
        "listenbrainz": {
            "api_url": f"{url}/listenbrainz/",
            "labs_url": f"{url}/labs/",
            "covers_url": f"{url}/coverart/",
            "labs_calls_per_second": FAST,
        },
        "musicbrainz": {"api_url": f"{url}/musicbrainz/ws/2/"},
        "reccobeats": {"api_url": f"{url}/reccobeats/v1/"},
        "acousticbrainz": {"api_url": f"{url}/acousticbrainz/api/v1/"},
    }
    return {
        name: {"calls_per_second": FAST, **own, **more.get(name, {})}
        for name, own in services.items()
    }


def sandbox_services_toml(url: str) -> str:
    """Return `sandbox_services` for a settings file: JSON's texts and numbers are TOML's, too."""
    lines = []
    for name, section in sandbox_services(url).items():
        lines += [f"[services.{name}]", *(f"{key} = {json.dumps(section[key])}" for key in section)]
    return "\n".join([*lines, ""])
