"""The taste model: the probability that the listener likes a track, by its tags.

The listener's own model is `taste`; where none was learned yet, the first seed's is used.
Both have the same methods, which take tags as Last.fm has them.

Ranking, reasons and pages read a saved model every night: a weight for each tag. scikit-learn is
imported only by what learns one. The raw probability is that of the training rows, where the
negatives were drawn; `Calibration` maps it to the share that was adopted later.

Example: with slope 1 and offset -1, log-odds of 0 (a raw probability of 0.5) become 1 / (1 + e) =
0.27. So among tracks that the model finds balanced, about one in four was adopted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.training import TASTE
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.registry import (
    Registry,
    SavedModel,
    load_model,
    raise_unreadable,
)
from smallhours.training.tags import Tags, count_matrix
from smallhours.training.taste.training_rows import (
    TrainingRows,
)

if TYPE_CHECKING:
    from smallhours.training.first_seed import FirstSeedClassifier

NAME = TASTE
FIRST_SEED = "first_seed"
FILE = "classifier.skops"
WEIGHTS_FILE = "taste.json"
OLDER_COLUMNS_FILE = "columns.json"

MIN_LIKES = 10
MIN_NEGATIVES = 20
MAX_PLATT_ITER = 1000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TagWeights:
    """The weight of each column of tags where it is carried, and the log-odds without any.

    Attributes:
        weights: (columns,) of `TagColumns`; 0 for a tag that is left out.
        intercept: Log-odds of a track without tags.
    """

    weights: Floats
    intercept: float

    def log_odds(self, counts: sparse.csr_matrix) -> Floats:
        """Return the log-odds of a like, (n,), of rows of counts, (n, columns)."""
        return np.asarray(_carried(counts) @ self.weights + self.intercept)

    def contributions(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return each column's contribution to the log-odds of each row, (n, columns)."""
        shares = sparse.csr_matrix(_carried(counts) @ sparse.diags_array(self.weights))
        shares.eliminate_zeros()
        return shares


def _carried(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    return counts.astype(bool).astype(np.float64)


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (1999): p = 1 / (1 + exp(-(slope x log-odds + offset))).

    Fitted on rows that are later than the training rows. It has two parameters, because there are
    few rows to learn them from, and it keeps the order of tracks.
    """

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fit(
        cls, log_odds: Floats, y: npt.ArrayLike, weight: npt.ArrayLike | None = None
    ) -> "Calibration":
        """Fit to held-out rows, (n,) each, with the smoothed targets of Platt's paper.

        Targets are (n+ + 1) / (n+ + 2) for a like and 1 / (n- + 2) for none, so that a few rows
        that are separated perfectly do not make a model certain. Example: with 8 likes and 24
        others they are 0.9 and 1 / 26 = 0.04. A slope of 0 or less would lose the order: then the
        rows hold no evidence, and only the base rate is learned (slope 0).
        """
        found = np.asarray(y, dtype=float)
        heavy = np.ones(len(found)) if weight is None else np.asarray(weight, dtype=float)
        likes, others = float(heavy @ found), float(heavy @ (1 - found))
        high, low = (likes + 1) / (likes + 2), 1 / (others + 2)
        x = np.concatenate([log_odds, log_odds])[:, None]
        labels = np.repeat([1, 0], len(found))
        target = np.where(found == 1, high, low)
        weighed = np.concatenate([heavy * target, heavy * (1 - target)])
        from sklearn.linear_model import LogisticRegression

        platt = LogisticRegression(C=1e6, solver="lbfgs", max_iter=MAX_PLATT_ITER)
        platt.fit(x, labels, sample_weight=weighed)
        slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        if slope <= 0:
            return cls(0.0, float(np.log((likes + 1) / (others + 1))))
        return cls(slope, offset)

    def __call__(self, log_odds: Floats) -> Floats:
        """Return probabilities, (n,), for log-odds (n,)."""
        return 1 / (1 + np.exp(-np.clip(self.slope * log_odds + self.offset, -30, 30)))


# No calibration: the probabilities of the training rows.
UNCALIBRATED = Calibration()


@dataclass(frozen=True)
class TagColumns:
    """The tags that a model knows.

    Attributes:
        own: Tags of tracks themselves, in lower case, sorted.
        artist: Tags of artists, likewise.
    """

    own: tuple[str, ...]
    artist: tuple[str, ...]

    @classmethod
    def of(cls, tags: Tags, tracks: Sequence[str]) -> Self:
        """Return the columns of all tags that some tracks carry."""
        own: set[str] = set()
        for key in tracks:
            own.update(map(str.casefold, tags.own.get(key, ())))
        artist: set[str] = set()
        for key in dict.fromkeys(map(artist_key_in, tracks)):
            artist.update(map(str.casefold, tags.artist.get(key, ())))
        return cls(tuple(sorted(own)), tuple(sorted(artist)))

    @property
    def column_tags(self) -> tuple[str, ...]:
        """The tag of each column."""
        return self.own + self.artist

    def counts(self, tags: Tags, tracks: Sequence[str]) -> sparse.csr_matrix:
        """Return counts (1-100) of the known tags, (tracks, columns); rows may be empty."""
        own = count_matrix((_folded(tags.own.get(key, {})) for key in tracks), _places(self.own))
        # One row per artist, repeated for each of their tracks.
        owners = [artist_key_in(key) for key in tracks]
        artists = {key: at for at, key in enumerate(dict.fromkeys(owners))}
        rows = (_folded(tags.artist.get(key, {})) for key in artists)
        artist = count_matrix(rows, _places(self.artist))
        return sparse.hstack([own, artist[[artists[key] for key in owners]]]).tocsr()


def _places(tags: Sequence[str]) -> dict[str, int]:
    return {tag: at for at, tag in enumerate(tags)}


def _folded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by lower case; of two spellings, the first is the stronger."""
    found: dict[str, int] = {}
    for tag, count in counts.items():
        found.setdefault(tag.casefold(), count)
    return found


@dataclass(frozen=True)
class TasteModel:
    """A listener's taste as learned from graded evidence.

    Attributes:
        columns: The tags that it knows.
        weights: What it says of each.
        calibration: Maps its log-odds to the share that is adopted later.
        version: Version of the saved model; empty when it was not saved.
    """

    columns: TagColumns
    weights: TagWeights
    calibration: Calibration = UNCALIBRATED
    version: str = ""

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return NAME

    def log_odds(self, tags: Tags, tracks: Sequence[str]) -> Floats:
        """Return the log-odds of a like, before calibration, (n,)."""
        if not len(tracks):
            return np.zeros(0)
        return self.weights.log_odds(self.columns.counts(tags, tracks))

    def p_like(self, tags: Tags, tracks: Sequence[str]) -> Floats:
        """Return P(like) of each track, (n,), 0-1, in a mixture where one track in four is liked.

        Args:
            tags: Raw tags of the tracks, as `load_tags` returns them by default.
            tracks: Track keys.
        """
        return self.calibration(self.log_odds(tags, tracks))

    def contributions(self, tags: Tags, track_key: str) -> dict[str, float]:
        """Return each tag's contribution to a track's log-odds, by the tag's name, for and against.

        A tag of both the track and its artist is one; a tag that says nothing about the music keeps
        its raw name. Together with the intercept they sum to `log_odds`.
        """
        row = self.weights.contributions(self.columns.counts(tags, [track_key])).tocoo()
        column_tags = self.columns.column_tags
        found: dict[str, float] = {}
        for at, share in zip(row.col.tolist(), row.data.tolist(), strict=True):
            name = tags.name(column_tags[at]) or column_tags[at]
            found[name] = found.get(name, 0.0) + share
        return found

    def top_tags(self, tags: Tags, track_key: str, n: int) -> list[tuple[str, float]]:
        """Return the names of the tags that count most for a track, at most n, strongest first.

        Tags that count against it, and tags that say nothing about the music, are left out.
        """
        return _strongest(self.contributions(tags, track_key), tags, n)

    def files(self, prefix: str = "") -> dict[str, bytes]:
        """Return the model as files for the registry."""
        noted = {
            "own": self.columns.own,
            "artist": self.columns.artist,
            "weights": self.weights.weights.tolist(),
            "intercept": self.weights.intercept,
            "slope": self.calibration.slope,
            "offset": self.calibration.offset,
        }
        return {prefix + WEIGHTS_FILE: (json.dumps(noted, ensure_ascii=False) + "\n").encode()}

    @classmethod
    def of(cls, saved: SavedModel, prefix: str = "") -> Self:
        """Read back the result of `files`, or a model of before there were weights alone.

        Raises:
            UnreadableModel: when a file is damaged, missing, or holds an untrusted type.
        """
        older = prefix + WEIGHTS_FILE not in saved.card.files
        name = prefix + (OLDER_COLUMNS_FILE if older else WEIGHTS_FILE)
        try:
            noted = json.loads(saved.read(name))
            columns = TagColumns(tuple(noted["own"]), tuple(noted["artist"]))
            calibration = Calibration(float(noted["slope"]), float(noted["offset"]))
            if older:
                file = prefix + FILE
                weights = load_model(saved.read(file), where=saved.address(file)).tag_weights()
            else:
                weights = TagWeights(np.array(noted["weights"]), float(noted["intercept"]))
            if weights.weights.shape != (len(columns.column_tags),):
                raise ValueError("a weight for each tag")
        except (ValueError, KeyError, TypeError) as error:
            raise_unreadable(saved.address(name), f"it is damaged ({type(error).__name__})")
        return cls(columns, weights, calibration, saved.version)


def fit_taste_model(past: ListeningHistory, rows: TrainingRows) -> TasteModel:
    """Fit a model to some rows, without calibration.

    Raises:
        NotEnoughData: with fewer than ten likes or twenty others.
    """
    likes = int(rows.y.sum())
    if likes < MIN_LIKES:
        raise NotEnoughData(
            f"{likes} liked tracks have tags; {MIN_LIKES} are the least to learn a taste from.",
            remedy="Let sync_listening and refresh_catalog run to their ends; if they have, play "
            "or save some more music first.",
        )
    if len(rows.y) - likes < MIN_NEGATIVES:
        raise NotEnoughData(
            f"{len(rows.y) - likes} tracks that are not liked have tags; {MIN_NEGATIVES} are "
            "the least to tell likes from.",
            remedy="Trigger the DAG refresh_catalog: it brings tracks that were not heard yet.",
        )
    from smallhours.training.taste.classifier import TasteClassifier

    columns = TagColumns.of(past.tags, rows.tracks)
    classifier = TasteClassifier(track_columns=len(columns.own))
    counts = columns.counts(past.tags, rows.tracks)
    classifier.fit(counts, rows.y, sample_weight=rows.weight, groups=rows.artist_numbers)
    return TasteModel(columns, classifier.tag_weights())


@dataclass(frozen=True)
class FirstSeedTaste:
    """The first seed's classifier, with the methods of `TasteModel`.

    Attributes:
        classifier: The fitted classifier.
        version: Version of the saved model; empty when it was not saved.
    """

    classifier: "FirstSeedClassifier"
    version: str = ""

    @classmethod
    def of(cls, saved: SavedModel) -> Self:
        """Read a saved model.

        Raises:
            UnreadableModel: when its file is damaged, missing, or holds an untrusted type.
        """
        return cls(load_model(saved.read(FILE), where=saved.address(FILE)), saved.version)

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return FIRST_SEED

    def p_like(self, tags: Tags, tracks: Sequence[str]) -> Floats:
        """Return P(like) of each track, (n,), 0-1; without known tags, the base rate."""
        if not len(tracks):
            return np.zeros(0)
        rows = [",".join(tags.as_first_seed(key)) for key in tracks]
        return self.classifier.predict_proba(rows)[:, 1]

    def contributions(self, tags: Tags, track_key: str) -> dict[str, float]:
        """Return each tag's contribution to a track's log-odds, by the tag's name."""
        found: dict[str, float] = {}
        for tag in tags.as_first_seed(track_key):
            if share := self.classifier.weight_of(tag):
                name = tags.name(tag) or tag
                found[name] = found.get(name, 0.0) + share
        return found

    def top_tags(self, tags: Tags, track_key: str, n: int) -> list[tuple[str, float]]:
        """Return the names of the tags that count most for a track, at most n, strongest first."""
        return _strongest(self.contributions(tags, track_key), tags, n)


def load_taste(lake: Lake, listener: str) -> TasteModel | FirstSeedTaste | None:
    """Load the listener's model in use, else the first seed's; None before any training.

    A damaged or missing model counts as none.
    """
    registry = Registry.of(lake)
    taste = registry.load(listener, NAME, TasteModel.of)
    return registry.load(listener, FIRST_SEED, FirstSeedTaste.of) if taste is None else taste


def _strongest(shares: Mapping[str, float], tags: Tags, n: int) -> list[tuple[str, float]]:
    speaking = [(name, share) for name, share in shares.items() if share > 0 and tags.name(name)]
    return sorted(speaking, key=lambda each: (-each[1], each[0]))[:n]
