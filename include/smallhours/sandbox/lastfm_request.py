"""How does Last.fm read a request's parameters, and how does it refuse?"""

from collections.abc import Mapping
from dataclasses import dataclass

from smallhours.sandbox.lastfm_render import Node

MISSING_PARAMETER = "Invalid parameters - Your request is missing a required parameter"
# Number to words (https://www.last.fm/api/errorcodes) and the HTTP status it comes with.
ERRORS: Mapping[int, tuple[str, int]] = {
    2: ("Invalid service - This service does not exist", 400),
    3: ("Invalid Method - No method with that name in this package", 400),
    4: ("Authentication Failed - You do not have permissions to access the service", 403),
    5: ("Invalid format - This service doesn't exist in that format", 400),
    6: (MISSING_PARAMETER, 400),
    7: ("Invalid resource specified", 400),
    8: ("Operation failed - Most likely the backend service failed. Please try again.", 500),
    9: ("Invalid session key - Please re-authenticate", 403),
    10: ("Invalid API key - You must be granted a valid key by last.fm", 403),
    11: ("Service Offline - This service is temporarily offline. Try again later.", 503),
    13: ("Invalid method signature supplied", 403),
    16: ("There was a temporary error processing your request. Please try again", 503),
    17: ("Login: User required to be logged in", 403),
    26: ("Suspended API key - Access for your account has been suspended", 403),
    27: ("Deprecated - This type of request is no longer supported", 400),
    29: ("Rate Limit Exceeded - Your IP has made too many requests in a short period", 429),
}

# As they are written in the documentation and counted here; Last.fm itself ignores their case.
METHODS = (
    "user.getRecentTracks",
    "user.getLovedTracks",
    "user.getTopTracks",
    "user.getInfo",
    "track.getTopTags",
    "track.getSimilar",
    "track.getInfo",
    "artist.getTopTags",
    "artist.getSimilar",
    "artist.getTopTracks",
    "artist.getInfo",
    "tag.getTopTracks",
    "tag.getTopArtists",
    "tag.getInfo",
    "tag.getSimilar",
    "chart.getTopTags",
)
_CANONICAL = {name.lower(): name for name in METHODS}


def canonical(method: str) -> str:
    """A method's documented spelling, or what was sent when there is no such method."""
    return _CANONICAL.get(method.lower(), method)


NO_ARTIST = "The artist you supplied could not be found"
NO_TRACK = "Track not found"
NO_USER = "User not found"
NO_PAGE = "no such page"
LIMIT_BOUNDS = "limit param out of bounds (1-1000)"


def refusal(code: int) -> "LastfmError":
    """The error of that number with its usual words and status."""
    words, status = ERRORS[code]
    return LastfmError(code, words, status)


class LastfmError(Exception):
    """A reply that says no.

    Attributes:
        code: Last.fm's error number.
        message: its words.
        status: HTTP status it comes with.
        links: whether the JSON carries the empty ``links`` of the catalogue's errors.
    """

    def __init__(self, code: int, message: str, status: int = 400, *, links: bool = False) -> None:
        """Describe the reply."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.links = links


@dataclass(slots=True, frozen=True)
class Reply:
    """A successful reply before it is written: root element, content, and the XML's style."""

    root: str
    node: Node
    indented: bool = False


class Params:
    """A request's parameters, read the way Last.fm reads them: numbers that are none count as 0."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Hold ``values``; names are case-sensitive."""
        self._values = values

    def get(self, name: str) -> str:
        """The text, stripped, or "" when it was not sent."""
        return self._values.get(name, "").strip()

    def need(self, name: str) -> str:
        """The text.

        Raises:
            LastfmError: 6 when it is missing or empty.
        """
        value = self.get(name)
        if not value:
            raise LastfmError(6, MISSING_PARAMETER)
        return value

    def number(self, name: str, default: int = 0) -> int:
        """The whole number, ``default`` when it was not sent or is none ("None", as pylast may)."""
        try:
            return int(self.get(name))
        except ValueError:
            return default

    def limit(self, default: int = 50) -> int:
        """Rows a page.

        Raises:
            LastfmError: 6 outside 1 to 1000.
        """
        limit = self.number("limit", default)
        if not 1 <= limit <= 1000:
            raise LastfmError(6, LIMIT_BOUNDS)
        return limit

    @property
    def page(self) -> int:
        """The page, from 1; page 0 is page 1."""
        return max(1, self.number("page", 1))

    @property
    def autocorrect(self) -> bool:
        """Whether misspelt names are to be corrected."""
        return self.get("autocorrect") == "1"
