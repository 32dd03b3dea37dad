"""Settings of the outside services: the sections `[services.<name>]` of `smallhours.toml`.

Each has the service's address, its rate limit and a timeout.
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from smallhours.playlist_settings import MAX_DAYS, SettingsSection


def _has_host(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.port == 0:  # reading the port refuses one that is none
        raise ValueError(f"{url!r} names no host")
    return url


# An hour. A service that has not answered by then does not.
MAX_TIMEOUT_S = 3600.0

# A User-Agent is one line of visible ASCII, and the contact stands in brackets.
Contact = Annotated[str, StringConstraints(pattern=r"^[!-'*-~]*$")]
HttpUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/\s]+(/\S*)?$"), AfterValidator(_has_host)
]


class SpotifySettings(SettingsSection):
    """Spotify's addresses and rate limits.

    600 catalog calls a day is where development-mode apps were seen to be cut off.
    """

    api_url: HttpUrl = Field("https://api.spotify.com/v1/", description="The address of its API.")
    accounts_url: HttpUrl = Field(
        "https://accounts.spotify.com/",
        description="The address where logins are made and renewed.",
    )
    calls_per_second: float = Field(
        3.0, gt=0, description="Calls that we make in a second, at most."
    )
    calls_per_day: int = Field(
        550,
        ge=1,
        description="Calls that we make in a day, at most; Spotify stops new apps at some 600.",
    )
    legacy_features: bool = Field(
        False,
        description="Ask Spotify for audio features; only apps from before 27 November 2024 may.",
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )


class LastfmSettings(SettingsSection):
    """Last.fm's address and rate limit.

    Last.fm publishes no limit; four calls a second, sustained, is what its users get away with.
    """

    api_url: HttpUrl = Field(
        "https://ws.audioscrobbler.com/2.0/", description="The address of its API."
    )
    calls_per_second: float = Field(
        4.0, gt=0, description="Calls that we make in a second, at most."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )
    overlap_days: int = Field(
        14,
        ge=1,
        le=MAX_DAYS,
        description="How many days back each night reads again, to see late scrobbles and edits.",
    )


class ReccobeatsSettings(SettingsSection):
    """ReccoBeats' address and rate limit."""

    enabled: bool = Field(True, description="Whether it is asked for audio features.")
    api_url: HttpUrl = Field(
        "https://api.reccobeats.com/v1/", description="The address of its API."
    )
    calls_per_second: float = Field(
        2.0, gt=0, description="Calls that we make in a second, at most."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )


class AcousticbrainzSettings(SettingsSection):
    """AcousticBrainz' address and rate limit; it knows recordings up to 2022 by MusicBrainz id."""

    enabled: bool = Field(True, description="Whether it is asked for audio features.")
    api_url: HttpUrl = Field(
        "https://acousticbrainz.org/api/v1/", description="The address of its API."
    )
    calls_per_second: float = Field(
        1.0, gt=0, description="Calls that we make in a second, at most."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )


COVER_ART_ARCHIVE = "https://coverartarchive.org/"


class ListenbrainzSettings(SettingsSection):
    """ListenBrainz' addresses and rate limits.

    It allows 30 requests in 10 seconds, and blocks whoever does not name a contact.
    """

    enabled: bool = Field(True, description="Whether it is asked at all.")
    api_url: HttpUrl = Field("https://api.listenbrainz.org/", description="The address of its API.")
    labs_url: HttpUrl = Field(
        "https://labs.api.listenbrainz.org/",
        description="The address of its experimental API, for similar artists and tracks.",
    )
    covers_url: HttpUrl = Field(
        COVER_ART_ARCHIVE, description="The address of the Cover Art Archive."
    )
    calls_per_second: float = Field(
        2.9, gt=0, description="Calls that we make in a second, at most."
    )
    labs_calls_per_second: float = Field(
        1.0, gt=0, description="Calls to the experimental API in a second, at most."
    )
    timeout_s: float = Field(
        30.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )
    contact: Contact = Field(
        "",
        description="Your e-mail or web address, which each request has to name; empty: your "
        "profile page there.",
    )
    overlap_days: int = Field(
        14,
        ge=1,
        le=MAX_DAYS,
        description="How many days back each night reads again, to see late listens and edits.",
    )
    learn_from_tags: bool = Field(
        True,
        description="Whether models learn from its tags, which are MusicBrainz': CC BY-NC-SA 3.0.",
    )


class MusicbrainzSettings(SettingsSection):
    """MusicBrainz' address and rate limit; it is asked for single repairs only."""

    enabled: bool = Field(True, description="Whether it is asked at all.")
    api_url: HttpUrl = Field("https://musicbrainz.org/ws/2/", description="The address of its API.")
    calls_per_second: float = Field(
        1.0, gt=0, description="Calls that we make in a second, at most."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )
    contact: Contact = Field(
        "", description="As for ListenBrainz; empty: the same contact as there."
    )


class SubsonicSettings(SettingsSection):
    """How much is asked of a music server at home; its address is in the connection."""

    calls_per_second: float = Field(
        10.0, gt=0, description="Calls that we make in a second, at most."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds within which a whole answer must come."
    )


class ServiceSettings(SettingsSection):
    """The outside systems."""

    spotify: SpotifySettings = SpotifySettings()
    lastfm: LastfmSettings = LastfmSettings()
    listenbrainz: ListenbrainzSettings = ListenbrainzSettings()
    musicbrainz: MusicbrainzSettings = MusicbrainzSettings()
    reccobeats: ReccobeatsSettings = ReccobeatsSettings()
    acousticbrainz: AcousticbrainzSettings = AcousticbrainzSettings()
    subsonic: SubsonicSettings = SubsonicSettings()
