"""Clauses that a reason can be made of: each is true of its track and lists what it names.

The writer of the reasons chooses among them, so that a list does not repeat itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.explain import wording
from smallhours.playlist.explain.track_evidence import TrackEvidence
from smallhours.playlist.rank.evidence import ListenerHistory
from smallhours.vocabulary import Route

# Kinds of reasons other than a route.
TAGS = "tags"
SOUND = "sound"
HOURS = "hours"
MEMORY = "memory"
NEW = "new"
RANK = "rank"

# The number of strongest seeds, and of strongest tags, that may be named.
MAX_SEEDS = 6
MAX_TAGS = 6
MANY = 4

_ORDINALS = ("strongest", "second strongest", "third strongest", "fourth strongest")
# Weights without any contributions: co-listening counts most (see `ranking`).
_BASE_WEIGHTS = {
    Route.SIMILAR_TRACK: 0.3,
    Route.KNOWN_ARTIST: 0.25,
    Route.SIMILAR_ARTIST: 0.2,
    Route.TAG: 0.1,
}


@dataclass(frozen=True, slots=True)
class Clause:
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


def relation_clauses(
    track_evidence: TrackEvidence, history: ListenerHistory, profile: pd.Series
) -> list[Clause]:
    """Return the clauses about how a track relates to what the listener plays.

    Args:
        track_evidence: What speaks for it.
        history: What the listener knows, for names and counts.
        profile: The listener's tags, strongest first.
    """
    by_route: dict[str, list[str]] = {}
    for route, key in track_evidence.seeds:
        by_route.setdefault(route, []).append(key)
    return [
        *_of_tracks(track_evidence, by_route.get(Route.SIMILAR_TRACK, ()), history),
        *_of_artists(track_evidence, by_route.get(Route.SIMILAR_ARTIST, ()), history),
        *_of_own_artist(track_evidence, history),
        *_of_tag(track_evidence, by_route.get(Route.TAG, ()), profile),
    ]


def tag_clauses(track_evidence: TrackEvidence) -> list[Clause]:
    """Return clauses of pairs of the tags that count for the track, then of each alone."""
    tags = list(track_evidence.tags)[:MAX_TAGS]
    weight = track_evidence.counts.get(TAGS, 0.0)
    pairs = [(one, two) for i, one in enumerate(tags) for two in tags[i + 1 :]]
    together = [
        Clause(TAGS, "two", wording.listed(pair), pair, weight - 0.02 * place)
        for place, pair in enumerate(pairs)
    ]
    alone = [
        Clause(TAGS, "one", tag, (tag,), weight - 0.1 - 0.02 * place)
        for place, tag in enumerate(tags)
    ]
    return together + alone


def sound_clauses(track_evidence: TrackEvidence) -> list[Clause]:
    """Return clauses of the audio features that stand out, without those that a tag states."""
    weight = track_evidence.counts.get(SOUND, 0.0)
    return [
        Clause(SOUND, word, f"{word} ({wording.measure(feature)})", (word,), weight + beyond)
        for feature in track_evidence.features
        if (found := wording.word_for(feature)) is not None
        for word, beyond in (found,)
        if word not in track_evidence.tags
    ]


def rank_text(track_evidence: TrackEvidence) -> str:
    """Return the track's rank as text: `rank 12 of 5,312`."""
    return f"rank {track_evidence.rank:,} of {track_evidence.considered:,}"


def _of_tracks(
    track_evidence: TrackEvidence, seeds: Sequence[str], history: ListenerHistory
) -> Iterator[Clause]:
    known = [key for key in dict.fromkeys(seeds) if key in history.tracks.index]
    weight = (
        track_evidence.counts.get(Route.SIMILAR_TRACK, 0.0) + _BASE_WEIGHTS[Route.SIMILAR_TRACK]
    )
    for place, named in enumerate(_pairs(known[:MAX_SEEDS])):
        rows = [history.track(key) for key in named]
        names = wording.listed([wording.track(row) for row in rows])
        said = tuple(artist_key_in(key) for key in named)
        less = weight - 0.02 * place
        yield Clause(Route.SIMILAR_TRACK, "close", f"close to {names}", said, less)
        if all(row["plays"] for row in rows):
            yield Clause(Route.SIMILAR_TRACK, "because", f"because you play {names}", said, less)
        if len(known) >= MANY:
            count = f"{len(known):,} tracks of yours lead here, {names} among them"
            yield Clause(Route.SIMILAR_TRACK, "count", count, said, less)


def _of_artists(
    track_evidence: TrackEvidence, seeds: Sequence[str], history: ListenerHistory
) -> Iterator[Clause]:
    own = artist_key_in(track_evidence.track_key)
    known = [key for key in dict.fromkeys(seeds) if key in history.artists.index and key != own]
    weight = (
        track_evidence.counts.get(Route.SIMILAR_ARTIST, 0.0) + _BASE_WEIGHTS[Route.SIMILAR_ARTIST]
    )
    for place, named in enumerate(_pairs(known[:MAX_SEEDS])):
        rows = [history.artist(key) for key in named]
        names = wording.listed([wording.artist(row) for row in rows])
        less = weight - 0.02 * place
        yield Clause(Route.SIMILAR_ARTIST, "near", f"by an artist near {names}", named, less)
        if all(row["plays"] for row in rows):
            text = f"{track_evidence.artist} is a neighbour of {names}"
            yield Clause(Route.SIMILAR_ARTIST, "neighbour", text, named, less)
        if len(known) >= MANY:
            text = (
                f"{len(known):,} artists of yours have {track_evidence.artist} near them, "
                f"{names} too"
            )
            yield Clause(Route.SIMILAR_ARTIST, "count", text, named, less)


def _of_own_artist(track_evidence: TrackEvidence, history: ListenerHistory) -> Iterator[Clause]:
    key = artist_key_in(track_evidence.track_key)
    if key not in history.artists.index or track_evidence.track_key in history.tracks.index:
        return
    row = history.artist(key)
    known, name = int(row["tracks"]), row["artist"]
    if not known:
        return
    weight = track_evidence.counts.get(Route.KNOWN_ARTIST, 0.0) + _BASE_WEIGHTS[Route.KNOWN_ARTIST]
    count = "one track" if known == 1 else f"{known:,} tracks"
    yield Clause(
        Route.KNOWN_ARTIST, "more", f"more by {name}, of whom you know {count}", (key,), weight
    )
    if row["plays"]:
        text = f"you have {wording.plays(int(row['plays']))} of {name}, and not this one yet"
        yield Clause(Route.KNOWN_ARTIST, "not yet", text, (key,), weight)


def _of_tag(
    track_evidence: TrackEvidence, seeds: Sequence[str], profile: pd.Series
) -> Iterator[Clause]:
    weight = track_evidence.counts.get(TAGS, 0.0) + _BASE_WEIGHTS[Route.TAG]
    strongest = list(profile.index[: len(_ORDINALS)])
    for place, tag in enumerate(dict.fromkeys(seeds)):
        name = tag.lower()
        rank = f", your {_ORDINALS[strongest.index(name)]} tag" if name in strongest else ""
        text = f"one of the best-known tracks tagged {tag}{rank}"
        yield Clause(Route.TAG, "best known", text, (name,), weight - 0.02 * place)


def _pairs(keys: Sequence[str]) -> list[tuple[str, ...]]:
    """Return pairs of seeds of different artists, strongest first; single seeds if none exist."""
    pairs: list[tuple[str, ...]] = [
        (one, two)
        for i, one in enumerate(keys)
        for two in keys[i + 1 :]
        if artist_key_in(one) != artist_key_in(two)
    ]
    return pairs or [(key,) for key in keys]
