"""What did we recommend, how did the signals see it then, and was it welcome?

The third kind of list of the past, beside those of `lists`, and the only one in which the listener
saw what they passed by. Of a week's picks those count that the listener came to: played, saved, cut
short, passed over, taken out. One that they never came to says nothing, so that its place in the
list is not held against it. An explorer was drawn from many with a probability on record; one that
was not welcome stands for 1 / probability of them, ten at most, as the others stand for themselves
(truncated importance weights, Ionides 2008).

The signals are those of the week's beginning: made from what was known then, and compared with all
that could have been recommended.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.nights import Night
from smallhours.training.evaluation.classification import placements
from smallhours.training.ranking.columns import Flags, Floats, columns_of
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.lists import LEARNED, Memory, list_at
from smallhours.training.ranking.listwise import Lesson
from smallhours.training.ranking.reception import judged_picks
from smallhours.wishes import MAIN

WEEK = 7
MOST_WEEKS = 8
# What became of a pick is one reaction on one morning, and an adoption is a habit. All picks were
# promising by the weights of their time, so that a week of them says little of the others.
PICK_IS_WORTH = 0.1
# An explorer stands for so many tracks at most: more would let a few decide.
MOST_STOOD_FOR = 10.0


@dataclass(frozen=True)
class ShownWeek:
    """The picks of one week that the listener came to, n of them.

    Attributes:
        tracks: Their keys.
        columns: (n, 2 × LEARNED), of `columns_of`, among all candidates of the week's beginning.
        welcome: (n,), which were played, saved or thumbed up, and not taken out for it.
        stands_for: (n,), how many tracks each stands for.
    """

    tracks: tuple[str, ...]
    columns: Floats
    welcome: Flags
    stands_for: Floats

    def lessons(self) -> Iterator[Lesson]:
        """For each welcome pick: that it should have come before all that were not."""
        others = np.flatnonzero(~self.welcome)
        for one in np.flatnonzero(self.welcome).tolist():
            rows = np.concatenate([[one], others])
            first = np.arange(len(rows)) == 0
            stands_for = np.where(first, 1.0, self.stands_for[rows])
            yield Lesson(self.columns[rows], first, stands_for, PICK_IS_WORTH)

    def earned(self, fusion: Fusion) -> Floats:
        """For each welcome pick, the share of the others that it is ranked above."""
        return placements(self.welcome.astype(int), self.columns @ fusion.vector(LEARNED))

    @property
    def artists(self) -> list[str]:
        """Of each welcome pick."""
        return [
            artist_key_in(key)
            for key, welcome in zip(self.tracks, self.welcome.tolist(), strict=True)
            if welcome
        ]


def read_chances(lake: Lake, listener: str, *, night: Night) -> pd.Series:
    """With which probability each explorer of the last weeks was drawn.

    Returns:
        By night (a date) and track key; of the main list.
    """
    columns = ["night", "intent", "track_key", "propensity"]
    days = [night.date - dt.timedelta(days=back) for back in range(1, MOST_WEEKS * WEEK + 1)]
    nights = [day.isoformat() for day in days]
    rows = lake.frame(
        RECOMMENDATIONS, columns=columns, where={"listener": listener, "night": nights}
    )
    rows = rows[(rows["intent"] == MAIN) & rows["propensity"].notna()]
    at = pd.MultiIndex.from_arrays(
        [pd.to_datetime(rows["night"]).dt.date, rows["track_key"]], names=["night", "track_key"]
    )
    return pd.Series(rows["propensity"].to_numpy(dtype=float), index=at)


def shown_weeks(
    memory: Memory, chances: pd.Series, rng: np.random.Generator, *, night: Night
) -> list[ShownWeek]:
    """The weeks in which some picks were welcome and others not, oldest first, eight at most.

    Args:
        memory: What is known.
        chances: Of `read_chances`.
        rng: Draws what the signals of a past day need.
        night: Tonight.
    """
    picks = judged_picks(memory.past.feedback)
    ago = np.array([(night.date - day).days for day in picks["night"]], dtype=int)
    found = []
    for week in reversed(range(MOST_WEEKS)):
        mine = picks[(ago > week * WEEK) & (ago <= (week + 1) * WEEK)]
        if mine["welcome"].nunique() < 2:
            continue
        cut = night.as_of - dt.timedelta(days=(week + 1) * WEEK)
        shown = _shown(memory, mine, chances, cut, rng)
        if shown.welcome.any() and not shown.welcome.all():
            found.append(shown)
    return found


def _shown(
    memory: Memory,
    picks: pd.DataFrame,
    chances: pd.Series,
    cut: dt.datetime,
    rng: np.random.Generator,
) -> ShownWeek:
    past = list_at(memory, cut, set(picks.loc[picks["welcome"], "track_key"]), rng)
    at = past.signals.index.get_indexer(pd.Index(picks["track_key"]))
    there = (at >= 0) & past.eligible[at]
    picks, at = picks[there], at[there]
    drawn = pd.MultiIndex.from_arrays([picks["night"], picks["track_key"]])
    chance = chances.reindex(drawn).fillna(1.0).to_numpy(dtype=float)
    return ShownWeek(
        tuple(picks["track_key"]),
        columns_of(past.signals, past.eligible)[at],
        picks["welcome"].to_numpy(dtype=bool),
        np.minimum(1 / chance, MOST_STOOD_FOR),
    )
