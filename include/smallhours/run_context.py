"""The context of a run: the listener, the night, the settings, the lake, the clients and places.

Clients are built, and places opened, when a stage first needs them. The modules behind them are
imported then, never before: Airflow reads this file each time it parses a DAG.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from smallhours.errors import SettingsError
from smallhours.service_settings import AcousticbrainzSettings, ReccobeatsSettings
from smallhours.settings import Settings
from smallhours.vocabulary import PlaceName

if TYPE_CHECKING:
    from smallhours.lake.store import Lake
    from smallhours.nights import Night
    from smallhours.places.place import Place
    from smallhours.services.audio_features import (
        AcousticbrainzClient,
        FeatureClient,
        ReccobeatsClient,
    )
    from smallhours.services.credentials import (
        LastfmCredentials,
        ListenBrainzCredentials,
        SpotifyCredentials,
        SubsonicCredentials,
    )
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.musicbrainz import MusicBrainzClient
    from smallhours.services.spotify import SpotifyClient
    from smallhours.services.subsonic import SubsonicClient

    OpenClient = TypeVar("OpenClient", bound=FeatureClient)

CLIENTS = (
    *("lastfm", "listenbrainz", "musicbrainz", "spotify", "reccobeats", "acousticbrainz"),
    "subsonic",
)
# A rate limit that asks for a longer wait ends the task, to be run again then.
MAX_RATE_LIMIT_WAIT_S = 60.0


class CredentialStore(Protocol):
    """A store of the listeners' credentials."""

    def lastfm(self, listener: str) -> "LastfmCredentials":
        """Return a listener's Last.fm credentials."""
        ...

    def listenbrainz(self, listener: str) -> "ListenBrainzCredentials":
        """Return a listener's ListenBrainz credentials; without a token where none is kept."""
        ...

    def spotify(self, listener: str) -> "SpotifyCredentials":
        """Return a listener's Spotify credentials."""
        ...

    def subsonic(self, listener: str) -> "SubsonicCredentials":
        """Return the credentials of a listener's music server."""
        ...

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Store the new refresh token that Spotify gave in exchange for the old one."""
        ...


@dataclass
class RunContext:
    """One listener's night, with everything that a stage may need.

    Clients are built when a stage asks for them, and closed when the run's `with` block ends.

    Attributes:
        listener: Whose night it is.
        night: The night.
        settings: The validated settings.
        secrets: Where the listener's credentials are kept.
        sleep: Waits for a number of seconds before a request that failed is made again.
    """

    listener: str
    night: "Night"
    settings: Settings
    secrets: CredentialStore
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def lake(self) -> "Lake":
        """The lake of the settings, in the format of this program.

        Raises:
            LakeUnwritable: when it refuses writes: better known before any service is asked.
            LakeError: when a newer program wrote it.
        """
        from smallhours.lake.migrations import prepare
        from smallhours.lake.store import Lake

        lake = Lake(self.settings.lake.url)
        lake.check_writable()
        prepare(lake)
        return lake

    @cached_property
    def lastfm(self) -> "LastfmClient | None":
        """A Last.fm client with the listener's key; None if they have no account there."""
        if not self.settings.listener(self.listener).lastfm:
            return None
        return lastfm_client(self.listener, self.settings, self.secrets, sleep=self.sleep)

    @cached_property
    def spotify(self) -> "SpotifyClient | None":
        """A Spotify client with the listener's login; None if the settings say they have none."""
        if not self.settings.listener(self.listener).spotify:
            return None
        return spotify_client(self.listener, self.settings, self.secrets, sleep=self.sleep)

    @cached_property
    def listenbrainz(self) -> "ListenBrainzClient | None":
        """A ListenBrainz client; None if it is switched off, or has no contact to name."""
        where = self.settings.services.listenbrainz
        if not (where.enabled and self.settings.contact(self.listener)):
            return None
        return listenbrainz_client(self.listener, self.settings, self.secrets, sleep=self.sleep)

    @cached_property
    def musicbrainz(self) -> "MusicBrainzClient | None":
        """A MusicBrainz client; None if it is switched off, or has no contact to name."""
        from smallhours.services.budget_state import budget_of
        from smallhours.services.musicbrainz import SERVICE, MusicBrainzClient
        from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit

        where = self.settings.services.musicbrainz
        contact = self.settings.contact(self.listener)
        if not (where.enabled and contact):
            return None
        return MusicBrainzClient(
            settings=where,
            contact=contact,
            rate_limit=shared_rate_limit(
                SERVICE,
                where.calls_per_second,
                state=budget_of(self.settings.lake.url, "musicbrainz"),
            ),
            retry_policy=RetryPolicy(tries=5, rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=self.sleep),
        )

    @cached_property
    def subsonic(self) -> "SubsonicClient":
        """A client of the listener's music server.

        Raises:
            SettingsError: when its connection is missing or incomplete.
        """
        return subsonic_client(self.listener, self.settings, self.secrets, sleep=self.sleep)

    @cached_property
    def reccobeats(self) -> "ReccobeatsClient":
        """A ReccoBeats client; it needs no credentials."""
        from smallhours.services.audio_features import ReccobeatsClient

        return self._open_service(ReccobeatsClient, self.settings.services.reccobeats)

    @cached_property
    def acousticbrainz(self) -> "AcousticbrainzClient":
        """An AcousticBrainz client; it needs no credentials."""
        from smallhours.services.audio_features import AcousticbrainzClient

        return self._open_service(AcousticbrainzClient, self.settings.services.acousticbrainz)

    def _open_service(
        self, client: "type[OpenClient]", where: ReccobeatsSettings | AcousticbrainzSettings
    ) -> "OpenClient":
        from smallhours.services.budget_state import budget_of
        from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit

        return client(
            settings=where,
            rate_limit=shared_rate_limit(
                client.service,
                where.calls_per_second,
                state=budget_of(self.settings.lake.url, client.section),
            ),
            retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=self.sleep),
            contact=self.settings.contact(self.listener),
        )

    @property
    def legacy_spotify(self) -> "SpotifyClient | None":
        """The Spotify client if the settings say that its app may ask for audio features."""
        return self.spotify if self.settings.services.spotify.legacy_features else None

    @property
    def places(self) -> "Mapping[str, Callable[[], Place]]":
        """What opens each place of the listener's lists, by name, in the order of the settings."""
        names = self.settings.listener(self.listener).places
        return {name: partial(self._open_place, name) for name in names}

    def _open_place(self, name: PlaceName) -> "Place":
        """Return a place of the listener's lists.

        Raises:
            SettingsError: when what it needs is not in the settings, or no login is kept.
        """
        from smallhours.places.files import FilesPlace
        from smallhours.places.listenbrainz import ListenBrainzPlace
        from smallhours.places.spotify import SpotifyPlace
        from smallhours.places.subsonic import SubsonicPlace

        mine = self.settings.listener(self.listener)
        match name:
            case PlaceName.SPOTIFY:
                if self.spotify is None:
                    raise SettingsError(
                        f"{self.listener} has no Spotify account in the settings.",
                        remedy="Set `spotify = true` for them.",
                    )
                return SpotifyPlace(self.spotify)
            case PlaceName.LISTENBRAINZ:
                if self.listenbrainz is None or not mine.listenbrainz:
                    raise SettingsError(
                        f"{self.listener} has no ListenBrainz account in the settings.",
                        remedy="Name it as `listenbrainz` of this listener, and see that "
                        "[services.listenbrainz] is enabled.",
                    )
                covers_url = self.settings.services.listenbrainz.covers_url
                return ListenBrainzPlace(
                    self.listenbrainz, mine.listenbrainz, covers_url=covers_url
                )
            case PlaceName.SUBSONIC:
                return SubsonicPlace(self.subsonic)
            case PlaceName.FILES:
                folder = self.settings.folder_of_lists(self.listener)
                return FilesPlace(folder, mine.publishing.file_formats)

    def __enter__(self) -> Self:
        """Return the run; no client is built yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the clients that were built, and give back what they reserved in vain."""
        clients = [self.__dict__.pop(name, None) for name in CLIENTS]
        for client in clients:
            if client is not None:
                client.close()
        if any(clients):
            from smallhours.services.retry_and_rate_limit import give_back_unused

            give_back_unused()


def lastfm_client(
    listener: str,
    settings: Settings,
    secrets: CredentialStore,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> "LastfmClient":
    """Return a Last.fm client with a listener's key; the caller closes it.

    All processes that work on the lake keep to Last.fm's rate together.

    Raises:
        SettingsError: when the credentials are missing or incomplete.
    """
    from smallhours.services.budget_state import budget_of
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.lastfm_replies import SERVICE
    from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit

    where = settings.services.lastfm
    return LastfmClient(
        secrets.lastfm(listener).api_key,
        api_url=where.api_url,
        calls_per_second=where.calls_per_second,
        timeout_s=where.timeout_s,
        rate_limit=shared_rate_limit(
            SERVICE, where.calls_per_second, state=budget_of(settings.lake.url, "lastfm")
        ),
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=sleep),
        listener=listener,
    )


def listenbrainz_client(
    listener: str,
    settings: Settings,
    secrets: CredentialStore,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> "ListenBrainzClient":
    """Return a ListenBrainz client with a listener's token, if they have one; the caller closes it.

    All processes that work on the lake keep to ListenBrainz' rate together.
    """
    from smallhours.services.budget_state import budget_of
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.listenbrainz_replies import SERVICE
    from smallhours.services.listenbrainz_transport import LABS
    from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit

    where = settings.services.listenbrainz
    return ListenBrainzClient(
        secrets.listenbrainz(listener).token,
        settings=where,
        contact=settings.contact(listener),
        rate_limit=shared_rate_limit(
            SERVICE, where.calls_per_second, state=budget_of(settings.lake.url, "listenbrainz")
        ),
        labs_rate_limit=shared_rate_limit(
            LABS, where.labs_calls_per_second, state=budget_of(settings.lake.url, "labs")
        ),
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=sleep),
        listener=listener,
    )


def spotify_client(
    listener: str,
    settings: Settings,
    secrets: CredentialStore,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> "SpotifyClient":
    """Return a Spotify client with a listener's login; the caller closes it.

    All processes that work on the lake count their calls of the day together; each listener has an
    equal part of them.

    Raises:
        SettingsError: when the credentials are missing or incomplete.
        NeedsLogin: when the listener has not logged in yet.
    """
    from smallhours.services.budget_state import budget_of
    from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit
    from smallhours.services.spotify import SpotifyClient
    from smallhours.services.spotify_replies import SERVICE

    where = settings.services.spotify
    return SpotifyClient(
        secrets.spotify(listener),
        settings=where,
        rate_limit=shared_rate_limit(
            SERVICE,
            where.calls_per_second,
            calls_per_day=where.calls_per_day,
            listener=listener,
            listeners=sum(each.spotify for each in settings.listeners.values()),
            state=budget_of(settings.lake.url, "spotify"),
        ),
        on_new_refresh_token=lambda token: secrets.store_refresh_token(listener, token),
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=sleep),
    )


def subsonic_client(
    listener: str,
    settings: Settings,
    secrets: CredentialStore,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> "SubsonicClient":
    """Return a client of a listener's music server; the caller closes it.

    Raises:
        SettingsError: when the credentials are missing or incomplete.
    """
    from smallhours.services.retry_and_rate_limit import RetryPolicy
    from smallhours.services.subsonic import SubsonicClient

    return SubsonicClient(
        secrets.subsonic(listener),
        settings=settings.services.subsonic,
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S, sleep=sleep),
    )
