"""Normalisation of names to a form on which two services agree.

Case, accents on Latin letters, punctuation and spacing are removed; letters of every script stay.
No name is reduced to an empty text: one that consists of signs only ("!!!", "†††") keeps them.
"""

import re
import unicodedata
from functools import lru_cache

# Latin letters that Unicode does not decompose into a plain letter and an accent.
_LATIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"}
)
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_ACRONYM = re.compile(r"(?<=\b\w)\.(?=\w\b|\s|$)")
_AND = re.compile(r"\s*&\s*|\s+\+\s+")
# Signs that stand for letters: P!nk, A$AP Rocky, Ke$ha, $uicideboy$.
_I = re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])")
_S = re.compile(r"(?<=[^\W\d_])\$+|\$(?=[^\W\d_])")
_SIGNS = re.compile(r"[^\w\s]|_")
_SPACE = re.compile(r"\s+")

UNTITLED = "untitled"
# Control and format characters, and blanks of all kinds.
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


@lru_cache(maxsize=200_000)
def normalise(name: str) -> str:
    """Return the comparable form of a name; idempotent and never empty.

    >>> normalise("Sigur Rós"), normalise("R.E.M."), normalise("Guns N’ Roses"), normalise("!!!")
    ('sigur ros', 'rem', 'guns n roses', '!!!')
    >>> normalise("Simon & Garfunkel"), normalise("AC/DC"), normalise("きゃりーぱみゅぱみゅ")
    ('simon and garfunkel', 'ac dc', 'きゃりーぱみゅぱみゅ')
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    letters = _strip_latin_accents(plain).translate(_LATIN)
    letters = _S.sub(lambda run: "s" * len(run[0]), _I.sub("i", letters))
    words = _AND.sub(" and ", _ACRONYM.sub("", _APOSTROPHES.sub("", letters)))
    words = _SPACE.sub(" ", _SIGNS.sub(" ", words)).strip()
    # Removing a sign can bring two letters together that compose into one.
    words = unicodedata.normalize("NFKC", words).casefold()
    return words or _SPACE.sub(" ", plain.replace("·", "•")).strip() or UNTITLED


def is_named(*names: str) -> bool:
    """Tell whether each of some names shows anything: not empty, blank or invisible.

    >>> is_named("Low", "!"), is_named("Low", " "), is_named("\u200b", "Fly")
    (True, False, False)
    """
    return all(any(unicodedata.category(sign) not in _INVISIBLE for sign in name) for name in names)


def _strip_latin_accents(text: str) -> str:
    """Remove combining marks that follow a Latin letter; が and й are letters of their own."""
    kept: list[str] = []
    base_is_latin = False
    for character in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(character):
            if base_is_latin:
                continue
        else:
            base_is_latin = "a" <= character <= "z"
        kept.append(character)
    return unicodedata.normalize("NFKC", "".join(kept))
