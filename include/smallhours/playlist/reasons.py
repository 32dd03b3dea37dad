"""The reason of each track in a list: one sentence that is true of this track.

Of all true clauses about a track, the one that counts most is used, unless it was used for the
tracks before it: a list whose sentences are all alike explains nothing. Unknown facts are left out,
and no clause is used that would fit any track.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

import pandas as pd

from smallhours.playlist import claims
from smallhours.playlist.claims import HOURS, RANK, Claim
from smallhours.playlist.evidence import History
from smallhours.playlist.grounds import Feature, Grounds
from smallhours.playlist.selection import EXPLORE

__all__ = ["Feature", "Grounds", "Reason", "Teller", "reason"]

# The costs of repetition, against weights of a few tenths: of a name that was used before or in
# the sentence before, and of a kind or a form that leads again.
NAME_AGAIN = 0.06
NAME_JUST_NOW = 0.25
LEAD_AGAIN = 0.10
FORM_AGAIN = 0.12
# The share, and the least number, of a list's tracks that one word for a sound or a time may fit.
MOST_OF_A_WORD = 0.15
FEWEST_OF_A_WORD = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence, and the `reason_kind` of its first clause; empty and None for no reason."""

    text: str
    kind: str | None


@dataclass
class Teller:
    """A writer of the reasons of one list, track by track, that avoids repetition.

    Attributes:
        history: What the listener knows, for names and counts.
        profile: The listener's tags, strongest first.
        length: How many tracks the list has.
    """

    history: History
    profile: pd.Series
    length: int
    _said: Counter[str] = field(default_factory=Counter)
    _just_said: frozenset[str] = frozenset()
    _led: tuple[str, ...] = ()
    _told: int = 0

    def tell(self, grounds: Grounds) -> Reason:
        """Return the reason of the next track of the list."""
        special = grounds.special
        taken = set(special.names) if special else set()
        near = claims.nearness(grounds, self.history, self.profile)
        if special is not None and special.kind == HOURS:  # which says that something is played
            near = [claim for claim in near if claim.form != "because"]
        lead = self._best([c for c in near if not taken & set(c.names)], leading=True)
        told = [lead] if lead else []
        if special is not None:
            # The list's purpose opens only every second sentence.
            place = self._told % 2 if lead else 0
            said = Claim(special.kind, special.kind, special.text, special.names, 1.0)
            told.insert(place, said)
        told += self._besides(near, lead, grounds, taken)
        time = self._time(grounds)
        clauses = [claim.text for claim in told]
        if grounds.slot == EXPLORE:
            clauses.insert(0, f"a step aside, drawn from {claims.standing(grounds)}")
        elif lead is None and special is None:
            by = " by its tags" if grounds.tags else ""
            clauses.insert(0, f"{claims.standing(grounds)}{by}")
        self._remember([*told, time] if time else told)
        text = "; ".join(clauses) + (f", close to your {time.text}" if time else "")
        kind = special.kind if special else lead.kind if lead else RANK
        self._told += 1
        return Reason(f"{text[0].upper()}{text[1:]}.", kind)

    def _besides(
        self, near: Sequence[Claim], lead: Claim | None, grounds: Grounds, taken: Set[str]
    ) -> list[Claim]:
        """Return the clauses after the first: another relation, the tags, the sound."""
        named = {*taken, *(lead.names if lead else ())}
        found: list[Claim] = []
        if grounds.special is None and lead and len(lead.names) < 2:
            other = [c for c in near if c.kind != lead.kind and c.form != "count"]
            if second := self._best([c for c in other if not named & set(c.names)]):
                found.append(second)
                named |= set(second.names)
        if tags := self._best([c for c in claims.of_tags(grounds) if not named & set(c.names)]):
            found.append(tags)
        sounds = [c for c in claims.of_sound(grounds) if not named & set(c.names)]
        if sound := self._best([c for c in sounds if not self._worn(c)]):
            found.append(sound)
        return found

    def _time(self, grounds: Grounds) -> Claim | None:
        """Return the time of the week, if there is one and it was not used too often."""
        time = grounds.hours
        if not time or (grounds.special is not None and grounds.special.kind == HOURS):
            return None
        claim = Claim(HOURS, time, time, (time,), 0.0)
        return None if self._worn(claim) or time in self._just_said else claim

    def _best(self, among: Iterable[Claim], *, leading: bool = False) -> Claim | None:
        """Return the clause with the highest weight less its repetition; the first of equals."""
        best: tuple[float, Claim] | None = None
        for claim in among:
            worth = claim.weight - self._staleness(claim, leading=leading)
            if best is None or worth > best[0] + 1e-12:
                best = (worth, claim)
        return None if best is None else best[1]

    def _staleness(self, claim: Claim, *, leading: bool) -> float:
        stale = sum(
            NAME_AGAIN * self._said[name] + NAME_JUST_NOW * (name in self._just_said)
            for name in claim.names
        ) / max(len(claim.names), 1)
        if leading:
            recent = self._led[-3:]
            stale += LEAD_AGAIN * sum(led.startswith(f"{claim.kind}:") for led in recent)
            stale += FORM_AGAIN * recent.count(f"{claim.kind}:{claim.form}")
        return stale

    def _worn(self, claim: Claim) -> bool:
        most = max(FEWEST_OF_A_WORD, MOST_OF_A_WORD * self.length)
        return any(self._said[name] >= most for name in claim.names)

    def _remember(self, told: Sequence[Claim]) -> None:
        names = [name for claim in told for name in claim.names]
        self._just_said = frozenset(names)
        self._said.update(names)
        self._led = (*self._led, *(f"{c.kind}:{c.form}" for c in told[:1]))[-3:]


def reason(grounds: Grounds, history: History, profile: pd.Series) -> str:
    """Return the reason of a single track, as if it were the first of a list."""
    return Teller(history, profile, length=1).tell(grounds).text
