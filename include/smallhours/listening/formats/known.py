"""The formats that are known, and which one a file has."""

from smallhours.listening.formats.reading import Format, Head
from smallhours.listening.formats.spotify import SPOTIFY

# Each is tried in turn, so what says more of itself comes first.
FORMATS: tuple[Format, ...] = (SPOTIFY,)


def format_of(head: Head) -> Format | None:
    """Return the format of a file, by its first characters."""
    return next((each for each in FORMATS if each.matches(head)), None)
