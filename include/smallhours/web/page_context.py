"""The context that a page is built from, and the interface through which pages use Airflow."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

from starlette.requests import Request

from smallhours.errors import SettingsError
from smallhours.listener_settings import ListenerSettings
from smallhours.run_context import CredentialStore
from smallhours.settings import Settings
from smallhours.settings_file import Key, load_usable_settings

if TYPE_CHECKING:
    from smallhours.lake.store import Lake
    from smallhours.services.credentials import (
        LastfmCredentials,
        ListenBrainzCredentials,
        SpotifyCredentials,
        SubsonicCredentials,
    )


@dataclass(frozen=True)
class PageContext:
    """The context of a page.

    Attributes:
        settings: The current settings.
        listener: Name of the listener.
        lake: The listener's lake.
        error: What is wrong with the settings, which then hold defaults; None where nothing is.
        wrong: The wrong values by key, as the file has them.
    """

    settings: Settings
    listener: str
    lake: "Lake"
    error: SettingsError | None = None
    wrong: Mapping[Key, Any] = field(default_factory=dict)

    @property
    def playlist_settings(self) -> ListenerSettings:
        """Return the listener's part of the settings."""
        return self.settings.listener(self.listener)

    @property
    def intents(self) -> dict[str, str]:
        """Return the names of the listener's playlists by key."""
        return {
            key: playlist_settings.name
            for key, playlist_settings in self.playlist_settings.all_playlists.items()
        }

    @property
    def made_up(self) -> bool:
        """Return whether the tracks are a sandbox's: they have no pages at any service."""
        return self.settings.schedule.today is not None

    @property
    def zone(self) -> ZoneInfo:
        """Return the listener's time zone."""
        return ZoneInfo(self.playlist_settings.timezone)

    @property
    def today(self) -> dt.date:
        """Return the date of the current night in the listener's time zone."""
        return self.settings.tonight(self.listener, dt.datetime.now(dt.UTC)).date


def open_page_context(listener: str | None) -> PageContext:
    """Return the context of a listener's page; without a name, of the first listener's.

    A wrong setting is replaced by its default: a page on which it can be corrected has to open.

    Raises:
        SettingsError: when nothing can be made of the settings, or there is no such listener.
    """
    from smallhours.lake.migrations import open_to_read

    usable = load_usable_settings()
    settings = usable.settings
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    lake = open_to_read(settings.lake.url)
    return PageContext(settings, name, lake, usable.error, usable.wrong)


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
Service = Literal["lastfm", "listenbrainz", "spotify", "subsonic"]


class AccountStore(CredentialStore, Protocol):
    """A store of the listeners' credentials that can be changed."""

    def has(self, service: str, listener: str) -> bool:
        """Return whether there is a connection, complete or not."""
        ...

    def has_login(self, service: Service, listener: str) -> bool:
        """Return whether a login is kept."""
        ...

    def spotify_app(self, listener: str) -> tuple[str, str | None]:
        """Return the client id and secret of a listener's app."""
        ...

    def keep_login(self, credentials: "SpotifyCredentials") -> None:
        """Keep a login to Spotify."""
        ...

    def keep_key(self, credentials: "LastfmCredentials") -> None:
        """Keep a key of Last.fm."""
        ...

    def keep_token(self, credentials: "ListenBrainzCredentials", user: str) -> None:
        """Keep a token of ListenBrainz."""
        ...

    def keep_server(self, credentials: "SubsonicCredentials") -> None:
        """Keep the login of a music server."""
        ...

    def keep_notices(self, address: str) -> None:
        """Keep the address that notices go to."""
        ...

    def forget_notices(self) -> None:
        """Delete that address."""
        ...

    def disconnect(self, service: Service, listener: str) -> None:
        """Delete a login."""
        ...


@dataclass(frozen=True)
class WaitingList:
    """A list that waits for somebody to approve it.

    Attributes:
        run: The id of its run.
        listener: Whose list.
        night: Its night.
        since: Since when it waits.
        until: When it waits no longer; None where that is not known.
        unanswered: What happens then: `Approve` or `Reject`.
        plan: What would change, in Markdown.
    """

    run: str
    listener: str
    night: dt.date
    since: dt.datetime
    until: dt.datetime | None
    unanswered: str
    plan: str


@dataclass(frozen=True)
class AirflowBridge:
    """Callables that give the pages access to Airflow.

    Attributes:
        may_read: A FastAPI dependency that refuses visitors who may not see the pages.
        may_write: A FastAPI dependency that returns whether the visitor may press buttons.
        may_connect: A FastAPI dependency that returns whether they may change connections.
        waiting: The lists that wait for approval.
        answer: Approves (True) or rejects a waiting list, for the visitor of a request.
        accounts: Opens the store of the listeners' credentials.
        trigger: Starts a run of a DAG with a configuration; returns the run's id.
        partition_of: The partition key, `<listener>@<night>`, of a run by its DAG's id and its
            own; None when it has none.
        warning: What a listener should know at once, such as that their login ends; or empty.
        paused: The DAGs of the night that are paused, so that no list is made.
        resume: Lets paused DAGs run again.
        parse_again: Lets Airflow read the DAGs again, which are made from the settings.
        progress: How far a listener's night of a date is; None when none runs.
        secret: Signs the tokens of the forms.
        login_days: The days until a listener's Spotify login ends; None if unknown.
    """

    may_read: Dependency
    may_write: Dependency
    may_connect: Dependency
    accounts: Callable[[], AccountStore]
    waiting: Callable[[], Sequence["WaitingList"]]
    answer: Callable[[Request, str, bool], None]
    trigger: Callable[[str, Mapping[str, Any]], str]
    partition_of: Callable[[str, str], str | None]
    warning: Callable[[str], str]
    paused: Callable[[], Sequence[str]]
    resume: Callable[[Sequence[str]], None]
    parse_again: Callable[[], None]
    progress: Callable[[str, dt.date], NightProgress | None]
    secret: Callable[[], str]
    login_days: Callable[[str], int | None] = lambda _listener: None
