"""Generation of tags and their counts for artists and tracks.

The expected strength of each tag is a dense matrix over the core vocabulary; noise on its logarithm
stands for careless tagging; a row keeps its strongest tags, more of them the more popular it is.
Compound tags ("swedish indie pop"), years and the artist's own name make the long tail.
"""

import numpy as np

from smallhours_sandbox.discography import Artists, Discography
from smallhours_sandbox.genres import GenreTree, load_words
from smallhours_sandbox.ragged import Bools, Doubles, Ints, Ragged
from smallhours_sandbox.vocabulary import CoreVocabulary, Vocabulary

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
