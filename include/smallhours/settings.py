"""The settings of Smallhours: one validated file, `smallhours.toml`.

The file is read once and validated whole; an error names the key and says what is allowed. There
are no secrets in it: those are Airflow connections (`spotify_<listener>`, `lastfm_<listener>`).

The file is found through `SMALLHOURS_SETTINGS`, else `./smallhours.toml`. The lake is found
through `SMALLHOURS_LAKE`, else `[lake] url`, else `./data`.
"""

import difflib
import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from smallhours.errors import SettingsError
from smallhours.nights import Night
from smallhours.playlist_settings import (
    MAIN,
    Intent,
    IntentName,
    IntentSettings,
    PlaylistSettings,
    SettingsSection,
)
from smallhours.schedule import ScheduleSettings, Timezone

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+(/\S*)?$")]
ListenerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Event = Literal["published", "kept", "login", "needs_you"]
# `Provenance` without predictions; the error for another value lists these texts.
Source = Literal["spotify", "reccobeats", "acousticbrainz", "dataset"]


class PublishingSettings(SettingsSection):
    """Settings of publishing to a listener's Spotify, the same for all of their playlists."""

    own_items: Literal["end", "place"] = Field(
        "end", description="Where what the listener added goes: to the end, or where they put it."
    )
    when_deleted: Literal["recreate", "stop"] = Field(
        "recreate", description="What becomes of a playlist that the listener deleted."
    )
    cover: bool = Field(False, description="Draw a cover from each night's audio features.")
    review: bool = Field(False, description="Whether somebody approves each list in Airflow.")


class ListenerSettings(SettingsSection):
    """One person: their accounts at the services, and the settings of their playlists."""

    lastfm_user: str = Field(min_length=1, description="Their Last.fm user name.")
    timezone: Timezone = Field(description="Their time zone, such as `Europe/Dublin`.")
    spotify: bool = Field(
        True, description="Whether they have a Spotify account to read and write."
    )
    dislike_playlist: str | None = Field(
        None, description="The name of a playlist of theirs that holds what they dislike."
    )
    playlist: PlaylistSettings = PlaylistSettings()
    publishing: PublishingSettings = PublishingSettings()
    intents: dict[IntentName, Intent] = Field(
        default_factory=dict, description="Further playlists, each with a purpose of its own."
    )

    @model_validator(mode="after")
    def _playlists_can_be_told_apart(self) -> Self:
        for key, intent in self.intents.items():
            try:
                intent.playlist_settings(key, self.playlist)
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"`intents.{key}`: {said}") from None
        names = Counter(playlist_settings.name for playlist_settings in self.playlists.values())
        if doubled := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"more than one playlist is called {doubled[0]!r}")
        return self

    @property
    def playlists(self) -> dict[str, PlaylistSettings]:
        """The wishes for each playlist by its intent: `main` first, then as the file has them."""
        further = {
            key: each.playlist_settings(key, self.playlist) for key, each in self.intents.items()
        }
        return {MAIN: self.playlist, **further}

    def night_at(self, moment: datetime) -> Night:
        """Return the night that a moment falls into, in the listener's time zone."""
        return Night.at(moment, ZoneInfo(self.timezone))

    def night_on(self, date: str) -> Night:
        """Return the night of an ISO date.

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


class SpotifySettings(SettingsSection):
    """Spotify's addresses and rate limits.

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


class LastfmSettings(SettingsSection):
    """Last.fm's address and rate limit.

    Last.fm publishes no limit; four calls a second, sustained, is what its users get away with.
    """

    api_url: HttpUrl = "https://ws.audioscrobbler.com/2.0/"
    calls_per_second: float = Field(4.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)
    overlap_days: int = Field(14, ge=1, description="How far back each night reads again.")


class ReccobeatsSettings(SettingsSection):
    """ReccoBeats' address and rate limit."""

    enabled: bool = True
    api_url: HttpUrl = "https://api.reccobeats.com/v1/"
    calls_per_second: float = Field(2.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)


class AcousticbrainzSettings(SettingsSection):
    """AcousticBrainz' address and rate limit; it knows recordings up to 2022 by MusicBrainz id."""

    enabled: bool = True
    api_url: HttpUrl = "https://acousticbrainz.org/api/v1/"
    calls_per_second: float = Field(1.0, gt=0)
    timeout_s: float = Field(20.0, gt=0)


class ServiceSettings(SettingsSection):
    """The outside systems."""

    spotify: SpotifySettings = SpotifySettings()
    lastfm: LastfmSettings = LastfmSettings()
    reccobeats: ReccobeatsSettings = ReccobeatsSettings()
    acousticbrainz: AcousticbrainzSettings = AcousticbrainzSettings()


class CatalogSettings(SettingsSection):
    """The size of the catalog, and the number of calls for it in one night."""

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


class EvidenceWeights(SettingsSection):
    """The weight of each action of a listener as evidence for or against a track.

    Liking and disliking add up, the older the less; what is left decides which it was and how
    surely. The first seed's top (2) and saved (1) set the scale. Skips are noise as often as
    judgement, so one weighs little; what was said aloud weighs most.
    """

    half_life_days: float = Field(365.0, gt=0, description="Evidence of this age counts half.")
    top: float = Field(2.0, ge=0, description="For: among Spotify's top tracks tonight.")
    saved: float = Field(1.0, ge=0, description="For: saved on Spotify.")
    loved: float = Field(1.0, ge=0, description="For: loved on Last.fm.")
    played: float = Field(0.25, ge=0, description="For: played to the end, once or twice.")
    repeated: float = Field(0.5, ge=0, description="For: played thrice or more; grows with plays.")
    pick_kept: float = Field(0.25, ge=0, description="For: a pick that was played and left there.")
    pick_played: float = Field(0.5, ge=0, description="For: a pick that was played.")
    pick_saved: float = Field(2.0, ge=0, description="For: a pick that was saved.")
    thumbs_up: float = Field(3.0, ge=0, description="For: a thumb up.")
    quick_skip: float = Field(0.2, ge=0, description="Against: skipped within half a minute.")
    pick_skipped: float = Field(0.5, ge=0, description="Against: a pick that was skipped.")
    pick_passed: float = Field(0.5, ge=0, description="Against: a pick that was passed over.")
    unsaved: float = Field(1.0, ge=0, description="Against: saved or loved once, and not now.")
    removed: float = Field(2.0, ge=0, description="Against: taken out of our playlist.")
    disliked: float = Field(3.0, ge=0, description="Against: in the playlist of dislikes.")
    thumbs_down: float = Field(3.0, ge=0, description="Against: a thumb down.")
    blocked: float = Field(3.0, ge=0, description="Against: blocked.")


class TrainingSettings(SettingsSection):
    """The data and limits of the models' training."""

    sources: tuple[Source, ...] = ("reccobeats", "dataset", "acousticbrainz")
    top_tags: int = Field(
        10_000, ge=1, description="Tags of tracks and of artists that the audio regressors see."
    )
    audio_model: Literal["auto", "boosted", "linear"] = Field(
        "auto", description="Which regressors; `auto` takes the linear one for small data."
    )
    own_audio_artists: int = Field(
        650,
        ge=20,
        description="Measured artists from which a listener's own tracks may make a model.",
    )
    threads: int = Field(1, ge=1)
    evidence: EvidenceWeights = EvidenceWeights()


class ReviewSettings(SettingsSection):
    """The time that an approval is waited for, and what happens without one."""

    hours: float = Field(6.0, gt=0, le=20, description="From the planning on.")
    unanswered: Literal["publish", "keep"] = Field(
        "publish", description="What to do then: publish tonight's list, or keep yesterday's."
    )


class NotificationSettings(SettingsSection):
    """The channel and the events of messages, besides the log."""

    connection: str = Field("", description="An Airflow connection of type Apprise; none: nowhere.")
    events: tuple[Event, ...] = Field(
        ("published", "kept", "login", "needs_you"), description="What is worth a message."
    )


class LakeLocation(SettingsSection):
    """The location of the Parquet files."""

    url: str = Field("data", description="A folder, or any fsspec URL such as s3://bucket/prefix.")


class Settings(SettingsSection):
    """The whole of `smallhours.toml`."""

    listeners: dict[ListenerName, ListenerSettings] = Field(min_length=1)
    schedule: ScheduleSettings = ScheduleSettings()
    services: ServiceSettings = ServiceSettings()
    catalog: CatalogSettings = CatalogSettings()
    training: TrainingSettings = TrainingSettings()
    review: ReviewSettings = ReviewSettings()
    notices: NotificationSettings = NotificationSettings()
    lake: LakeLocation = LakeLocation()

    @model_validator(mode="before")
    @classmethod
    def _nights_start_where_the_first_listener_lives(cls, content: Any) -> Any:
        match content:
            case {"listeners": {**listeners}} if listeners:
                first = next(iter(listeners.values()))
            case _:
                return content
        schedule = content.get("schedule", {})
        zone = first.get("timezone") if isinstance(first, Mapping) else None
        if (
            zone not in available_timezones()
            or not isinstance(schedule, Mapping)
            or "timezone" in schedule
        ):
            return content
        return {**content, "schedule": {**schedule, "timezone": zone}}

    def listener(self, name: str) -> ListenerSettings:
        """Return one listener by name.

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
        """Return the night of an ISO date, in a listener's time zone."""
        return self.listener(listener).night_on(date)


def settings_path() -> Path:
    """Return the path at which the settings file is expected."""
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
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}.", remedy="See that it is a file of yours."
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
    """Return a pydantic problem as `the.key: what is wrong`, with the nearest known key."""
    location = _without_kind([str(part) for part in problem["loc"] if part != "[key]"])
    key = ".".join(location)
    if problem["type"] == "union_tag_not_found":
        return f"`{key}.kind` is missing"
    if problem["type"] == "union_tag_invalid":
        return f"`{key}.kind`: known here: {problem['ctx']['expected_tags']}"
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    if problem["type"] != "extra_forbidden":
        return f"`{key}`: {problem['msg'].removeprefix('Value error, ')}"
    known = _known_keys(location[:-1])
    near = difflib.get_close_matches(location[-1], known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
    return f"`{key}` is not a setting ({hint})"


def _without_kind(location: list[str]) -> list[str]:
    """Return the keys as the file has them; pydantic puts an intent's kind behind its key."""
    if location[:1] == ["listeners"] and location[2:3] == ["intents"]:
        return location[:4] + location[5:]
    return location


def _known_keys(location: list[str]) -> list[str]:
    """Return the keys that a section of the file may have."""
    section: type[BaseModel] = Settings
    for part in location:
        if section is Settings and part == "listeners":
            section = ListenerSettings
        elif section is ListenerSettings and part == "intents":
            section = IntentSettings
        elif part in section.model_fields:
            inner = section.model_fields[part].annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                section = inner
    return list(section.model_fields)
