"""The taste model's training rows as of a moment: graded likes and dislikes, and a background.

Each thing that the listener did is an event with a date: a play, a save, a skip, a thumb. The
weights of `[training.evidence]` say how much each event counts for or against a track, and how fast
it fades. They are summed by track; the sign of the sum is the label and its size the weight. Tracks
whose events cancel out are left out. Example: with half_life_days = 100 and a weight of 2 for a
save, a track that was saved and stands (+2) and was skipped quickly (weight 0.5) 100 days ago
(-0.5 / 2) has the label 1 and the weight 1.75.

Listeners rarely say what they do not like, so tracks of the catalog that they never heard are the
background: ten for each like, drawn at random, which together weigh as much as the likes. Fewer
would do as well on average, but make the top of the list depend on the draw. Some of them would be
liked; a model of likes against random tracks ranks as one against all others would (Elkan and
Noto, KDD 2008). Example: 100 likes weigh 1 each on average. 1,000 background tracks are drawn, each
of weight 100 / 1,000 = 0.1.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.listening.feedback import feedback_before
from smallhours.listening.library import named_share
from smallhours.listening.plays import heard, heard_out
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.folds import (
    known_at,
    library_before,
    plays_before,
)
from smallhours.training.listening_history import ListeningHistory, has_tags
from smallhours.vocabulary import ACCEPTED, POSITIVE_SIGNALS, REJECTED, Reaction, Signal

COLUMNS = ["track_key", "label", "weight", "evidence", "at"]
# From this many plays on, a track counts as a habit; fewer may be curiosity.
MIN_PLAYS_OF_HABIT = 3
# Smaller sums are rounding errors, or plays too old to count.
MIN_WEIGHT = 0.01
FORWARD_BUTTON = "fwdbtn"
# Kinds of evidence, named as the reactions and the signal that they come from.
EXPLICIT_REJECTIONS = (*REJECTED, Signal.DISLIKED)
PASSIVE_EVIDENCE = ("top", "named", "played", "repeated", "pick_kept", "pick_played")

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
    Reaction.ARTIST_BLOCKED: ("blocked", -1),
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
            _of_library(library, as_of, weights, named_share(len(plays))),
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
    library: pd.DataFrame, as_of: dt.datetime, weights: EvidenceWeights, named: float
) -> pd.DataFrame:
    """Grade signals: standing ones as of tonight, a withdrawn save as of when it was missed.

    Named artists count by the share `named`.
    """
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
        Signal.NAMED: weights.named * named,
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
    frame = pd.DataFrame({"track_key": keys, "evidence": evidence, "weight": grades.astype(float)})
    frame["at"] = pd.to_datetime(at, utc=True)
    return frame


Floats = npt.NDArray[np.float64]

# More likes take longer and hardly improve the model; the strongest are taken.
MAX_LIKES = 4000
BACKGROUND_PER_LIKE = 10
MIN_BACKGROUND = 100
MAX_BACKGROUND = 20_000
BACKGROUND = "background"


@dataclass(frozen=True)
class TrainingRows:
    """Training rows, n of them.

    Attributes:
        tracks: Their keys: likes and dislikes in key order, then the background.
        y: (n,) 1 for a like.
        weight: (n,) a like weighs 1 on average; the background, all together, as much as all likes.
        evidence: The strongest kind of evidence, or `background`.
    """

    tracks: tuple[str, ...]
    y: npt.NDArray[np.intp]
    weight: Floats
    evidence: tuple[str, ...]

    @property
    def artists(self) -> list[str]:
        """The artist of each row."""
        return [artist_key_in(key) for key in self.tracks]

    @property
    def artist_numbers(self) -> npt.NDArray[np.intp]:
        """The artist of each row, as a number."""
        _, numbers = np.unique(np.array(self.artists, dtype=str), return_inverse=True)
        return numbers.astype(np.intp)

    @property
    def is_background(self) -> npt.NDArray[np.bool_]:
        """(n,) True for rows that were drawn at random."""
        return np.array([each == BACKGROUND for each in self.evidence], dtype=bool)

    def subset(self, at: npt.NDArray[np.intp]) -> "TrainingRows":
        """Return some of the rows, by their numbers."""
        return TrainingRows(
            tuple(self.tracks[each] for each in at),
            self.y[at],
            self.weight[at],
            tuple(self.evidence[each] for each in at),
        )

    def counts(self) -> dict[str, int]:
        """Return the number of rows by evidence."""
        found = pd.Series(self.evidence, dtype=object).value_counts()
        return {str(name): int(n) for name, n in sorted(found.items())}


def training_rows_at(
    past: ListeningHistory,
    moment: dt.datetime,
    *,
    weights: EvidenceWeights,
    rng: np.random.Generator,
    rejections: bool = True,
) -> TrainingRows:
    """Return the training rows as of a moment.

    Args:
        past: The listener's history; anything later than the moment is ignored.
        moment: UTC.
        weights: Weights of the evidence.
        rng: Random generator that draws the background.
        rejections: False leaves out the tracks that the listener rejected.
    """
    plays = plays_before(past.plays, moment)
    library = library_before(past.library, moment)
    feedback = feedback_before(past.feedback, moment)
    grades = grade_tracks(plays, library, feedback, as_of=moment, weights=weights)
    tagged = np.array([has_tags(past.tags, key) for key in grades["track_key"]], dtype=bool)
    grades = grades[tagged]
    likes = grades[grades["label"] == 1]
    likes = likes.sort_values(["weight", "track_key"], ascending=[False, True]).head(MAX_LIKES)
    against = grades[grades["label"] == 0]
    if not rejections:
        against = against.head(0)
    known = known_at(plays, library, moment) | set(grades["track_key"])
    background = sample_keys(
        [key for key in past.pool if key not in known],
        min(MAX_BACKGROUND, max(MIN_BACKGROUND, BACKGROUND_PER_LIKE * len(likes))),
        rng,
    )
    graded_rows = pd.concat([likes, against]).sort_values("track_key")
    heavy = _weights(graded_rows)
    return TrainingRows(
        tracks=(*graded_rows["track_key"], *background),
        y=np.r_[graded_rows["label"].to_numpy(dtype=np.intp), np.zeros(len(background), np.intp)],
        weight=np.r_[heavy, np.full(len(background), len(likes) / max(1, len(background)))],
        evidence=(*graded_rows["evidence"], *[BACKGROUND] * len(background)),
    )


def sample_keys(keys: Sequence[str], most: int, rng: np.random.Generator) -> list[str]:
    """Draw at most `most` of the keys, in their order."""
    if len(keys) <= most:
        return list(keys)
    return [keys[at] for at in sorted(rng.choice(len(keys), most, replace=False))]


def _weights(rows: pd.DataFrame) -> Floats:
    """Return the square root of the evidence, divided by its mean over the likes.

    The root makes ten plays count for less than ten liked tracks.
    """
    root: Floats = np.sqrt(rows["weight"].to_numpy(dtype=np.float64))
    likes = root[rows["label"].to_numpy() == 1]
    return root / likes.mean() if len(likes) else root
