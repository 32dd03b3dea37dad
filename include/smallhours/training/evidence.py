"""Graded evidence of which tracks the listener likes and dislikes.

Each thing that they did is an event with a date: a play, a save, a skip, a thumb. The weights of
`[training.evidence]` say how much each event counts for or against a track, and how fast it fades.
The weights of a track's events are summed; the sign of the sum is the label and its size the
weight. Tracks whose events cancel out are left out. Example: with half_life_days = 100 and a weight
of 2 for a save, a track that was saved and stands (+2) and was skipped quickly (weight 0.5) 100
days ago (-0.5 / 2) has the label 1 and the weight 1.75.

Pure functions: the same rows and night give the same grades.
"""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.listening.plays import heard, heard_out
from smallhours.settings import EvidenceWeights
from smallhours.vocabulary import ACCEPTED, POSITIVE_SIGNALS, REJECTED, Reaction, Signal

COLUMNS = ["track_key", "label", "weight", "evidence", "at"]
# From this many plays on, a track counts as a habit; fewer may be curiosity.
MIN_PLAYS_OF_HABIT = 3
# Smaller sums are rounding errors, or plays too old to count.
MIN_WEIGHT = 0.01
FORWARD_BUTTON = "fwdbtn"
# Kinds of evidence, named as the reactions and the signal that they come from.
EXPLICIT_REJECTIONS = (*REJECTED, Signal.DISLIKED)
PASSIVE_EVIDENCE = ("top", "played", "repeated", "pick_kept", "pick_played")

# Reaction to a pick -> (its name in the settings, sign). `unplayed` is no evidence: the listener
# did not get that far in the list. `kept` counts only for picks that they heard or saved: otherwise
# nobody chose to keep it.
_REACTIONS: Mapping[Reaction, tuple[str, int]] = {
    Reaction.KEPT: ("pick_kept", 1),
    Reaction.PLAYED: ("pick_played", 1),
    Reaction.SAVED: ("pick_saved", 1),
    Reaction.THUMBS_UP: ("thumbs_up", 1),
    Reaction.SKIPPED: ("pick_skipped", -1),
    Reaction.PASSED: ("pick_passed", -1),
    Reaction.REMOVED: ("removed", -1),
    Reaction.THUMBS_DOWN: ("thumbs_down", -1),
    Reaction.BLOCKED: ("blocked", -1),
}


def grade_tracks(
    plays: pd.DataFrame,
    library: pd.DataFrame,
    feedback: pd.DataFrame,
    *,
    as_of: dt.datetime,
    weights: EvidenceWeights,
) -> pd.DataFrame:
    """Grade every track for which there is evidence.

    Args:
        plays: `track_key`, `played_at`, `ms_played`, `skipped`, `reason_end`, all before `as_of`.
        library: `track_key`, `signal`, `first_seen`, `last_seen`, `added_at`, likewise.
        feedback: `track_key`, `reaction`, `at`, likewise.
        as_of: The moment that the age of evidence is counted from.
        weights: Weight of each kind of evidence.

    Returns:
        One row per track, in key order: `track_key`, `label` (1 like, 0 dislike), `weight` (> 0),
        `evidence` (the strongest kind that agrees with the label, by its name in the settings) and
        `at`, when evidence for the label was last seen.
    """
    events = pd.concat(
        [
            _of_plays(plays, as_of, weights),
            _of_skips(plays, as_of, weights),
            _of_library(library, as_of, weights),
            _of_feedback(feedback, as_of, weights),
        ],
        ignore_index=True,
    )
    events = _without_excused(events)
    net = events.groupby("track_key")["weight"].sum()
    net = net[net.abs() >= MIN_WEIGHT]
    events = events[events["track_key"].isin(net.index)]
    label = (net > 0).astype(int)
    agrees = (events["weight"] > 0) == events["track_key"].map(label).astype(bool)
    strongest = (
        events[agrees]
        .assign(size=events["weight"].abs())
        .sort_values(["track_key", "size", "evidence"], ascending=[True, False, True])
        .groupby("track_key")
        .agg(evidence=("evidence", "first"), at=("at", "max"))
    )
    found = strongest.assign(label=label, weight=net.abs()).reset_index()
    return found[COLUMNS].sort_values("track_key", ignore_index=True)


def _without_excused(events: pd.DataFrame) -> pd.DataFrame:
    """Drop passive listening to tracks that the listener explicitly rejected.

    A pick that was played and then removed from the list was heard, and may for that reason be
    among the top tracks; that is no sign of liking it. Explicit approval - saved, loved, a thumb
    up - still counts.
    """
    rejected = events.loc[events["evidence"].isin(EXPLICIT_REJECTIONS), "track_key"]
    excused = events["track_key"].isin(rejected) & events["evidence"].isin(PASSIVE_EVIDENCE)
    return events[~excused]


def _of_plays(plays: pd.DataFrame, as_of: dt.datetime, weights: EvidenceWeights) -> pd.DataFrame:
    """Grade plays to the end: single plays count a little, a habit with their logarithm."""
    ended = plays[heard_out(plays)]
    fresh = _decay(ended["played_at"], as_of, weights)
    of_track = (
        ended[["track_key", "played_at"]]
        .assign(fresh=fresh)
        .groupby("track_key")
        .agg(n=("fresh", "size"), fresh=("fresh", "sum"), at=("played_at", "max"))
    )
    habit = of_track["n"].to_numpy() >= MIN_PLAYS_OF_HABIT
    grade = np.where(habit, weights.repeated, weights.played)
    return pd.DataFrame(
        {
            "track_key": of_track.index,
            "evidence": np.where(habit, "repeated", "played"),
            "weight": grade * np.log2(1 + of_track["fresh"].to_numpy(dtype=float)),
            "at": of_track["at"].to_numpy(),
        }
    )


def _of_skips(plays: pd.DataFrame, as_of: dt.datetime, weights: EvidenceWeights) -> pd.DataFrame:
    """Grade plays that the listener ended by hand within half a minute."""
    by_hand = plays["skipped"].fillna(False).astype(bool) | (plays["reason_end"] == FORWARD_BUTTON)
    quick = plays[~heard(plays) & by_hand]
    return _rows(
        quick["track_key"],
        "quick_skip",
        -weights.quick_skip * _decay(quick["played_at"], as_of, weights),
        quick["played_at"],
    )


def _of_library(
    library: pd.DataFrame, as_of: dt.datetime, weights: EvidenceWeights
) -> pd.DataFrame:
    """Grade signals: standing ones as of tonight, a withdrawn save as of when it was missed."""
    if library.empty:
        return _rows(pd.Series(dtype=str), "saved", pd.Series(dtype=float), pd.Series(dtype=str))
    last = pd.to_datetime(library["last_seen"], utc=True)
    stands = last == last.groupby(library["signal"]).transform("max")
    now = pd.Timestamp(as_of)
    # A track may be a top track of three time ranges: that is one signal.
    standing = library[stands].drop_duplicates(["signal", "track_key"])
    known = standing[standing["signal"].isin(list(Signal))]
    weight_of = {
        Signal.TOP: weights.top,
        Signal.SAVED: weights.saved,
        Signal.LOVED: weights.loved,
        Signal.DISLIKED: -weights.disliked,
    }
    grades = known["signal"].map(weight_of)
    rows = _rows(known["track_key"], known["signal"], grades, pd.Series(now, index=known.index))
    gone = library[~stands & library["signal"].isin(POSITIVE_SIGNALS)]
    missed = last[gone.index]
    left = _rows(
        gone["track_key"], "unsaved", -weights.unsaved * _decay(missed, as_of, weights), missed
    )
    return pd.concat([rows, left], ignore_index=True)


def _of_feedback(
    feedback: pd.DataFrame, as_of: dt.datetime, weights: EvidenceWeights
) -> pd.DataFrame:
    told = feedback[feedback["reaction"].isin(_REACTIONS) & ~_kept_without_play(feedback)]
    # A pick may be in several lists and nights; the newest of equal reactions stands for all.
    told = told.sort_values("at", kind="stable").drop_duplicates(
        ["track_key", "reaction"], keep="last"
    )
    names = told["reaction"].map({of: name for of, (name, _) in _REACTIONS.items()})
    signs = {of: sign * getattr(weights, name) for of, (name, sign) in _REACTIONS.items()}
    grades = told["reaction"].map(signs).astype(float)
    return _rows(told["track_key"], names, grades * _decay(told["at"], as_of, weights), told["at"])


def _kept_without_play(feedback: pd.DataFrame) -> "pd.Series[bool]":
    """Flag picks that were kept by somebody who never played them."""
    met = feedback.loc[feedback["reaction"].isin(ACCEPTED), "track_key"]
    return (feedback["reaction"] == Reaction.KEPT) & ~feedback["track_key"].isin(met)


def _decay(moments: pd.Series, as_of: dt.datetime, weights: EvidenceWeights) -> pd.Series:
    """Return the weight that remains at each age: 2 to the power of -age / half-life."""
    age = (pd.Timestamp(as_of) - pd.to_datetime(moments, utc=True)).dt.total_seconds() / 86_400
    left = np.exp2(-age.clip(lower=0).to_numpy(dtype=float) / weights.half_life_days)
    return pd.Series(left, index=moments.index)


def _rows(
    keys: pd.Series, evidence: "str | pd.Series", grades: pd.Series, at: pd.Series
) -> pd.DataFrame:
    frame = pd.DataFrame({"track_key": keys, "weight": grades.astype(float)})
    frame["evidence"] = evidence
    frame["at"] = pd.to_datetime(at, utc=True)
    return frame[["track_key", "evidence", "weight", "at"]]
