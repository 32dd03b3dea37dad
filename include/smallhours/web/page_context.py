"""The context of a page: listener, settings and lake."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smallhours.errors import SettingsError
from smallhours.settings import ListenerSettings, Settings, load_settings

if TYPE_CHECKING:
    from smallhours.lake.store import Lake


@dataclass(frozen=True)
class PageContext:
    """The context of a page.

    Attributes:
        settings: The current settings.
        listener: Name of the listener.
        lake: The listener's lake.
    """

    settings: Settings
    listener: str
    lake: "Lake"

    @property
    def playlist_settings(self) -> ListenerSettings:
        """Return the listener's part of the settings."""
        return self.settings.listener(self.listener)

    @property
    def intents(self) -> dict[str, str]:
        """Return the names of the listener's playlists by key."""
        return {
            key: playlist_settings.name
            for key, playlist_settings in self.playlist_settings.playlists.items()
        }

    @property
    def today(self) -> dt.date:
        """Return the date of the current night in the listener's time zone."""
        return self.playlist_settings.night_at(dt.datetime.now(dt.UTC)).date


def open_page_context(listener: str | None) -> PageContext:
    """Return the context of a listener's page; without a name, of the first listener's.

    Raises:
        SettingsError: when the settings are wrong, or there is no such listener.
    """
    from smallhours.lake.migrations import open_to_read

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    return PageContext(settings, name, open_to_read(settings.lake.url))


def parse_night(text: str) -> dt.date:
    """Parse the date in an address.

    Raises:
        SettingsError: when it is not a date.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a date.", remedy="Write the night as YYYY-MM-DD."
        ) from None
