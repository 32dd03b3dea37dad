"""Track keys: they say which recording a title means and join services that share no id.

A track key reads `artist · title` or `artist · title · version`. It drops what only marks another
edition of the same recording (a remaster, a deluxe album, a featured artist in the title) and
keeps what makes another recording (live, remix, acoustic, instrumental, demo, re-recording, sped
up), with its detail: two remixes of one song are two recordings.

A title is taken apart from its end: bracketed groups and ` - ` segments are noise, a version, or
else part of the title. Only what is recognised is ever removed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from smallhours.identity.segments import most_specific_label, versions_in
from smallhours.identity.text import bounded, normalise, tidied

BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLOSING = set(BRACKETS.values())

# After "with" in brackets there are guests, but for words that begin no artist's name.
_NO_NAME = (
    r"(?:you|u|ya|me|us|him|her|them|it|this|that|myself|yourself|himself|herself|somebody|someone"
    r"|everybody|everyone|nobody|no\s+one|my|your|ur|our|his|their|an?|no|or|and|all|love)\b"
)
_DUET = r"(?:(?:(?:in|im|en|em|i)\s+)?(?:an?\s+|un\s+)?(?:duett?[oe]?|duo)\s+)?"
_GUESTS = re.compile(
    rf"\s*(?:(?:feat|ft)\b\.?|featuring\b|{_DUET}(?:w/|with\b(?!\s+{_NO_NAME}))|prod(?:\.|uced)?\s+by\b|prod\."
    rf"|(?P<other>{_DUET}(?:con|com|avec|mit|met|med)\b"
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


SEPARATOR = " · "

# Names that services and players write where they know no artist, or too many, normalised.
_NO_ARTISTS = frozenset(
    normalise(name)
    for name in re.split(
        r"\s*[|\n]\s*",
        """various artists | various | v.a. | va | v/a | unknown artist | unknown
        unknown artists | no artist | [data] | [dialogue] | varios artistas
        artistas varios | varios | varios interpretes | artista desconocido
        vários artistas | vários | artista desconhecido | vários intérpretes
        artisti vari | aa.vv. | vari | artista sconosciuto | verschiedene interpreten
        diverse | verschiedene künstler | diverse interpreten | unbekannter interpret
        unbekannter künstler | unbekannt | artistes divers | divers artistes
        artistes variés | multi-interprètes | inconnu | artiste inconnu
        interprètes divers | diverse artiesten | onbekende artiest | blandade artister
        okänd artist | diverse kunstnere | ukendt kunstner | diverse artister
        ukjent artist | eri esittäjiä | tuntematon esittäjä | różni wykonawcy
        nieznany wykonawca | různí interpreti | neznámý interpret | különböző előadók
        ismeretlen előadó | çeşitli sanatçılar | bilinmeyen sanatçı
        разные исполнители | разные артисты | неизвестный исполнитель
        неизвестный артист | неизвестен | різні виконавці | невідомий виконавець
        διάφοροι καλλιτέχνες | διάφοροι | άγνωστος καλλιτέχνης | אמנים שונים
        فنانون متنوعون | فنان غير معروف
        ヴァリアス・アーティスト | ヴァリアス・アーティスツ | 不明なアーティスト | 群星
        未知艺术家 | 未知藝術家 | 未知歌手 | 여러 아티스트 | 알 수 없는 아티스트""",
    )
    if name
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The name of a recording, taken apart into its keys.

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


_DASH_AT_END = re.compile(r"^(?P<head>.*\S)\s+[-‐‑‒–—―−~]\s+(?P<inside>\S.*?)\s*$", re.DOTALL)
_YEAR_THEN_REMASTER = re.compile(
    r"(?<=[-–—;/])\s*(\d{4})\s+[-–—]\s+(re-?master(?:ed)?)\b", re.IGNORECASE
)
# Brackets that Unicode does not count as another form of the plain ones, as it does "（".
_PLAIN_BRACKETS = str.maketrans("【】〔〕〈〉《》「」『』", "[][]()()[][]")
_THE_AT_END = re.compile(r"^(?P<name>.*\S),\s*the$", re.IGNORECASE | re.DOTALL)

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_SPELT = ("one", "two", "three", "four", "five", "six")
_NUMBERS = {word: str(n) for row in (_ROMAN, _SPELT) for n, word in enumerate(row, start=1)}
_NUMBER = rf"(?:\d+|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_PART = re.compile(rf"\b(?:parts?|pts?)\s+({_NUMBER}(?:\s+(?:and\s+|to\s+)?{_NUMBER})*)\b")


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
    head, versions = _take_apart(title)
    title_key = _title_key(head)
    # "(12" Version) - 12" Version" says it twice.
    version = " ".join(dict.fromkeys(words for _, words in versions))
    label = most_specific_label([label for label, _ in versions])
    parts = [artist_key, title_key, version] if version else [artist_key, title_key]
    return Identity(SEPARATOR.join(parts), artist_key, title_key, version, label)


@lru_cache(maxsize=100_000)
def artist_key_of(artist: str) -> str:
    """Return the normalised name of an artist, without featured artists."""
    name = plain_artist(artist)
    the = _THE_AT_END.match(name)
    return _stable(normalise(f"the {the['name']}" if the else name))


def is_artist(artist_key: str) -> bool:
    """Return whether an artist's key names somebody, other than "Various Artists" and their kin.

    >>> is_artist("miles davis"), is_artist(artist_key_of("<unknown>")), is_artist("va")
    (True, False, False)
    """
    return artist_key not in _NO_ARTISTS


def plain_artist(artist: str) -> str:
    """Return an artist's name as it is written, without featured artists.

    >>> plain_artist("Björk feat. Arca")
    'Björk'
    """
    return without_guests(without_bracketed_guests(_plain_forms(artist)))


def plain_title(title: str) -> str:
    """Return a title as it is written, with its version but without edition noise and guests.

    >>> plain_title("Señorita (feat. X) - Live at Roxy / Remastered 2009")
    'Señorita live at roxy'
    """
    head, versions = _take_apart(title)
    return " ".join([head, *(words for _, words in versions)])


def artist_key_in(track_key: str) -> str:
    """Return the artist's part of a track key."""
    return track_key.split(SEPARATOR, 1)[0]


def song_key_of(track_key: str) -> str:
    """Return a track key without its version: what all recordings of one song by one artist share.

    >>> song_key_of("billy idol · dancing with myself · live at roxy")
    'billy idol · dancing with myself'
    """
    return SEPARATOR.join(track_key.split(SEPARATOR)[:2])


def _take_apart(title: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a title into what names it and its versions, as (label, words), in their order."""
    head = without_bracketed_guests(_plain_forms(title))
    head = _YEAR_THEN_REMASTER.sub(r" \1 \2", head)
    versions: list[tuple[str, str]] = []
    while True:
        segment = _segment_at_end(head)
        found = versions_in(without_guests(segment[1])) if segment else None
        if segment and found is not None:
            head, versions = segment[0], found + versions
            continue
        shorter = without_guests(head)
        # With an unknown segment at the end, what stands before it is part of the title.
        if segment or shorter == head:
            return shorter, versions
        head = shorter


def _segment_at_end(title: str) -> tuple[str, str] | None:
    if group := group_at_end(title):
        return group
    dash = _DASH_AT_END.match(title)
    return (dash["head"], dash["inside"]) if dash else None


def _title_key(head: str) -> str:
    key = _stable(normalise(head))
    return _PART.sub(lambda part: f"pt {_numbers(part[1])}", key)


def _stable(key: str) -> str:
    """Return the key without guests that only show once signs are gone: it must map to itself."""
    while (shorter := without_guests(key)) != key:
        key = shorter
    return key


def _numbers(words: str) -> str:
    return " ".join(_NUMBERS.get(word, word) for word in words.split())


def _plain_forms(name: str) -> str:
    """Return the name with ordinary brackets and blanks."""
    return bounded(tidied(name).translate(_PLAIN_BRACKETS))
