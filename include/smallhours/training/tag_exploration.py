"""Predictions for tags that a person types, and the catalog's tracks that sound most like them.

A person writes tags as they think of them: `shoegaze, dream pop:60`. The tags are called by the
names that models learned, the features are predicted, and the closest tracks of the catalog
are found. `Explorer` holds the opened models for many requests; `explore` answers a single one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from smallhours.catalog.features import features_by_track
from smallhours.catalog.tag_names import namer
from smallhours.errors import NotEnoughData, SmallhoursError
from smallhours.identity import SEPARATOR, artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PREDICTED_FEATURES, TRACKS
from smallhours.training.audio.contributions import contributions
from smallhours.training.audio.model import AudioPredictor, load_audio_predictor
from smallhours.training.regression import LinearTagRegressor
from smallhours.training.tags import Tags
from smallhours.training.taste.model import FirstSeedTaste, TasteModel, load_taste

Floats = npt.NDArray[np.float64]

NEAREST = 10
MAX_WEIGHT = 100
# Below this string similarity (0-100) a known tag is not suggested for an unknown one.
MIN_SIMILARITY = 60
# The key of a made-up track that carries the typed tags.
TYPED_TRACK_KEY = f"?{SEPARATOR}?"
EXACT = "exact: coefficients times counts"
SHAPLEY = "Shapley values of the tags over the whole blend"


class UnknownTags(SmallhoursError):
    """The error for text without any tag that the model knows."""


@dataclass(frozen=True)
class KnownTag:
    """A tag that the model knows: as typed, its normalised name, and its weight (1-100)."""

    typed: str
    name: str
    weight: int


@dataclass(frozen=True)
class UnknownTag:
    """A tag that the model does not know, and the known tag with the most similar spelling."""

    typed: str
    closest: str | None


@dataclass(frozen=True)
class TagContribution:
    """The contribution of a tag to a feature, in the feature's unit."""

    tag: str
    amount: float


@dataclass(frozen=True)
class PredictedFeature:
    """A predicted feature.

    Attributes:
        name: The feature.
        value, low, high: The prediction and its 80 % interval, in the feature's unit.
        baseline: The prediction for a track without tags.
        pushes: Contribution of each tag to the baseline, the largest first.
        held_back: Correction that keeps the value within its bounds; baseline, pushes and this
            add up to the value.
    """

    name: str
    value: float
    low: float
    high: float
    baseline: float
    pushes: tuple[TagContribution, ...]
    held_back: float


@dataclass(frozen=True)
class NearTrack:
    """A track of the catalog that sounds similar.

    Attributes:
        track_key, artist, title: The track.
        distance: Root mean square over the five features of the difference, in standard
            deviations of the catalog.
    """

    track_key: str
    artist: str
    title: str
    distance: float


@dataclass(frozen=True)
class Exploration:
    """The predictions for some tags.

    Attributes:
        tags: Those that are known.
        unknown: Those that are not.
        features: What the model predicts, the five first.
        p_like: Probability that the listener likes it, 0-1; None where no taste was learned.
        nearest: The closest tracks of the catalog.
        how: Method by which the pushes of the five features were computed.
        model: Version of the model.
        learned_from: The listener whose own tracks it learned from, or `_shared`.
    """

    tags: tuple[KnownTag, ...]
    unknown: tuple[UnknownTag, ...]
    features: tuple[PredictedFeature, ...]
    p_like: float | None
    nearest: tuple[NearTrack, ...]
    how: str
    model: str
    learned_from: str

    def to_json(self) -> dict[str, Any]:
        """Return the exploration as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TrackCatalog:
    """The tracks that a prediction is compared with.

    Attributes:
        keys, artists, titles: (n,) the tracks.
        features: (n, 5) in the order of PREDICTED_FEATURES, measured or predicted.
    """

    keys: Sequence[str]
    artists: Sequence[str]
    titles: Sequence[str]
    features: Floats

    @classmethod
    def of(cls, lake: Lake) -> "TrackCatalog":
        """Read all tracks whose five features are measured or predicted."""
        rows = lake.frame(AUDIO_FEATURES, columns=["track_key", "source", "feature", "value"])
        known = features_by_track(rows)[list(PREDICTED_FEATURES)].dropna()
        tracks = lake.frame(TRACKS, columns=["track_key", "artist", "title"])
        tracks = tracks.drop_duplicates("track_key").set_index("track_key")
        found = tracks.join(known, how="inner").sort_index()
        return cls(
            found.index.tolist(),
            found["artist"].tolist(),
            found["title"].tolist(),
            found[list(PREDICTED_FEATURES)].to_numpy(dtype=np.float64),
        )

    def nearest(self, features: Floats, n: int) -> tuple[NearTrack, ...]:
        """Return the n tracks that are closest to some features (5,), the closest first."""
        if not self.keys:
            return ()
        spread = self.features.std(axis=0)
        apart = (self.features - features) / np.where(spread > 0, spread, 1.0)
        distance = np.sqrt((apart**2).mean(axis=1))
        return tuple(
            NearTrack(self.keys[at], self.artists[at], self.titles[at], float(distance[at]))
            for at in np.argsort(distance, kind="stable")[:n].tolist()
        )


@dataclass(frozen=True)
class Explorer:
    """The opened models and catalog that requests are answered from.

    Attributes:
        predictor: Model that predicts audio features.
        taste: Model that predicts P(like); None where none was learned.
        catalog: Tracks to compare with.
        name: Function that returns a tag's normalised name.
        known: The tags that the predictor knows, sorted.
    """

    predictor: AudioPredictor
    taste: TasteModel | FirstSeedTaste | None
    catalog: TrackCatalog
    name: Callable[[str], str]
    known: Sequence[str]

    @classmethod
    def open(cls, lake: Lake, listener: str) -> "Explorer":
        """Open the models in use for a listener, and the catalog.

        Raises:
            NotEnoughData: when no audio model was learned yet.
        """
        predictor = load_audio_predictor(lake, listener)
        if predictor is None:
            raise NotEnoughData(
                "No model has learned what tags sound like yet.",
                remedy="Run a night; if train_audio_features says that it skipped, it says why.",
            )
        return cls(
            predictor,
            load_taste(lake, listener),
            TrackCatalog.of(lake),
            namer(lake),
            sorted(set(predictor.model.inputs.names())),
        )

    def explore(self, text: str, *, nearest: int = NEAREST) -> Exploration:
        """Predict features and P(like) from tags.

        Args:
            text: Tags with commas between them, each with a weight from 1 to 100 behind a colon
                or without (100).
            nearest: Number of similar tracks to return.

        Raises:
            UnknownTags: when none of the tags is known, or a weight is out of range.
        """
        asked, unknown = self._read(text)
        counts = {tag.name: tag.weight for tag in asked}
        values, low, high = self.predictor.model.predict([counts], [counts])
        features = self._features(counts, values[0], low[0], high[0])
        five = {feature.name: feature.value for feature in features}
        return Exploration(
            asked,
            unknown,
            features,
            self._p_like(asked),
            self.catalog.nearest(np.array([five[name] for name in PREDICTED_FEATURES]), nearest),
            EXACT if self._is_linear() else SHAPLEY,
            self.predictor.version,
            self.predictor.owner,
        )

    def _read(self, text: str) -> tuple[tuple[KnownTag, ...], tuple[UnknownTag, ...]]:
        known, unknown = set(self.known), []
        asked: dict[str, KnownTag] = {}
        for typed, weight in parse_tags(text).items():
            name = self.name(typed)
            if name not in known:
                unknown.append(UnknownTag(typed, self._closest(name or typed)))
            elif name not in asked or weight > asked[name].weight:
                asked[name] = KnownTag(typed, name, weight)
        if not asked:
            said = ", ".join(
                f"{tag.typed!r}" + (f" (closest: {tag.closest!r})" if tag.closest else "")
                for tag in unknown
            )
            raise UnknownTags(
                f"The model knows none of these tags: {said}.",
                remedy="Try tags that your artists carry on Last.fm, such as genres and moods.",
            )
        return tuple(asked.values()), tuple(unknown)

    def _closest(self, name: str) -> str | None:
        found = process.extractOne(name, self.known, scorer=fuzz.ratio, score_cutoff=MIN_SIMILARITY)
        return None if found is None else str(found[0])

    def _features(
        self, counts: Mapping[str, int], values: Floats, low: Floats, high: Floats
    ) -> tuple[PredictedFeature, ...]:
        shares = contributions(self.predictor.model, counts)
        told = []
        for at, name in enumerate(self.predictor.model.features):
            share = shares[name]
            pushes = (
                TagContribution(tag, amount) for tag, amount in zip(counts, share.tags, strict=True)
            )
            told.append(
                PredictedFeature(
                    name,
                    float(values[at]),
                    float(low[at]),
                    float(high[at]),
                    share.baseline,
                    tuple(sorted(pushes, key=lambda push: (-abs(push.amount), push.tag))),
                    share.held_back,
                )
            )
        return tuple(told)

    def _p_like(self, asked: Sequence[KnownTag]) -> float | None:
        if self.taste is None:
            return None
        # A taste is learned from tags as Last.fm has them, which is how people type them, too.
        counts = {tag.typed: tag.weight for tag in asked}
        tags = Tags({TYPED_TRACK_KEY: counts}, {artist_key_in(TYPED_TRACK_KEY): counts})
        return float(self.taste.p_like(tags, [TYPED_TRACK_KEY])[0])

    def _is_linear(self) -> bool:
        return isinstance(self.predictor.model.models[0].regressor, LinearTagRegressor)


def explore(lake: Lake, listener: str, text: str, *, nearest: int = NEAREST) -> Exploration:
    """Predict from tags once; see `Explorer.explore`, which answers many requests.

    Raises:
        NotEnoughData: when no audio model was learned yet.
        UnknownTags: when none of the tags is known, or a weight is out of range.
    """
    return Explorer.open(lake, listener).explore(text, nearest=nearest)


def parse_tags(text: str) -> dict[str, int]:
    """Parse tags as a person types them; of a tag that is there twice the larger weight counts.

    >>> parse_tags("shoegaze, dream pop:60")
    {'shoegaze': 100, 'dream pop': 60}

    Raises:
        UnknownTags: when there is no tag, or a weight is not between 1 and 100.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        tag, colon, behind = part.rpartition(":")
        weighted = bool(colon) and behind.strip().lstrip("-").isdecimal()
        tag = (tag if weighted else part).strip()
        weight = int(behind) if weighted else MAX_WEIGHT
        if not 1 <= weight <= MAX_WEIGHT:
            raise UnknownTags(
                f"The weight of {tag!r} is {weight}.",
                remedy="A weight goes from 1 to 100, as in `dream pop:60`.",
            )
        if tag:
            found[tag] = max(found.get(tag, 0), weight)
    if not found:
        raise UnknownTags(
            "There are no tags.", remedy="Write some, as in `shoegaze, dream pop:60`."
        )
    return found
