"""Past picks as lists to learn from: impressions that were welcome, and those that were not.

The third kind of list of the past, beside those of `past_lists`, and the only one in which the
listener saw the tracks that they did not take up. Of a week's picks, only those count that the
listener reached: played, saved, skipped, passed over, removed. A pick that they never reached is
left out, so that its place in the list does not count against it.

An explored pick was drawn at random, with a propensity on record. One that was not welcome
represents 1 / propensity tracks, ten at most; all other picks represent themselves (truncated
importance weights, Ionides 2008). Example: two picks of a week were not welcome. One was chosen by
its score and represents 1 track. The other was drawn with the propensity 0.25 and represents 4:
itself, and three that could have been drawn in its place. With the propensity 0.02 it would
represent 50, which is cut to 10.

The signals are those of the week's beginning: made from the data at that time, and compared with
all candidates of that day.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.playlist_settings import MAIN
from smallhours.training.evaluation.metrics import placements
from smallhours.training.ranking.fusion import Flags, Floats, Fusion, columns_of
from smallhours.training.ranking.listwise import TrainingList
from smallhours.training.ranking.past_lists import LEARNED_SIGNALS, PastTables, list_at
from smallhours.training.ranking.signals import graded_picks

WEEK = 7
MAX_WEEKS = 8
# Weight of a welcome pick beside an adoption: ten welcome picks count as much as one adopted track.
# A reaction is a single event, and an adoption a habit; and all picks had high scores already, so
# that they say little about other tracks.
PICK_WEIGHT = 0.1
# Maximum importance weight of an explored pick: without it, a few picks would decide.
MAX_IMPORTANCE = 10.0


@dataclass(frozen=True)
class ImpressionWeek:
    """The picks of one week that the listener reached, n of them.

    Attributes:
        tracks: Their keys.
        columns: (n, 2 × LEARNED), of `columns_of`, among all candidates of the week's beginning.
        welcome: (n,), True for picks that were played, saved or thumbed up, and not removed.
        importance: (n,), number of tracks that each represents: its importance weight.
    """

    tracks: tuple[str, ...]
    columns: Floats
    welcome: Flags
    importance: Floats

    def training_lists(self) -> Iterator[TrainingList]:
        """Yield a list for each welcome pick: that pick with all of the week that were not welcome.

        Example: of 12 picks that the listener reached, 9 were welcome. They give 9 lists of 4 picks
        each: one welcome pick, marked as adopted, and the same 3 others.
        """
        others = np.flatnonzero(~self.welcome)
        for one in np.flatnonzero(self.welcome).tolist():
            rows = np.concatenate([[one], others])
            first = np.arange(len(rows)) == 0
            importance = np.where(first, 1.0, self.importance[rows])
            yield TrainingList(self.columns[rows], first, importance, PICK_WEIGHT)

    def win_rates(self, fusion: Fusion) -> Floats:
        """Return, for each welcome pick, the share of the unwelcome ones ranked below it."""
        return placements(self.welcome.astype(int), self.columns @ fusion.vector(LEARNED_SIGNALS))

    @property
    def artists(self) -> list[str]:
        """The artist of each welcome pick."""
        return [
            artist_key_in(key)
            for key, welcome in zip(self.tracks, self.welcome.tolist(), strict=True)
            if welcome
        ]


def read_propensities(lake: Lake, listener: str, *, night: Night) -> pd.Series:
    """Read the propensity with which each explored pick of the last weeks was drawn.

    Returns:
        By night (a date) and track key; of the main list.
    """
    columns = ["night", "intent", "track_key", "propensity"]
    days = [night.date - dt.timedelta(days=back) for back in range(1, MAX_WEEKS * WEEK + 1)]
    nights = [day.isoformat() for day in days]
    rows = lake.frame(
        RECOMMENDATIONS, columns=columns, where={"listener": listener, "night": nights}
    )
    rows = rows[(rows["intent"] == MAIN) & rows["propensity"].notna()]
    at = pd.MultiIndex.from_arrays(
        [pd.to_datetime(rows["night"]).dt.date, rows["track_key"]], names=["night", "track_key"]
    )
    return pd.Series(rows["propensity"].to_numpy(dtype=float), index=at)


def impression_weeks(
    past_tables: PastTables, propensities: pd.Series, rng: np.random.Generator, *, night: Night
) -> list[ImpressionWeek]:
    """Return the weeks with both welcome and unwelcome picks, oldest first, eight at most.

    Args:
        past_tables: The listener's history and the catalog.
        propensities: The result of `read_propensities`.
        rng: Random generator for the signals of a past day.
        night: Tonight.
    """
    picks = graded_picks(past_tables.past.feedback)
    ago = np.array([(night.date - day).days for day in picks["night"]], dtype=int)
    found = []
    for week in reversed(range(MAX_WEEKS)):
        mine = picks[(ago > week * WEEK) & (ago <= (week + 1) * WEEK)]
        if mine["welcome"].nunique() < 2:
            continue
        cut = night.as_of - dt.timedelta(days=(week + 1) * WEEK)
        shown = _shown(past_tables, mine, propensities, cut, rng)
        if shown.welcome.any() and not shown.welcome.all():
            found.append(shown)
    return found


def _shown(
    past_tables: PastTables,
    picks: pd.DataFrame,
    propensities: pd.Series,
    cut: dt.datetime,
    rng: np.random.Generator,
) -> ImpressionWeek:
    past = list_at(past_tables, cut, set(picks.loc[picks["welcome"], "track_key"]), rng)
    at = past.signals.index.get_indexer(pd.Index(picks["track_key"]))
    there = (at >= 0) & past.eligible[at]
    picks, at = picks[there], at[there]
    drawn = pd.MultiIndex.from_arrays([picks["night"], picks["track_key"]])
    chance = propensities.reindex(drawn).fillna(1.0).to_numpy(dtype=float)
    return ImpressionWeek(
        tuple(picks["track_key"]),
        columns_of(past.signals, past.eligible)[at],
        picks["welcome"].to_numpy(dtype=bool),
        np.minimum(1 / chance, MAX_IMPORTANCE),
    )
