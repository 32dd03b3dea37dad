"""Which tracks does a taste learn from, as of a moment? Likes, dislikes and a background.

Nobody tells what they don't care for, so tracks of the catalog that the listener never met stand
for it: ten for each like, drawn at random, which together weigh as much as the likes. Fewer would
do as well on average, and make the top of the list a matter of the draw. Some of them would be
liked; a model of likes against random tracks ranks as one against all others would (Elkan and
Noto, KDD 2008). What the listener did reject stands beside them, as heavy as its evidence.
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
from smallhours.listening.skips import with_skips
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.folds import (
    feedback_before,
    known_at,
    library_before,
    plays_before,
)
from smallhours.training.evidence import graded
from smallhours.training.tags import Tags, load_tags

Floats = npt.NDArray[np.float64]

# More likes make a night longer and a taste hardly sharper; the strongest are taken.
MOST_LIKES = 4000
BACKGROUND_PER_LIKE = 10
FEWEST_DRAWN = 100
MOST_DRAWN = 20_000
BACKGROUND = "background"


@dataclass(frozen=True)
class Past:
    """All that is known of a listener, up to now.

    Attributes:
        plays: Rows of `plays`; `skipped` for those that were cut short, too.
        library: Rows of `library`.
        feedback: Rows of `feedback`.
        tags: Of every track of the pool and of those above, as Last.fm has them.
        pool: Every track of the catalog that has a tag or whose artist has, in key order.
    """

    plays: pd.DataFrame
    library: pd.DataFrame
    feedback: pd.DataFrame
    tags: Tags
    pool: tuple[str, ...]

    def tagged(self, keys: Collection[str]) -> list[str]:
        """The tracks that have tags, in key order."""
        return sorted(key for key in keys if has_tags(self.tags, key))


@dataclass(frozen=True)
class Rows:
    """What is learned from, n rows.

    Attributes:
        tracks: Their keys: likes and dislikes in key order, then the background.
        y: (n,) 1 for a like.
        weight: (n,) how much each counts: a like 1 on average, and the background, all together,
            as much as all likes.
        evidence: What says so, `background` where nothing does.
    """

    tracks: tuple[str, ...]
    y: npt.NDArray[np.intp]
    weight: Floats
    evidence: tuple[str, ...]

    @property
    def artists(self) -> list[str]:
        """Artist of each row."""
        return [artist_key_in(key) for key in self.tracks]

    @property
    def is_background(self) -> npt.NDArray[np.bool_]:
        """(n,) whether nothing but chance put the row there."""
        return np.array([each == BACKGROUND for each in self.evidence], dtype=bool)

    def some(self, at: npt.NDArray[np.intp]) -> "Rows":
        """Some of the rows, by their numbers."""
        return Rows(
            tuple(self.tracks[each] for each in at),
            self.y[at],
            self.weight[at],
            tuple(self.evidence[each] for each in at),
        )

    def counts(self) -> dict[str, int]:
        """Rows by evidence."""
        found = pd.Series(self.evidence, dtype=object).value_counts()
        return {str(name): int(n) for name, n in sorted(found.items())}


def read_past(lake: Lake, listener: str, *, night: Night) -> Past:
    """Read what a listener did before the night's end, and the catalog."""
    own = {"listener": listener}
    columns = ["track_key", "played_at", "ms_played", "skipped", "reason_end", "sources"]
    plays = plays_before(lake.frame(PLAYS, columns=columns, where=own), night.as_of)
    plays = with_skips(plays)
    library = lake.frame(LIBRARY, where=own)
    library = library[library["first_seen"] <= night.date]
    feedback = feedback_before(lake.frame(FEEDBACK, where=own), night.as_of)
    candidates = lake.frame(CANDIDATES, columns=["track_key", "seen"], where=own)
    candidates = candidates[candidates["seen"] <= night.date]
    catalog = {*lake.frame(TRACKS, columns=["track_key"])["track_key"], *candidates["track_key"]}
    everything = catalog.union(plays["track_key"], library["track_key"], feedback["track_key"])
    tags = load_tags(lake, everything)
    pool = tuple(sorted(key for key in catalog if has_tags(tags, key)))
    return Past(plays.reset_index(drop=True), library, feedback, tags, pool)


def has_tags(tags: Tags, key: str) -> bool:
    """Whether a track or its artist has any."""
    return key in tags.own or artist_key_in(key) in tags.artist


def rows_at(
    past: Past,
    moment: dt.datetime,
    *,
    weights: EvidenceWeights,
    rng: np.random.Generator,
    rejections: bool = True,
) -> Rows:
    """The rows to learn from, by what was known at a moment.

    Args:
        past: The listener's past; what is later than the moment is not looked at.
        moment: UTC.
        weights: Of the evidence.
        rng: Draws the background.
        rejections: Whether what the listener rejected is learned from, beside the background.
    """
    plays = plays_before(past.plays, moment)
    library = library_before(past.library, moment)
    feedback = feedback_before(past.feedback, moment)
    grades = graded(plays, library, feedback, as_of=moment, weights=weights)
    tagged = np.array([has_tags(past.tags, key) for key in grades["track_key"]], dtype=bool)
    grades = grades[tagged]
    likes = grades[grades["label"] == 1]
    likes = likes.sort_values(["weight", "track_key"], ascending=[False, True]).head(MOST_LIKES)
    against = grades[grades["label"] == 0]
    if not rejections:
        against = against.head(0)
    met = known_at(plays, library, moment) | set(grades["track_key"])
    background = drawn(
        [key for key in past.pool if key not in met],
        min(MOST_DRAWN, max(FEWEST_DRAWN, BACKGROUND_PER_LIKE * len(likes))),
        rng,
    )
    graded_rows = pd.concat([likes, against]).sort_values("track_key")
    heavy = _weights(graded_rows)
    return Rows(
        tracks=(*graded_rows["track_key"], *background),
        y=np.r_[graded_rows["label"].to_numpy(dtype=np.intp), np.zeros(len(background), np.intp)],
        weight=np.r_[heavy, np.full(len(background), len(likes) / max(1, len(background)))],
        evidence=(*graded_rows["evidence"], *[BACKGROUND] * len(background)),
    )


def drawn(keys: Sequence[str], most: int, rng: np.random.Generator) -> list[str]:
    """At most so many of them, in their order."""
    if len(keys) <= most:
        return list(keys)
    at = rng.choice(len(keys), most, replace=False)
    return [keys[each] for each in sorted(at)]


def _weights(rows: pd.DataFrame) -> Floats:
    """The root of the evidence, over the mean root of the likes: ten plays are not ten likes."""
    root: Floats = np.sqrt(rows["weight"].to_numpy(dtype=np.float64))
    likes = root[rows["label"].to_numpy() == 1]
    if len(likes):
        root /= likes.mean()
    return root
