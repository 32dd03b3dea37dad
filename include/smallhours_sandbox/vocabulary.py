"""The tag vocabulary: core words, with the genres, moods and decades they stand for."""

from dataclasses import dataclass

import numpy as np

from smallhours_sandbox.genres import GenreTree, load_words
from smallhours_sandbox.ragged import Doubles, Ints

# Frequency of words that say nothing about the music; further such words have .05.
_NOISE_USE = {"seen live": 0.3, "love": 0.13, "favorites": 0.14, "favourites": 0.09}
# Strength of moods and voices that are unrelated to the sound.
_RARE = 0.012

# Further words for a whole family, and their frequency relative to its name.
_UMBRELLA = {
    "rock": (("rock", 1.0), ("alternative", 0.5)),
    "indie": (("indie", 1.0), ("alternative", 0.6), ("rock", 0.45), ("Indie", 0.3)),
    "metal": (("metal", 1.0), ("Metal", 0.5), ("heavy", 0.1)),
    "punk": (("punk", 1.0), ("rock", 0.35), ("hardcore", 0.2)),
    "electronic": (("electronic", 1.0), ("electronica", 0.6), ("electro", 0.4), ("dance", 0.3)),
    "hip hop": (("Hip-Hop", 1.0), ("hip hop", 0.85), ("hip-hop", 0.4), ("hiphop", 0.3),
                ("rap", 0.8)),
    "pop": (("pop", 1.0), ("Pop", 0.3)),
    "folk": (("folk", 1.0), ("Folk", 0.3), ("acoustic", 0.3)),
    "jazz": (("jazz", 1.0), ("Jazz", 0.4)),
    "soul": (("soul", 0.9), ("rnb", 0.5), ("r&b", 0.25), ("black music", 0.1)),
    "world": (("world", 0.7), ("world music", 0.4)),
    "ambient and classical": (("instrumental", 0.5), ("experimental", 0.5), ("classical", 0.35)),
    "dark wave": (("goth", 0.5), ("gothic", 0.5), ("dark", 0.3)),
}  # fmt: skip

# Moods as directions in (danceability, acousticness, energy, valence, instrumentalness), and the
# popularity of the word.
_MOODS: dict[str, tuple[tuple[float, ...], float]] = {
    "mellow": ((0.0, 0.6, -0.8, -0.1, 0.0), 0.5),
    "sad": ((-0.2, 0.3, -0.5, -0.8, 0.0), 0.45),
    "melancholic": ((-0.3, 0.3, -0.4, -0.8, 0.1), 0.35),
    "melancholy": ((-0.3, 0.3, -0.4, -0.8, 0.1), 0.3),
    "happy": ((0.3, 0.0, 0.2, 0.9, -0.2), 0.3),
    "upbeat": ((0.4, -0.2, 0.5, 0.7, -0.1), 0.2),
    "party": ((0.7, -0.3, 0.5, 0.4, -0.1), 0.3),
    "chill": ((0.3, 0.4, -0.7, 0.0, 0.3), 0.45),
    "chillout": ((0.2, 0.3, -0.6, -0.1, 0.6), 0.45),
    "relaxing": ((0.0, 0.6, -0.8, 0.0, 0.3), 0.25),
    "sleep": ((-0.3, 0.6, -0.9, -0.3, 0.5), 0.12),
    "dreamy": ((-0.1, 0.2, -0.5, -0.3, 0.5), 0.25),
    "atmospheric": ((-0.4, 0.1, -0.3, -0.5, 0.8), 0.4),
    "dark": ((-0.2, -0.2, 0.2, -0.8, 0.3), 0.25),
    "aggressive": ((-0.4, -0.6, 0.9, -0.3, 0.0), 0.25),
    "energetic": ((0.1, -0.5, 0.9, 0.3, 0.0), 0.25),
    "angry": ((-0.2, -0.5, 0.8, -0.4, -0.1), 0.15),
    "beautiful": ((-0.2, 0.6, -0.6, -0.4, 0.1), 0.45),
    "romantic": ((0.1, 0.6, -0.4, 0.1, -0.4), 0.2),
    "epic": ((-0.5, -0.2, 0.4, -0.5, 0.4), 0.2),
    "haunting": ((-0.4, 0.4, -0.4, -0.6, 0.2), 0.15),
    "uplifting": ((0.2, 0.0, 0.3, 0.7, 0.0), 0.15),
    "calm": ((-0.1, 0.7, -0.9, -0.1, 0.3), 0.2),
    "groovy": ((0.8, 0.0, 0.1, 0.6, 0.1), 0.25),
    "catchy": ((0.3, -0.2, 0.4, 0.5, -0.4), 0.25),
    "fun": ((0.4, -0.1, 0.4, 0.7, -0.2), 0.2),
    "danceable": ((0.9, -0.2, 0.3, 0.4, 0.0), 0.15),
    "dance": ((0.8, -0.4, 0.5, 0.3, 0.1), 0.4),
    "heavy": ((-0.4, -0.5, 0.9, -0.3, 0.1), 0.2),
    "soft": ((0.0, 0.7, -0.8, 0.0, -0.2), 0.15),
    "hypnotic": ((0.1, -0.1, -0.2, -0.3, 0.9), 0.15),
    "ethereal": ((-0.4, 0.3, -0.4, -0.5, 0.6), 0.2),
    "nostalgic": ((0.0, 0.4, -0.3, 0.0, -0.1), 0.1),
    "instrumental": ((0.0, 0.1, -0.1, -0.1, 1.4), 0.7),
    "acoustic": ((0.1, 1.4, -0.6, 0.0, 0.0), 0.6),
    "piano": ((-0.2, 1.1, -0.6, -0.3, 0.2), 0.3),
    "guitar": ((-0.2, 0.2, 0.2, 0.0, 0.0), 0.2),
}


@dataclass(slots=True)
class CoreVocabulary:
    """The core vocabulary: all words that are not specific to one artist.

    Attributes:
        words: as displayed.
        folded: int32 per word, equal for words that differ only in case.
        genre: float64 (leaves, words): strength of each word for each leaf.
        mood: float64 (5, words) directions; zero columns for other words.
        mood_use: float64 (words,), popularity of a mood word.
        noise: float64 (words,), strength that every row gets.
        decade_of: first year of a decade to the words for it.
        nation: word indices of the nationalities.
        voice_female: word indices for female voices.
        voice_male: word indices for male voices.
        version_words: version to word index.
    """

    words: list[str]
    folded: Ints
    genre: Doubles
    mood: Doubles
    mood_use: Doubles
    noise: Doubles
    decade_of: dict[int, list[int]]
    nation: Ints
    voice_female: list[int]
    voice_male: list[int]
    version_words: dict[str, int]


def build_core(tree: GenreTree) -> CoreVocabulary:
    """Collect the core vocabulary from the genre tree and the word lists."""
    words = load_words()
    index: dict[str, int] = {}

    def word(text: str) -> int:
        return index.setdefault(text, len(index))

    links = _genre_links(tree)
    named = [(leaf, word(text), use) for leaf, text, use in links]
    decades = {
        year: [word(f"{year % 100:02d}s"), word(f"{year}s")] for year in range(1960, 2030, 10)
    }
    nation = np.asarray([word(text) for text in words["nationalities"]], dtype=np.int32)
    moods = {word(text): direction for text, direction in _MOODS.items()}
    noise_words = {word(text): _RARE for text in words["moods"] + words["voices"]}
    noise_words |= {word(text): _NOISE_USE.get(text, 0.05) for text in words["noise"]}
    count = len(index)
    genre = np.zeros((len(tree.leaves), count))
    for leaf, text_id, use in named:
        genre[leaf, text_id] = max(genre[leaf, text_id], use)
    mood = np.zeros((5, count))
    mood_use = np.zeros(count)
    for text_id, (direction, use) in moods.items():
        mood[:, text_id] = np.asarray(direction) / np.linalg.norm(direction)
        mood_use[text_id] = use
    noise = np.full(count, 1e-6)
    noise[list(noise_words)] = list(noise_words.values())
    folded: dict[str, int] = {}
    return CoreVocabulary(
        words=list(index),
        folded=np.asarray(
            [folded.setdefault(text.casefold(), len(folded)) for text in index], dtype=np.int32
        ),
        genre=genre,
        mood=mood,
        mood_use=mood_use,
        noise=noise,
        decade_of=decades,
        nation=nation,
        voice_female=[word("female vocalists"), word("female vocalist")],
        voice_male=[word("male vocalists")],
        version_words={
            version: word(version) for version in ("live", "remix", "acoustic", "instrumental")
        },
    )


def _genre_links(tree: GenreTree) -> list[tuple[int, str, float]]:
    """Return (leaf, word, strength): its own name, other spellings, its family, its neighbours."""
    links: list[tuple[int, str, float]] = []
    for leaf, name in enumerate(tree.leaves):
        links.append((leaf, name, 1.0))
        for order, spelling in enumerate(tree.spellings[leaf]):
            links.append((leaf, spelling, 0.5 / (order + 1)))
        for text, use in _UMBRELLA[tree.families[tree.leaf_family[leaf]]]:
            links.append((leaf, text, 0.75 * use))
    for left, right in tree.near:
        links += [(left, tree.leaves[right], 0.1), (right, tree.leaves[left], 0.1)]
    return links


class Vocabulary:
    """The world's tags: the core words and those added for single artists."""

    def __init__(self, core: CoreVocabulary) -> None:
        """Start with the core words."""
        self.words = list(core.words)
        self._index = {text: number for number, text in enumerate(self.words)}

    def add(self, text: str) -> int:
        """Return a word's index, adding it when it is new."""
        known = self._index.get(text)
        if known is None:
            known = self._index[text] = len(self.words)
            self.words.append(text)
        return known
