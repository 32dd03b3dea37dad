"""Keys that say which artist and recording a name means, to join services without a common id."""

from smallhours.identity.recording import (
    SEPARATOR,
    Identity,
    artist_key_in,
    artist_key_of,
    base_of,
    identify,
    plain_artist,
    plain_title,
)
from smallhours.identity.segments import kind_of
from smallhours.identity.text import is_named, normalise

__all__ = [
    "SEPARATOR",
    "Identity",
    "artist_key_in",
    "artist_key_of",
    "base_of",
    "identify",
    "is_named",
    "kind_of",
    "normalise",
    "plain_artist",
    "plain_title",
]
