"""What a person may set, in one validated file: `smallhours.toml`.

The file is read once and validated whole; an error names the key and says what is allowed. There
are no secrets in it: those are Airflow connections (`spotify_<listener>`, `lastfm_<listener>`).

The file is found through `SMALLHOURS_SETTINGS`, else `./smallhours.toml`. The lake is found
through `SMALLHOURS_LAKE`, else `[lake] url`, else `./data`.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from smallhours.errors import SettingsError
from smallhours.nights import Night

Share = Annotated[float, Field(ge=0, le=1)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+(/\S*)?$")]
ListenerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Source = Literal["spotify", "reccobeats", "acousticbrainz", "dataset"]


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        raise ValueError("not a time zone name" + (f"; did you mean {near[0]!r}?" if near else ""))
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(_Section):
    """When the nightly run starts, for all listeners."""

    cron: str = Field("30 3 * * *", description="Five cron fields.")
    timezone: Timezone = Field("UTC", description="The time zone that the cron fields are in.")
    poll_cron: str = Field("15 * * * *", description="When Spotify's last 50 plays are asked for.")


class PlaylistWishes(_Section):
    """What the listener wants their playlist to be."""

    name: str = Field("Smallhours", min_length=1, max_length=100)
    size: int = Field(30, ge=1, le=100, description="Tracks in the playlist.")
    shortest: int = Field(10, ge=1, le=100, description="A shorter list leaves yesterday's be.")
    artist_cap: int = Field(2, ge=1, description="Tracks by one artist, at most.")
    exploration: Share = Field(0.1, description="Share of slots given to less certain picks.")
    not_again_nights: int = Field(30, ge=0, description="Nights before a pick may come back.")
    blocked_artists: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        if self.shortest > self.size:
            raise ValueError(f"`shortest` ({self.shortest}) is more than `size` ({self.size})")
        return self


class Listener(_Section):
    """One person: who they are at each service, and their wishes."""

    lastfm_user: str = Field(min_length=1, description="Their Last.fm user name.")
    timezone: Timezone = Field(description="Their time zone, such as `Europe/Dublin`.")
    spotify: bool = Field(
        True, description="Whether they have a Spotify account to read and write."
    )
    dislike_playlist: str | None = Field(
        None, description="The name of a playlist of theirs that holds what they dislike."
    )
    playlist: PlaylistWishes = PlaylistWishes()

    def night_at(self, moment: datetime) -> Night:
        """The night that a moment falls into, in the listener's time zone."""
        return Night.at(moment, ZoneInfo(self.timezone))

    def night_on(self, date: str) -> Night:
        """The night of an ISO date.

        Raises:
            SettingsError: when it is not a date.
        """
        try:
            day = datetime.fromisoformat(date).date()
        except ValueError:
            raise SettingsError(
                f"{date!r} is not a date.", remedy="Write the night as YYYY-MM-DD."
            ) from None
        return Night.on(day, ZoneInfo(self.timezone))


class Spotify(_Section):
    """Where Spotify is and how much we ask of it.

    600 catalog calls a day is where development-mode apps were seen to be cut off.
    """

    api_url: HttpUrl = "https://api.spotify.com/v1/"
    accounts_url: HttpUrl = "https://accounts.spotify.com/"
    calls_per_second: float = Field(3.0, gt=0)
    calls_per_day: int = Field(550, ge=1)
    legacy_features: bool = Field(
        False, description="Ask for audio features, which only apps from before 2024-11-27 may."
    )
    timeout_s: float = Field(20.0, gt=0)


class Lastfm(_Section):
    """Where Last.fm is and how much we ask of it.

    Last.fm publishes no limit; four calls a second, sustained, is what its users get away with.
    """

    api_url: HttpUrl = "https://ws.audioscrobbler.com/2.0/"
    calls_per_second: float = Field(4.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)
    overlap_days: int = Field(14, ge=1, description="How far back each night reads again.")


class Reccobeats(_Section):
    """Where ReccoBeats is and how much we ask of it."""

    enabled: bool = True
    api_url: HttpUrl = "https://api.reccobeats.com/v1/"
    calls_per_second: float = Field(2.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)


class Acousticbrainz(_Section):
    """Where AcousticBrainz is, which knows recordings up to 2022 by their MusicBrainz id."""

    enabled: bool = True
    api_url: HttpUrl = "https://acousticbrainz.org/api/v1/"
    calls_per_second: float = Field(1.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)


class Services(_Section):
    """The outside systems."""

    spotify: Spotify = Spotify()
    lastfm: Lastfm = Lastfm()
    reccobeats: Reccobeats = Reccobeats()
    acousticbrainz: Acousticbrainz = Acousticbrainz()


class Catalog(_Section):
    """How widely the catalog is kept, and how much is asked for in one night."""

    lastfm_calls_per_night: int = Field(6000, ge=1, description="Tags and neighbours, a night.")
    seed_tracks: int = Field(100, ge=1, description="Strongest tracks whose neighbours we ask for.")
    seed_artists: int = Field(50, ge=1, description="Strongest artists, likewise.")
    near_artists: int = Field(200, ge=0, description="Similar artists whose top tracks we ask for.")
    seed_tags: int = Field(20, ge=0, description="Strongest tags whose top tracks we ask for.")
    foreign_tags: int = Field(20, ge=0, description="Unheard tags whose tracks are negatives.")
    fresh_days: int = Field(60, ge=1, description="Tags and neighbours older than this are stale.")
    overrides_file: str | None = Field(
        None, description="A file that says which Spotify track is meant; it wins for ever."
    )
    tag_files: str | None = Field(
        None, description="A folder with your own tag aliases and stop words."
    )
    lastfm_megabytes: float = Field(
        100.0, gt=0, description="What may be stored from Last.fm; its terms say 100 MB."
    )
    features_file: str | None = Field(
        None, description="A CSV or Parquet file of tracks with tags and audio features."
    )


class Training(_Section):
    """What the models may learn from."""

    sources: tuple[Source, ...] = ("reccobeats", "dataset", "acousticbrainz")
    top_tags: int = Field(1000, ge=1, description="Tags that the audio regressors see.")
    threads: int = Field(1, ge=1)


class LakeLocation(_Section):
    """Where the Parquet files are."""

    url: str = Field("data", description="A folder, or any fsspec URL such as s3://bucket/prefix.")


class Settings(_Section):
    """The whole of `smallhours.toml`."""

    listeners: dict[ListenerName, Listener] = Field(min_length=1)
    schedule: Schedule = Schedule()
    services: Services = Services()
    catalog: Catalog = Catalog()
    training: Training = Training()
    lake: LakeLocation = LakeLocation()

    def listener(self, name: str) -> Listener:
        """One listener by name.

        Raises:
            SettingsError: when there is no such listener.
        """
        try:
            return self.listeners[name]
        except KeyError:
            known = ", ".join(sorted(self.listeners))
            raise SettingsError(
                f"There is no listener {name!r}.", remedy=f"Known listeners: {known}."
            ) from None

    def night(self, listener: str, date: str) -> Night:
        """The night of an ISO date, in a listener's time zone."""
        return self.listener(listener).night_on(date)


def settings_path() -> Path:
    """Where the settings file is expected."""
    return Path(os.environ.get("SMALLHOURS_SETTINGS", "smallhours.toml"))


def load_settings(path: Path | None = None) -> Settings:
    """Read and validate the settings file.

    Raises:
        SettingsError: when the file is missing, is not TOML, or has a wrong key or value; the
            message names the file and the key.
    """
    path = path or settings_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"There is no settings file at {path}.",
            remedy="Copy smallhours.example.toml to smallhours.toml and fill in its three lines, "
            "or point SMALLHOURS_SETTINGS at your file.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", remedy="Correct it.") from None
    return parse_settings(content, origin=str(path))


def parse_settings(content: Mapping[str, Any], *, origin: str) -> Settings:
    """Validate the settings as already parsed from TOML.

    Raises:
        SettingsError: naming each wrong key and what is allowed there.
    """
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise SettingsError(
            f"{origin}: {problems}.", remedy="Correct it; every key is listed in the README."
        ) from None
    if lake := os.environ.get("SMALLHOURS_LAKE"):
        settings = settings.model_copy(update={"lake": LakeLocation(url=lake)})
    return settings


def _explain(problem: Any) -> str:
    """One pydantic problem as `the.key: what is wrong`, with the nearest known key for a typo."""
    location = [str(part) for part in problem["loc"] if part != "[key]"]
    key = ".".join(location)
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    if problem["type"] != "extra_forbidden":
        return f"`{key}`: {problem['msg'].removeprefix('Value error, ')}"
    known = _known_keys(location[:-1])
    near = difflib.get_close_matches(location[-1], known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
    return f"`{key}` is not a setting ({hint})"


def _known_keys(location: list[str]) -> list[str]:
    """The keys that a section of the file may have."""
    section: type[BaseModel] = Settings
    for part in location:
        if section is Settings and part == "listeners":
            section = Listener
        elif part in section.model_fields:
            inner = section.model_fields[part].annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                section = inner
    return list(section.model_fields)
