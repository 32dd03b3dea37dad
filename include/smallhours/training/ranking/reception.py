"""How would a track be received, going by how our picks like it were?

Bayesian linear regression on the tags (Rasmussen and Williams, 2006, section 2.1): a pick's grade
is the mean grade, plus a little for each of its tags, plus chance, and chance is most of it. So one
pick moves nothing much, and many let the tags speak that the welcome ones share:

    f(x) = x . X' (X X' + NOISE / SPREAD I)^-1 (grade - mean)

with unit vectors over tags. What the taste model learns from - what somebody plays by themselves,
against a random background - says which music they know; this says what they make of ours.
"""

from collections.abc import Set

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_in
from smallhours.training.evaluation.live import ACCEPTED
from smallhours.training.evidence import REJECTED_ALOUD
from smallhours.training.ranking.columns import Flags, Floats
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.wishes import MAIN

COLUMNS = ["night", "track_key", "welcome", "grade"]
UNWELCOME = ("skipped", "passed", *REJECTED_ALOUD)
SAID_ALOUD = ("saved", "thumbs_up")
# Heard to the end, and ended before its time or passed over; what was said aloud says more.
HEARD, NOT_HEARD, SAVED, REJECTED = 1.0, 0.0, 1.5, -0.5
# How much a grade varies by chance, and how much with the tags: a pick that is liked as much as
# the next one is heard to its end or not as moods go.
NOISE, SPREAD = 0.23, 0.01
# The newest: more would take longer, and be of another year.
MOST_PICKS = 1_000
FEWEST_PICKS = 30


def no_picks() -> pd.DataFrame:
    """The picks of somebody who was recommended nothing yet."""
    return pd.DataFrame({name: [] for name in COLUMNS}).astype({"welcome": bool, "grade": float})


def judged_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """The picks of the main list that the listener came to, oldest first.

    One that they never came to says nothing, so that its place in the list is not held against it.
    What was taken out, or rejected otherwise, was not welcome, even if it was heard; of one that
    was heard once and cut short another time, that it was heard says more.

    Args:
        feedback: Rows of `feedback` of one listener.

    Returns:
        `night`, `track_key`, `welcome` and `grade`; a pick of several nights counts for the first.
    """
    told = feedback[feedback["intent"] == MAIN]
    if told.empty:
        return no_picks()
    reaction = told["reaction"]
    flags = told[["night", "track_key"]].assign(
        liked=reaction.isin(ACCEPTED),
        unliked=reaction.isin(UNWELCOME),
        said=reaction.isin(SAID_ALOUD),
        out=reaction.isin(REJECTED_ALOUD),
    )
    of_pick = flags.groupby(["night", "track_key"], as_index=False).any()
    came_to = of_pick[of_pick["liked"] | of_pick["unliked"]].drop_duplicates("track_key")
    welcome = came_to["liked"] & ~came_to["out"]
    heard = np.where(came_to["said"], SAVED, HEARD)
    unheard = np.where(came_to["out"], REJECTED, NOT_HEARD)
    found = came_to.assign(welcome=welcome, grade=np.where(welcome, heard, unheard))
    return found[COLUMNS].reset_index(drop=True)


def without_artists(picks: pd.DataFrame, artists: Set[str]) -> pd.DataFrame:
    """The picks that are not by some artists."""
    kept = [artist_key_in(key) not in artists for key in picks["track_key"]]
    return picks[np.array(kept, dtype=bool)]


def reception(vectors: TagVectors, picks: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """By how much the grade of each track is expected above or below that of the others.

    Args:
        vectors: Hold the tags of picks and tracks.
        picks: Of `judged_picks`.
        tracks: The tracks to answer for.

    Returns:
        NaN for a track without tags, and for all with fewer than 30 tagged picks, or without both
        kinds among them.
    """
    unknown = pd.Series(np.nan, index=tracks)
    newest = picks.tail(MOST_PICKS)
    rows = vectors.rows(pd.Index(newest["track_key"]))
    tagged = _has_tags(rows)
    rows, told = rows[tagged], newest[tagged]
    if len(told) < FEWEST_PICKS or told["welcome"].nunique() < 2:
        return unknown
    grades: Floats = told["grade"].to_numpy(dtype=float)
    alike = np.asarray((rows @ rows.T).todense())
    alike[np.diag_indices_from(alike)] += NOISE / SPREAD
    by_tag = rows.T @ np.linalg.solve(alike, grades - grades.mean())
    asked = vectors.rows(tracks)
    return pd.Series(np.where(_has_tags(asked), asked @ by_tag, np.nan), index=tracks)


def _has_tags(vectors: sparse.csr_matrix) -> Flags:
    found: Flags = np.asarray(vectors.sum(axis=1)).ravel() > 0
    return found
