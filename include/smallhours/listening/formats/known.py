"""The formats that are known, and which one a file has."""

from smallhours.listening.formats.headed_table import HEADED_TABLE
from smallhours.listening.formats.koito import KOITO
from smallhours.listening.formats.lastfm_pages import LASTFM_PAGES
from smallhours.listening.formats.lastfm_to_csv import LASTFM_TO_CSV
from smallhours.listening.formats.lastfmstats import LASTFMSTATS_CSV, LASTFMSTATS_JSON
from smallhours.listening.formats.listenbrainz_export import LISTENBRAINZ
from smallhours.listening.formats.maloja import MALOJA
from smallhours.listening.formats.own_table import OWN_TABLE
from smallhours.listening.formats.pano import PANO
from smallhours.listening.formats.reading import Format, Head
from smallhours.listening.formats.scrobbler_log import SCROBBLER_LOG
from smallhours.listening.formats.scrubbler import (
    SCRUBBLER_CSV,
    SCRUBBLER_JSON,
    UNIVERSAL_SCROBBLER,
)
from smallhours.listening.formats.spotify_export import SPOTIFY
from smallhours.listening.formats.your_spotify import YOUR_SPOTIFY

# Each is tried in turn, so what says more of itself comes first.
FORMATS: tuple[Format, ...] = (
    SPOTIFY,
    LISTENBRAINZ,
    MALOJA,
    KOITO,
    LASTFMSTATS_JSON,
    LASTFM_PAGES,
    PANO,
    YOUR_SPOTIFY,
    SCRUBBLER_JSON,
    SCROBBLER_LOG,
    OWN_TABLE,
    LASTFMSTATS_CSV,
    HEADED_TABLE,
    LASTFM_TO_CSV,
    SCRUBBLER_CSV,
    UNIVERSAL_SCROBBLER,
)


def format_of(head: Head) -> Format | None:
    """Return the format of a file, by its first characters."""
    return next((each for each in FORMATS if each.matches(head)), None)
