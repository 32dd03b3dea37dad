"""Clauses that a reason can be made of: each is true of its track and lists what it names.

The writer of the reasons chooses among them, so that a list does not repeat itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist import wording
from smallhours.playlist.evidence import History
from smallhours.playlist.grounds import Grounds

SIMILAR_TRACK = "similar_track"
SIMILAR_ARTIST = "similar_artist"
KNOWN_ARTIST = "known_artist"
TAG = "tag"
TAGS = "tags"
SOUND = "sound"
HOURS = "hours"
MEMORY = "memory"
NEW = "new"
RANK = "rank"

# The number of strongest seeds, and of strongest tags, that may be named.
SEEDS_LOOKED_AT = 6
TAGS_LOOKED_AT = 6
MANY = 4

_ORDINALS = ("strongest", "second strongest", "third strongest", "fourth strongest")
# Weights without any contributions: co-listening counts most (see `ranking`).
_USUAL = {SIMILAR_TRACK: 0.3, KNOWN_ARTIST: 0.25, SIMILAR_ARTIST: 0.2, TAG: 0.1}


@dataclass(frozen=True, slots=True)
class Claim:
    """One clause that is true of a track.

    Attributes:
        kind: A `reason_kind`.
        form: Which of the ways to say it this is.
        text: The clause, in lower case but for names.
        names: Keys of what it names: artists, tracks, tags, words.
        weight: How much it counts for this track.
    """

    kind: str
    form: str
    text: str
    names: tuple[str, ...]
    weight: float


def nearness(grounds: Grounds, history: History, profile: pd.Series) -> list[Claim]:
    """Return the clauses about how a track relates to what the listener plays.

    Args:
        grounds: What speaks for it.
        history: What the listener knows, for names and counts.
        profile: The listener's tags, strongest first.
    """
    by_route: dict[str, list[str]] = {}
    for route, key in grounds.seeds:
        by_route.setdefault(route, []).append(key)
    return [
        *_of_tracks(grounds, by_route.get(SIMILAR_TRACK, ()), history),
        *_of_artists(grounds, by_route.get(SIMILAR_ARTIST, ()), history),
        *_of_own_artist(grounds, history),
        *_of_tag(grounds, by_route.get(TAG, ()), profile),
    ]


def of_tags(grounds: Grounds) -> list[Claim]:
    """Return clauses of pairs of the tags that count for the track, then of each alone."""
    tags = list(grounds.tags)[:TAGS_LOOKED_AT]
    weight = grounds.counts.get(TAGS, 0.0)
    pairs = [(one, two) for i, one in enumerate(tags) for two in tags[i + 1 :]]
    together = [
        Claim(TAGS, "two", wording.listed(pair), pair, weight - 0.02 * place)
        for place, pair in enumerate(pairs)
    ]
    alone = [
        Claim(TAGS, "one", tag, (tag,), weight - 0.1 - 0.02 * place)
        for place, tag in enumerate(tags)
    ]
    return together + alone


def of_sound(grounds: Grounds) -> list[Claim]:
    """Return clauses of the audio features that stand out, without those that a tag states."""
    weight = grounds.counts.get(SOUND, 0.0)
    return [
        Claim(SOUND, word, f"{word} ({wording.measure(feature)})", (word,), weight + beyond)
        for feature in grounds.features
        if (found := wording.word_for(feature)) is not None
        for word, beyond in (found,)
        if word not in grounds.tags
    ]


def standing(grounds: Grounds) -> str:
    """Return the track's rank as text: `rank 12 of 5,312`."""
    return f"rank {grounds.rank:,} of {grounds.considered:,}"


def _of_tracks(grounds: Grounds, seeds: Sequence[str], history: History) -> Iterator[Claim]:
    known = [key for key in dict.fromkeys(seeds) if key in history.tracks.index]
    weight = grounds.counts.get(SIMILAR_TRACK, 0.0) + _USUAL[SIMILAR_TRACK]
    for place, named in enumerate(_pairs(known[:SEEDS_LOOKED_AT])):
        rows = [history.track(key) for key in named]
        names = wording.listed([wording.track(row) for row in rows])
        said = tuple(artist_key_in(key) for key in named)
        less = weight - 0.02 * place
        yield Claim(SIMILAR_TRACK, "close", f"close to {names}", said, less)
        if all(row["plays"] for row in rows):
            yield Claim(SIMILAR_TRACK, "because", f"because you play {names}", said, less)
        if len(known) >= MANY:
            count = f"{len(known):,} tracks of yours lead here, {names} among them"
            yield Claim(SIMILAR_TRACK, "count", count, said, less)


def _of_artists(grounds: Grounds, seeds: Sequence[str], history: History) -> Iterator[Claim]:
    own = artist_key_in(grounds.track_key)
    known = [key for key in dict.fromkeys(seeds) if key in history.artists.index and key != own]
    weight = grounds.counts.get(SIMILAR_ARTIST, 0.0) + _USUAL[SIMILAR_ARTIST]
    for place, named in enumerate(_pairs(known[:SEEDS_LOOKED_AT])):
        rows = [history.artist(key) for key in named]
        names = wording.listed([wording.artist(row) for row in rows])
        less = weight - 0.02 * place
        yield Claim(SIMILAR_ARTIST, "near", f"by an artist near {names}", named, less)
        if all(row["plays"] for row in rows):
            text = f"{grounds.artist} is a neighbour of {names}"
            yield Claim(SIMILAR_ARTIST, "neighbour", text, named, less)
        if len(known) >= MANY:
            text = f"{len(known):,} artists of yours have {grounds.artist} near them, {names} too"
            yield Claim(SIMILAR_ARTIST, "count", text, named, less)


def _of_own_artist(grounds: Grounds, history: History) -> Iterator[Claim]:
    key = artist_key_in(grounds.track_key)
    if key not in history.artists.index or grounds.track_key in history.tracks.index:
        return
    row = history.artist(key)
    known, name = int(row["tracks"]), row["artist"]
    if not known:
        return
    weight = grounds.counts.get(KNOWN_ARTIST, 0.0) + _USUAL[KNOWN_ARTIST]
    count = "one track" if known == 1 else f"{known:,} tracks"
    yield Claim(KNOWN_ARTIST, "more", f"more by {name}, of whom you know {count}", (key,), weight)
    if row["plays"]:
        text = f"you have {wording.plays(int(row['plays']))} of {name}, and not this one yet"
        yield Claim(KNOWN_ARTIST, "not yet", text, (key,), weight)


def _of_tag(grounds: Grounds, seeds: Sequence[str], profile: pd.Series) -> Iterator[Claim]:
    weight = grounds.counts.get(TAGS, 0.0) + _USUAL[TAG]
    strongest = list(profile.index[: len(_ORDINALS)])
    for place, tag in enumerate(dict.fromkeys(seeds)):
        name = tag.lower()
        rank = f", your {_ORDINALS[strongest.index(name)]} tag" if name in strongest else ""
        text = f"one of the best-known tracks tagged {tag}{rank}"
        yield Claim(TAG, "best known", text, (name,), weight - 0.02 * place)


def _pairs(keys: Sequence[str]) -> list[tuple[str, ...]]:
    """Return pairs of seeds of different artists, strongest first; single seeds if none exist."""
    pairs: list[tuple[str, ...]] = [
        (one, two)
        for i, one in enumerate(keys)
        for two in keys[i + 1 :]
        if artist_key_in(one) != artist_key_in(two)
    ]
    return pairs or [(key,) for key in keys]
