"""Where in the pages is the visitor: which listener, which night, which playlist?"""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smallhours.errors import SettingsError
from smallhours.settings import Listener, Settings, load_settings

if TYPE_CHECKING:
    from smallhours.lake.store import Lake


@dataclass(frozen=True)
class Place:
    """What a page is about.

    Attributes:
        settings: As the file has them now.
        listener: Whose page.
        lake: Their lake.
    """

    settings: Settings
    listener: str
    lake: "Lake"

    @property
    def wishes(self) -> Listener:
        """The listener's part of the settings."""
        return self.settings.listener(self.listener)

    @property
    def intents(self) -> dict[str, str]:
        """The listener's playlists: key -> name."""
        return {key: wishes.name for key, wishes in self.wishes.playlists.items()}

    @property
    def today(self) -> dt.date:
        """The date where the listener is."""
        return self.wishes.night_at(dt.datetime.now(dt.UTC)).date


def place_of(listener: str | None) -> Place:
    """The place that an address names; without a listener, the first one's.

    Raises:
        SettingsError: when the settings are wrong, or there is no such listener.
    """
    from smallhours.lake.store import Lake

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    return Place(settings, name, Lake(settings.lake.url))


def parse_night(text: str) -> dt.date:
    """The date in an address.

    Raises:
        SettingsError: when it is not a date.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a date.", remedy="Write the night as YYYY-MM-DD."
        ) from None
