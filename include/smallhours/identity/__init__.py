"""Which artist and which recording a name means: the keys that join services sharing no id."""

from smallhours.identity.recording import (
    SEPARATOR,
    Identity,
    artist_key_in,
    artist_key_of,
    base_of,
    identify,
)
from smallhours.identity.text import normalise

__all__ = [
    "SEPARATOR",
    "Identity",
    "artist_key_in",
    "artist_key_of",
    "base_of",
    "identify",
    "normalise",
]
