"""The taste model's training rows as of a moment: likes, dislikes and a background.

Listeners rarely say what they do not like, so tracks of the catalog that they never heard are the
background: ten for each like, drawn at random, which together weigh as much as the likes. Fewer
would do as well on average, but make the top of the list depend on the draw. Some of them would be
liked; a model of likes against random tracks ranks as one against all others would (Elkan and
Noto, KDD 2008). Tracks that the listener did reject are added, weighted by their evidence.

Example: 100 likes weigh 1 each on average. 1,000 background tracks are drawn, each of weight 100 /
1,000 = 0.1.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import CANDIDATES, FEEDBACK, LIBRARY, PLAYS, TRACKS
from smallhours.listening.plays import with_inferred_skips
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.folds import (
    feedback_before,
    known_at,
    library_before,
    plays_before,
)
from smallhours.training.evidence import grade_tracks
from smallhours.training.tags import Tags, load_tags
from smallhours.vocabulary import Route

Floats = npt.NDArray[np.float64]

# More likes take longer and hardly improve the model; the strongest are taken.
MAX_LIKES = 4000
BACKGROUND_PER_LIKE = 10
MIN_BACKGROUND = 100
MAX_BACKGROUND = 20_000
BACKGROUND = "background"


@dataclass(frozen=True)
class ListeningHistory:
    """The history of a listener up to now, and the catalog.

    Attributes:
        plays: Rows of `plays`; `skipped` is also True for plays that were cut short.
        library: Rows of `library`.
        feedback: Rows of `feedback`.
        tags: Raw tags of every track of the pool and of the tables above.
        pool: Every track of the catalog that has a tag or whose artist has one, in key order.
        background: Candidates of unheard tags, in key order.
    """

    plays: pd.DataFrame
    library: pd.DataFrame
    feedback: pd.DataFrame
    tags: Tags
    pool: tuple[str, ...]
    background: tuple[str, ...] = ()

    def tagged(self, keys: Collection[str]) -> list[str]:
        """Return the tracks that have tags, in key order."""
        return sorted(key for key in keys if has_tags(self.tags, key))


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


def read_history(lake: Lake, listener: str, *, night: Night) -> ListeningHistory:
    """Read a listener's history before the night's end, and the catalog."""
    own = {"listener": listener}
    columns = ["track_key", "played_at", "ms_played", "skipped", "reason_end", "sources"]
    plays = plays_before(lake.frame(PLAYS, columns=columns, where=own), night.as_of)
    plays = with_inferred_skips(plays)
    library = lake.frame(LIBRARY, where=own)
    library = library[library["first_seen"] <= night.date]
    feedback = feedback_before(lake.frame(FEEDBACK, where=own), night.as_of)
    candidates = lake.frame(CANDIDATES, columns=["track_key", "route", "seen"], where=own)
    candidates = candidates[candidates["seen"] <= night.date]
    catalog = {*lake.frame(TRACKS, columns=["track_key"])["track_key"], *candidates["track_key"]}
    everything = catalog.union(plays["track_key"], library["track_key"], feedback["track_key"])
    tags = load_tags(lake, everything)
    pool = tuple(sorted(key for key in catalog if has_tags(tags, key)))
    background = candidates.loc[candidates["route"] == Route.BACKGROUND, "track_key"]
    return ListeningHistory(
        plays.reset_index(drop=True), library, feedback, tags, pool, tuple(sorted({*background}))
    )


def has_tags(tags: Tags, key: str) -> bool:
    """Return True if a track or its artist has a tag."""
    return key in tags.own or artist_key_in(key) in tags.artist


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
    at = rng.choice(len(keys), most, replace=False)
    return [keys[each] for each in sorted(at)]


def _weights(rows: pd.DataFrame) -> Floats:
    """Return the square root of the evidence, divided by its mean over the likes.

    The root makes ten plays count for less than ten liked tracks.
    """
    root: Floats = np.sqrt(rows["weight"].to_numpy(dtype=np.float64))
    likes = root[rows["label"].to_numpy() == 1]
    if len(likes):
        root /= likes.mean()
    return root
