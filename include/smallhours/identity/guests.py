"""Removal of featured artists from artists' names and titles.

"Take Care (feat. Rihanna)" names a guest; Little Feat, "No Small Feat" and "Stay (With Me)" do not.
"""

import re
from collections.abc import Iterator

from smallhours.identity.text import normalise

BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLOSING = set(BRACKETS.values())

# After "with" in brackets there are guests, but for words that begin no artist's name.
_NO_NAME = (
    r"(?:you|u|ya|me|us|him|her|them|it|this|that|myself|yourself|himself|herself|somebody|someone"
    r"|everybody|everyone|nobody|no\s+one|my|your|ur|our|his|their|an?|no|or|and|all|love)\b"
)
_GUESTS = re.compile(
    rf"\s*(?:(?:feat|ft)\b\.?|featuring\b|w/|with\b(?!\s+{_NO_NAME})|prod(?:\.|uced)?\s+by\b|prod\."
    r"|(?P<other>(?:con|com|avec|mit|met|med)\b"
    r"(?:\s+(?:la|a)\s+(?:participaci[oó]n|colaboraci[oó]n|participaç[aã]o|participation)\s+d[ea])?"
    r"|part\.|participaç[aã]o(?:\s+de)?))\s*(?=\S)",
    re.IGNORECASE,
)
# What follows the word for "with" in other languages and begins no artist's name.
_NO_NAMES = """
    te ti me mi el ella ellas ellos la las lo los un una uno su sus tu tus nosotros todo todos toda
    todas nadie alguien amor calma alma ganas locura altura cuidado gusto carino
    lui lei noi voi loro il i gli le l amore chi tutto tutti
    voce voces ela ele elas eles o a os as um uma meu minha seu sua tudo ninguem
    toi moi elle elles nous vous eux les une des mes tes ses mon ton son ma ta sa amour plaisir
    dir mir ihm ihr uns euch ihnen dem der den die das einem einer viel allem allen liebe herz
    jou mij hem haar ons jullie hun de het een
    dig mig deg meg han henne hende oss os en et ett det
    brio moto fuoco spirito anima espressione sordino sordini variazioni forza grazia
    text letra lyrics
""".split()  # noqa: SIM905 - a list of words, not of code
_PART_NUMBER = re.compile(r"(?:\d+|[ivx]+|one|two|three|four|five|six)\b", re.IGNORECASE)
# What a remixer is called is no guest: "(Feat of Clay Remix)".
_ENDS_AS_VERSION = re.compile(r"\b(?:remix|rmx|edit|mix|version|rework|dub)\W*$", re.IGNORECASE)

# In running text they are marked so, and end before the next bracket or dash.
_MARK = re.compile(
    r"(?<=\S)\s+(?:feat(?P<stop>\.)|feat(?=\s)|(?P<ft>ft\b\.?)|featuring(?=\s))\s*(?=[^\s.])"
    r"(?P<names>.+?)(?=\s[(\[{<]|\s[-–—]\s|$)",
    re.IGNORECASE | re.DOTALL,
)
# But "feat" and "ft" are words, too: a feat of strength, no small feat, down in Ft. Worth.
_FEAT_AFTER = re.compile(
    r"\b(?:no|an?|the|my|your|our|his|her|this|that|one|any|small|little|great|only|last)\W*$",
    re.IGNORECASE,
)
_FEAT_BEFORE = re.compile(r"(?:of|at|and|to|for|in|by)\b", re.IGNORECASE)
_FT_BEFORE = re.compile(
    r"(?:worth|lauderdale|wayne|myers|knox|bragg|collins|smith|hood|under|deep|tall|of)\b",
    re.IGNORECASE,
)


def without_bracketed_guests(name: str) -> str:
    """Return the name without the brackets that hold guests, wherever they stand.

    >>> without_bracketed_guests("Stay (with Raven (Band)) [Live]")
    'Stay [Live]'
    >>> without_bracketed_guests("Stay (With Me)")
    'Stay (With Me)'
    """
    for start, end in reversed(list(_outer_groups(name))):
        inside = name[start + 1 : end]
        if _names_guests(inside):
            shorter = f"{name[:start].rstrip()} {name[end + 1 :].lstrip()}".strip()
            name = shorter or name
    return name


def _names_guests(inside: str) -> bool:
    found = _GUESTS.match(inside)
    if found is None or _ENDS_AS_VERSION.search(inside):
        return False
    names = inside[found.end() :]
    if found["other"] is None:
        return True
    first = normalise(re.split(r"[\s'’]", names, maxsplit=1)[0])
    return first not in _NO_NAMES and not _PART_NUMBER.match(names)


def without_guests(name: str) -> str:
    """Return the name without the guests that running text names.

    >>> without_guests("Take Care ft. Rihanna"), without_guests("Ft. Worth Blues")
    ('Take Care', 'Ft. Worth Blues')
    """
    at = 0
    while match := _MARK.search(name, at):
        before = name[: match.start()]
        if _is_word(match, before) or _in_brackets(name, match.start()):
            at = match.start() + 1
        else:
            name = (before + name[match.end() :]).strip()
    return name


def _in_brackets(name: str, place: int) -> bool:
    return any(start < place < end for start, end in _outer_groups(name))


def _is_word(mark: re.Match[str], before: str) -> bool:
    if mark["ft"]:
        return bool(_FT_BEFORE.match(mark["names"]))
    if mark["stop"]:
        return False
    return bool(_FEAT_AFTER.search(before) or _FEAT_BEFORE.match(mark["names"]))


def group_at_end(name: str) -> tuple[str, str] | None:
    """Return the text before the last bracket and the text in it, if the name ends in a bracket.

    >>> group_at_end("Song (Raven (Band) Remix)")
    ('Song', 'Raven (Band) Remix')
    """
    groups = list(_outer_groups(name))
    if not groups:
        return None
    start, end = groups[-1]
    head, inside = name[:start].rstrip(), name[start + 1 : end].strip()
    return (head, inside) if head and inside and not name[end + 1 :].strip() else None


def _outer_groups(name: str) -> Iterator[tuple[int, int]]:
    """Return the (start, end) places of the outermost pairs of brackets; skip unpaired ones."""
    open_at: list[tuple[int, str]] = []
    found: list[tuple[int, int]] = []
    for place, sign in enumerate(name):
        if sign in BRACKETS:
            open_at.append((place, BRACKETS[sign]))
        elif sign in _CLOSING and any(closing == sign for _, closing in open_at):
            while open_at[-1][1] != sign:
                open_at.pop()
            start, _ = open_at.pop()
            found = [pair for pair in found if pair[0] < start]
            found.append((start, place))
    return iter(found)
