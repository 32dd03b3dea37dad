"""Normalisation of names to a form on which two services agree.

Case, punctuation, spacing and what writers leave out of a script are removed; letters of every
script stay, with the marks that make them what they are. No name is reduced to an empty text: one
that consists of signs only ("!!!", "†††") keeps them.

A mark is treated by the letter that it stands on:

    Latin, Greek                all go: "Sigur Rós", "Ελλάδα"
    Arabic, Hebrew, Syriac      vowel signs and points go; ؤ and ئ are letters of their own
    Cyrillic                    a stress mark goes; й and ї are letters of their own
    Hindi, Tamil, Thai, Khmer   vowels and tones stay: दिल and दाल are two words
    no letter                   all go

Characters without a shape (zero-width ones, soft hyphens, variation selectors) leave no blank.
"""

import hashlib
import html
import re
import unicodedata
from functools import lru_cache

UNTITLED = "untitled"
# Longer names are cut, so that no rule takes long; the longest real titles have some 400 letters.
MAX_NAME_LENGTH = 1_000

# Latin letters that Unicode does not decompose, and letters that are written one for the other.
_SAME_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"}
    | {"ё": "е", "ѐ": "е", "ѝ": "и"}
    | dict.fromkeys("أإآٱ", "ا")
    | {"ی": "ي", "ک": "ك", "ـ": ""}
)
# Signs and letters that stand for an apostrophe: primes, accents without a letter, ayn and hamza.
_APOSTROPHES = (
    "'`\u00b4\u2018\u2019\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb"
    "\u0374\u055a\u05f3\ua78b\ua78c\uff07\u1fbd\u1fbf\u1ffe"
)
_PLAIN_SIGNS = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | {"\u2033": '"'})
# Signs that stand for letters: P!nk, A$AP Rocky, Ke$ha, $uicideboy$.
_I = re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])")
_S = re.compile(r"(?<=[^\W\d_])\$+|\$(?=[^\W\d_])")
_ACRONYM = re.compile(r"(?<=\b\w)\.(?=\w\b|\s|$)")
_AND = re.compile(r" ?& ?| \+ ")

# Without a shape, though Unicode counts them as letters or marks: fillers and selectors.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
# Format and control characters, and halves of surrogate pairs.
_INVISIBLE = frozenset({"Cf", "Cc", "Cs"})
_OPTIONAL = ("ARABIC ", "HEBREW ", "SYRIAC ", "COMBINING ")
# Telephones turn hyphens into dashes, and straight quotation marks into curly ones.
_TYPED = {"Pd": "-", "Pi": '"', "Pf": '"'}


@lru_cache(maxsize=200_000)
def normalise(name: str) -> str:
    """Return the comparable form of a name; idempotent and never empty.

    >>> normalise("Sigur Rós"), normalise("R.E.M."), normalise("Guns N’ Roses"), normalise("!!!")
    ('sigur ros', 'rem', 'guns n roses', '!!!')
    >>> normalise("Simon & Garfunkel"), normalise("AC/DC"), normalise("きゃりーぱみゅぱみゅ")
    ('simon and garfunkel', 'ac dc', 'きゃりーぱみゅぱみゅ')
    >>> normalise("दिल"), normalise("Moon\u200brise"), normalise("مُحَمَّد")
    ('दिल', 'moonrise', 'محمد')
    """
    plain = plain_text(name)
    letters = plain if plain.isascii() else _fold_marks(plain)
    letters = _S.sub(lambda run: "s" * len(run[0]), _I.sub("i", letters.replace("'", "")))
    words = _AND.sub(" and ", _ACRONYM.sub(_acronym_dot, letters))
    words = "".join(sign if sign.isalnum() or _is_mark(sign) else " " for sign in words)
    # Removing a sign can bring two letters together that compose into one.
    words = unicodedata.normalize("NFKC", " ".join(words.split())).casefold()
    return words or plain.replace("·", "•") or UNTITLED


def plain_text(name: str) -> str:
    """Return a name with its signs, but without differences of case, form and blanks.

    >>> plain_text("Can’t\u00a0 STAND \u2764\ufe0f") == plain_text("can't stand \u2764")
    True
    """
    return tidied(tidied(name).casefold())


def tidied(name: str) -> str:
    """Return a name in one Unicode form, without invisible characters, with plain apostrophes.

    Its case, its accents and its other signs stay; it is cut if it is too long.
    """
    seen = bounded(name).translate(_PLAIN_SIGNS)
    if not (seen.isascii() and seen.isprintable()):
        seen = unicodedata.normalize("NFKC", _without_invisible(seen))
        seen = _without_invisible(seen).translate(_PLAIN_SIGNS)
    return " ".join(seen.split())


def _without_invisible(text: str) -> str:
    return "".join(sign for sign in text if sign.isspace() or not _is_invisible(sign))


def bounded(name: str) -> str:
    """Return a name with single blanks; of one that is too long, its beginning and a checksum.

    >>> bounded("a" * 1_000) == "a" * 1_000, len(bounded("a" * 1_001))
    (True, 517)
    """
    words = " ".join(name.split())
    if len(words) <= MAX_NAME_LENGTH:
        return words
    letters = words.casefold().encode("utf-8", "surrogatepass")
    checksum = hashlib.blake2b(letters, digest_size=8).hexdigest()
    return f"{words[: MAX_NAME_LENGTH // 2]} {checksum}"


def is_typed_alike(one: str, other: str) -> bool:
    """Return whether two names are one, but for how a phone, a keyboard or a web page writes it.

    >>> is_typed_alike("Can't stand", "Can’t\u00a0stand"), is_typed_alike("R&B", "R&amp;B")
    (True, True)
    """
    return _typed(one) == _typed(other)


def _typed(name: str) -> str:
    plain = plain_text(html.unescape(name))
    return "".join(_TYPED.get(unicodedata.category(sign), sign) for sign in plain)


def is_named(*names: str) -> bool:
    """Tell whether each of some names shows anything: not empty, blank or invisible.

    >>> is_named("Low", "!"), is_named("Low", " "), is_named("\u200b", "Fly")
    (True, False, False)
    """
    return all(any(not (sign.isspace() or _is_invisible(sign)) for sign in name) for name in names)


def _fold_marks(text: str) -> str:
    """Remove the marks that writers leave out, and unite letters and digits of one meaning."""
    kept: list[str] = []
    belongs = False
    for sign in unicodedata.normalize("NFKD", text):
        if not _is_mark(sign):
            belongs = sign.isalpha() and not ("a" <= sign <= "z" or "\u0370" <= sign <= "\u03ff")
        elif not belongs:
            continue
        kept.append(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign)
    # What composes with its letter is a letter of its own: й, ї, ؤ, が.
    composed = unicodedata.normalize("NFKC", "".join(kept))
    return "".join(x for x in composed if not _is_optional(x)).translate(_SAME_LETTERS)


def _acronym_dot(dot: re.Match[str]) -> str:
    """Return what a dot after one letter becomes; with a mark before it, it is a syllable."""
    before = dot.string[max(dot.start() - 2, 0)]
    return "." if _is_mark(before) else ""


@lru_cache(maxsize=10_000)
def _is_mark(sign: str) -> bool:
    return not sign.isascii() and unicodedata.category(sign).startswith("M")


@lru_cache(maxsize=10_000)
def _is_optional(sign: str) -> bool:
    """Return whether a mark that does not compose with its letter is left out by many writers."""
    category, name = unicodedata.category(sign), unicodedata.name(sign, "")
    voiced = "KATAKANA" in name
    return category == "Me" or (category == "Mn" and name.startswith(_OPTIONAL) and not voiced)


@lru_cache(maxsize=10_000)
def _is_invisible(sign: str) -> bool:
    return (
        unicodedata.category(sign) in _INVISIBLE
        or sign in _SHAPELESS
        or (ord(sign) & 0xFFFE == 0xFFFE or "\ufdd0" <= sign <= "\ufdef")  # never a character
    )
