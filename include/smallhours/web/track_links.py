"""Addresses of a track's pages at the services, and the hosts that pages may load pictures from."""

from collections.abc import Mapping
from urllib.parse import quote, quote_plus, urlsplit

from smallhours.listener_settings import ListenerSettings
from smallhours.service_settings import COVER_ART_ARCHIVE, ServiceSettings

SPOTIFY = "https://open.spotify.com"


def spotify_link(uri: str) -> str:
    """Return the page of a Spotify URI, or of an address that is one already; empty for others.

    >>> spotify_link("spotify:track:4uLU6hMCjMI75M1A2tKUQC")
    'https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC'
    """
    if uri.startswith("https://"):
        return uri
    service, _, rest = uri.partition(":")
    kind, _, spotify_id = rest.partition(":")
    return f"{SPOTIFY}/{kind}/{spotify_id}" if service == "spotify" and spotify_id else ""


def player_address(uri: str) -> str:
    """Return the address of Spotify's player for a track; empty where it has none."""
    service, _, spotify_id = uri.rpartition(":")
    return f"{SPOTIFY}/embed/track/{spotify_id}" if service == "spotify:track" else ""


def search_link(template: str, artist: str, title: str) -> str:
    """Return a listener's own search address for a track; empty without a template.

    >>> search_link("https://example.org/?q={artist}+{title}", "AC/DC", "R&B")
    'https://example.org/?q=AC%2FDC+R%26B'
    """
    filled = template.replace("{artist}", quote_plus(artist))
    return filled.replace("{title}", quote_plus(title))


def service_links(artist: str, title: str, mbid: str) -> Mapping[str, str]:
    """Return a track's pages by the service's name: Last.fm by name, the others by MusicBrainz id.

    >>> list(service_links("Ride", "Vapour Trail", ""))
    ['Last.fm']
    """
    name = f"{quote(artist, safe='')}/_/{quote(title, safe='')}"
    links = {"Last.fm": f"https://www.last.fm/music/{name}"}
    if mbid:
        links["ListenBrainz"] = f"https://listenbrainz.org/track/{quote(mbid, safe='')}/"
        links["MusicBrainz"] = f"https://musicbrainz.org/recording/{quote(mbid, safe='')}"
    return links


def image_hosts(services: ServiceSettings, listener: ListenerSettings) -> list[str]:
    """Return the addresses that a listener's covers come from, or the sandbox's own in their place.

    The Cover Art Archive leads to the Internet Archive.
    """
    spotify = _origin(services.spotify.api_url)
    hosts = ["https://i.scdn.co" if spotify == "https://api.spotify.com" else spotify]
    if listener.listenbrainz:
        covers = _origin(services.listenbrainz.covers_url)
        hosts.append(covers)
        if covers == _origin(COVER_ART_ARCHIVE):
            hosts += ["https://archive.org", "https://*.archive.org"]
    return list(dict.fromkeys(hosts))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
