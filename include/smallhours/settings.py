"""The settings of Smallhours: one validated file, `smallhours.toml`.

The file is read once and validated whole; an error names the key and says what is allowed. There
are no secrets in it: those are Airflow connections (`spotify_<listener>`, `lastfm_<listener>`,
`listenbrainz_<listener>`).

The file is found through `SMALLHOURS_SETTINGS`, else `./smallhours.toml`. The lake is found
through `SMALLHOURS_LAKE`, else `[lake] url`, else `./data`.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from smallhours.errors import SettingsError, SettingsUnreadable
from smallhours.listener_settings import ListenerSettings
from smallhours.nights import Night
from smallhours.playlist_settings import MAX_DAYS, IntentSettings, LocalPath, SettingsSection
from smallhours.schedule import ScheduleSettings, timezones
from smallhours.service_settings import ServiceSettings

ListenerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Event = Literal["published", "kept", "login", "needs_you", "letter"]
# `Provenance` without lengths alone and predictions; the error for another value lists these texts.
Source = Literal["spotify", "reccobeats", "acousticbrainz", "dataset"]


class CatalogSettings(SettingsSection):
    """The size of the catalog, and the number of calls for it in one night."""

    lastfm_calls_per_night: int = Field(
        6000, ge=1, description="Calls for tags and neighbours in one night, at most."
    )
    seed_tracks: int = Field(
        100, ge=1, description="Your strongest tracks whose similar tracks are asked for."
    )
    seed_artists: int = Field(
        50, ge=1, description="Your strongest artists whose similar artists are asked for."
    )
    near_artists: int = Field(
        200, ge=0, description="Questions about the artists and tracks nearest to yours."
    )
    seed_tags: int = Field(
        20, ge=0, description="Your strongest tags whose top tracks are asked for."
    )
    foreign_tags: int = Field(
        20, ge=0, description="Tags you never play, whose tracks teach what you don't like."
    )
    fresh_days: int = Field(
        60,
        ge=1,
        le=MAX_DAYS,
        description="Tags and neighbours older than this are asked for again.",
    )
    name_lookups_per_night: int = Field(
        600,
        ge=0,
        description="Tracks that ListenBrainz looks up one by one in a night, at most: those whose "
        "exact names it does not know.",
    )
    tracks_per_night: int = Field(
        20_000,
        ge=1,
        description="Tracks about which ListenBrainz, and each source of audio features, is asked "
        "in a night, at most; AcousticBrainz about 5,000.",
    )
    overrides_file: LocalPath | None = Field(
        None,
        min_length=1,
        description="A file that says which Spotify track is meant, [below](#overrides-file).",
    )
    tag_files: LocalPath | None = Field(
        None,
        min_length=1,
        description="A folder with your own tag aliases and stop words, [below](#tag-files).",
    )
    lastfm_megabytes: float = Field(
        100.0, gt=0, description="Megabytes that may be stored from Last.fm; its terms allow 100."
    )
    features_file: LocalPath | None = Field(
        None,
        min_length=1,
        description="A file of tracks with tags and audio features, [below](#features-file).",
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
    named: float = Field(
        0.5, ge=0, description="For: best known of an artist that you named; fades with plays."
    )
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

    sources: tuple[Source, ...] = Field(
        ("reccobeats", "dataset", "acousticbrainz"),
        description="The sources of audio features that may be learned from; `dataset` is your "
        "features file.",
    )
    top_tags: int = Field(
        10_000, ge=1, description="Tags of tracks and of artists that the audio regressors see."
    )
    audio_model: Literal["auto", "boosted", "linear"] = Field(
        "auto", description="The kind of regressor; `auto` takes the linear one for small data."
    )
    own_audio_artists: int = Field(
        650,
        ge=20,
        description="Measured artists from which a listener's own tracks may make a model.",
    )
    threads: int = Field(1, ge=1, description="Threads that training uses.")
    evidence: EvidenceWeights = EvidenceWeights()


class ReviewSettings(SettingsSection):
    """The time that an approval is waited for, and what happens without one."""

    hours: float = Field(6.0, gt=0, le=20, description="Hours that an approval is waited for.")
    unanswered: Literal["publish", "keep"] = Field(
        "publish", description="Without an answer: publish tonight's list, or keep yesterday's."
    )


class NotificationSettings(SettingsSection):
    """The channel and the events of messages, besides the log."""

    connection: str = Field(
        "", description="The id of an Airflow connection of type Apprise; empty: no messages."
    )
    events: tuple[Event, ...] = Field(
        ("published", "kept", "login", "needs_you"),
        description="What you are told; `login` is a login that ends soon, `letter` your week in "
        "words, on Mondays.",
    )


class MaintenanceSettings(SettingsSection):
    """What the DAG `maintenance` leaves in Airflow's home; the lake is never touched."""

    keep_days: int = Field(
        30, ge=15, le=MAX_DAYS, description="Days for which Airflow's past runs and logs are kept."
    )


class LakeLocation(SettingsSection):
    """The location of the Parquet files."""

    url: str = Field(
        "data",
        min_length=1,
        description="A folder, or an object store such as `s3://bucket/prefix`; the environment "
        "variable `SMALLHOURS_LAKE` overrides it.",
    )


class Settings(SettingsSection):
    """The whole of `smallhours.toml`."""

    listeners: dict[ListenerName, ListenerSettings] = Field(min_length=1)
    schedule: ScheduleSettings = ScheduleSettings()
    services: ServiceSettings = ServiceSettings()
    catalog: CatalogSettings = CatalogSettings()
    training: TrainingSettings = TrainingSettings()
    review: ReviewSettings = ReviewSettings()
    notices: NotificationSettings = NotificationSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
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
        known = isinstance(zone, str) and zone in timezones()
        if not known or not isinstance(schedule, Mapping) or "timezone" in schedule:
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

    def contact(self, listener: str) -> str:
        """Return the contact that MetaBrainz' services are told; empty where there is none.

        It is the one in the settings, else the listener's own profile page at ListenBrainz, else
        that of another listener here: all of them ask from one address.
        """
        names = [self.listener(listener), *self.listeners.values()]
        user = next((each.listenbrainz for each in names if each.listenbrainz), "")
        page = f"https://listenbrainz.org/user/{quote(user, safe='')}/" if user else ""
        return self.services.listenbrainz.contact or self.services.musicbrainz.contact or page

    def folder_of_lists(self, listener: str) -> Path:
        """Return the folder of a listener's files: `playlists` beside the lake by default."""
        folder, lake = self.listener(listener).publishing.folder, self.lake.url
        beside = Path() if "://" in lake else Path(lake).resolve().parent
        return Path(folder) if folder else beside / "playlists"

    def night(self, listener: str, date: str) -> Night:
        """Return the night of an ISO date, in a listener's time zone."""
        return self.listener(listener).night_on(date)

    def tonight(self, listener: str, now: datetime) -> Night:
        """Return the night that a moment falls into; in a sandbox, that of its own date."""
        if self.schedule.today is not None:
            return self.night(listener, str(self.schedule.today))
        return self.listener(listener).night_at(now)

    def chosen_night(self, listener: str, date: str, now: datetime) -> Night:
        """Return the night that a person chose.

        Raises:
            SettingsError: when it is no date, or later than today in the listener's time zone.
        """
        night, tonight = self.night(listener, date), self.tonight(listener, now)
        if night.date > tonight.date:
            raise SettingsError(
                f"The night of {night.date} has not come yet.",
                remedy=f"Choose {tonight.date} or an earlier night.",
            )
        return night


def settings_path() -> Path:
    """Return the path at which the settings file is expected."""
    return Path(os.environ.get("SMALLHOURS_SETTINGS", "smallhours.toml"))


def load_settings(path: Path | None = None) -> Settings:
    """Read and validate the settings file.

    Raises:
        SettingsUnreadable: when the file is missing, or can't be read.
        SettingsError: when it is not TOML, or has a wrong key or value; the message names the file
            and the key.
    """
    path = path or settings_path()
    return parse_settings(read_toml(path), origin=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return what the settings file holds, not validated yet.

    Raises:
        SettingsUnreadable: when it is missing, or can't be read.
        SettingsError: when it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsUnreadable(
            f"There is no settings file at {path}.",
            remedy="Run `smallhours init`, which asks a few questions and writes one, or point "
            "SMALLHOURS_SETTINGS at your file.",
        ) from None
    except OSError as error:
        raise SettingsUnreadable(
            f"{path} can't be read: {error.strerror}.",
            remedy="Make sure that it is a file of yours.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}.",
            remedy='Correct it; a text stands in quotes, such as timezone = "Europe/Dublin".',
        ) from None


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
            f"{origin}: {problems}.", remedy="Correct it; docs/settings.md lists every key."
        ) from None
    if lake := os.environ.get("SMALLHOURS_LAKE"):
        settings = settings.model_copy(update={"lake": LakeLocation(url=lake)})
    return settings


# What to write where a value is of another kind, or a text does not fit a pattern.
_A_LIST = 'write a list in square brackets, such as ["one", "another"]'
_YES_OR_NO, _WHOLE, _NUMBER = "write true or false", "write a whole number", "write a number"
_ADDRESS = "write an address that begins with http:// or https://"
_ALLOWED = {
    **dict.fromkeys(("bool_type", "bool_parsing"), _YES_OR_NO),
    **dict.fromkeys(("tuple_type", "list_type"), _A_LIST),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    "string_type": "write a text in quotes",
    "dict_type": "write a table of its own, with its name in square brackets",
    r"^[a-z0-9][a-z0-9_-]{0,39}$": "write 1 to 40 of a to z, 0 to 9, - and _, and no sign first",
    r"^https?://[^/\s]+(/\S*)?$": _ADDRESS,
    r"^(https?://[^/\s{]+/\S*)?$": _ADDRESS,
    r"^[!-'*-~]*$": "write it without spaces, brackets and accents",
}


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
        said = problem["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        told = _ALLOWED.get(problem.get("ctx", {}).get("pattern", problem["type"]), said)
        return f"`{key}`: {told}"
    section = _section(location[:-1])
    for name, field in section.model_fields.items():
        if location[-1] in getattr(field.annotation, "model_fields", ()):
            inner = ".".join([*location[:-1], name])
            return f"`{key}` is not a setting: write it below the line `[{inner}]`"
    known = list(section.model_fields)
    near = difflib.get_close_matches(location[-1], known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
    return f"`{key}` is not a setting ({hint})"


def _without_kind(location: list[str]) -> list[str]:
    """Return the keys as the file has them; pydantic puts an intent's kind behind its key."""
    if location[:1] == ["listeners"] and location[2:3] == ["intents"]:
        return location[:4] + location[5:]
    return location


def _section(location: list[str]) -> type[BaseModel]:
    """Return the model of a section of the file."""
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
    return section
