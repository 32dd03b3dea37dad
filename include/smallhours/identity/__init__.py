"""Keys that say which artist and recording a name means, to join services without a common id."""

from smallhours.identity.recording import (
    SEPARATOR,
    Identity,
    artist_key_in,
    artist_key_of,
    identify,
    is_artist,
    plain_artist,
    plain_title,
    song_key_of,
)
from smallhours.identity.segments import version_kind
from smallhours.identity.text import is_named, is_typed_alike, normalise

__all__ = [
    "SEPARATOR",
    "Identity",
    "artist_key_in",
    "artist_key_of",
    "identify",
    "is_artist",
    "is_named",
    "is_typed_alike",
    "normalise",
    "plain_artist",
    "plain_title",
    "song_key_of",
    "version_kind",
]
