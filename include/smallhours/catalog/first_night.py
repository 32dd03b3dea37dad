"""The limits of a first night, so that its list is there within a quarter of an hour.

Until a list was written, a night asks the services about the strongest of what it knows. What is
left is asked about on the nights after, whose limits are those of the settings.
"""

from collections.abc import Mapping
from types import MappingProxyType

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.vocabulary import SHOWN

# The most that each setting of `[catalog]` is on a first night. With accounts at Last.fm and at
# ListenBrainz, and a long history, all calls are reckoned to take 13 minutes at the allowed rates.
FIRST_NIGHT: Mapping[str, int] = MappingProxyType(
    {
        "lastfm_calls_per_night": 400,
        "near_artists": 60,
        "name_lookups_per_night": 100,
        "tracks_per_night": 1_000,
    }
)

# Where ListenBrainz is not asked, there is time for more of Last.fm's calls.
LASTFM_ALONE: Mapping[str, int] = MappingProxyType(
    {"lastfm_calls_per_night": 1_000, "near_artists": 150}
)


def settings_tonight(lake: Lake, listener: str, settings: Settings, night: Night) -> Settings:
    """Return the settings, with the limits of a first night until a list of theirs was written."""
    lists = lake.frame(PLAYLISTS, columns=["night", "outcome"], where={"listener": listener})
    if (lists["outcome"].isin(SHOWN) & (lists["night"] < night.date)).any():
        return settings
    own = settings.catalog
    alone = not (settings.services.listenbrainz.enabled and settings.contact(listener))
    most_of = {**FIRST_NIGHT, **LASTFM_ALONE} if alone else FIRST_NIGHT
    limits = {name: min(getattr(own, name), most) for name, most in most_of.items()}
    return settings.model_copy(update={"catalog": own.model_copy(update=limits)})
