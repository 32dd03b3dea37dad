"""Generation of invented names for artists, albums and songs, and their spellings on Last.fm."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import numpy as np

from smallhours_sandbox.genres import load_words

T = TypeVar("T")

# A form is a weight and a template. A blank is a section of words.txt; {capitals}, {invented2..4}
# are made of syllables, {upto9} is a number from 1. Awkward forms are intentional, since they are
# hard to match by name across services: commas, slashes, ampersands, dashes, and "feat", "live" or
# "remix" inside a real name.
_ARTIST_FORMS: tuple[tuple[float, str], ...] = (
    (0.23, "{first} {last}"),
    (0.17, "{adjectives} {nouns}"),
    (0.12, "The {adjectives} {nouns}"),
    (0.05, "The {invented2} {nouns}"),
    (0.05, "{first} & the {adjectives} {nouns}"),
    (0.04, "{first} {last} and the {nouns}"),
    (0.02, "{first} & {first} {last}"),
    (0.04, "{invented2}"),
    (0.05, "{invented3}"),
    (0.04, "{invented4}"),
    (0.03, "{capitals}"),
    (0.01, "DJ {invented2}"),
    (0.01, "MC {invented2}"),
    (0.01, "Lil {invented2}"),
    (0.01, "{last} Orchestra"),
    (0.01, "{last} Trio"),
    (0.01, "{last} Quartet"),
    (0.005, "{last} Collective"),
    (0.015, "{singulars}, The {gerunds} {singulars}"),
    (0.02, "{adjectives}/{nouns}"),
    (0.02, "{singulars} {upto99}"),
    (0.015, "{adjectives} {nouns} of the {adjectives} {singulars} {nouns}"),
    (0.005, "Live {nouns}"),
    (0.004, "Feat of {nouns}"),
    (0.004, "Remix the {singulars}"),
    (0.004, "{singulars} (Band)"),
    (0.004, "{singulars} feat. {nouns}"),
    (0.004, "{nouns} {adjectives}!"),
    (0.004, "{invented2} vs. {nouns}"),
    (0.004, "{verbs} With {first}"),
)

_TITLE_FORMS: tuple[tuple[float, str], ...] = (
    (0.2, "{adjectives} {singulars}"),
    (0.12, "{singulars} {nouns}"),
    (0.07, "{singulars}"),
    (0.05, "{gerunds}"),
    (0.05, "{nouns}"),
    (0.03, "{adjectives}"),
    (0.09, "{gerunds} {singulars}"),
    (0.06, "The {singulars} of {places}"),
    (0.04, "{gerunds} With {pronouns}"),
    (0.03, "{verbs} for {pronouns}"),
    (0.03, "{verbs} With {pronouns}"),
    (0.05, "I {verbs} When You {verbs}"),
    (0.03, "Don't {verbs}"),
    (0.03, "{first}"),
    (0.04, "{adjectives} {singulars} in {places}"),
    (0.03, "{adjectives} {singulars}, Pt. {upto4}"),
    (0.03, "{verbs} ({gerunds} {singulars})"),
    (0.003, "{gerunds} With Myself"),
    (0.003, "Live by the {singulars}"),
    (0.003, "Feat. of {singulars}"),
    (0.003, "Remix My {singulars}"),
    (0.003, "Demo {singulars}"),
    (0.003, "{singulars}/{singulars}"),
    (0.003, "{upto12} a.m."),
    (0.003, "{verbs}, {verbs}, {verbs}"),
    (0.003, "{singulars} #{upto9}"),
    (0.003, "Who's {gerunds} Now?"),
    (0.003, "{singulars} - {singulars}"),
    (0.003, "{invented3}"),
)

_ROMAN = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_TRIES = 21


class Script(StrEnum):
    """The writing system of an artist's names and titles."""

    LATIN = "latin"
    JAPANESE = "japanese"
    CYRILLIC = "cyrillic"


class ScalarRandom:
    """Fast scalar randomness: numbers are drawn in bulk by numpy and consumed one by one."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw from `rng`."""
        self._rng = rng
        self._pool: list[float] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._pool:
            self._pool = self._rng.random(4_096).tolist()
        return self._pool.pop()

    def below(self, limit: int) -> int:
        """Return an integer in [0, limit)."""
        return int(self.uniform() * limit)

    def one(self, choices: Sequence[T]) -> T:
        """Return one of the choices, all with equal probability."""
        return choices[self.below(len(choices))]


class _Blanks(dict[str, str]):
    """A mapping that fills every blank of a template with a new random value; nothing is stored."""

    def __init__(self, pick: ScalarRandom) -> None:
        super().__init__()
        self._pick = pick
        self._words = load_words()

    def __missing__(self, blank: str) -> str:
        if blank == "capitals":
            return self._invented(3).upper()
        if blank.startswith("invented"):
            return self._invented(int(blank[8:]))
        if blank.startswith("upto"):
            return str(1 + self._pick.below(int(blank[4:])))
        return self._pick.one(self._words[blank])

    def _invented(self, parts: int) -> str:
        syllables = self._words["syllables"]
        return "".join(self._pick.one(syllables) for _ in range(parts)).capitalize()


class NameGenerator:
    """A generator of invented names; any likeness to real ones is accidental."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw from `rng` and the word lists that ship with the sandbox."""
        self._pick = ScalarRandom(rng)
        self._blanks = _Blanks(self._pick)
        self._taken: set[str] = set()

    def _fill(self, template: str) -> str:
        return template.format_map(self._blanks)

    def _form(self, forms: tuple[tuple[float, str], ...]) -> str:
        left = self._pick.uniform() * sum(weight for weight, _ in forms)
        for weight, template in forms:
            left -= weight
            if left < 0:
                return self._fill(template)
        return self._fill(forms[-1][1])

    def artist(self) -> tuple[str, Script]:
        """Return a name that was not given before, and the script it is written in."""
        for attempt in range(2 * _TRIES):
            draw = self._pick.uniform()
            if draw < 0.012:
                name, script = self._fill("{japanese}"), Script.JAPANESE
            elif draw < 0.022:
                name, script = self._fill("{cyrillic}"), Script.CYRILLIC
            else:
                name, script = self._form(_ARTIST_FORMS), Script.LATIN
            if attempt > _TRIES:
                name = f"{name} {self._fill('{invented3}')}"
            if name.casefold() not in self._taken:
                break
        self._taken.add(name.casefold())
        return name, script

    def album(self, artist: str) -> str:
        """Return an album title."""
        draw = self._pick.uniform()
        if draw < 0.07:
            return artist
        if draw < 0.12:
            return self._fill("{gerunds} in {places}")
        if draw < 0.16:
            return self._fill("{adjectives} {nouns}, Vol. {upto3}")
        return self._form(_TITLE_FORMS)

    def single(self, title: str) -> str:
        """Return the title of a short release named after a song."""
        return f"{title} EP" if self._pick.uniform() < 0.4 else title

    def title(self, script: Script, taken: set[str]) -> str:
        """Return a song title that this artist has not used yet, and add it to `taken`."""
        for attempt in range(_TRIES + len(_ROMAN)):
            if script is not Script.LATIN and self._pick.uniform() < 0.75:
                title = self._fill(f"{{{script.value}_titles}}")
            else:
                title = self._form(_TITLE_FORMS)
            if attempt >= _TRIES:
                title = f"{title} {_ROMAN[attempt - _TRIES]}"
            if title.casefold() not in taken:
                break
        taken.add(title.casefold())
        return title

    def remaster(self, title: str, year: int) -> str:
        """Return the title of a remaster of `title`."""
        forms = (
            f"{title} - {year} Remaster",
            f"{title} - Remastered {year}",
            f"{title} - Remastered",
            f"{title} ({year} Remaster)",
        )
        return self._pick.one(forms)

    def live(self, title: str, venue: str) -> str:
        """Return the title of a live take of `title`."""
        return self._pick.one((f"{title} - Live", f"{title} (Live)", f"{title} - Live at {venue}"))

    def remix(self, title: str, remixer: str) -> str:
        """Return the title of a remix of `title`."""
        return self._pick.one((f"{title} - {remixer} Remix", f"{title} ({remixer} Remix)"))

    def venue(self) -> str:
        """Return an invented venue and town."""
        return self._fill("{venues}, {places}")

    def featuring(self, title: str, guest: str) -> str:
        """Return the title with its guest's name."""
        return self._pick.one((f"{title} (feat. {guest})", f"{title} (with {guest})"))


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
