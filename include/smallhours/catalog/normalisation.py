"""Normalisation of tags: one name for each meaning, by rules, in six steps.

1. Fold: Unicode forms, case, accents and separators go ("Hip_Hop", "hip-hop" -> "hip hop").
2. Alias: rules give the spellings of one meaning one name ("hiphop" -> "hip-hop"); then what the
   lake itself has shown to be a variant of another tag gets that one's name.
3. Stop: tags about the tagger say nothing ("seen live", "5 stars", "my music").
4. Own name: the artist's name, and a title of several words, say nothing about that artist's
   music. A title of one word stays: "happy" is a mood before it is a title.
5. Weigh: counts stay 0-100. Merged variants take the largest count, not the sum: a count is
   relative to the strongest tag of its own track, so that sums could pass 100, and the taggers
   who write "hip hop" are largely those who write "hip-hop".
6. Back off: a track without tags borrows its artist's at a lower weight, marked as borrowed.

Aliases and stop words are in two commented text files, `aliases.txt` and `stop_words.txt`, beside
this module and, if the listener wants, in a folder of theirs. The top of each file explains its
lines.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from smallhours.errors import SettingsError
from smallhours.identity import artist_key_of, normalise

ALIASES = "aliases.txt"
STOP_WORDS = "stop_words.txt"
HERE = Path(__file__).parent

_ARROW = " => "
_NOTHING = r"(?!)"
_SECTIONS = ("[part]", "[whole]")

NO_NAME = ""
# Half of all tracks have no tags of their own; an artist's tags describe each track less well.
ARTIST_SHARE = 0.5
TRACK, ARTIST = "track", "artist"
FULL = 100
# Last.fm's longest; what is longer is a text, and would keep the rules busy.
MAX_TAG_LENGTH = 256


@dataclass(frozen=True)
class Alias:
    """One rule: a text that fits `pattern` is called `name` (a template for `re.Match.expand`)."""

    pattern: re.Pattern[str]
    name: str


@dataclass(frozen=True)
class Rules:
    """The rules in the files.

    Attributes:
        parts: Aliases of words within a tag; each applies, in this order.
        wholes: Aliases of whole tags; the first that fits.
        stop: Whole tags that say nothing about the music.
        keep: Whole tags that are never stopped.
    """

    parts: tuple[Alias, ...]
    wholes: tuple[Alias, ...]
    stop: re.Pattern[str]
    keep: re.Pattern[str]

    def alias(self, folded: str) -> str:
        """Return the name of a folded tag."""
        name = folded
        for rule in self.parts:
            name = rule.pattern.sub(rule.name, name)
        for rule in self.wholes:
            found = rule.pattern.fullmatch(name)
            if found is not None:
                return found.expand(rule.name)
        return name

    def stops(self, folded: str) -> bool:
        """Return whether a folded tag is a stop word."""
        return bool(self.stop.fullmatch(folded)) and not self.keep.fullmatch(folded)


def read_rules(own: Path | None = None) -> Rules:
    """Return a listener's own rules ahead of the shipped ones.

    Args:
        own: A folder with `aliases.txt` or `stop_words.txt` or both.

    Raises:
        SettingsError: when the folder has neither, or a line can't be understood; it names the
            file and the line.
    """
    folders = [HERE]
    if own is not None:
        if not any((own / name).is_file() for name in (ALIASES, STOP_WORDS)):
            raise SettingsError(
                f"There is neither {ALIASES} nor {STOP_WORDS} in {own}.",
                remedy="Put one there, or correct `catalog.tag_files`.",
            )
        folders.insert(0, own)
    rules = [_read_folder(folder) for folder in folders]
    return Rules(
        parts=tuple(alias for each in rules for alias in each.parts),
        wholes=tuple(alias for each in rules for alias in each.wholes),
        stop=_any_of([each.stop.pattern for each in rules]),
        keep=_any_of([each.keep.pattern for each in rules]),
    )


def _read_folder(folder: Path) -> Rules:
    parts: list[Alias] = []
    wholes: list[Alias] = []
    section = ""
    for place, line in _lines(folder / ALIASES):
        if line in _SECTIONS:
            section = line
            continue
        pattern, arrow, name = line.partition(_ARROW)
        if not arrow or not name.strip() or not section:
            raise _not_understood(
                place, "it should read `pattern => name`, under [part] or [whole]"
            )
        text = rf"\b(?:{pattern})\b" if section == "[part]" else pattern
        alias = Alias(_compiled(text, place), _checked(name.strip(), text, place))
        (parts if section == "[part]" else wholes).append(alias)
    stop: list[str] = []
    keep: list[str] = []
    for place, line in _lines(folder / STOP_WORDS):
        taken_back = line.startswith("!")
        pattern = line.removeprefix("!").strip()
        _compiled(pattern, place)
        (keep if taken_back else stop).append(pattern)
    return Rules(tuple(parts), tuple(wholes), _any_of(stop), _any_of(keep))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield lines that are neither empty nor comments, with their place; none without a file."""
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} can't be read: {error}.", remedy="It must be a UTF-8 text file."
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{path}, line {number}", line.strip()


def _compiled(pattern: str, place: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise _not_understood(place, f"the pattern is no regular expression ({error})") from None


def _checked(name: str, pattern: str, place: str) -> str:
    """Return the name if the pattern's groups can fill it."""
    groups = re.compile(pattern).groups
    try:
        re.compile("()" * groups).sub(name, "")
    except (re.error, IndexError) as error:
        raise _not_understood(place, f"the name can't be filled in ({error})") from None
    return name


def _not_understood(place: str, why: str) -> SettingsError:
    return SettingsError(
        f"{place}: {why}.", remedy="Correct the line; the top of the shipped file explains them."
    )


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    """Return a pattern that matches what any of the patterns matches; nothing if there are none."""
    some = [pattern for pattern in patterns if pattern != _NOTHING]
    return re.compile("|".join(f"(?:{pattern})" for pattern in some) or _NOTHING)


class TagName(NamedTuple):
    """A tag's name, and the step that decided it.

    Attributes:
        name: Empty when the tag says nothing about the music.
        step: `folded`, `alias`, `variant` or `stop word`.
    """

    name: str
    step: str


class WeightedTag(NamedTuple):
    """One tag of a track after the back-off.

    Attributes:
        tag: Its name.
        weight: In (0, 1].
        of: `track`, or `artist` when it is borrowed from there.
    """

    tag: str
    weight: float
    of: str


def fold(tag: str) -> str:
    """Apply step 1: return a tag without case, accents, signs and separators; empty for blanks.

    >>> fold("Drum & Bass"), fold("lo-fi"), fold("  80's "), fold("Électronique"), fold(" ")
    ('drum and bass', 'lo fi', '80s', 'electronique', '')
    """
    return normalise(tag) if tag.strip() else ""


def is_own_name(name: str, artist_key: str, title_key: str = "") -> bool:
    """Apply step 4: return whether a tag's name is the artist's, or a title of several words.

    Args:
        name: A tag's name.
        artist_key: The artist's normalised name.
        title_key: The title's, without its version.

    >>> is_own_name("the beatles", "beatles"), is_own_name("pop", "pop will eat itself")
    (True, False)
    >>> is_own_name("space oddity", "david bowie", "space oddity")
    True
    >>> is_own_name("happy", "pharrell williams", "happy")
    False
    """
    return bare_name(name) in own_names(artist_key, title_key)


def own_names(artist_key: str, title_key: str = "") -> frozenset[str]:
    """Return the bare names of tags that only name the artist or the track."""
    artist, title = _bare(artist_key), _bare(title_key)
    names = {artist}
    if title:
        names |= {f"{artist} {title}", f"{title} {artist}"}
    if " " in title:
        names.add(title)
    return frozenset(names)


@lru_cache(maxsize=200_000)  # asked for each tag of each track, of which there are far fewer
def bare_name(tag: str) -> str:
    """Return a tag folded and without a leading "the"."""
    return _bare(fold(tag))


@dataclass(frozen=True)
class TagPipeline:
    """Steps 1 to 5 with one set of rules.

    Attributes:
        rules: Aliases and stop words.
        variants: Names to the names that they turned out to be variants of (`measure_variants`).
    """

    rules: Rules
    variants: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_files(
        cls, own: Path | None = None, variants: Mapping[str, str] | None = None
    ) -> "TagPipeline":
        """Return a pipeline with a listener's own rules ahead of the shipped ones.

        Raises:
            SettingsError: when the folder or a line in it is wrong.
        """
        return cls(read_rules(own), variants or {})

    def explain(self, tag: str) -> TagName:
        """Apply steps 1 to 3 to one tag.

        Idempotent: the name of a name is itself, as long as the rules' own names are not stopped.
        """
        folded = fold(tag)
        if len(folded) > MAX_TAG_LENGTH:
            return TagName(NO_NAME, "stop word")
        name = self.rules.alias(folded)
        step = "folded" if name == folded else "alias"
        if name in self.variants:
            name, step = self.variants[name], "variant"
        if not name or self.rules.stops(fold(name)):
            return TagName(NO_NAME, "stop word")
        return TagName(name, step)

    def name(self, tag: str) -> str:
        """Apply steps 1 to 3 to one tag and return its name, empty for a stop word."""
        return self.explain(tag).name

    def normalise(
        self, tags: Iterable[tuple[str, int]], artist: str = "", title: str = ""
    ) -> dict[str, int]:
        """Apply steps 1 to 5 to the tags of one artist or track.

        Args:
            tags: As Last.fm writes and counts them.
            artist: The artist's name.
            title: The track's title.

        Returns:
            Name -> count (0-100), strongest first, equal ones in alphabetical order.
        """
        own = own_names(artist_key_of(artist), normalise(title) if title else "") if artist else ()
        counts: dict[str, int] = {}
        for tag, count in tags:
            name = self.name(tag)
            if name and bare_name(name) not in own:
                counts[name] = max(counts.get(name, 0), min(max(count, 0), FULL))
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def frame(self, rows: pd.DataFrame, *, owner: str, artist_keys: pd.Series) -> pd.DataFrame:
        """Apply steps 1 to 5 to many owners at once; each distinct tag is processed once.

        Titles are ignored: no table of tags has them. Owner and name are packed into one number,
        `owner * names + name`, because numbers sort much faster than texts: with 100 names, owner
        2 and name 7 are 207, and 207 // 100 and 207 % 100 give them back.

        Args:
            rows: `owner`'s column, `tag` and `count`.
            owner: The column with the owner of the tags.
            artist_keys: The artist's key of each row, with the rows' index.

        Returns:
            `owner`'s column, `tag` (a name) and `count`, one row for each, in their order.
        """
        codes, tags = pd.factorize(rows["tag"])
        names = [self.name(tag) for tag in tags.tolist()]
        said, known = pd.factorize(np.array(names, dtype=object), sort=True)
        name = said[codes]
        owners, who = pd.factorize(rows[owner], sort=True)
        bare = np.array([bare_name(one) for one in known.tolist()], dtype=object)
        artists, whose = pd.factorize(artist_keys)
        own = np.array([_bare(key) for key in whose.tolist()], dtype=object)
        nothing = np.array([one == NO_NAME for one in known.tolist()], dtype=bool)
        stays = ~nothing[name] & (bare[name] != own[artists]) if len(rows) else np.empty(0, bool)
        # Numbers that are in the order of the texts sort many times faster than the texts.
        each = max(len(known), 1)
        group = (owners.astype(np.int64) * each + name)[stays]
        counts = rows["count"].to_numpy(dtype=np.int64)[stays].clip(0, FULL)
        order = np.lexsort((-counts, group))
        first = np.diff(group[order], prepend=-1) != 0
        chosen, most = group[order][first], counts[order][first]
        strongest = np.lexsort((chosen % each, -most, chosen // each))
        chosen, most = chosen[strongest], most[strongest]
        return pd.DataFrame(
            {owner: who.take(chosen // each), "tag": known.take(chosen % each), "count": most}
        )


def back_off(
    own: Mapping[str, int], artist: Mapping[str, int], *, share: float = ARTIST_SHARE
) -> list[WeightedTag]:
    """Apply step 6: return a track's tags, or else its artist's at a lower weight.

    Args:
        own: Names and counts of the track.
        artist: Of its artist.
        share: What an artist's tag weighs beside one of the track's own.

    Returns:
        Tags with a count above 0, each saying whose it is.
    """
    if any(count > 0 for count in own.values()):
        return [WeightedTag(tag, count / FULL, TRACK) for tag, count in own.items() if count > 0]
    return [
        WeightedTag(tag, count * share / FULL, ARTIST) for tag, count in artist.items() if count > 0
    ]


@lru_cache(maxsize=1)
def default_pipeline() -> TagPipeline:
    """Return the pipeline with the shipped rules only."""
    return TagPipeline.from_files()


def _bare(folded: str) -> str:
    return folded.removeprefix("the ")
