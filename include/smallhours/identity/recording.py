"""Which recording a title means: the key that joins services which share no id.

A track key reads `artist · title` or `artist · title · version`. It drops what only marks another
edition of the same recording (a remaster, a deluxe album, a featured artist in the title) and
keeps what makes another recording (live, remix, acoustic, instrumental, demo, re-recording, sped
up), with its detail: two remixes of one song are two recordings.

A title is taken apart from its end: bracketed groups and ` - ` segments are noise, a version, or
else part of the title. Only what is recognised is ever removed.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from smallhours.identity.text import normalise

SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Identity:
    """What a track is, by name.

    Attributes:
        track_key: `artist · title[ · version]`, normalised.
        artist_key: The artist's normalised name, without featured artists.
        title_key: The normalised title, without edition noise and version.
        version: The kept version with its detail, normalised; empty for the plain recording.
        label: What kind of version: `live`, `remix`, `acoustic`, ...; empty for the plain one.
    """

    track_key: str
    artist_key: str
    title_key: str
    version: str
    label: str


# A featured artist in brackets. Spotify writes "(with X)"; a capital letter must follow, so that
# "(with you)" stays in its title.
_FEATURE_GROUP = re.compile(
    r"\s*[(\[]\s*(?:(?:feat|ft)\b\.?|featuring\b|w/|(?-i:with(?=\s+[A-Z0-9])))[^)\]]+[)\]]",
    re.IGNORECASE,
)
# A featured artist in running text: with its full stop in any case, else in lower case only, for
# "No Small Feat At All" is a title.
_FEATURE_TAIL = re.compile(
    r"(?<=\S)\s+(?:(?i:feat|ft)\.\s*|(?:feat|ft)\s+|(?i:featuring)\s+)(?=\S)(?P<names>.+?)"
    r"(?=\s[(\[]|\s-\s|$)"
)

_NOISE = re.compile(
    r"""
    (?:\d{4}\s+)?(?:digital(?:ly)?\s+)?re-?master(?:ed)?(?:\s+(?:version|edition|album\ version))?
        (?:\s+(?:in\s+)?\d{4})?(?:\s+version)?
    | (?:\d{4}\s+)?(?:mono|stereo)(?:\s+(?:version|mix))?
    | (?:super\s+|limited\s+)?(?:deluxe|expanded|special|collectors?|anniversary|bonus)
        (?:\s+track)?(?:\s+(?:edition|version))?
    | \d+(?:st|nd|rd|th)\s+anniversary(?:\s+(?:edition|version|remaster(?:ed)?))?
    | (?:original\s+)?(?:album|single|lp|ep|7\ inch|radio|main|standard|original)
        \s+(?:version|edit|mix)
    | (?:radio|single)\s+edit | original | explicit(?:\s+version)? | clean(?:\s+version)?
    | (?:\d{4}\s+)?(?:digital\s+)?(?:version|edition|reissue)
    | \d{4}\s+mix | bonus | hidden\s+track | official(?:\s+(?:music\s+)?(?:video|audio))?
    | (?:music\s+)?from\s+(?:the\s+)?(?:.*\b(?:soundtrack|motion\s+picture|film|movie|series)\b.*)
    | (?:original\s+)?(?:motion\s+picture\s+)?soundtrack(?:\s+version)?
    | with\s+bonus\s+tracks?
    """,
    re.VERBOSE,
)

# The first that matches gives the label; the order matters where a segment says two things.
_VERSIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, re.VERBOSE))
    for label, pattern in (
        (
            "live",
            r"""(?:recorded\s+)?live(?:\s+(?:at|in|from|on|version|sessions?|acoustic|recording
                |performance|take|edit|album|\d{4})\b.*)?
                | .*\blive\s+(?:version|sessions?|recording|at\b.*|in\b.*|from\b.*)
                | .*\b(?:unplugged|bbc\s+sessions?|peel\s+sessions?|in\s+concert)\b.*
                | (?:\d{4}|acoustic|radio.*|bbc.*)\s+live""",
        ),
        (
            "remix",
            r""".*\b(?:remix(?:ed)?|rmx|rework|refix|bootleg|mash\s?up|dub|vip|flip)\b.*
                | .*\S\s+(?:mix|re\s?edit|edit) | .*\bmegamix\b.*""",
        ),
        ("karaoke", r".*\bkaraoke\b.*"),
        ("instrumental", r"(?:.*\s)?instrumental(?:\s+.*)?"),
        ("a cappella", r"(?:.*\s)?a\s?capp?ella(?:\s+.*)?"),
        ("acoustic", r"(?:.*\s)?acoustic(?:\s+.*)?| (?:.*\s)?stripped(?:\s+.*)?"),
        ("demo", r"(?:.*\s)?demos?(?:\s+.*)?"),
        (
            "re-recording",
            r"""(?:.*\s)?re\s?record(?:ed|ing)(?:\s+.*)? | \w+s\s+version""",
        ),
        ("sped up", r"(?:.*\s)?(?:sped\s+up|nightcore|speed\s?up)(?:\s+.*)?"),
        ("slowed", r"(?:.*\s)?slowed(?:\s+.*)?"),
        ("cover", r"(?:.*\s)?cover(?:\s+version)?"),
        (
            "alternate",
            r"""(?:.*\s)?(?:alternat(?:e|ive)|early|rough|unreleased|rehearsal|outtake)
                (?:\s+(?:take|version|mix|\w+))? | take\s+\d+""",
        ),
        ("extended", r"(?:.*\s)?extended(?:\s+.*)?"),
        ("version", r".*\S\s+version"),
    )
)

_GROUP_AT_END = re.compile(r"^(?P<head>.*\S)\s*[(\[](?P<inside>[^()\[\]]*)[)\]]\s*$", re.DOTALL)
_NESTED_AT_END = re.compile(r"^(?P<head>.*\S)\s*[(\[](?P<inside>.*[)\]])\s*[)\]]\s*$", re.DOTALL)
_DASH_AT_END = re.compile(r"^(?P<head>.*\S)\s+[-–—]\s+(?P<inside>\S.*?)\s*$", re.DOTALL)
_YEAR_THEN_REMASTER = re.compile(
    r"\s[-–—]\s+(\d{4})\s+[-–—]\s+(re-?master(?:ed)?)\b", re.IGNORECASE
)


@lru_cache(maxsize=200_000)
def identify(artist: str, title: str) -> Identity:
    """Name the recording that an artist and a title mean.

    >>> identify("Slowdive", "Alison - 2005 Remaster").track_key
    'slowdive · alison'
    >>> identify("Billy Idol", "Dancing With Myself (Live at Roxy)").track_key
    'billy idol · dancing with myself · live at roxy'
    >>> identify("Björk feat. Arca", "Losss").artist_key
    'bjork'
    """
    artist_key = artist_key_of(artist)
    head, versions = _take_apart(_without_features(title))
    title_key = normalise(head)
    version = " ".join(normalise(segment) for _, segment in versions)
    label = versions[0][0] if versions else ""
    parts = [artist_key, title_key, version] if version else [artist_key, title_key]
    return Identity(SEPARATOR.join(parts), artist_key, title_key, version, label)


@lru_cache(maxsize=100_000)
def artist_key_of(artist: str) -> str:
    """The normalised name of an artist, without featured artists."""
    return normalise(_without_features(artist))


def artist_key_in(track_key: str) -> str:
    """The artist's part of a track key."""
    return track_key.split(SEPARATOR, 1)[0]


def base_of(track_key: str) -> str:
    """A track key without its version: what all recordings of one song by one artist share.

    >>> base_of("billy idol · dancing with myself · live at roxy")
    'billy idol · dancing with myself'
    """
    return SEPARATOR.join(track_key.split(SEPARATOR)[:2])


def _without_features(name: str) -> str:
    shorter = _FEATURE_GROUP.sub("", name).strip()
    shorter = _FEATURE_TAIL.sub("", shorter).strip()
    return shorter or name


def _take_apart(title: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a title into what names it and its versions, as (label, segment), in their order."""
    head = _YEAR_THEN_REMASTER.sub(r" - \1 \2", title).strip()
    versions: list[tuple[str, str]] = []
    while match := _segment_at_end(head):
        segments = re.split(r"\s+/\s+|;\s+", match["inside"])
        labels = [_classify(segment) for segment in segments]
        if None in labels:
            break
        found = [(label, s) for label, s in zip(labels, segments, strict=True) if label]
        versions = found + versions
        head = match["head"]
    return head, versions


def _segment_at_end(title: str) -> re.Match[str] | None:
    return _GROUP_AT_END.match(title) or _NESTED_AT_END.match(title) or _DASH_AT_END.match(title)


def _classify(segment: str) -> str | None:
    """The label of a version, an empty string for edition noise, or None for neither."""
    plain = segment.casefold().strip().replace("’", "'")
    words = re.sub(r"[^\w\s-]+", " ", plain.replace("'", "")).strip()
    words = re.sub(r"\s+", " ", words)
    if not words:
        return None
    if _NOISE.fullmatch(words):
        return ""
    if plain.startswith(('from "', "from '", "from “")):
        return ""
    for label, pattern in _VERSIONS:
        if pattern.fullmatch(words.replace("-", " ")):
            return label
    return None
