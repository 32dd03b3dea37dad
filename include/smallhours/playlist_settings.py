"""Settings of the listener's playlist and of further playlists (intents).

They are the sections `[listeners.<name>.playlist]` and `[listeners.<name>.intents.<key>]` of
`smallhours.toml`. The package `playlist` applies them.
"""

import os
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

# The intent of the playlist that every listener has.
MAIN = "main"


# The largest number that a setting may be: larger ones are more than arrays and sockets hold.
MAX_NUMBER = 10**9
# A century. Days before a date that go back further than dates do would end the night.
MAX_DAYS = 36_500
MAX_TEXT = 1_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class SettingsSection(BaseModel):
    """A section of the settings file: every key is known, nothing changes after reading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        str_max_length=MAX_TEXT,
    )

    @field_validator("*")
    @classmethod
    def _can_be_worked_with(cls, value: Any) -> Any:
        if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            raise ValueError(f"{MAX_NUMBER:,} is the most")
        if isinstance(value, str) and _CONTROL.search(value):
            raise ValueError("it holds a line break or another control character")
        return value


# A path on this machine; it may begin with ~.
LocalPath = Annotated[str, AfterValidator(os.path.expanduser)]
Share = Annotated[float, Field(ge=0, le=1)]
Dial = Annotated[float, Field(ge=-1, le=1)]
Arc = Literal["none", "rise", "fall", "wave"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
AudioFeature = Literal[
    "danceability",
    "acousticness",
    "energy",
    "valence",
    "instrumentalness",
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"the lower end ({ends[0]:g}) is above the upper one ({ends[1]:g})")
    return ends


def _artist_and_title(text: str) -> str:
    if not re.search(r"\S\s+[-–]\s+\S", text):
        raise ValueError(f"{text!r} is not of the form `Artist - Title`")
    return text


Span = Annotated[tuple[float, float], AfterValidator(_rising)]
ArtistAndTitle = Annotated[str, AfterValidator(_artist_and_title)]


class PlaylistSettings(SettingsSection):
    """The settings of a listener's playlist."""

    name: str = Field(
        "Smallhours",
        min_length=1,
        max_length=100,
        description="The playlist's name; `{night}`, `{weekday}` and `{listener}` are filled in.",
    )
    size: int = Field(30, ge=1, le=500, description="Tracks in the playlist.")
    shortest: int = Field(
        10, ge=1, le=500, description="A shorter list is not written: yesterday's stays."
    )
    artist_cap: int = Field(2, ge=1, description="Tracks by one artist, at most.")
    album_cap: int = Field(1, ge=1, description="Tracks of one album, at most, where it is known.")
    seed_cap: int = Field(
        4,
        ge=1,
        description="Picks that one artist or tag of yours may lead to, while others are left.",
    )
    exploration: Share = Field(
        0.1,
        description="The share of the list given to less certain picks. 0: only the surest; 1: "
        "every track is one to try.",
    )
    randomness: Share = Field(
        0.0,
        description="The chance of each other pick to be drawn evenly from all tracks that may "
        "come, so that each of them comes some night. 0: none is left to chance; 1: all are.",
    )
    diversity: Share = Field(
        0.3,
        description="How much a pick has to differ from the others. 0: they may all be alike; 1: "
        "as unlike each other as can be.",
    )
    calibration: Share = Field(
        0.1,
        description="How closely the mix of tags follows what you played in the last 90 days. 0: "
        "not at all; 1: as closely as can be.",
    )
    familiarity: Dial = Field(
        0.0, description="-1: only artists you never heard; 0: no matter; 1: only artists you know."
    )
    popularity: Dial = Field(
        0.0, description="-1: the least known tracks; 0: no matter; 1: what everybody knows."
    )
    arc: Arc = Field(
        "none",
        description="How the energy moves through the list. `none`: as it comes; `rise`: from "
        "calm to energetic; `fall`: the other way; `wave`: up and down, twice.",
    )
    not_again_nights: int = Field(
        30, ge=0, le=MAX_DAYS, description="Nights before a pick may come back."
    )
    artist_cooldown_nights: int = Field(
        3,
        ge=0,
        le=MAX_DAYS,
        description="Nights before another track of a picked artist comes, while others are left.",
    )
    not_played_days: int | None = Field(
        None,
        ge=1,
        le=MAX_DAYS,
        description="What you have not heard for so many days may come, too; left out: only "
        "what you never heard.",
    )
    blocked_artists: tuple[str, ...] = Field((), description="Never tracks of these artists.")
    blocked_tracks: tuple[ArtistAndTitle, ...] = Field(
        (), description="Never these tracks; each is written `Artist - Title`."
    )
    blocked_tags: tuple[str, ...] = Field((), description="Never tracks with these tags.")
    explicit: bool = Field(
        True,
        description="`false` leaves out what Spotify marks as explicit, once it was looked up.",
    )

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        if self.shortest > self.size:
            raise ValueError(f"`shortest` ({self.shortest}) is more than `size` ({self.size})")
        return self


class IntentSettings(SettingsSection):
    """The settings of a further playlist; those that are None are as in the main playlist."""

    name: str = Field(
        "Smallhours: {intent}",
        min_length=1,
        max_length=100,
        description="The playlist's name; `{intent}` is the section's own key.",
    )
    paused: bool = Field(False, description="Make no lists for it; the last one stays.")
    size: int | None = Field(None, ge=1, le=500)
    shortest: int | None = Field(None, ge=1, le=500)
    artist_cap: int | None = Field(None, ge=1)
    album_cap: int | None = Field(None, ge=1)
    seed_cap: int | None = Field(None, ge=1)
    exploration: Share | None = None
    randomness: Share | None = None
    diversity: Share | None = None
    calibration: Share | None = None
    familiarity: Dial | None = None
    popularity: Dial | None = None
    arc: Arc | None = None
    not_again_nights: int | None = Field(None, ge=0, le=MAX_DAYS)
    artist_cooldown_nights: int | None = Field(None, ge=0, le=MAX_DAYS)
    not_played_days: int | None = Field(None, ge=1, le=MAX_DAYS)
    blocked_artists: tuple[str, ...] | None = None
    blocked_tracks: tuple[ArtistAndTitle, ...] | None = None
    blocked_tags: tuple[str, ...] | None = None
    explicit: bool | None = None

    def playlist_settings(self, key: str, main: PlaylistSettings) -> PlaylistSettings:
        """Return the main playlist's settings with those of this playlist in their place.

        What is blocked in the main playlist is blocked here, too.
        """
        own = {
            name: value
            for name in PlaylistSettings.model_fields
            if (value := getattr(self, name)) is not None
        }
        own["name"] = self.name.replace("{intent}", re.sub(r"[-_]+", " ", key).capitalize())
        for blocked in ("blocked_artists", "blocked_tracks", "blocked_tags"):
            own[blocked] = (*getattr(main, blocked), *own.get(blocked, ()))
        if "size" in own and "shortest" not in own:
            own["shortest"] = min(main.shortest, own["size"])
        return PlaylistSettings.model_validate({**main.model_dump(), **own})


class MoodIntent(IntentSettings):
    """Tracks that sound a certain way, by measured or predicted audio features."""

    kind: Literal["mood"]
    sound: dict[AudioFeature, Span] = Field(
        min_length=1,
        description="The range of each audio feature, such as `{ energy = [0.0, 0.4] }`.",
    )


class TimeOfDayIntent(IntentSettings):
    """Tracks that go with what the listener plays at certain hours."""

    kind: Literal["time_of_day"]
    hours: tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]] = Field(
        description="From and until, in the listener's time zone; 22 to 4 goes past midnight."
    )
    days: tuple[Weekday, ...] = Field(
        (), description="The days on which these hours count; none: every day."
    )


class ForgottenIntent(IntentSettings):
    """Tracks that the listener often played long ago, and has not played since."""

    kind: Literal["forgotten"]
    exploration: Share | None = Field(
        0.0, description="The share of the list given to less certain picks."
    )
    not_played_days: int | None = Field(
        180, ge=1, le=MAX_DAYS, description="You have not heard the track for so many days."
    )
    least_plays: int = Field(
        5, ge=1, description="A track counts as forgotten only if it was played at least so often."
    )


class DeepCutsIntent(IntentSettings):
    """Lesser-known tracks of the artists that the listener loves, never heard."""

    kind: Literal["deep_cuts"]


class NewReleasesIntent(IntentSettings):
    """Recent releases that are close to what the listener plays."""

    kind: Literal["new_releases"]
    within_days: int = Field(60, ge=1, le=MAX_DAYS, description="Released within so many days.")


class TagsIntent(IntentSettings):
    """Tracks of certain tags."""

    kind: Literal["tags"]
    tags: tuple[str, ...] = Field(min_length=1, description="The tags that the tracks have.")


Intent = Annotated[
    MoodIntent
    | TimeOfDayIntent
    | ForgottenIntent
    | DeepCutsIntent
    | NewReleasesIntent
    | TagsIntent,
    Field(discriminator="kind"),
]


def _not_main(name: str) -> str:
    if name == "main":
        raise ValueError("`main` is the playlist itself; choose another name")
    return name


IntentName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$"),
    AfterValidator(_not_main),
]
