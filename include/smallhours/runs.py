"""The context of a run, and the stages that a night consists of.

A stage is a plain function in `<package>/stages.py`. The command line and the Airflow tasks both
find it here, by its verb, and hand it a `RunContext`: the listener, the night, the settings, and
the lake and the clients of the services, which are built when a stage first needs them. The
stages' own modules are imported when a stage runs, never before: Airflow reads this file each
time it parses a DAG.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from smallhours.settings import AcousticbrainzSettings, ReccobeatsSettings, Settings
from smallhours.summary import Summary

if TYPE_CHECKING:
    from smallhours.lake.store import Lake
    from smallhours.nights import Night
    from smallhours.services.acousticbrainz import AcousticbrainzClient
    from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
    from smallhours.services.journal import Journal
    from smallhours.services.keyless_client import KeylessClient
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.reccobeats import ReccobeatsClient
    from smallhours.services.spotify import SpotifyClient

    OpenClient = TypeVar("OpenClient", bound=KeylessClient)

# A rate limit that asks for a longer wait ends the task, to be run again then.
MAX_RATE_LIMIT_WAIT_S = 60.0


class CredentialStore(Protocol):
    """A store of the listeners' credentials."""

    def lastfm(self, listener: str) -> "LastfmCredentials":
        """Return a listener's Last.fm credentials."""
        ...

    def spotify(self, listener: str) -> "SpotifyCredentials":
        """Return a listener's Spotify credentials."""
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
    """

    listener: str
    night: "Night"
    settings: Settings
    secrets: CredentialStore

    @cached_property
    def lake(self) -> "Lake":
        """The lake of the settings.

        Raises:
            LakeUnwritable: when it refuses writes: better known before any service is asked.
        """
        from smallhours.lake.store import Lake

        lake = Lake(self.settings.lake.url)
        lake.check_writable()
        return lake

    @cached_property
    def journal(self) -> "Journal":
        """A journal of replies until they are stored; it keeps none when the lake is remote."""
        from smallhours.services.journal import Journal

        folder = _beside_the_lake(self.settings, ".journal")
        return Journal(
            None if folder is None else folder / self.listener,
            f"{self.night.date} until {self.night.as_of.isoformat()}",
        )

    @cached_property
    def lastfm(self) -> "LastfmClient":
        """A Last.fm client with the listener's key."""
        return lastfm_client(self.listener, self.settings, self.secrets, self.journal)

    @cached_property
    def spotify(self) -> "SpotifyClient | None":
        """A Spotify client with the listener's login; None if the settings say they have none."""
        if not self.settings.listener(self.listener).spotify:
            return None
        return spotify_client(self.listener, self.settings, self.secrets, self.journal)

    @cached_property
    def reccobeats(self) -> "ReccobeatsClient":
        """A ReccoBeats client; it needs no credentials."""
        from smallhours.services.reccobeats import ReccobeatsClient

        return self._open_service(ReccobeatsClient, self.settings.services.reccobeats)

    @cached_property
    def acousticbrainz(self) -> "AcousticbrainzClient":
        """An AcousticBrainz client; it needs no credentials."""
        from smallhours.services.acousticbrainz import AcousticbrainzClient

        return self._open_service(AcousticbrainzClient, self.settings.services.acousticbrainz)

    def _open_service(
        self, client: "type[OpenClient]", where: ReccobeatsSettings | AcousticbrainzSettings
    ) -> "OpenClient":
        from smallhours.services.rate_limit import shared_rate_limit
        from smallhours.services.retry import RetryPolicy

        return client(
            settings=where,
            rate_limit=shared_rate_limit(
                client.service,
                where.calls_per_second,
                state_file=rate_limit_file(self.settings, client.section),
            ),
            retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S),
            journal=self.journal,
        )

    @property
    def legacy_spotify(self) -> "SpotifyClient | None":
        """The Spotify client if the settings say that its app may ask for audio features."""
        return self.spotify if self.settings.services.spotify.legacy_features else None

    def __enter__(self) -> Self:
        """Return the run; no client is built yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the clients that were built."""
        for name in ("lastfm", "spotify", "reccobeats", "acousticbrainz"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                client.close()


def lastfm_client(
    listener: str, settings: Settings, secrets: CredentialStore, journal: "Journal | None" = None
) -> "LastfmClient":
    """Return a Last.fm client with a listener's key; the caller closes it.

    Beside a local lake, all processes of this machine keep to Last.fm's rate together.

    Raises:
        SettingsError: when the credentials are missing or incomplete.
    """
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.lastfm_transport import SERVICE
    from smallhours.services.rate_limit import shared_rate_limit
    from smallhours.services.retry import RetryPolicy

    where = settings.services.lastfm
    return LastfmClient(
        secrets.lastfm(listener).api_key,
        api_url=where.api_url,
        calls_per_second=where.calls_per_second,
        timeout_s=where.timeout_s,
        rate_limit=shared_rate_limit(
            SERVICE, where.calls_per_second, state_file=rate_limit_file(settings, "lastfm")
        ),
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S),
        listener=listener,
        journal=journal,
    )


def spotify_client(
    listener: str, settings: Settings, secrets: CredentialStore, journal: "Journal | None" = None
) -> "SpotifyClient":
    """Return a Spotify client with a listener's login; the caller closes it.

    Beside a local lake, all processes of this machine count their calls of the day together.

    Raises:
        SettingsError: when the credentials are missing or incomplete.
        NeedsLogin: when the listener has not logged in yet.
    """
    from smallhours.services.rate_limit import shared_rate_limit
    from smallhours.services.retry import RetryPolicy
    from smallhours.services.spotify import SpotifyClient
    from smallhours.services.spotify_auth import SERVICE

    where = settings.services.spotify
    return SpotifyClient(
        secrets.spotify(listener),
        settings=where,
        rate_limit=shared_rate_limit(
            SERVICE,
            where.calls_per_second,
            calls_per_day=where.calls_per_day,
            state_file=rate_limit_file(settings, "spotify"),
        ),
        on_new_refresh_token=lambda token: secrets.store_refresh_token(listener, token),
        retry_policy=RetryPolicy(rate_limit_s=MAX_RATE_LIMIT_WAIT_S),
        journal=journal,
    )


def rate_limit_file(settings: Settings, service: str) -> Path | None:
    """Return the file in which this machine's processes share a rate limit; None if remote."""
    folder = _beside_the_lake(settings, ".budgets")
    return None if folder is None else folder / f"{service}.json"


def _beside_the_lake(settings: Settings, name: str) -> Path | None:
    """Return a folder that the processes of this machine share; None beside a remote lake."""
    lake = settings.lake.url
    return None if "://" in lake else Path(lake) / name


@dataclass(frozen=True, slots=True)
class Stage:
    """One verb: a stage function, and the clients of a `RunContext` that it is called with.

    Attributes:
        verb: The function's name, the Airflow task's id and the command's name.
        module: Where the function is; imported when the stage runs, and nothing else with it.
        clients: The attributes of `RunContext` that follow the lake in its arguments.
        doc: What it does, in one line.
        options: The keyword arguments that a person may set.
    """

    verb: str
    module: str
    clients: tuple[str, ...]
    doc: str
    options: tuple[str, ...] = ()

    @property
    def function(self) -> Callable[..., Summary]:
        """The stage function itself; its module is imported now."""
        module = import_module(f"smallhours.{self.module}")
        function: Callable[..., Summary] = getattr(module, self.verb)
        return function

    def __call__(self, run: RunContext, **options: Any) -> Summary:
        """Run the stage and return its counts.

        Raises:
            SmallhoursError: with what went wrong and what to do about it.
        """
        function = self.function
        lake = run.lake
        clients = [getattr(run, client) for client in self.clients]
        with run.journal.of(self.verb) if clients else nullcontext():
            return function(
                run.listener, lake, *clients, settings=run.settings, night=run.night, **options
            )


RECENT_PLAYS = Stage(
    "sync_recent_plays", "listening.stages", ("spotify",), "Add Spotify's last 50 plays to `plays`."
)

IMPORT_HISTORY = Stage(
    "import_history",
    "listening.export",
    (),
    "Read Spotify's export of the streaming history into `plays`.",
    ("paths",),
)

ROLLBACK = Stage(
    "rollback",
    "playlist.rollback",
    ("spotify",),
    "Put the list of an earlier night back into the playlist.",
    ("intent",),
)

# The nightly DAGs in their order, each with its stages in theirs.
NIGHTLY: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        "sync_listening": (
            Stage(
                "sync_scrobbles",
                "listening.stages",
                ("lastfm",),
                "Read new scrobbles from Last.fm into `plays`.",
            ),
            Stage(
                "verify_history",
                "listening.stages",
                ("lastfm",),
                "Once a month, compare all of `plays` with what Last.fm counts, and mend it.",
            ),
            RECENT_PLAYS,
            Stage(
                "sync_library",
                "listening.stages",
                ("spotify", "lastfm"),
                "Note tonight's top, saved and loved tracks in `library`.",
            ),
            Stage(
                "collect_feedback",
                "listening.stages",
                ("spotify",),
                "Note what became of our picks in `feedback`, before the next list replaces them.",
            ),
        ),
        "refresh_catalog": (
            Stage(
                "update_tracks",
                "catalog.stages",
                (),
                "Add what was newly heard or saved to `tracks`.",
            ),
            Stage(
                "fetch_neighbours",
                "catalog.stages",
                ("lastfm",),
                "Ask Last.fm what is near the strongest tracks, artists and tags: `similar`.",
            ),
            Stage(
                "fetch_tags",
                "catalog.stages",
                ("lastfm",),
                "Ask Last.fm for missing and stale tags: `track_tags`, `artist_tags`.",
            ),
            Stage(
                "fetch_audio_features",
                "catalog.stages",
                ("reccobeats", "acousticbrainz", "legacy_spotify"),
                "Ask ReccoBeats and AcousticBrainz for missing audio features: `audio_features`.",
            ),
            Stage(
                "gather_candidates",
                "catalog.stages",
                (),
                "Gather the tracks that tonight's list may be drawn from: `candidates`.",
            ),
        ),
        "train_models": (
            Stage(
                "train_taste",
                "training.taste.stages",
                (),
                "Learn what the listener likes from the tags of what they played.",
            ),
            Stage(
                "train_ranking",
                "training.ranking.stages",
                (),
                "Learn how much each signal counts, from what the listener adopted in the past.",
            ),
            Stage(
                "train_audio_features",
                "training.audio.stages",
                (),
                "Learn audio features from tags, where features are known.",
            ),
            Stage(
                "predict_audio_features",
                "training.audio.stages",
                (),
                "Predict the audio features of all other tracks.",
            ),
            Stage(
                "describe_taste",
                "training.profile_stages",
                (),
                "Describe what the listener plays, for the pages: `profile`.",
            ),
        ),
        "write_playlist": (
            Stage(
                "rank_candidates",
                "playlist.rank_stage",
                (),
                "Score all candidates and choose tonight's list: `recommendations`.",
                ("size", "exploration"),
            ),
            Stage(
                "resolve_tracks",
                "playlist.resolve",
                ("spotify",),
                "Find the chosen tracks on Spotify, one search each.",
            ),
            Stage(
                "publish_playlist",
                "playlist.publish",
                ("spotify",),
                "Write the listener's playlist, read it back, and record it: `playlists`.",
                ("dry_run",),
            ),
        ),
    }
)

# All DAGs: those of the night, and those that run beside it. The study has no stages: its tasks
# are the settings of a grid.
DAGS: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        **NIGHTLY,
        "poll_recent_plays": (RECENT_PLAYS,),
        "import_history": (IMPORT_HISTORY,),
        "rollback_playlist": (ROLLBACK,),
        "regression_study": (),
    }
)

STAGES: Mapping[str, Stage] = MappingProxyType(
    {stage.verb: stage for stages in DAGS.values() for stage in stages}
)


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield a stage's counts as lines for people: `plays added: 1,234`."""
    for name, value in summary.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        yield f"{name.replace('_', ' ')}: {shown}"
