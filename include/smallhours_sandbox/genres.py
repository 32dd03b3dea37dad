"""The genre tree: families and leaves, their sound, and their neighbours."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from smallhours_sandbox.ragged import Doubles, Ints

STYLE_GENRE_DIMS = 16
# Weights of a leaf's position: shared with its family, its own, and from its sound.
_FAMILY_PULL, _LEAF_PULL, _SOUND_PULL = 1.0, 0.8, 0.9


@dataclass(frozen=True, slots=True)
class GenreTree:
    """Families and leaves, read from `genres.txt`.

    Attributes:
        families: names.
        leaves: names, in the file's order.
        leaf_family: int32 (leaves,).
        share: float64 (leaves,) summing to 1, share of each leaf among artists.
        levels: float64 (leaves, 5) in 0..1: danceability, acousticness, energy, valence,
            instrumentalness.
        speech: float64 (leaves,) in 0..1.
        tempo: float64 (leaves,) beats per minute.
        near: symmetric pairs of neighbouring leaf indices across families.
        spellings: other spellings of each leaf.
    """

    families: list[str]
    leaves: list[str]
    leaf_family: Ints
    share: Doubles
    levels: Doubles
    speech: Doubles
    tempo: Doubles
    near: list[tuple[int, int]]
    spellings: list[list[str]]

    def sound(self) -> Doubles:
        """Return the levels as standard scores over artists, shape (leaves, 5)."""
        clipped = np.clip(self.levels, 0.01, 0.99)
        logit = np.log(clipped / (1 - clipped))
        mean = self.share @ logit
        spread = np.sqrt(self.share @ (logit - mean) ** 2)
        scores: Doubles = (logit - mean) / spread
        return scores

    def embedding(self, rng: np.random.Generator) -> Doubles:
        """Place every leaf in a space in which similar genres are close to each other.

        Returns:
            float64 (leaves, 16), unit rows.
        """
        dims = STYLE_GENRE_DIMS
        of_family = rng.standard_normal((len(self.families), dims)) / np.sqrt(dims)
        own = rng.standard_normal((len(self.leaves), dims)) / np.sqrt(dims)
        axes = rng.standard_normal((5, dims)) / np.sqrt(dims * 5)
        place = _FAMILY_PULL * of_family[self.leaf_family] + _LEAF_PULL * own
        place += _SOUND_PULL * self.sound() @ axes
        pulled = place.copy()
        for left, right in self.near:
            pulled[left] += 0.35 * place[right]
            pulled[right] += 0.35 * place[left]
        unit: Doubles = pulled / np.linalg.norm(pulled, axis=1, keepdims=True)
        return unit

    def leaf(self, name: str) -> int:
        """Return the index of a leaf.

        Raises:
            ValueError: When there is no such leaf.
        """
        return self.leaves.index(name)


def _lines(name: str) -> list[str]:
    text = resources.files("smallhours_sandbox").joinpath(name).read_text(encoding="utf-8")
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@cache
def load_genres() -> GenreTree:
    """Read the genre tree that ships with the sandbox."""
    families: list[str] = []
    family_weight: list[float] = []
    leaves: list[str] = []
    rows: list[list[str]] = []
    owner: list[int] = []
    for line in _lines("genres.txt"):
        if line.startswith("="):
            name, weight = line[1:].split(":")
            families.append(name.strip())
            family_weight.append(float(weight))
            continue
        row = [part.strip() for part in line.split("|")]
        leaves.append(row[0])
        rows.append(row)
        owner.append(len(families) - 1)
    leaf_family = np.asarray(owner, dtype=np.int32)
    leaf_weight = np.asarray([float(row[3]) for row in rows])
    within = leaf_weight / np.bincount(leaf_family, weights=leaf_weight)[leaf_family]
    share = within * np.asarray(family_weight)[leaf_family]
    near = {
        (min(index, leaves.index(other)), max(index, leaves.index(other)))
        for index, row in enumerate(rows)
        for other in _listed(row[4])
    }
    speech_tempo = np.asarray([[float(word) for word in row[2].split()] for row in rows])
    return GenreTree(
        families=families,
        leaves=leaves,
        leaf_family=leaf_family,
        share=share / share.sum(),
        levels=np.asarray([[float(word) for word in row[1].split()] for row in rows]) / 100,
        speech=speech_tempo[:, 0] / 100,
        tempo=speech_tempo[:, 1],
        near=sorted(near),
        spellings=[_listed(row[5]) for row in rows],
    )


@cache
def load_words() -> dict[str, list[str]]:
    """Read the word lists that ship with the sandbox, by section."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _lines("words.txt"):
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        else:
            current.extend(_listed(line))
    return sections
