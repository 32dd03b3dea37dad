"""Tags of a generated world: the vocabulary, and the counts that artists and tracks have.

The vocabulary's core words stand for genres, moods and decades. The expected strength of each tag
is a dense matrix over them; noise on its logarithm stands for careless tagging; a row keeps its
strongest tags, more of them the more popular it is. Compound tags ("swedish indie pop"), years and
the artist's own name make the long tail.
"""

from dataclasses import dataclass

import numpy as np

from smallhours_sandbox.discography import Artists, Discography
from smallhours_sandbox.genres import GenreTree, load_words
from smallhours_sandbox.ragged import Bools, Doubles, Ints, Ragged

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


UNTAGGED_ARTIST_SHARE = 0.05
# Mean numbers of tags; together with the artist's a track then has about 27.
_ARTIST_TAGS_MEAN, _TRACK_TAGS_MEAN = 17.0, 17.0
_MAX_TAGS = 100  # maximum of artist.getTopTags and track.getTopTags


def _mood_strength(core: CoreVocabulary, scores: Doubles) -> Doubles:
    """Return the fit of each mood word, (rows, words): a soft step at 0.8 standard deviations."""
    along = scores @ core.mood
    strength: Doubles = core.mood_use / (1 + np.exp(-3.0 * (along - 0.8)))
    return strength


def artist_strengths(
    rng: np.random.Generator, core: CoreVocabulary, artists: Artists, scores: Doubles
) -> tuple[Doubles, Ints]:
    """Return expected tag strengths, (artists, core words), and each artist's nationality word."""
    count = len(artists.names)
    main = artists.genres / artists.genres.max(axis=1, keepdims=True)
    strength = main @ core.genre
    np.minimum(strength, 1.0, out=strength)
    np.maximum(strength, _mood_strength(core, scores) * 0.8, out=strength)
    np.maximum(strength, core.noise, out=strength)
    rows = np.arange(count)
    share = 1.0 / (np.arange(len(core.nation)) + 2.0)
    nation = core.nation[rng.choice(len(core.nation), count, p=share / share.sum())]
    strength[rows, nation] = np.maximum(strength[rows, nation], 0.32)
    active = np.minimum((artists.debut + 4) // 10 * 10, artists.last // 10 * 10)
    for decade, words in core.decade_of.items():
        strength[np.ix_(active == decade, np.asarray(words))] = (0.3, 0.02)
    sings = rng.random(count)
    voiced = scores[:, 4] < 0.9
    strength[np.ix_(voiced & (sings < 0.36), np.asarray(core.voice_female))] = (0.6, 0.15)
    strength[np.ix_(voiced & (sings > 0.75), np.asarray(core.voice_male))] = 0.2
    return strength, nation


def _tag_counts(rng: np.random.Generator, weight: Doubles, mean: float) -> Ints:
    """Return the number of tags of each row: few for obscure, many for popular ones."""
    rank = np.argsort(np.argsort(weight)) / max(1, len(weight) - 1)
    size = np.exp(2.2 * rank + 0.45 * rng.standard_normal(len(weight)))
    size *= mean / max(size.mean(), 1e-9)
    return np.clip(np.round(size), 1, _MAX_TAGS - 12).astype(np.int32)


def _strongest_tags(
    rng: np.random.Generator, core: CoreVocabulary, strength: Doubles, counts: Ints, sigma: float
) -> tuple[Ints, Ints, Doubles]:
    """Return (row, word, strength) triplets: the `counts` strongest of each row after noise."""
    noisy = np.log(strength) + sigma * rng.standard_normal(strength.shape)
    top = min(int(counts.max(initial=1)) + 8, strength.shape[1])
    columns = np.argpartition(-noisy, top - 1, axis=1)[:, :top]
    values = np.take_along_axis(noisy, columns, axis=1)
    order = np.argsort(-values, axis=1)
    columns = np.take_along_axis(columns, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    keep = np.arange(top)[None, :] < counts[:, None]
    rows, places = np.nonzero(keep)
    words, found = columns[rows, places].astype(np.int32), values[rows, places]
    # Last.fm shows one spelling when only the case differs.
    _, first = np.unique(rows.astype(np.int64) * len(core.words) + core.folded[words], True)
    first.sort()
    return rows[first].astype(np.int32), words[first], np.exp(found[first])


def _scaled_counts(rows: Ints, words: Ints, strength: Doubles, n_rows: int) -> Ragged:
    """Scale each row so that its strongest tag has a count of 100, as on Last.fm."""
    top = np.zeros(n_rows)
    np.maximum.at(top, rows, strength)
    counts = np.floor(100 * (strength / top[rows]) ** 1.1 + 1e-9)
    return Ragged.from_triplets(rows, words, counts.astype(np.uint8), n_rows)


def tag_artists(
    rng: np.random.Generator,
    tree: GenreTree,
    core: CoreVocabulary,
    artists: Artists,
    strength: Doubles,
    nation: Ints,
) -> tuple[Ragged, Vocabulary]:
    """Tag the artists: core words by strength, then the long tail."""
    count = len(artists.names)
    counts = _tag_counts(rng, artists.popularity, _ARTIST_TAGS_MEAN)
    counts[rng.random(count) < UNTAGGED_ARTIST_SHARE] = 0
    rows, words, values = _strongest_tags(rng, core, strength, counts, sigma=0.75)
    vocabulary = Vocabulary(core)
    tail = _long_tail(rng, tree, core, artists, nation, counts, vocabulary)
    rows = np.concatenate([rows, tail[0]])
    words = np.concatenate([words, tail[1]])
    values = np.concatenate([values, tail[2]])
    return _scaled_counts(rows, words, values, count), vocabulary


def _long_tail(
    rng: np.random.Generator,
    tree: GenreTree,
    core: CoreVocabulary,
    artists: Artists,
    nation: Ints,
    counts: Ints,
    vocabulary: Vocabulary,
) -> tuple[Ints, Ints, Doubles]:
    places = load_words()["places"]
    triplets: dict[tuple[int, int], float] = {}
    draws = rng.random((len(counts), 6))
    sizes = rng.poisson(counts * 0.22)
    for artist in np.flatnonzero(counts).tolist():
        leaf = tree.leaves[artists.main_genre[artist]]
        home = core.words[nation[artist]]
        family = tree.families[tree.leaf_family[artists.main_genre[artist]]]
        place = places[artist % len(places)].lower()
        year = int(artists.debut[artist])
        options = (
            f"{home} {leaf}",
            f"{leaf} from {place}",
            f"{year}",
            f"{year // 10 * 10 % 100:02d}s {leaf}",
            f"{home} {family}",
            f"female fronted {leaf}",
            f"{place}",
            f"best of {year + 3}",
        )
        for number in range(min(int(sizes[artist]), len(options))):
            triplets[artist, vocabulary.add(options[number])] = (
                0.02 + 0.16 * draws[artist, number % 6]
            )
        if draws[artist, 5] < 0.3:
            triplets[artist, vocabulary.add(artists.names[artist].lower())] = 0.5 * draws[artist, 4]
    keys = np.asarray(list(triplets), dtype=np.int32).reshape(-1, 2)
    values = np.fromiter(triplets.values(), dtype=np.float64, count=len(triplets))
    return keys[:, 0], keys[:, 1], values


def tag_tracks(
    rng: np.random.Generator,
    core: CoreVocabulary,
    made: Discography,
    strength: Doubles,
    scores: Doubles,
    popularity: Doubles,
) -> Ragged:
    """Tag about half of the tracks, preferring popular ones."""
    count = len(made.title)
    fame = np.argsort(np.argsort(popularity)) / max(1, count - 1)
    chance = np.clip(0.5 + 1.1 * (fame - 0.5), 0.03, 0.97)
    tagged: Bools = rng.random(count) < chance
    chosen = np.flatnonzero(tagged)
    sizes = _tag_counts(rng, popularity[chosen], _TRACK_TAGS_MEAN)
    artist, version = np.asarray(made.artist), made.version
    parts: list[tuple[Ints, Ints, Doubles]] = []
    for first in range(0, len(chosen), 4_000):
        block = chosen[first : first + 4_000]
        wanted = strength[artist[block]] * 0.7
        np.maximum(wanted, 1.3 * _mood_strength(core, scores[block]), out=wanted)
        np.maximum(wanted, core.noise, out=wanted)
        for place, track in enumerate(block.tolist()):
            word = core.version_words.get(version[track])
            if word is not None:
                wanted[place, word] = 0.9
        rows, words, values = _strongest_tags(
            rng, core, wanted, sizes[first : first + 4_000], sigma=0.8
        )
        parts.append((block[rows].astype(np.int32), words, values))
    if not parts:
        return Ragged.empty(count, np.uint8)
    rows, words, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _scaled_counts(rows, words, values, count)
