"""The reception signal: how a track would be received, by the reception of past picks like it.

Bayesian linear regression on the tags (Rasmussen and Williams, 2006, section 2.1): a pick's grade
is the mean grade, plus a little for each of its tags, plus noise, and noise is most of it. So a
single pick changes little, and many picks show the tags that the welcome ones share:

    f(x) = x . X' (X X' + GRADE_VARIANCE / TAG_VARIANCE I)^-1 (grade - mean)

with unit vectors over tags. The taste model learns from what a listener plays by themselves against
a random background, and so predicts which music they know; this one predicts how they react to
recommendations.
"""

from collections.abc import Set

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_in
from smallhours.playlist_settings import MAIN
from smallhours.training.ranking.fusion import Flags, Floats
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.vocabulary import ACCEPTED, REJECTED, Reaction

COLUMNS = ["night", "track_key", "welcome", "grade"]
NEGATIVE_REACTIONS = (Reaction.SKIPPED, Reaction.PASSED, *REJECTED)
# Accepted by an act of its own: a play is not one.
EXPLICIT_APPROVAL = (Reaction.SAVED, Reaction.THUMBS_UP)
# Grades of a pick: heard to the end; skipped or passed over; saved or thumbed up; removed or
# otherwise rejected.
GRADE_HEARD, GRADE_NOT_HEARD, GRADE_APPROVED, GRADE_REJECTED = 1.0, 0.0, 1.5, -0.5
# Variance of a grade by chance, and by the tags. Chance is large: of two picks that are equally
# liked, one is heard to its end and the other is not.
GRADE_VARIANCE, TAG_VARIANCE = 0.23, 0.01
# Only the newest picks count: older ones take time to fit and are out of date.
MAX_PICKS = 1_000
MIN_PICKS = 30


def empty_picks() -> pd.DataFrame:
    """Return the picks of a listener without recommendations: no rows."""
    return pd.DataFrame({name: [] for name in COLUMNS}).astype({"welcome": bool, "grade": float})


def graded_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the picks of the main list that the listener reached, oldest first.

    A pick that they never reached is left out, so that its place in the list does not count against
    it.

    Example: a pick that was played (grade 1) and saved has the grade 1.5; one that was played and
    then removed has -0.5; one that was only passed over has 0.

    Args:
        feedback: Rows of `feedback` of one listener.

    Returns:
        `night`, `track_key`, `welcome` and `grade`; a pick of several nights counts for the first.
    """
    told = feedback[feedback["intent"] == MAIN]
    if told.empty:
        return empty_picks()
    reached = reached_picks(told).drop_duplicates("track_key")
    heard = np.where(reached["approved"], GRADE_APPROVED, GRADE_HEARD)
    unheard = np.where(reached["rejected"], GRADE_REJECTED, GRADE_NOT_HEARD)
    found = reached.assign(grade=np.where(reached["welcome"], heard, unheard))
    return found[COLUMNS].reset_index(drop=True)


def reached_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the picks that the listener reached, and which of them were welcome.

    A pick that was removed or otherwise rejected was not welcome, even if it was heard. A pick that
    was heard once and skipped another time was welcome.

    Args:
        feedback: `night`, `track_key` and `reaction` of one playlist.

    Returns:
        `night`, `track_key`, and the flags `welcome`, `approved` and `rejected`, oldest first.
    """
    reaction = feedback["reaction"]
    flags = feedback[["night", "track_key"]].assign(
        welcome=reaction.isin(ACCEPTED),
        unwelcome=reaction.isin(NEGATIVE_REACTIONS),
        approved=reaction.isin(EXPLICIT_APPROVAL),
        rejected=reaction.isin(REJECTED),
    )
    of_pick = flags.groupby(["night", "track_key"], as_index=False).any()
    reached = of_pick[of_pick["welcome"] | of_pick["unwelcome"]].drop(columns="unwelcome")
    return reached.assign(welcome=reached["welcome"] & ~reached["rejected"])


def without_artists(picks: pd.DataFrame, artists: Set[str]) -> pd.DataFrame:
    """Return the picks that are not by some artists."""
    kept = [artist_key_in(key) not in artists for key in picks["track_key"]]
    return picks[np.array(kept, dtype=bool)]


def reception(vectors: TagVectors, picks: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """Return each track's expected grade minus the mean grade.

    Args:
        vectors: Tag vectors of picks and tracks.
        picks: The result of `graded_picks`.
        tracks: The tracks to score.

    Returns:
        NaN for a track without tags, and for all tracks with fewer than 30 tagged picks, or if all
        picks were welcome or none.
    """
    unknown = pd.Series(np.nan, index=tracks)
    newest = picks.tail(MAX_PICKS)
    rows = vectors.rows(pd.Index(newest["track_key"]))
    tagged = _has_tags(rows)
    rows, told = rows[tagged], newest[tagged]
    if len(told) < MIN_PICKS or told["welcome"].nunique() < 2:
        return unknown
    grades: Floats = told["grade"].to_numpy(dtype=float)
    alike = np.asarray((rows @ rows.T).todense())
    alike[np.diag_indices_from(alike)] += GRADE_VARIANCE / TAG_VARIANCE
    by_tag = rows.T @ np.linalg.solve(alike, grades - grades.mean())
    asked = vectors.rows(tracks)
    return pd.Series(np.where(_has_tags(asked), asked @ by_tag, np.nan), index=tracks)


def _has_tags(vectors: sparse.csr_matrix) -> Flags:
    found: Flags = np.asarray(vectors.sum(axis=1)).ravel() > 0
    return found
