"""Parsing of Last.fm request parameters, and Last.fm's error replies."""

from collections.abc import Mapping
from dataclasses import dataclass

from smallhours_sandbox.lastfm_render import Node

MISSING_PARAMETER = "Invalid parameters - Your request is missing a required parameter"
# Message (https://www.last.fm/api/errorcodes) and HTTP status by error number.
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

# In the documented spelling, under which calls are counted; Last.fm itself ignores case.
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


def canonical_method(method: str) -> str:
    """Return a method's documented spelling, or the name as sent when there is no such method."""
    return _CANONICAL.get(method.lower(), method)


NO_ARTIST = "The artist you supplied could not be found"
NO_TRACK = "Track not found"
NO_USER = "User not found"
NO_PAGE = "no such page"
LIMIT_BOUNDS = "limit param out of bounds (1-1000)"


def lastfm_error(code: int) -> "LastfmError":
    """Return the error of that number with its usual message and status."""
    words, status = ERRORS[code]
    return LastfmError(code, words, status)


class LastfmError(Exception):
    """An error reply.

    Attributes:
        code: Last.fm's error number.
        message: its message.
        status: its HTTP status.
        links: whether the JSON carries the empty ``links`` of catalogue errors.
    """

    def __init__(self, code: int, message: str, status: int = 400, *, links: bool = False) -> None:
        """Describe the reply."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.links = links


@dataclass(slots=True, frozen=True)
class LastfmReply:
    """A successful reply before it is rendered: root element, content, and the XML's style."""

    root: str
    node: Node
    indented: bool = False


class LastfmParams:
    """A request's parameters, parsed as Last.fm does: invalid numbers count as 0."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Hold ``values``; names are case-sensitive."""
        self._values = values

    def get(self, name: str) -> str:
        """Return the text, stripped, or "" when it was not sent."""
        return self._values.get(name, "").strip()

    def need(self, name: str) -> str:
        """Return the text of a required parameter.

        Raises:
            LastfmError: 6 when it is missing or empty.
        """
        value = self.get(name)
        if not value:
            raise LastfmError(6, MISSING_PARAMETER)
        return value

    def number(self, name: str, default: int = 0) -> int:
        """Return the integer, or ``default`` when it is missing or invalid.

        pylast may send "None".
        """
        try:
            return int(self.get(name))
        except ValueError:
            return default

    def limit(self, default: int = 50) -> int:
        """Return the number of rows per page.

        Raises:
            LastfmError: 6 outside 1 to 1000.
        """
        limit = self.number("limit", default)
        if not 1 <= limit <= 1000:
            raise LastfmError(6, LIMIT_BOUNDS)
        return limit

    @property
    def page(self) -> int:
        """Return the page number, from 1; page 0 is page 1."""
        return max(1, self.number("page", 1))

    @property
    def autocorrect(self) -> bool:
        """Return whether misspelt names are to be corrected."""
        return self.get("autocorrect") == "1"
