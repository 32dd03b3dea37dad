"""How is a playlist recognised as ours, and what does it say about itself?"""

import datetime as dt
import html
from collections.abc import Sequence

# Spotify shows the description in one line of plain text and refuses longer ones.
LONGEST_DESCRIPTION = 300
ARTISTS_NAMED = 4


def marker(listener: str, intent: str) -> str:
    """The words in a description that make a playlist ours to write.

    >>> marker("default", "main")
    '[smallhours:default:main]'
    """
    return f"[smallhours:{listener}:{intent}]"


def carries(description: str | None, mark: str) -> bool:
    """Whether a description, as Spotify gives it back, carries our marker."""
    return mark in html.unescape(description or "")


def describe(night: dt.date, artists: Sequence[str], mark: str) -> str:
    """The description of one night's list: when it was made, from whom, and the marker.

    >>> describe(dt.date(2026, 11, 2), ["Ride", "Lush", "Ride"], "[smallhours:default:main]")
    'The night of 2 November 2026: 3 tracks by Ride and Lush. Made by Smallhours. \
[smallhours:default:main]'

    Args:
        night: The night.
        artists: The artist of each track, in order.
        mark: The marker; never cut off.
    """
    names = [_plain(name) for name in dict.fromkeys(artists)]
    count = f"{len(artists)} {'track' if len(artists) == 1 else 'tracks'}"
    opening = f"The night of {night.day} {night:%B %Y}: {count}"
    for named in range(min(ARTISTS_NAMED, len(names)), 0, -1):
        text = f"{opening} by {_listed(names, named)}. Made by Smallhours. {mark}"
        if len(text) <= LONGEST_DESCRIPTION:
            return text
    return f"{opening}. Made by Smallhours. {mark}"


def _listed(names: Sequence[str], named: int) -> str:
    rest = len(names) - named
    shown = list(names[:named])
    if rest:
        shown.append("one other" if rest == 1 else f"{rest} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _plain(name: str) -> str:
    """A name without what Spotify would escape or take for markup."""
    return " ".join(name.replace("<", "").replace(">", "").replace("[", "(").split())
