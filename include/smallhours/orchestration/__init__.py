"""Airflow integration: connections, tasks, assets, timetable. Only this package imports airflow.

Airflow finds the connection types through `get_provider_info`, an entry point of the distribution.
"""

from typing import Any

from smallhours import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata for Airflow: its name and connection types."""
    return {
        "package-name": "smallhours",
        "name": "Smallhours",
        "description": "A personal music recommender: its connections to services.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "spotify",
                "hook-name": "Spotify",
                "hook-class-name": "smallhours.orchestration.hooks.SpotifyHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": {"login": "Client ID", "password": "Client secret"},
                    "placeholders": {"login": "from developer.spotify.com/dashboard"},
                },
                "conn-fields": {
                    "refresh_token": {
                        "label": "Refresh token",
                        "description": "`smallhours login spotify` fetches it.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "authorized_at": {
                        "label": "Logged in at",
                        "description": "Spotify ends a login six months after it.",
                        "schema": {"type": ["string", "null"], "format": "date-time"},
                    },
                },
            },
            {
                "connection-type": "lastfm",
                "hook-name": "Last.fm",
                "hook-class-name": "smallhours.orchestration.hooks.LastfmHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port", "login"],
                    "relabeling": {"password": "API key"},
                    "placeholders": {"password": "from www.last.fm/api/accounts"},
                },
            },
            {
                "connection-type": "listenbrainz",
                "hook-name": "ListenBrainz",
                "hook-class-name": "smallhours.orchestration.hooks.ListenBrainzHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": {"login": "User name", "password": "Token"},
                    "placeholders": {"password": "from listenbrainz.org/settings"},
                },
            },
            {
                "connection-type": "subsonic",
                "hook-name": "Subsonic",
                "hook-class-name": "smallhours.orchestration.hooks.SubsonicHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {},
                    "placeholders": {"host": "https://music.example, or 192.168.1.5"},
                },
                "conn-fields": {
                    "api_key": {
                        "label": "API key",
                        "description": "In place of login and password, where the server has them.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                },
            },
        ],
    }
