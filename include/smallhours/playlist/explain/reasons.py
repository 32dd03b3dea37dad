"""The reason of each track in a list: one sentence that is true of this track.

Of all true clauses about a track, the one that counts most is used, unless it was used for the
tracks before it: a list whose sentences are all alike explains nothing. Unknown facts are left out,
and no clause is used that would fit any track.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

import pandas as pd

from smallhours.playlist.explain import reason_clauses
from smallhours.playlist.explain.reason_clauses import HOURS, RANK, Clause
from smallhours.playlist.explain.track_evidence import FeatureValue, TrackEvidence
from smallhours.playlist.rank.evidence import ListenerHistory
from smallhours.vocabulary import Slot

__all__ = ["FeatureValue", "Reason", "ReasonWriter", "TrackEvidence", "reason"]

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
    _last_leads: tuple[str, ...] = ()
    _written: int = 0

    def write(self, track_evidence: TrackEvidence) -> Reason:
        """Return the reason of the next track of the list."""
        intent_evidence = track_evidence.intent_evidence
        taken = set(intent_evidence.names) if intent_evidence else set()
        near = reason_clauses.relation_clauses(track_evidence, self.history, self.profile)
        if (
            intent_evidence is not None and intent_evidence.kind == HOURS
        ):  # which says that something is played
            near = [clause for clause in near if clause.form != "because"]
        lead = self._best([c for c in near if not taken & set(c.names)], leading=True)
        told = [lead] if lead else []
        if intent_evidence is not None:
            # The list's purpose opens only every second sentence.
            place = self._written % 2 if lead else 0
            said = Clause(
                intent_evidence.kind,
                intent_evidence.kind,
                intent_evidence.text,
                intent_evidence.names,
                1.0,
            )
            told.insert(place, said)
        told += self._further_clauses(near, lead, track_evidence, taken)
        time = self._time(track_evidence)
        clauses = [clause.text for clause in told]
        if track_evidence.slot == Slot.EXPLORE:
            clauses.insert(
                0, f"a step aside, drawn from {reason_clauses.rank_text(track_evidence)}"
            )
        elif lead is None and intent_evidence is None:
            by = " by its tags" if track_evidence.tags else ""
            clauses.insert(0, f"{reason_clauses.rank_text(track_evidence)}{by}")
        self._remember([*told, time] if time else told)
        text = "; ".join(clauses) + (f", close to your {time.text}" if time else "")
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
        if tags := self._best(
            [c for c in reason_clauses.tag_clauses(track_evidence) if not named & set(c.names)]
        ):
            found.append(tags)
        sounds = [
            c for c in reason_clauses.sound_clauses(track_evidence) if not named & set(c.names)
        ]
        if sound := self._best([c for c in sounds if not self._is_overused(c)]):
            found.append(sound)
        return found

    def _time(self, track_evidence: TrackEvidence) -> Clause | None:
        """Return the time of the week, if there is one and it was not used too often."""
        time = track_evidence.hours
        if not time or (
            track_evidence.intent_evidence is not None
            and track_evidence.intent_evidence.kind == HOURS
        ):
            return None
        clause = Clause(HOURS, time, time, (time,), 0.0)
        return None if self._is_overused(clause) or time in self._last_names else clause

    def _best(self, among: Iterable[Clause], *, leading: bool = False) -> Clause | None:
        """Return the clause with the highest weight less its repetition; the first of equals."""
        best: tuple[float, Clause] | None = None
        for clause in among:
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

    def _remember(self, told: Sequence[Clause]) -> None:
        names = [name for clause in told for name in clause.names]
        self._last_names = frozenset(names)
        self._use_counts.update(names)
        self._last_leads = (*self._last_leads, *(f"{c.kind}:{c.form}" for c in told[:1]))[-3:]


def reason(track_evidence: TrackEvidence, history: ListenerHistory, profile: pd.Series) -> str:
    """Return the reason of a single track, as if it were the first of a list."""
    return ReasonWriter(history, profile, length=1).write(track_evidence).text
