"""Classification of one segment of a title as edition noise, as a version, or as neither.

A segment is the text in brackets, or after a dash, at the end of a title: "2011 Remaster" is
edition noise (another release of the same recording), "Live at the Roxy" is a version (another
recording), and "A Deal With God" is part of the title.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from smallhours.identity.text import normalise

NOISE = ""

_YEAR = r"(?:19|20)\d\d"
_REMASTER = r"re\s?master(?:ed|isee?|izado|izada)?"

# All patterns are matched against the whole normalised segment: no capitals, accents or signs.
_NOISE = re.compile(
    rf"""
    (?:{_YEAR}\s+)?(?:(?:16|24)\s?bits?\s+)?(?:digital(?:ly)?\s+)?{_REMASTER}
        (?:\s+(?:mono|stereo|album|single|original|digital|deluxe))?
        (?:\s+(?:version|edition|mix|recording|audio|track))?
        (?:\s+(?:in\s+)?{_YEAR})?(?:\s+(?:version|edition))?
    | (?:{_YEAR}\s+)?(?:original\s+)?(?:mono|stereo)
        (?:\s+(?:version|mix|single|album|recording|{_REMASTER}|{_YEAR}))*
    | {_YEAR}\s+(?:mix|edition|reissue|release|digital\s+edition) | reissue | {_REMASTER}\s+\d\d
    | (?:super\s+|limited\s+)?(?:deluxe|expanded|special|collectors?|anniversary|bonus|limited)
        (?:\s+track)?(?:\s+(?:edition|version))? | bonus(?:\s+(?:cut|song))?
    | \d+(?:st|nd|rd|th)\s+anniversary(?:\s+(?:edition|version|mix|{_REMASTER}))?
    | (?:(?:original|explicit|clean|full|u[sk])\s+)?
        (?:album|single|lp|ep|7(?:\s?inch)?|radio|main|standard|original|video|short|edited)
        \s+(?:version|edit|mix|ver)
    | edit | original | explicit(?:\s+(?:version|content))? | clean(?:\s+version)? | dirty
    | hidden\s+track | album\s+track | lp
    | (?:(?:official|lyrics?|music)\s+)*(?:video|audio|visuali[sz]er|lyrics?)(?:\s+(?:hd|hq|4k))?
    | official | hd | hq | with\s+lyrics
    | (?:(?:music|songs?)\s+)?from\s+(?:the\s+)?
        .*\b(?:soundtrack|motion\s+picture|film|movie|series|musical|show|ost)\b.*
    | (?:original\s+)?(?:motion\s+picture\s+)?soundtrack(?:\s+version)? | ost | film\s+version
    | from\s+the\s+vault | with\s+bonus\s+tracks? | リマスター | (?:{_YEAR}\s?)?年?リマスター
    """,
    re.VERBOSE,
)
# 'From "Frozen"': in quotes it is where the song is from; without, it may be its title.
_FROM_QUOTED = re.compile(r"""\s*(?:music\s+)?from\s+(?:the\s+\w+\s+)?["'“‘„«「]""", re.IGNORECASE)

# Where a segment says two things, the first that matches gives the label.
_VERSIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, re.VERBOSE))
    for label, pattern in (
        (
            "karaoke",
            r""".*\bkaraoke\b.* | in\s+the\s+style\s+of\b.* | made\s+famous\s+by\b.*
                | (?:originally|as)\s+(?:performed|made\s+famous)\s+by\b.*
                | (?:a\s+)?tribute\s+to\b.* | backing\s+track""",
        ),
        (
            "live",
            r"""(?:recorded\s+)?live(?:\s+(?:at|in|from|on|for|with|version|ver|sessions?|acoustic
                    |recording|performance|take|edit|mix|album|lounge|bonus|remix|demo
                    |instrumental|(?:19|20)\d\d|\d+)\b.*)?
                | .*\blive\s+(?:version|ver|sessions?|recording|lounge|at\b.*|in\b.*|from\b.*)
                | .*\b(?:unplugged|(?:bbc|peel|kexp|radio|spotify|studio)\s+sessions?)\b.*
                | .*\b(?:in\s+concert|spotify\s+singles?)\b.* | recorded\s+at\b.*
                | (?:(?:19|20)\d\d|acoustic|radio.*|bbc.*|concert|demo|remix)\s+live
                | (?:ao\s+vivo|en\s+(?:vivo|directo|concierto|public)|dal\s+vivo)\b.*
                | live\s?版 | .*ライブ.* | концертная\s+версия""",
        ),
        (
            "remix",
            r""".*\b(?:remix(?:ed|es)?|rmx|re\s?work(?:ed)?|refix|bootleg|mash\s?up|dub|vip|flip
                    |megamix|remake)\b.*
                | .*\S\s+(?:mix|re\s?edit|edit)""",
        ),
        ("instrumental", r"(?:.*\s)?instrumentals?(?:\s+.*)? | инструментал"),
        ("a cappella", r"(?:.*\s)?a\s?capp?ell?a(?:\s+.*)?"),
        (
            "acoustic",
            r"""(?:.*\s)?(?:acoustic|akustik|acustic[oa]|acoustique|stripped)(?:\s+.*)?""",
        ),
        ("demo", r"(?:.*\s)?demos?(?:\s+.*)?"),
        (
            "re-recording",
            r"""(?:.*\s)?re\s?record(?:ed|ing)(?:\s+.*)? | (?!us\s)\w+s\s+version
                | new\s+recording""",
        ),
        ("sped up", r"(?:.*\s)?(?:sped\s?up|nightcore|speed\s?up)(?:\s+.*)?"),
        ("slowed", r"(?:.*\s)?(?:slowed|chopped\s+and\s+screwed)(?:\s+.*)?"),
        ("cover", r"(?:.*\s)?cover(?:\s+version)?"),
        (
            "alternate",
            r"""(?:.*\s)?(?:alternat(?:e|ive)|alt|early|rough|unreleased|rehearsal|outtake)
                (?:\s+(?:take|version|mix|\w+)(?:\s+\d+)?)? | (?:.*\s)?take\s+\d+""",
        ),
        ("extended", r"(?:.*\s)?extended(?:\s+.*)? | 12(?:\s?inch)?(?:\s+(?:version|mix|single))?"),
        ("version", r".*\S\s+ver(?:sion)? | .*バージョン | .*\sversion\s+\d+ | version\s+.*"),
    )
)
_ORDER = {label: place for place, (label, _) in enumerate(_VERSIONS)}
# Two services write "Live" and "Live Version", and mean no more by it.
_PLAIN_VERSION = re.compile(
    r"(live|acoustic|demo|instrumental|karaoke|sped up|slowed|extended|remix|alternate|cover"
    r"|a cappella) (?:version|ver)"
)


@lru_cache(maxsize=50_000)
def version_kind(segment: str) -> str | None:
    """Return the label of a version, `NOISE` for edition noise, or None for neither.

    >>> [version_kind(each) for each in ("Live at the Roxy", "2011 Remaster", "A Deal With God")]
    ['live', '', None]
    """
    if _FROM_QUOTED.match(segment):
        return NOISE
    words = normalise(segment)
    if _NOISE.fullmatch(words):
        return NOISE
    return next((label for label, pattern in _VERSIONS if pattern.fullmatch(words)), None)


def versions_in(segment: str) -> list[tuple[str, str]] | None:
    """Return a segment's versions as (label, normalised words); None if it is part of the title.

    A segment may say several things at once, and noise among them is left out.

    >>> versions_in("Remastered 2009 / Live in Rome"), versions_in("Acoustic Version")
    ([('live', 'live in rome')], [('acoustic', 'acoustic')])
    """
    for parts in (list(_parts(segment)), [segment]):
        kinds = [version_kind(part) for part in parts]
        if None not in kinds:
            return [(kind, _words(part)) for kind, part in zip(kinds, parts, strict=True) if kind]
    return None


def most_specific_label(labels: list[str]) -> str:
    """Return the most specific of the labels of one recording; empty for none.

    >>> most_specific_label(["version", "re-recording"])
    're-recording'
    """
    return min(labels, key=_ORDER.__getitem__, default="")


def _parts(segment: str) -> Iterator[str]:
    return (part for part in re.split(r"\s+[/|]\s+|;\s*", segment) if part.strip())


def _words(segment: str) -> str:
    words = normalise(segment)
    mere = _PLAIN_VERSION.fullmatch(words)
    return mere[1] if mere else words
