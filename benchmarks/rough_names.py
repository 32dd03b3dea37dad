"""Other spellings of a track's names, and names of tracks that do not exist.

Each way is a function of the names as scrobbled and a random generator; it returns other names, or
None where it does not apply.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

import numpy as np

from smallhours_sandbox.world import World

Names = tuple[str, str]
Way = Callable[[Names, np.random.Generator], Names | None]

_EDITIONS = (
    " (Remastered)",
    " - Remastered 2014",
    " - Mono",
    " [Explicit]",
    " (Album Version)",
    " (Deluxe Edition)",
    " - Radio Edit",
    " - 2009 Digital Remaster",
)
_ABSENT_VERSIONS = (
    " (Live at Nowhere Hall)",
    " - Acoustic",
    " (Demo)",
    " - Nobody At All Remix",
    " [Instrumental]",
    " (Karaoke Version)",
    " - Slowed",
)


def _without_accents(names: Names, _: np.random.Generator) -> Names | None:
    def plain(name: str) -> str:
        letters = unicodedata.normalize("NFD", name)
        return "".join(x for x in letters if not "\u0300" <= x <= "\u036f")

    return _changed(names, (plain(names[0]), plain(names[1])))


def _without_signs(names: Names, _: np.random.Generator) -> Names | None:
    title = re.sub(r"[.,!?'’]", "", names[1]).replace("/", " ")
    return _changed(names, (names[0].replace(".", ""), title))


def _other_and(names: Names, _: np.random.Generator) -> Names | None:
    artist = names[0].replace(" & ", " and ")
    if artist == names[0]:
        artist = re.sub(r" and ", " & ", names[0], count=1, flags=re.IGNORECASE)
    return _changed(names, (artist, names[1]))


def _part_in_full(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0], re.sub(r", Pt\. (\d)", r" (Part \1)", names[1])))


def _another_edition(names: Names, rng: np.random.Generator) -> Names | None:
    return names[0], names[1] + str(rng.choice(_EDITIONS))


def _guest_with_artist(names: Names, _: np.random.Generator) -> Names | None:
    guest = re.search(r" \((?:feat\.|with) ([^()]+)\)", names[1])
    if guest is None:
        return None
    return f"{names[0]} feat. {guest[1]}", names[1].replace(guest[0], "")


def _without_the(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0].removeprefix("The "), names[1]))


def _typing_error(names: Names, rng: np.random.Generator) -> Names | None:
    artist, title = names
    if len(title) < 12 or not title.isascii():
        return None
    at = int(rng.integers(1, len(title) - 2))
    if not title[at : at + 2].isalpha() or title[at] == title[at + 1]:
        return None
    return artist, title[:at] + title[at + 1] + title[at] + title[at + 2 :]


def _shouted(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0].upper(), names[1].upper()))


SPELLINGS: dict[str, Way] = {
    "no accents": _without_accents,
    "no signs": _without_signs,
    "and for &": _other_and,
    "part for pt.": _part_in_full,
    "another edition": _another_edition,
    "guest with artist": _guest_with_artist,
    "no the": _without_the,
    "typing error": _typing_error,
    "capitals": _shouted,
}


def respelled(
    world: World, tracks: list[int], rng: np.random.Generator
) -> Iterator[tuple[int, str, Names]]:
    """Yield each track in one other spelling that suits it, as (track, change, names)."""
    ways = list(SPELLINGS.items())
    for track in tracks:
        names = world.artist_name[world.track_artist[track]], world.track_lastfm_title[track]
        for place in rng.permutation(len(ways)).tolist():
            way, rough = ways[place][0], ways[place][1](names, rng)
            if rough is not None:
                yield track, way, rough
                break


def absent_names(world: World, tracks: list[int], rng: np.random.Generator) -> Iterator[Names]:
    """Yield names similar to each track's, of recordings that the world does not have."""
    for track in tracks:
        artist = int(world.track_artist[track])
        own = {world.track_title[other].casefold() for other in world.tracks_of(artist).tolist()}
        title = re.sub(r" (?:-|\().*", "", world.track_title[track])
        if rng.random() < 0.5:
            version = str(rng.choice(_ABSENT_VERSIONS))
            word = version.strip(" -()[]").split()[0].casefold()
            if not any(word in other and title.casefold() in other for other in own):
                yield world.artist_name[artist], title + version
        elif rng.random() < 0.5:
            if not any("pt. 7" in other for other in own):
                yield world.artist_name[artist], re.sub(r",? Pt\..*", "", title) + ", Pt. 7"
        else:
            stranger = world.track_title[int(rng.integers(world.n_tracks))]
            song = re.sub(r" (?:-|\().*", "", stranger).casefold()
            if not any(other.startswith(song) for other in own):
                yield world.artist_name[artist], stranger


def _changed(before: Names, after: Names) -> Names | None:
    return after if after != before and all(name.strip() for name in after) else None
