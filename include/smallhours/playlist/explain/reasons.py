"""The reason of each track in a list: one sentence of clauses that are true of this track.

Of all true clauses about a track, the one that counts most is used, unless it was used for the
tracks before it: a list whose sentences are all alike explains nothing, and two in a row never hold
the same clause. Unknown facts are left out, and no clause is used that would fit any track.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.explain.names_in_words import (
    count_plays,
    is_place_or_time,
    listed,
    name_artist,
    name_track,
)
from smallhours.playlist.explain.track_evidence import TrackEvidence, measure, word_for
from smallhours.playlist.rank.evidence import ListenerHistory, Row
from smallhours.vocabulary import Route, Slot

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
# A seed with so few plays explains a pick only where there is no better reason.
FEW_PLAYS = 3

# How the reason of an explored track begins; the second where the first was said just before.
EXPLORED = ("something to try, drawn by lot", "also drawn by lot, to try")

_ORDINALS = ("strongest", "second strongest", "third strongest", "fourth strongest")
# Weights without any contributions: co-listening counts most (see `ranking`).
_BASE_WEIGHTS = {
    Route.SIMILAR_TRACK: 0.3,
    Route.KNOWN_ARTIST: 0.25,
    Route.SIMILAR_ARTIST: 0.2,
    Route.TWO_STEPS: 0.1,
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

    @property
    def phrase(self) -> tuple[str, str, frozenset[str]]:
        """What is the same of two clauses that a reader takes for one."""
        return self.kind, self.form, frozenset(self.names)


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
    own = artist_key_in(track_evidence.track_key)
    for route, key in dict.fromkeys(track_evidence.seeds):
        if route in (Route.TAG, Route.KNOWN_ARTIST) or artist_key_in(key) != own:
            by_route.setdefault(route, []).append(key)
    tracks = [k for k in by_route.get(Route.SIMILAR_TRACK, ()) if k in history.tracks.index]
    artists = [k for k in by_route.get(Route.SIMILAR_ARTIST, ()) if k in history.artists.index]
    far = [k for k in by_route.get(Route.TWO_STEPS, ()) if k in history.tracks.index]
    others = [
        *_of_own_artist(track_evidence, history),
        *_of_tag(track_evidence, by_route.get(Route.TAG, ()), profile),
    ]

    def of_seeds(worth_naming: Callable[[Row], bool]) -> list[Clause]:
        told = [key for key in tracks if worth_naming(history.track(key))]
        near = [key for key in artists if worth_naming(history.artist(key))]
        return [
            *_of_tracks(track_evidence, told, len(tracks), history),
            *_of_two_steps(
                track_evidence, [key for key in far if worth_naming(history.track(key))], history
            ),
            *_of_artists(track_evidence, near, len(artists), history),
        ]

    found = [*of_seeds(_is_well_known), *others]
    return found or of_seeds(lambda _: True)


def _is_well_known(row: Row) -> bool:
    return bool(row["plays"] > FEW_PLAYS or row.get("saved", False) or row["named"])


def tag_clauses(track_evidence: TrackEvidence) -> list[Clause]:
    """Return clauses of pairs of the tags that count for the track, then of each alone.

    A place or a time alone ("canadian") is no reason.
    """
    tags = list(track_evidence.tags)[:MAX_TAGS]
    weight = track_evidence.counts.get(TAGS, 0.0)
    pairs = [
        (one, two)
        for i, one in enumerate(tags)
        for two in tags[i + 1 :]
        if not is_place_or_time(one)
    ]
    together = [
        Clause(TAGS, "two", listed(pair), pair, weight - 0.02 * place)
        for place, pair in enumerate(pairs)
    ]
    alone = [
        Clause(TAGS, "one", tag, (tag,), weight - 0.1 - 0.02 * place)
        for place, tag in enumerate(tags)
        if not is_place_or_time(tag)
    ]
    return together + alone


def sound_clauses(track_evidence: TrackEvidence) -> list[Clause]:
    """Return clauses of the audio features that stand out, without those that a tag states."""
    weight = track_evidence.counts.get(SOUND, 0.0)
    return [
        Clause(SOUND, word, f"{word} ({measure(feature)})", (word,), weight + beyond)
        for feature in track_evidence.features
        if (found := word_for(feature)) is not None
        for word, beyond in (found,)
        if word not in track_evidence.tags
    ]


def rank_text(track_evidence: TrackEvidence) -> str:
    """Return the track's rank as text: of the twelfth, `among the best 20 of 5,312 tracks`."""
    round_numbers = (digit * 10**power for power in itertools.count(1) for digit in (1, 2, 5))
    whole = track_evidence.eligible
    best = min(whole, next(each for each in round_numbers if each >= track_evidence.rank))
    return f"among the best {best:,} of {whole:,} tracks"


def _of_tracks(
    track_evidence: TrackEvidence, seeds: Sequence[str], count: int, history: ListenerHistory
) -> Iterator[Clause]:
    weight = (
        track_evidence.counts.get(Route.SIMILAR_TRACK, 0.0) + _BASE_WEIGHTS[Route.SIMILAR_TRACK]
    )
    for place, named in enumerate(_pairs(seeds[:MAX_SEEDS])):
        rows = [history.track(key) for key in named]
        names = listed([name_track(row) for row in rows])
        artists = tuple(artist_key_in(key) for key in named)
        less = weight - 0.02 * place
        yield Clause(Route.SIMILAR_TRACK, "close", f"close to {names}", artists, less)
        if all(row["plays"] for row in rows):
            yield Clause(Route.SIMILAR_TRACK, "because", f"because you play {names}", artists, less)
        if count >= MANY:
            text = f"{count:,} tracks of yours lead here, {names} among them"
            yield Clause(Route.SIMILAR_TRACK, "count", text, artists, less)


def _of_two_steps(
    track_evidence: TrackEvidence, seeds: Sequence[str], history: ListenerHistory
) -> Iterator[Clause]:
    weight = track_evidence.counts.get(Route.TWO_STEPS, 0.0) + _BASE_WEIGHTS[Route.TWO_STEPS]
    for place, key in enumerate(seeds[:MAX_SEEDS]):
        text = f"close to tracks that are close to {name_track(history.track(key))}"
        artist = (artist_key_in(key),)
        yield Clause(Route.TWO_STEPS, "two steps", text, artist, weight - 0.02 * place)


def _of_artists(
    track_evidence: TrackEvidence, seeds: Sequence[str], count: int, history: ListenerHistory
) -> Iterator[Clause]:
    weight = (
        track_evidence.counts.get(Route.SIMILAR_ARTIST, 0.0) + _BASE_WEIGHTS[Route.SIMILAR_ARTIST]
    )
    for place, named in enumerate(_pairs(seeds[:MAX_SEEDS])):
        rows = [history.artist(key) for key in named]
        names = listed([name_artist(row) for row in rows])
        less = weight - 0.02 * place
        yield Clause(Route.SIMILAR_ARTIST, "near", f"by an artist near {names}", named, less)
        if all(row["plays"] for row in rows):
            text = f"{track_evidence.artist} is a neighbour of {names}"
            yield Clause(Route.SIMILAR_ARTIST, "neighbour", text, named, less)
        if count >= MANY:
            text = f"{count:,} artists of yours have {track_evidence.artist} near them, {names} too"
            yield Clause(Route.SIMILAR_ARTIST, "count", text, named, less)


def _of_own_artist(track_evidence: TrackEvidence, history: ListenerHistory) -> Iterator[Clause]:
    key = artist_key_in(track_evidence.track_key)
    if key not in history.artists.index or track_evidence.track_key in history.tracks.index:
        return
    row = history.artist(key)
    known, name = int(row["tracks"]), row["artist"]
    weight = track_evidence.counts.get(Route.KNOWN_ARTIST, 0.0) + _BASE_WEIGHTS[Route.KNOWN_ARTIST]
    if row["named"]:
        yield Clause(Route.KNOWN_ARTIST, "named", f"by {name}, whom you named", (key,), weight)
    if not known:
        return
    count = "one track" if known == 1 else f"{known:,} tracks"
    yield Clause(
        Route.KNOWN_ARTIST, "more", f"more by {name}, of whom you know {count}", (key,), weight
    )
    if row["plays"]:
        text = f"you have {count_plays(int(row['plays']))} of {name}, and not this one yet"
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


# The costs of repetition, against weights of a few tenths: of a name that was used before or in
# the sentence before, and of a kind or a form that leads again.
REPEATED_NAME_COST = 0.06
ADJACENT_NAME_COST = 0.25
REPEATED_KIND_COST = 0.10
REPEATED_FORM_COST = 0.12
# The share, and the least number, of a list's tracks that one word for a sound or a time may fit.
MAX_WORD_SHARE = 0.15
MIN_WORD_USES = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence, and the `reason_kind` of its first clause; empty and None for no reason."""

    text: str
    kind: str | None


@dataclass
class ReasonWriter:
    """A writer of the reasons of one list, track by track, that avoids repetition.

    Attributes:
        history: What the listener knows, for names and counts.
        profile: The listener's tags, strongest first.
        length: How many tracks the list has.
    """

    history: ListenerHistory
    profile: pd.Series
    length: int
    _use_counts: Counter[str] = field(default_factory=Counter)
    _last_names: frozenset[str] = frozenset()
    _last_phrases: frozenset[tuple[str, str, frozenset[str]]] = frozenset()
    _last_leads: tuple[str, ...] = ()
    _written: int = 0
    _explored_before: bool = False

    def write(self, track_evidence: TrackEvidence) -> Reason:
        """Return the reason of the next track of the list."""
        intent_evidence = track_evidence.intent_evidence
        taken = set(intent_evidence.names) if intent_evidence else set()
        near = relation_clauses(track_evidence, self.history, self.profile)
        if intent_evidence and intent_evidence.kind == HOURS:  # which says what is played
            near = [clause for clause in near if clause.form != "because"]
        lead = self._best([c for c in near if not taken & set(c.names)], leading=True)
        used = [lead] if lead else []
        if intent_evidence is not None:
            # The list's purpose opens only every second sentence.
            place = self._written % 2 if lead else 0
            text, names = intent_evidence.text, intent_evidence.names
            purpose = Clause(intent_evidence.kind, text, text, names, 1.0)
            if lead is None or purpose.phrase not in self._last_phrases:
                used.insert(place, purpose)
        used += self._further_clauses(near, lead, track_evidence, taken)
        time = self._time(track_evidence)
        clauses = [clause.text for clause in used]
        explored = track_evidence.slot == Slot.EXPLORE
        if not explored and lead is None and intent_evidence is None:
            by = " by its tags" if track_evidence.tags else ""
            clauses.insert(0, f"{rank_text(track_evidence)}{by}")
        self._remember([*used, time] if time else used)
        opening = [EXPLORED[self._explored_before]] if explored else []
        self._explored_before = explored and not self._explored_before
        text = ": ".join(filter(None, [*opening, "; ".join(clauses)]))
        text += f", close to your {time.text}" if time else ""
        kind = intent_evidence.kind if intent_evidence else lead.kind if lead else RANK
        self._written += 1
        return Reason(f"{text[0].upper()}{text[1:]}.", kind)

    def _further_clauses(
        self,
        near: Sequence[Clause],
        lead: Clause | None,
        track_evidence: TrackEvidence,
        taken: Set[str],
    ) -> list[Clause]:
        """Return the clauses after the first: another relation, the tags, the sound."""
        named = {*taken, *(lead.names if lead else ())}
        found: list[Clause] = []
        if track_evidence.intent_evidence is None and lead and len(lead.names) < 2:
            other = [c for c in near if c.kind != lead.kind and c.form != "count"]
            if second := self._best([c for c in other if not named & set(c.names)]):
                found.append(second)
                named |= set(second.names)
        if tags := self._best([c for c in tag_clauses(track_evidence) if not named & set(c.names)]):
            found.append(tags)
        sounds = [c for c in sound_clauses(track_evidence) if not named & set(c.names)]
        if sound := self._best([c for c in sounds if not self._is_overused(c)]):
            found.append(sound)
        return found

    def _time(self, track_evidence: TrackEvidence) -> Clause | None:
        """Return the time of the week, if there is one and it was not used too often."""
        time, purpose = track_evidence.hours, track_evidence.intent_evidence
        if not time or (purpose and purpose.kind == HOURS):
            return None
        clause = Clause(HOURS, time, time, (time,), 0.0)
        return None if self._is_overused(clause) or time in self._last_names else clause

    def _best(self, among: Iterable[Clause], *, leading: bool = False) -> Clause | None:
        """Return the clause with the highest weight less its repetition; the first of equals."""
        best: tuple[float, Clause] | None = None
        for clause in among:
            if clause.phrase in self._last_phrases:
                continue
            worth = clause.weight - self._repetition_cost(clause, leading=leading)
            if best is None or worth > best[0] + 1e-12:
                best = (worth, clause)
        return None if best is None else best[1]

    def _repetition_cost(self, clause: Clause, *, leading: bool) -> float:
        stale = sum(
            REPEATED_NAME_COST * self._use_counts[name]
            + ADJACENT_NAME_COST * (name in self._last_names)
            for name in clause.names
        ) / max(len(clause.names), 1)
        if leading:
            recent = self._last_leads[-3:]
            stale += REPEATED_KIND_COST * sum(led.startswith(f"{clause.kind}:") for led in recent)
            stale += REPEATED_FORM_COST * recent.count(f"{clause.kind}:{clause.form}")
        return stale

    def _is_overused(self, clause: Clause) -> bool:
        most = max(MIN_WORD_USES, MAX_WORD_SHARE * self.length)
        return any(self._use_counts[name] >= most for name in clause.names)

    def _remember(self, used: Sequence[Clause]) -> None:
        names = [name for clause in used for name in clause.names]
        self._last_names = frozenset(names)
        self._last_phrases = frozenset(clause.phrase for clause in used)
        self._use_counts.update(names)
        self._last_leads = (*self._last_leads, *(f"{c.kind}:{c.form}" for c in used[:1]))[-3:]
