"""Tags, tracks, artists, plays and dates in words, as reasons and descriptions write them.

A reason may name the tags that enough artists have for a stranger to know them. Many tags are one
person's: "songs to download later", "recos", somebody's name. So a name may be told where it is

* on three artists in a hundred, or on a hundred of ten thousand, and not on just a few: "happy"; or
* on more than a few artists, and made of the words of such names and of those that the aliases
  know: "shoegaze", "swedish death metal".

A stop word, an opinion, a sentence, and the name of an artist are never told; an artist called like
a genre ("Emo") does not take the genre's name away if it is on twice as many.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from smallhours.catalog.normalisation import bare_name, default_pipeline, is_own_name
from smallhours.catalog.tag_names import carried_names, names_of, sampled_artist_tags
from smallhours.identity import SEPARATOR
from smallhours.lake.store import Lake

_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

# The artists that make a name well known: a share of those with tags, and the most that are needed.
KNOWN_SHARE = 0.03
MAX_NEEDED = 100
# A few artists are the friends, or the favourites, of one tagger.
A_FEW = 3
MAX_WORDS = 4

# Opinions that models learn from, since they tell how a track sounds.
_OPINIONS = re.compile("(addictive|beautiful|classic|cool|lovely|popular|special)( music| songs?)?")
_WORDS = re.compile(r"[^ -]+")
# A country, a language or a decade is shared by music that has nothing else in common.
_PLACES = re.compile(
    "american?|argentin(a|ian)|australian?|austrian?|belgian|belgium|brazil(ian)?|brit(ish|ain)|"
    "canad(a|ian)|chile(an)?|chinese|colombian|danish|denmark|deutsch|dutch|english|england|"
    "europe(an)?|finland|finnish|france|francais|french|german(y)?|gree(ce|k)|hungarian|icelandic|"
    "iceland|india(n)?|irish|ireland|israeli?|italian?|ital(y|iano)|japan(ese)?|jamaican?|korean?|"
    "latin|mexic(o|an)|new zealand|norway|norwegian|pol(ish|and|ski)|portug(al|uese)|russian?|"
    "scotland|scottish|spain|spanish|swed(en|ish)|swiss|turk(ey|ish)|uk|ukrainian|usa?|welsh|"
    r"(19|20)?\d0s|(19|20)\d\d"
)


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def number(n: int) -> str:
    """Return a number as prose has it: up to ten in words."""
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n:,}"


def count_plays(count: int) -> str:
    """Return a number of plays: `41 plays`; empty for none."""
    if count == 0:
        return ""
    return "1 play" if count == 1 else f"{count:,} plays"


def in_brackets(text: str) -> str:
    """Return the text in brackets after a space; empty for an empty text."""
    return f" ({text})" if text else ""


def name_track(row: Mapping[str, Any]) -> str:
    """Return a known track: `Slowdive – Alison (41 plays)`, or `(saved)` if it was never played.

    One that is known for its artist alone is `Slowdive – Alison (you named Slowdive)`.
    """
    known = count_plays(int(row["plays"])) or ("saved" if row["saved"] else "")
    if row["named"]:
        known = f"you named {row['artist']}"
    return f"{row['artist']} – {row['title']}{in_brackets(known)}"


def name_artist(row: Mapping[str, Any]) -> str:
    """Return a known artist: `Slowdive (1,312 plays)`, or `Slowdive (you named them)`."""
    known = "you named them" if row["named"] else count_plays(int(row["plays"]))
    return f"{row['artist']}{in_brackets(known)}"


def name_month(moment: dt.date) -> str:
    """Return a month: `March 2019`."""
    return f"{moment:%B} {moment.year}"


def name_day(moment: dt.date) -> str:
    """Return a date: `12 October 2026`."""
    return f"{moment.day} {moment:%B} {moment.year}"


@dataclass(frozen=True, slots=True)
class NameableTags:
    """The tags that reasons may name.

    Attributes:
        names: Names of tags.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, use: Mapping[str, int], artists: Iterable[str]) -> Self:
        """Choose the names from their use.

        Args:
            use: Names of tags, with how many artists have each.
            artists: Keys of the artists that have any.
        """
        told = {artist.removeprefix("the ") for artist in artists}
        needed = min(max(KNOWN_SHARE * len(told), A_FEW + 1), MAX_NEEDED)
        least = {name: 2 * needed if bare_name(name) in told else needed for name in use}
        known = {name for name, count in use.items() if count >= least[name]}
        words = {word for name in known for word in _WORDS.findall(name)} | words_of_aliases()
        composed = {
            name
            for name, count in use.items()
            if count > A_FEW
            and words.issuperset(_WORDS.findall(name))
            and bare_name(name) not in told
        }
        return cls(
            frozenset(
                name
                for name in known | composed
                if len(name.split()) <= MAX_WORDS and not _OPINIONS.fullmatch(name)
            )
        )

    @classmethod
    def read(cls, lake: Lake) -> Self:
        """Choose the names from the tags of the artists in the lake, in a large one of some."""
        rows = sampled_artist_tags(lake)
        carried = carried_names(rows, names_of(lake, rows["tag"].unique().to_pylist()))
        # Two spellings of one name, or two sources of one tag, count once for an artist.
        carried = carried[carried["tag"] != ""].drop_duplicates()
        use = {str(name): int(n) for name, n in carried["tag"].value_counts().items() if n}
        return cls.of(use, carried["artist_key"].unique())

    def describes(self, name: str, track_key: str) -> bool:
        """Return whether a name may be told of a track: it is not its artist's name or its title.

        >>> told = NameableTags(frozenset({"shoegaze", "low"}))
        >>> [told.describes(name, "low · lullaby") for name in ("shoegaze", "low", "recos")]
        [True, False, False]
        """
        artist, _, rest = track_key.partition(SEPARATOR)
        return name in self.names and not is_own_name(name, artist, rest.split(SEPARATOR)[0])


@lru_cache(maxsize=1)
def words_of_aliases() -> frozenset[str]:
    """Return the words of genres, decades and voices that the shipped aliases are about."""
    rules = default_pipeline().rules
    texts = (f"{alias.pattern.pattern} {alias.name}" for alias in (*rules.parts, *rules.wholes))
    return frozenset(word for text in texts for word in re.findall(r"[a-z]{3,}|\d0s", text))


NO_TAGS = NameableTags(frozenset())


def is_place_or_time(name: str) -> bool:
    """Return whether a tag only says where or when the music is from.

    >>> is_place_or_time("canadian"), is_place_or_time("80s"), is_place_or_time("swedish metal")
    (True, True, False)
    """
    return _PLACES.fullmatch(name) is not None
