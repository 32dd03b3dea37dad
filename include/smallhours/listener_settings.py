"""The settings of one listener: the section `[listeners.<name>]` of `smallhours.toml`."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from smallhours.nights import Night, parse_date
from smallhours.playlist_settings import (
    MAIN,
    Intent,
    IntentName,
    LocalPath,
    PlaylistSettings,
    SettingsSection,
)
from smallhours.schedule import Timezone
from smallhours.vocabulary import PlaceName

_ADDRESS = re.compile(r"https?://|www\.|(last\.fm|listenbrainz\.org)/", re.IGNORECASE)


class PublishingSettings(SettingsSection):
    """Where a listener's lists go, and how: the same for all of their playlists."""

    places: tuple[PlaceName, ...] = Field(
        (),
        description="Where your lists go: `spotify`, `listenbrainz`, `subsonic`, `files` "
        "([Places](places.md)); empty: to Spotify, or to files if you have no Spotify.",
    )
    folder: LocalPath = Field(
        "", description="The folder of `files`; empty: `playlists` beside the lake."
    )
    file_formats: tuple[Literal["m3u8", "jspf"], ...] = Field(
        ("m3u8", "jspf"),
        min_length=1,
        description="The formats of `files`; the first is the list that you may edit, the others "
        "are copies of it.",
    )
    own_items: Literal["end", "place"] = Field(
        "end",
        description="Where tracks that you added go: to the end, or where you put them.",
    )
    when_deleted: Literal["recreate", "stop"] = Field(
        "recreate", description="A playlist that you deleted: create it again, once, or stop."
    )
    cover: bool = Field(
        False, description="Draw a cover from each night's audio features; log in again for it."
    )
    review: bool = Field(False, description="Wait until you approve each list.")


ArtistName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

_LINK_FIELD = re.compile(r"\{(.*?)\}")


def _fields_are_known(template: str) -> str:
    unknown = set(_LINK_FIELD.findall(template)) - {"artist", "title"}
    if unknown:
        raise ValueError(f"`{{{min(unknown)}}}` can't be filled in; `{{artist}}`, `{{title}}` can")
    return template


class PageSettings(SettingsSection):
    """What a listener's pages offer."""

    player: bool = Field(
        False,
        description="Play tracks in Spotify's own player on the Tonight page. It is loaded from "
        "Spotify when you press play.",
    )
    track_link: Annotated[
        str,
        StringConstraints(pattern=r"^(https?://[^/\s{]+/\S*)?$"),
        AfterValidator(_fields_are_known),
    ] = Field(
        "",
        description="An address to find a track at that has no link, such as "
        "`https://www.youtube.com/results?search_query={artist}+{title}`.",
    )


def artists_in(text: str) -> list[str]:
    """Return the artists that a person wrote with semicolons between them, or else with commas.

    >>> artists_in("Low, Slowdive"), artists_in("Earth, Wind & Fire; Low")
    (['Low', 'Slowdive'], ['Earth, Wind & Fire', 'Low'])
    """
    names = text.split(";" if ";" in text else ",")
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def artists_as_text(names: Sequence[str]) -> str:
    """Return names of artists so that `artists_in` reads them again.

    >>> artists_as_text(["Low", "Slowdive"]), artists_as_text(["Earth, Wind & Fire"])
    ('Low; Slowdive', 'Earth, Wind & Fire;')
    """
    text = "; ".join(names)
    return f"{text};" if len(names) == 1 and "," in text else text


# What smallhours.example.toml and docs/settings.md write where a name belongs.
EXAMPLE_NAMES = frozenset({"your-lastfm-name", "your-name-there", "your-name"})


class ListenerSettings(SettingsSection):
    """One person: their accounts at the services, and the settings of their playlists."""

    # Files that still use its earlier name, `lastfm_user`, go on working.
    lastfm: str = Field(
        "",
        validation_alias=AliasChoices("lastfm", "lastfm_user"),
        description="Your Last.fm user name; empty: you have no account there.",
    )
    listenbrainz: str = Field(
        "", description="Your ListenBrainz user name; empty: you have no account there."
    )
    favourite_artists: tuple[ArtistName, ...] = Field(
        (),
        max_length=20,
        description='Artists that you like, such as `["Slowdive", "Low"]`: your first lists rest '
        "on them. They count less with every play, and after a thousand no more.",
    )
    timezone: Timezone = Field(description="Your time zone, such as `Europe/Dublin`.")
    spotify: bool = Field(True, description="Whether there is a Spotify account to read and write.")
    dislike_playlist: str | None = Field(
        None, description="The name of a playlist of yours that holds what you dislike."
    )
    playlist: PlaylistSettings = PlaylistSettings()
    publishing: PublishingSettings = PublishingSettings()
    pages: PageSettings = PageSettings()
    intents: dict[IntentName, Intent] = Field(
        default_factory=dict, description="Further playlists, each with a purpose of its own."
    )

    @field_validator("lastfm", "listenbrainz")
    @classmethod
    def _is_a_name(cls, user: str) -> str:
        if user in EXAMPLE_NAMES:
            raise ValueError(f"{user!r} is the example's; write your own name")
        if _ADDRESS.match(user):
            name = user.rstrip("/").rpartition("/")[2]
            raise ValueError(f"{user!r} is an address; write the name in it, such as {name!r}")
        return user

    @model_validator(mode="after")
    def _places_are_the_listeners(self) -> Self:
        places = self.publishing.places
        if doubled := [place for place, count in Counter(places).items() if count > 1]:
            raise ValueError(f"`publishing.places` names `{doubled[0]}` twice")
        if PlaceName.SPOTIFY in places and not self.spotify:
            raise ValueError("`publishing.places` names `spotify`, and `spotify` is false")
        if PlaceName.LISTENBRAINZ in places and not self.listenbrainz:
            raise ValueError(
                "`publishing.places` names `listenbrainz`, and `listenbrainz` has no user name"
            )
        return self

    @property
    def places(self) -> tuple[PlaceName, ...]:
        """Where the lists go, the main place first."""
        default = PlaceName.SPOTIFY if self.spotify else PlaceName.FILES
        return self.publishing.places or (default,)

    @model_validator(mode="after")
    def _playlists_can_be_told_apart(self) -> Self:
        for key, intent in self.intents.items():
            try:
                intent.playlist_settings(key, self.playlist)
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"`intents.{key}`: {said}") from None
        names = Counter(each.name for each in self.all_playlists.values())
        if doubled := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"more than one playlist is called {doubled[0]!r}")
        return self

    @property
    def playlists(self) -> dict[str, PlaylistSettings]:
        """The settings of each playlist for which lists are made, as in `all_playlists`."""
        paused = {key for key, intent in self.intents.items() if intent.paused}
        return {key: each for key, each in self.all_playlists.items() if key not in paused}

    @property
    def all_playlists(self) -> dict[str, PlaylistSettings]:
        """The settings of each playlist by its intent: `main` first, then in the file's order."""
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
            SettingsError: as in `parse_date`.
        """
        return Night.on(parse_date(date), ZoneInfo(self.timezone))
