"""Classification of one segment of a title as edition noise, as a version, or as neither.

A segment is the text in brackets, or after a dash, at the end of a title: "2011 Remaster" is
edition noise (another release of the same recording), "Live at the Roxy" is a version (another
recording), and "A Deal With God" is part of the title.

Edition noise is told by the classes of its words, in whichever language and order they stand:
"Versión Remasterizada 2008" is a version word, a remaster word and a year. A word of no class makes
the segment something else, but for names beside a remaster or a bonus track.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from smallhours.identity.text import normalise, plain_text

NOISE = ""

# Classes of the words by which labels mark another edition of a recording, in many languages; as
# `normalise` leaves them: no capitals, accents or signs.
_WORD_CLASSES: dict[str, str] = {
    "remaster": r"(?:ge|z)?r[ei]masz?te?r\w*|\w*ремаст\w*|리마스터\w*"
    r"|(?:\d\d+年?)?(?:デジタル|最新)?リマスタ(?:ー|リング)(?:ド|版|盤|音源|(?:バ|ヴァ)ージョン)?"
    r"|reissued?|rerelease|reedition|reedicion|reedicao|riedizione|reedycja|neuauflage"
    r"|переиздание",
    "sound": r"(?:mono|stereo|estereo)(?:version|fassung|mix)?|моно|стерео|モノラル|モノ|ステレオ"
    r"|모노|스테레오",
    "bonus": r"bonus\w*|(?:extra|zusatz)(?:track|titel|stuck)|ボーナス(?:トラック)?"
    r"|бонус\w*|보너스",
    "luxury": r"(?:sonder|jubilaums|deluxe|special)(?:edition|ausgabe)|deluxe|delux|luxe|lujo"
    r"|luxo|luxus|lusso|expanded|expandida|ampliada|augmentee|erweiterte|special|especial"
    r"|speciale|spezial|limited|limitad[ao]|limitata|limitee|limitierte|collectors?"
    r"|coleccionistas?|colecionador(?:es)?|делюкс|디럭스|豪[华華]版"
    r"|デラックス(?:エディション|盤|版)?|スペシャル",
    "anniversary": r"anniversar\w+|anniversaire|aniversari\w+|jubilaums?|юбилейное|周年",
    "edition": r"edition|ausgabe|edicion|edicao|edizione|editie|edicio|edice|edycja|utgava|utgave"
    r"|udgave|издание|エディション|盤|에디션",
    "place": r"super|legacy|platinum|ultimate|premium|tour|gold(?:en)?|complete|exclusive|vinyl"
    r"|cd|itunes|target|international|european?|japan(?:ese)?|norwegian|german|french",
    "version": r"versions?|versao|versione|versie|versiyonu?|versiunea|versio|verzio|verze|wersja"
    r"|ver|fassung|версия|(?:バ|ヴァ)ージョン|버전|版",
    "mix": r"mix|edit|cut|эдит|エディット|ミックス",
    "release": r"albums?|albuns|single|singel|singolo|sencillo|lp|ep|альбомная|сингл|アルバム"
    r"|シングル|앨범|싱글",
    "kind": r"7|7inch|inch|radio|radyo|main|standard|original[ea]?|video|short|edited|радио"
    r"|оригинальная|ラジオ|オリジナル|라디오|오리지널",
    "compound": r"(?:album|single|radio|original|lp)(?:version|fassung|versie|edit|mix)"
    r"|(?:アルバム|シングル|ラジオ|オリジナル)(?:(?:バ|ヴァ)ージョン|エディット|ミックス|ver)",
    "explicit": r"explicit[ao]?|clean|censored|u[sk]",
    "whole": r"full|length|fulllength|completa|complet|komplette?|vollstandige?|intera"
    r"|integral[ea]?|volledige|pelna|полная|フル|풀",
    "official": r"officials?|oficial|officiel(?:le)?|ufficiale|offiziell\w*|officiele|oficjaln[ay]"
    r"|официальн\w+|公式|オフィシャル|공식",
    "extra": r"extra|adicional|additional|aggiuntiva|zusatz",
    "track": r"tracks?|titel|titre|pista|piste|traccia|faixa|nummer|トラック|трек|트랙",
    "year": r"(?:19|20)\d\d年?",
    "number": r"\d+(?:st|nd|rd|th|o|a|e|eme|er|esimo)|\d\d+",
    "new": r"new|newly|nuev[ao]|nov[ao]|nouvelle|neue?|nuov[ao]",
    "filler": r"the|an?|in|en|em|im|de|del|do|da|di|du|der|des|la|le|el|l|il|from|zum|years?"
    r"|jahre|anos|ans|anni|digital\w*|hi|res|hd|bits?|khz|recording|audio|disc|disk|tapes?"
    r"|年|デジタル|디지털",
}
_WORD = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _WORD_CLASSES.items()))
_EDITION = frozenset(
    {"edition", "version", "year", "filler", "track", "luxury", "anniversary", "place"}
)
_MERE = frozenset({"filler", "track", "explicit", "whole", "official"})
_ANY = (
    _EDITION | _MERE | {"remaster", "sound", "bonus", "mix", "kind", "release", "number", "extra"}
)
# A segment is noise if it has words of all the first classes and none that is not of the second.
_NOISE_CLASSES: tuple[tuple[set[str], frozenset[str]], ...] = (
    ({"remaster"}, _ANY | {"new"}),
    ({"sound"}, _ANY - {"number"}),
    ({"bonus"}, _ANY - {"mix"}),
    ({"luxury"}, _EDITION | {"release", "official"}),
    ({"anniversary"}, _EDITION | {"number"}),
    ({"place", "edition"}, _EDITION),
    ({"extra", "track"}, _EDITION | {"extra", "explicit"}),
    ({"compound"}, _MERE | {"compound"}),
    *(
        ({which, other}, _MERE | {"kind", "release", "version", "mix", "edition"})
        for which in ("kind", "release")
        for other in ("version", "mix", "edition")
    ),
    *(
        ({which, other}, _MERE | {"version", "edition"})
        for which in ("whole", "official")
        for other in ("version", "edition")
    ),
)
_FROM = r"(?:from|aus|de|del|du|dal|dalla|uit|fran|fra|из)"
_FILM = r"(?:\w*soundtrack|film\w*|anime|ost)"
_ENGLISH_FILM = r"(?:motion\s+picture|movie|series|musical|show)"
_FOREIGN_FILM = (
    r"(?:pelicula|serie|novela|telenovela|banda\s+sonora|bande\s+originale|colonna\s+sonora"
    r"|trilha\s+sonora|musical|кинофильма|фильма|сериала|мультфильма)"
)
_OFFICIAL = (
    r"(?:official|oficial|officiel(?:le)?|ufficiale|offiziell\w*|lyrics?|music|официальн\w+)"
)
# All patterns are matched against the whole normalised segment: no capitals, accents or signs.
_NOISE = re.compile(
    rf"""
    (?:19|20)\d\d\s+(?:mix|edition|release|digital\s+edition)
    | \d+(?:st|nd|rd|th)\s+anniversary\s+mix | edit | edited | original | dirty
    | explicit[ao]?(?:\s+(?:version|content))? | clean(?:\s+version)?
    | bonus\s+(?:cut|song) | hidden\s+track | album\s+track | lp | \S*(?:限定|通常)盤
    | (?:{_OFFICIAL}\s+)*(?:\w*video\w*|audio|visuali[sz]er|lyrics?|clip\w*|клип|mv)
        (?:\s+(?:hd|hq|4k|{_OFFICIAL}))*
    | official | hd | hq | with\s+lyrics | con\s+letra | mit\s+text
    | from\s+the\s+vault | with\s+bonus\s+tracks?
    | (?:original\s+)?(?:motion\s+picture\s+|film\s+)?soundtrack(?:\s+version)? | o\s?s\s?t
    | film\s+version | filmmusik | film\s+muzigi | (?:la\s+)?bande\s+originale(?:\s+du\s+film)?
    | (?:banda\s+sonora|colonna\s+sonora|trilha\s+sonora)(?:\s+originale?)? | саундтрек
    | (?:オリジナル\s?)?サウンドトラック | .*原[声聲][带帶]
    """,
    re.VERBOSE,
)
_FROM_FILM = re.compile(
    rf"""
    (?:(?:music|songs?|theme|taken)\s+)?from\s+(?:.*\s)?(?:{_FILM}|{_ENGLISH_FILM})\b.*
    | from\s+.*\sthe\s+album | {_FROM}\s+(?:\w+\s+)?l?album\b.*
    | (?:\S+\s+){{1,6}}(?:soundtrack|ost) | (?:ost|soundtrack)\s.*
    | (?:banda|colonna|trilha)\s+sonora\b.* | bande\s+originale\b.*
    | (?:\w+\s+)?{_FROM}\s+(?:\w+\s+){{0,2}}(?:{_FILM}|{_FOREIGN_FILM})\b.*
    | (?:\w+\s+)?d[ao]\s+(?:filme|{_FOREIGN_FILM})\b.*
    | .*より | .*主[題题][歌曲]
    """,
    re.VERBOSE,
)
# 'From "Frozen"': in quotes it is where the song is from; without, it may be its title.
_FROM_QUOTED = re.compile(
    rf"(?:(?:(?:love\s+)?theme|titelsong|music|songs?|musica|tema|musik|taken|tratto|extrait|tiree?|title\s+song)\s+)?"
    rf"""{_FROM}\s+(?:\w+\s+){{0,3}}(?P<quoted>["“„«][^"“”»]*["“”»]?|'[^']+').*""",
    re.DOTALL,
)
# Who says so speaks of another recording, wherever it is from.
_PERFORMED = re.compile(
    r"\b(?:live|vivo|directo|concert\w*|concierto|tonight|late|sessions?|unplugged|acoust\w*|acust\w*"
    r"|akust\w*|demos?|remix\w*|karaoke|instrumental\w*|cover|tribute)\b|ライブ|ライヴ"
)
_NO_NAME = re.compile(
    rf"{_PERFORMED.pattern}|\d|\b(?:mix|edit|dub|beats|take|outtakes?|rehearsal|alternat\w*|early|rough"
    r"|extended|short|long|sped|slowed|reprise|orchestr\w*|piano|strings?|stripped|medley|parts?|pt"
    r"|new|vocal\w*|solo|rework\w*|rerecord\w*|record\w*)\b"
)
_MAX_NAME_WORDS = 4

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
            r"""(?:.*\s)?re\s?record(?:ed|ing)(?:\s+.*)? | new\s+recording""",
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
# "Taylor's Version" is sung again by whom it names; a Bluegrass Version need not be.
_SOMEBODYS_VERSION = re.compile(r"\w+(?:'s|s') version")
# Two services write "Live" and "Live Version", and mean no more by it.
_PLAIN_VERSION = re.compile(
    r"(live|acoustic|demo|instrumental|karaoke|sped up|slowed|extended|remix|alternate|cover"
    r"|a cappella) (?:version|ver)"
)
_SPELT_APART = re.compile(r"\bre (?=master|issue|edici|editi)")
_A_CAPPELLA = re.compile(r"\ba ?capp?ell?a\b")


@lru_cache(maxsize=50_000)
def version_kind(segment: str) -> str | None:
    """Return the label of a version, `NOISE` for edition noise, or None for neither.

    >>> [version_kind(each) for each in ("Live at the Roxy", "2011 Remaster", "A Deal With God")]
    ['live', '', None]
    """
    return _classified(segment)[0]


def versions_in(segment: str) -> list[tuple[str, str]] | None:
    """Return a segment's versions as (label, normalised words); None if it is part of the title.

    A segment may say several things at once, and noise among them is left out.

    >>> versions_in("Remastered 2009 / Live in Rome"), versions_in("Acoustic Version")
    ([('live', 'live in rome')], [('acoustic', 'acoustic')])
    """
    for parts in (list(_parts(segment)), [segment]):
        found = [_classified(part) for part in parts]
        if all(label is not None for label, _ in found):
            return [(label, words) for label, words in found if label]
    return None


def most_specific_label(labels: list[str]) -> str:
    """Return the most specific of the labels of one recording; empty for none.

    >>> most_specific_label(["version", "re-recording"])
    're-recording'
    """
    return min(labels, key=_ORDER.__getitem__, default="")


def _parts(segment: str) -> Iterator[str]:
    return (part for part in re.split(r"\s+[/|]\s+|;\s*", segment) if part.strip())


@lru_cache(maxsize=50_000)
def _classified(segment: str) -> tuple[str | None, str]:
    """Return the label of a segment (`NOISE`, or None for neither) and the words of its version."""
    plain = plain_text(segment)
    words = _SPELT_APART.sub("re", normalise(segment))
    if _is_noise(words) or _is_from(plain, words):
        return NOISE, ""
    if _SOMEBODYS_VERSION.fullmatch(plain):
        return "re-recording", words
    label, rest = _beside_edition(words)
    if label is None:
        label, rest = _version_label(words), words
    rest = _A_CAPPELLA.sub("a cappella", rest)
    mere = _PLAIN_VERSION.fullmatch(rest)
    return label, mere[1] if mere else rest


@lru_cache(maxsize=50_000)
def _word_class(word: str) -> str | None:
    """Return the class of a word; None for a word that no label uses for editions.

    >>> [_word_class(word) for word in ("remasterizado", "2011", "fassung", "teardrop")]
    ['remaster', 'year', 'version', None]
    """
    found = _WORD.fullmatch(word)
    return found.lastgroup if found else None


def _is_noise(words: str) -> bool:
    if _NOISE.fullmatch(words):
        return True
    classes = {_word_class(word) for word in words.split()}
    return any(needed <= classes <= allowed for needed, allowed in _NOISE_CLASSES)


def _is_from(plain: str, words: str) -> bool:
    """Return whether a segment says which film or album a song is from."""
    if quoted := _FROM_QUOTED.fullmatch(plain):
        return not _PERFORMED.search(plain.replace(quoted["quoted"], ""))
    return bool(_FROM_FILM.fullmatch(words)) and not _PERFORMED.search(words)


def _version_label(words: str) -> str | None:
    return next((label for label, pattern in _VERSIONS if pattern.fullmatch(words)), None)


def _beside_edition(words: str) -> tuple[str | None, str]:
    """Return what a segment says beside a remaster or a bonus track: a version, or only names.

    "Live in Rome Remastered 2009" is a version, "Jan Pell Remaster" is noise.
    """
    each = words.split()
    classes = [_word_class(word) for word in each]
    at = next((n for n, found in enumerate(classes) if found in ("remaster", "bonus")), None)
    if at is None:
        return None, words
    first, last = at, at + 1
    around = _ANY if classes[at] == "remaster" else _ANY - {"mix"}
    while last < len(each) and classes[last] in around:
        last += 1
    taken = {"luxury", "place", "sound", "filler", "track", "explicit", "whole", "official"}
    while first and classes[first - 1] in (
        taken if "year" in classes[at:last] else taken | {"year"}
    ):
        first -= 1
    rest = " ".join(each[:first] or each[last:])
    if first and last < len(each):
        return None, words
    if label := _version_label(rest):
        return label, rest
    is_name = len(rest.split()) <= _MAX_NAME_WORDS and not _NO_NAME.search(rest)
    return (NOISE, "") if is_name else (None, words)
