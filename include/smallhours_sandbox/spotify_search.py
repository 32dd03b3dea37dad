"""Spotify's search: which tracks, artists and albums match a query, and in which order.

Words are compared without case, diacritics and punctuation. A query is tolerant: a hit needs most
of the query's weight (rare words weigh more), not all of its words, so a client has to
judge the hits itself. Each filter (`track:`, `artist:`, `album:`, `year:`, `isrc:`) must match.
"""

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints
from smallhours_sandbox.world import World

MIN_COVERAGE = 0.6
PREFIX_WORDS = 50

_FIELD = re.compile(r"\b(track|artist|album|year|isrc|upc|genre|tag):", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not decompose, but that people type as plain ones.
_PLAIN = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})
_APOSTROPHES = re.compile("['’‘ʼ`´]")


def words(text: str) -> list[str]:
    """Split text into comparable words: no case, no diacritics, no punctuation.

    Text that is nothing but punctuation is one word of its own, so that a band called "!!!" can be
    found.

    >>> words("Café del Mar - 2011 Remaster")
    ['cafe', 'del', 'mar', '2011', 'remaster']
    >>> words("Don’t Stop")
    ['dont', 'stop']
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    found = _WORD.findall(_APOSTROPHES.sub("", plain))
    return found or [plain.strip()] * bool(plain.strip())


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A parsed query.

    Attributes:
        text: words outside of any filter.
        fields: filter name to its value, quotes removed.
    """

    text: list[str]
    fields: dict[str, str] = field(default_factory=dict)


def parse_query(q: str) -> SearchQuery:
    """Split a query into free words and filters, whose values may be quoted or unquoted.

    >>> parse_query('doxy track:"Night Bus" artist:Miles Davis').fields
    {'track': 'Night Bus', 'artist': 'Miles Davis'}
    """
    marks = list(_FIELD.finditer(q))
    free = [q[: marks[0].start()] if marks else q]
    fields: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks), len(q)][1:]
    for mark, end in zip(marks, ends, strict=True):
        value = q[mark.end() : end].strip()
        if value.startswith('"') and '"' in value[1:]:
            # The last quote closes the value: a title may contain quotes.
            value, _, rest = value[1:].rpartition('"')
            free.append(rest)
        fields[mark[1].casefold()] = value.strip('" ')
    return SearchQuery(words(" ".join(free)), fields)


class WordIndex:
    """An index from each word to the texts that contain it."""

    def __init__(self, texts: Iterable[str]) -> None:
        held: dict[str, list[int]] = {}
        sizes: list[int] = []
        for index, text in enumerate(texts):
            unique = set(words(text))
            sizes.append(len(unique))
            for word in unique:
                held.setdefault(word, []).append(index)
        self.size = np.array(sizes, dtype=np.float32)
        self._held = {word: np.array(ids, dtype=np.int32) for word, ids in held.items()}
        self._vocabulary = sorted(held)

    def __contains__(self, word: str) -> bool:
        """Return whether any text contains the word, or a word that begins with it."""
        return len(self.holders(word)) > 0

    def holders(self, word: str) -> Ints:
        """Return the texts with that word, or else those with words that begin with it."""
        found = self._held.get(word)
        if found is not None:
            return found
        if len(word) < 3:
            return np.zeros(0, dtype=np.int32)
        first = bisect_left(self._vocabulary, word)
        near = self._vocabulary[first : first + PREFIX_WORDS]
        parts = [self._held[other] for other in near if other.startswith(word)]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int32)

    def hits(self, word: str) -> Bools:
        """Return a mask over the texts."""
        mask = np.zeros(len(self.size), dtype=np.bool_)
        mask[self.holders(word)] = True
        return mask

    def weight(self, word: str) -> float:
        """Return a word's weight: high for rare words; low for common and for unknown ones."""
        count = len(self.holders(word))
        return math.log(1 + len(self.size) / count) if count else 1.0

    def coverage(self, asked: list[str]) -> Floats:
        """Return, for each text, the share (by weight) of the query words that it contains."""
        unique = list(dict.fromkeys(asked))
        total = np.zeros(len(self.size), dtype=np.float32)
        for word in unique:
            total[self.holders(word)] += self.weight(word)
        scale = np.float32(sum(map(self.weight, unique)) or 1.0)
        return np.divide(total, scale, dtype=np.float32)

    def tightness(self, asked: list[str]) -> Floats:
        """Return, for each text, the share of its own words that are in the query."""
        count = np.zeros(len(self.size), dtype=np.float32)
        for word in dict.fromkeys(asked):
            count[self.holders(word)] += 1
        return np.divide(count, np.maximum(self.size, 1), dtype=np.float32)


class CatalogSearch:
    """Search over a world; building it takes about a second for 40,000 tracks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._titles = WordIndex(world.track_title)
        self._artists = WordIndex(world.artist_name)
        self._albums = WordIndex(world.album_title)
        guests = [(t, a) for t, row in enumerate(world.track_featured) for a in row]
        pairs = np.array(guests, dtype=np.int32).reshape(-1, 2)
        self._guest_track, self._guest_artist = pairs[:, 0], pairs[:, 1]
        self._year = np.array([int(text[:4] or 0) for text in world.album_released], dtype=np.int32)
        self._track_rank = _rank(world.track_popularity)
        self._artist_rank = _rank(world.artist_popularity)
        popularity = np.zeros(len(world.album_title))
        np.add.at(popularity, world.track_album, world.track_popularity)
        self._album_rank = _rank(popularity)

    def tracks(self, query: SearchQuery) -> Ints:
        """Return track indices, best match first."""
        world, asked = self._world, query.fields
        kept = np.ones(world.n_tracks, dtype=np.bool_)
        score = self._track_rank * np.float32(0.05)
        if "upc" in asked or "genre" in asked or "tag" in asked:
            return np.zeros(0, dtype=np.int32)
        if "isrc" in asked:
            mask = np.zeros(world.n_tracks, dtype=np.bool_)
            mask[world.lookup.isrc.get(asked["isrc"].replace("-", "").upper(), [])] = True
            kept &= mask
        if "year" in asked:
            kept &= self._in_years(asked["year"])[world.track_album]
        if "track" in asked:
            title = words(asked["track"])
            coverage = self._titles.coverage(title)
            kept &= coverage >= MIN_COVERAGE
            score = score + coverage + 0.25 * self._titles.tightness(title)
        if "artist" in asked:
            name = words(asked["artist"])
            match = self._artists.coverage(name) + 0.25 * self._artists.tightness(name)
            coverage = self._of_artist(match)
            kept &= coverage >= MIN_COVERAGE
            score = score + coverage
        if "album" in asked:
            coverage = self._albums.coverage(words(asked["album"]))[world.track_album]
            kept &= coverage >= MIN_COVERAGE
            score = score + coverage
        if query.text:
            coverage = self._anywhere(query.text)
            kept &= coverage >= MIN_COVERAGE
            score = score + coverage + 0.25 * self._titles.tightness(query.text)
        return _ranked(score, kept)

    def artists(self, query: SearchQuery) -> Ints:
        """Return artist indices, best match first."""
        name = [*query.text, *words(query.fields.get("artist", ""))]
        return self._ranked_names(self._artists, name, query, self._artist_rank)

    def albums(self, query: SearchQuery) -> Ints:
        """Return album indices, best match first."""
        asked = query.fields
        if {"track", "isrc", "upc", "genre", "tag"} & set(asked):
            return np.zeros(0, dtype=np.int32)
        kept = np.ones(len(self._album_rank), dtype=np.bool_)
        score = self._album_rank * np.float32(0.05)
        if "year" in asked:
            kept &= self._in_years(asked["year"])
        if "artist" in asked:
            by = self._artists.coverage(words(asked["artist"]))[self._world.album_artist]
            kept &= by >= MIN_COVERAGE
            score = score + by
        title = [*query.text, *words(asked.get("album", ""))]
        if title:
            both = np.zeros(len(kept), dtype=np.float32)
            for word in dict.fromkeys(title):
                either = self._albums.hits(word)
                either |= self._artists.hits(word)[self._world.album_artist]
                both += self._weight(word) * either
            both /= np.float32(sum(map(self._weight, dict.fromkeys(title))))
            kept &= both >= MIN_COVERAGE
            score = score + both + 0.25 * self._albums.tightness(title)
        return _ranked(score, kept)

    def _ranked_names(
        self, index: WordIndex, name: list[str], query: SearchQuery, rank: Floats
    ) -> Ints:
        if not name or set(query.fields) - {"artist"}:
            return np.zeros(0, dtype=np.int32)
        coverage = index.coverage(name)
        return _ranked(
            coverage + 0.25 * index.tightness(name) + 0.05 * rank, coverage >= MIN_COVERAGE
        )

    def _anywhere(self, asked: list[str]) -> Floats:
        """Return the covered share of free words, found anywhere in title, artists or album."""
        world = self._world
        total = np.zeros(world.n_tracks, dtype=np.float32)
        unique = list(dict.fromkeys(asked))
        for word in unique:
            found = self._titles.hits(word)
            found |= self._of_artist(self._artists.hits(word).astype(np.float32)) > 0
            found |= self._albums.hits(word)[world.track_album]
            total += np.float32(self._weight(word)) * found
        scale = np.float32(sum(map(self._weight, unique)))
        return np.divide(total, scale, dtype=np.float32)

    def _weight(self, word: str) -> float:
        known = [i.weight(word) for i in (self._titles, self._artists, self._albums) if word in i]
        return min(known) if known else 1.0

    def _of_artist(self, per_artist: Floats) -> Floats:
        """Return, for each track, the best value among its artists, guests included."""
        best = per_artist[self._world.track_artist]
        np.maximum.at(best, self._guest_track, per_artist[self._guest_artist])
        return best

    def _in_years(self, text: str) -> Bools:
        first, _, last = text.partition("-")
        try:
            return (self._year >= int(first)) & (self._year <= int(last or first))
        except ValueError:
            return np.zeros(len(self._year), dtype=np.bool_)


def _rank(popularity: Doubles) -> Floats:
    """Return the popularity rank: 0 for the least, nearly 1 for the most popular."""
    order = np.argsort(np.argsort(popularity, kind="stable"), kind="stable")
    return (order / max(1, len(order))).astype(np.float32)


def _ranked(score: Floats, kept: Bools) -> Ints:
    found = np.flatnonzero(kept).astype(np.int32)
    return found[np.argsort(-score[found], kind="stable")]
