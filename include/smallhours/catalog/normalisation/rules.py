"""Aliases and stop words of tags: the shipped ones, and the listener's own.

They are two commented text files, `aliases.txt` and `stop_words.txt`, beside this module and, if
the listener wants, in a folder of theirs. The top of each file explains its lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smallhours.errors import SettingsError

ALIASES = "aliases.txt"
STOP_WORDS = "stop_words.txt"
HERE = Path(__file__).parent

_ARROW = " => "
_NOTHING = r"(?!)"
_SECTIONS = ("[part]", "[whole]")


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
