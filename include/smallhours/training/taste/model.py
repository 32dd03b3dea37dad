"""The taste model: the probability that the listener likes a track, by its tags.

The listener's own model is `taste`; where none was learned yet, the first seed's is used.
Both have the same methods, which take tags as Last.fm has them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.training import TASTE
from smallhours.training.registry import (
    Registry,
    SavedModel,
    load_model,
    raise_unreadable,
)
from smallhours.training.tags import Tags
from smallhours.training.taste.tag_weights import (
    UNCALIBRATED,
    Calibration,
    TagColumns,
    TagWeights,
)
from smallhours.training.taste.training_rows import ListeningHistory, TrainingRows

if TYPE_CHECKING:
    from smallhours.training.first_seed import FirstSeedClassifier

NAME = TASTE
FIRST_SEED = "first_seed"
FILE = "classifier.skops"
WEIGHTS_FILE = "taste.json"
OLDER_COLUMNS_FILE = "columns.json"

MIN_LIKES = 10
MIN_NEGATIVES = 20

Floats = npt.NDArray[np.float64]


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
            remedy="Run refresh_catalog: it brings tracks that were not heard yet.",
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
