"""Settings of the outside services: the sections `[services.<name>]` of `smallhours.toml`.

Each has the service's address, its rate limit and a timeout.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from smallhours.playlist_settings import SettingsSection

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+(/\S*)?$")]


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
