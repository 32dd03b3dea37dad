"""Last.fm spellings of Spotify titles."""

import re

import numpy as np

_EDITION = re.compile(r" (?:- (?:\d{4} Remaster(?:ed)?|Remastered(?: \d{4})?)|\(\d{4} Remaster\))$")
_GUEST = re.compile(r" \((?:feat\.|with) ([^()]*(?:\([^()]*\))?[^()]*)\)")
_DASHED = re.compile(r" - (Live(?: at .+)?|Acoustic|Demo|Instrumental|.+ Remix)$")


def lastfm_titles(rng: np.random.Generator, titles: list[str], guests: list[bool]) -> list[str]:
    """Return the title under which each track is scrobbled.

    Most stay as they are; others lose their edition, spell the guest differently or not at all,
    put the part after a dash in brackets, or arrive in lower case.

    Args:
        rng: source of randomness.
        titles: as Spotify shows them.
        guests: whether the title names a guest (only then is a bracket one).
    """
    draws = rng.random((len(titles), 4)).tolist()
    return [
        _spell(title, guest, draw) for title, guest, draw in zip(titles, guests, draws, strict=True)
    ]


def _spell(title: str, guest: bool, draw: list[float]) -> str:
    edition, with_guest, dash, case = draw
    if edition < 0.6:
        title = _EDITION.sub("", title)
    if guest and with_guest < 0.3:
        title = _GUEST.sub("", title)
    elif guest and with_guest < 0.55:
        title = _GUEST.sub(r" ft. \1", title)
    if dash < 0.35:
        title = _DASHED.sub(r" (\1)", title)
    if case < 0.03:
        title = title.lower()
    elif case < 0.04:
        title = title.title()
    return title
