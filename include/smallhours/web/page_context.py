"""The context that a page is built from, and the interface through which pages use Airflow."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smallhours.listener_settings import ListenerSettings
from smallhours.settings import Settings, load_settings

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
        return self.settings.tonight(self.listener, dt.datetime.now(dt.UTC)).date


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


@dataclass(frozen=True)
class NightProgress:
    """How far a night is that runs now, or that failed.

    Attributes:
        stage: What the present stage does, in words.
        done, total: Number of stages.
        minutes_left: Minutes that the rest took last time; None when it never ran before.
        failed: Whether it has failed at this stage.
    """

    stage: str
    done: int
    total: int
    minutes_left: int | None
    failed: bool


Dependency = Callable[..., Any]


@dataclass(frozen=True)
class AirflowBridge:
    """Callables that give the pages access to Airflow.

    Attributes:
        may_read: A FastAPI dependency that refuses visitors who may not see the pages.
        may_write: A FastAPI dependency that returns whether the visitor may press buttons.
        trigger: Starts a run of a DAG with a configuration; returns the run's id.
        partition_of: The partition key, `<listener>@<night>`, of a run by its DAG's id and its
            own; None when it has none.
        warning: What a listener should know at once, such as that their login ends; or empty.
        paused: The DAGs of the night that are paused, so that no list is made.
        resume: Lets paused DAGs run again.
        progress: How far a listener's night of a date is; None when none runs.
        secret: Signs the tokens of the forms.
        login_days: The days until a listener's Spotify login ends; None if unknown.
    """

    may_read: Dependency
    may_write: Dependency
    trigger: Callable[[str, Mapping[str, Any]], str]
    partition_of: Callable[[str, str], str | None]
    warning: Callable[[str], str]
    paused: Callable[[], Sequence[str]]
    resume: Callable[[Sequence[str]], None]
    progress: Callable[[str, dt.date], NightProgress | None]
    secret: Callable[[], str]
    login_days: Callable[[str], int | None] = lambda _listener: None
