"""Classes of the words by which labels mark another edition of a recording, in many languages.

Words are as `normalise` leaves them: no capitals, accents or signs.
"""

import re
from functools import lru_cache

_CLASSES: dict[str, str] = {
    "remaster": r"(?:ge|z)?r[ei]masz?te?r\w*|\w*ремаст\w*|리마스터\w*"
    r"|(?:\d\d+年?)?(?:デジタル|最新)?リマスタ(?:ー|リング)(?:ド|版|盤|音源|(?:バ|ヴァ)ージョン)?"
    r"|reissued?|rerelease|reedition|reedicion|reedicao|riedizione|reedycja|neuauflage"
    r"|переиздание",
    "sound": r"(?:mono|stereo|estereo)(?:version|fassung|mix)?|моно|стерео|モノラル|モノ|ステレオ"
    r"|모노|스테레오",
    "bonus": r"bonus\w*|ボーナス(?:トラック)?|бонус\w*|보너스",
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
    "kind": r"albums?|albuns|single|singel|singolo|sencillo|lp|ep|7|7inch|inch|radio|radyo|main"
    r"|standard|original[ea]?|video|short|edited|альбомная|сингл|радио|оригинальная|アルバム"
    r"|シングル|ラジオ|オリジナル|앨범|싱글|라디오|오리지널",
    "compound": r"(?:album|single|radio|original|lp)(?:version|fassung|versie|edit|mix)"
    r"|(?:アルバム|シングル|ラジオ|オリジナル)(?:(?:バ|ヴァ)ージョン|エディット|ミックス|ver)",
    "explicit": r"explicit[ao]?|clean|censored|full|u[sk]",
    "year": r"(?:19|20)\d\d年?",
    "number": r"\d+(?:st|nd|rd|th|o|a|e|eme|er|esimo)|\d\d+",
    "new": r"new|newly|nuev[ao]|nov[ao]|nouvelle|neue?|nuov[ao]",
    "filler": r"the|an?|in|en|em|im|de|del|do|da|di|du|der|des|la|le|el|l|il|from|zum|years?"
    r"|jahre|anos|ans|anni|digital\w*|hi|res|hd|bits?|khz|recording|audio|tracks?|titel|titre"
    r"|pista|piste|faixa|adicional|disc|disk|tapes?|年|トラック|デジタル|трек|트랙|디지털",
}
_WORD = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _CLASSES.items()))


@lru_cache(maxsize=50_000)
def word_class(word: str) -> str | None:
    """Return the class of a word; None for a word that no label uses for editions.

    >>> [word_class(word) for word in ("remasterizado", "2011", "fassung", "teardrop")]
    ['remaster', 'year', 'version', None]
    """
    found = _WORD.fullmatch(word)
    return found.lastgroup if found else None
