"""Settings of one listener of the sandbox, whose services have no rate limits of our own."""

from typing import Any

from smallhours.settings import Settings, parse_settings

LISTENER = "default"
# Calls a second that no benchmark reaches.
FAST = 10_000.0


def sandbox_settings(listener: dict[str, Any] | None = None, **sections: Any) -> Settings:
    """Return settings of the listener `default`, who is the sandbox's `ada`.

    Args:
        listener: Further settings of the listener.
        sections: Further sections of the settings.
    """
    ada = {"lastfm_user": "ada", "timezone": "Europe/Dublin", **(listener or {})}
    listeners = {LISTENER: ada}
    return parse_settings({"listeners": listeners, **sections}, origin="the benchmark's settings")


def sandbox_services(url: str, **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the section `services` for a sandbox, with further settings by service."""
    services: dict[str, dict[str, Any]] = {
        "spotify": {"api_url": f"{url}/v1/", "accounts_url": f"{url}/", "calls_per_day": 1_000_000},
        "lastfm": {"api_url": f"{url}/2.0/"},
        "reccobeats": {"api_url": f"{url}/reccobeats/v1/"},
        "acousticbrainz": {"api_url": f"{url}/acousticbrainz/api/v1/"},
    }
    return {
        name: {"calls_per_second": FAST, **own, **more.get(name, {})}
        for name, own in services.items()
    }
