"""The audio model: regressors that predict audio features from tags, and their training.

Tags of the track and of its artist stay apart, as columns of their own. One regressor predicts the
five features that are always predicted. Speechiness, tempo and the like are learned by a linear
regressor beside it and predicted only where tags allow it: where its R² on artists that it has not
seen is above 0 with 97.5 % certainty. A key (C, C sharp, ...) lies on a circle and has no order
to predict; only its coordinates on the circle are evaluated, and no key is predicted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.lake.store import Lake
from smallhours.lake.tables import FEATURES, PREDICTED_FEATURES
from smallhours.training.audio import NAME
from smallhours.training.audio.figures import FeatureFigures, figures_of
from smallhours.training.audio.measured_tracks import OTHER_FEATURES, AudioRows
from smallhours.training.audio.saved import USE, Kind, read_index
from smallhours.training.registry import (
    SHARED,
    Registry,
    SavedModel,
    dump_model,
    load_model,
)
from smallhours.training.regression import (
    FoldedRegressor,
    LinearTagRegressor,
    TagFeatureRegressor,
)
from smallhours.training.tags import Counts
from smallhours.training.top_tags import TopTags

Floats = npt.NDArray[np.float64]
BOOSTED: Kind = "boosted"
LINEAR: Kind = "linear"

# On public tracks, the linear model is better below some 150 artists, both are equal at 1,000
# tracks, and the blend is better by .012 R² at 320 artists (docs/benchmarks.md).
MIN_ARTISTS_TO_BOOST = 250
MIN_TRACKS_TO_BOOST = 1500
# With fewer tracks, signal cannot be separated from noise.
MIN_TRACKS = 200
CIRCLE = 12
OWN_TAGS, ARTIST_TAGS = "own_tags.skops", "artist_tags.skops"
REGRESSORS = "regressors.skops"


@dataclass(frozen=True)
class TagInputs:
    """The tag columns of a model: the track's own, then its artist's; None where there are none.

    Attributes:
        own, artist: The columns.
    """

    own: TopTags | None
    artist: TopTags | None

    @classmethod
    def of(cls, rows: AudioRows, k: int) -> "TagInputs":
        """Choose the k strongest tags of either kind."""
        return cls(
            *(TopTags(k).fit(tags) if any(tags) else None for tags in (rows.own, rows.artist))
        )

    @property
    def track_columns(self) -> int:
        """The number of leading columns with the track's own tags."""
        return 0 if self.own is None else len(self.own.tags_)

    def names(self) -> list[str]:
        """Return the tag of each column."""
        return [
            tag for top in (self.own, self.artist) if top is not None for tag in top.tags_.tolist()
        ]

    def matrix(self, own: Sequence[Counts], artist: Sequence[Counts]) -> sparse.csr_matrix:
        """Return counts (n, columns); unknown tags are left out."""
        blocks = [
            top.transform(tags)
            for top, tags in ((self.own, own), (self.artist, artist))
            if top is not None
        ]
        return sparse.hstack(blocks).tocsr()


@dataclass(frozen=True)
class FeatureModel:
    """A regressor of some features.

    Attributes:
        regressor: The fitted regressor.
        features: Its targets.
        predicted: Targets that are predicted well enough to be used.
    """

    regressor: FoldedRegressor
    features: tuple[str, ...]
    predicted: tuple[str, ...]


@dataclass(frozen=True)
class AudioModel:
    """A model that predicts audio features from tags.

    Attributes:
        kind: Kind of the regressor of the five features.
        inputs: Its tag columns.
        models: First the regressor of the five features, then those of the others.
    """

    kind: Kind
    inputs: TagInputs
    models: tuple[FeatureModel, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it predicts, in the order of FEATURES."""
        predicted = {name for model in self.models for name in model.predicted}
        return tuple(name for name in FEATURES if name in predicted)

    def predict(
        self,
        own: Sequence[Counts],
        artist: Sequence[Counts],
        artist_keys: Sequence[str] | None = None,
        lengths: Floats | None = None,
    ) -> tuple[Floats, Floats, Floats]:
        """Predict some tracks.

        Args:
            own: (n,) name of a tag -> count, of the track itself.
            artist: (n,) the same of its artist.
            artist_keys: (n,) if given, predictions are corrected by the artist's measured tracks.
            lengths: (n,) in milliseconds, NaN where unknown; None if all are.

        Returns:
            Values and the lower and upper ends of their 80 % intervals, each (n, features) in the
            order of `features`, in the units of `audio_features`; `mode` is P(major).
        """
        tags = self.inputs.matrix(own, artist)
        found: dict[str, tuple[Floats, ...]] = {}
        for model in self.models:
            ends = model.regressor.predict_interval(tags, artist_keys, lengths)
            found |= {
                name: tuple(end[:, at] for end in ends)
                for at, name in enumerate(model.features)
                if name in model.predicted
            }
        values, low, high = (
            np.stack([found[name][which] for name in self.features], axis=1) for which in range(3)
        )
        return values, low, high

    def predict_unseen(self, rows: AudioRows) -> Floats:
        """Predict the five features, (n, 5), by members that have not seen the track's artist."""
        tags = self.inputs.matrix(rows.own, rows.artist)
        return self.models[0].regressor.predict_unseen(tags, rows.artist_keys, rows.lengths)


def kind_for(audio_model: str, rows: AudioRows) -> Kind:
    """Return the kind of model that is set; `auto` chooses the linear one for small data."""
    if audio_model == BOOSTED:
        return BOOSTED
    enough = len(rows) >= MIN_TRACKS_TO_BOOST and rows.artists >= MIN_ARTISTS_TO_BOOST
    return BOOSTED if audio_model == "auto" and enough else LINEAR


def fit_audio_model(
    rows: AudioRows, *, kind: Kind, top_tags: int, threads: int
) -> tuple[AudioModel, dict[str, FeatureFigures]]:
    """Train on measured tracks.

    Args:
        rows: The measured tracks.
        kind: Kind of the regressor of the five features.
        top_tags: Number of tags to use, of track and artist each.
        threads: Folds trained at a time.

    Returns:
        The model, and its figures by feature on artists that it has not seen.
    """
    inputs = TagInputs.of(rows, top_tags)
    tags = inputs.matrix(rows.own, rows.artist)
    columns = inputs.track_columns
    regressor: FoldedRegressor = (
        TagFeatureRegressor(columns, n_jobs=threads)
        if kind == BOOSTED
        else LinearTagRegressor(columns, n_jobs=threads)
    )
    regressor.fit(tags, rows.targets, rows.artist_keys, rows.lengths)
    figures = dict(
        zip(PREDICTED_FEATURES, figures_of(regressor, rows.targets, rows.artist_keys), strict=True)
    )
    models = [FeatureModel(regressor, PREDICTED_FEATURES, PREDICTED_FEATURES)]
    for features, which in _alike(rows.others):
        others, found = _learn_others(rows, tags, columns, features, which)
        models.append(others)
        figures |= found
    return AudioModel(kind, inputs, tuple(models)), figures


def _alike(others: Floats) -> list[tuple[list[int], npt.NDArray[np.bool_]]]:
    """Group features that are known of the same tracks, with flags of these; a group is one fit."""
    groups: dict[bytes, list[int]] = {}
    known = ~np.isnan(others)
    for at in range(others.shape[1]):
        if known[:, at].sum() >= MIN_TRACKS:
            groups.setdefault(known[:, at].tobytes(), []).append(at)
    return [(columns, known[:, columns[0]]) for columns in groups.values()]


def _learn_others(
    rows: AudioRows,
    tags: sparse.csr_matrix,
    track_columns: int,
    features: list[int],
    which: npt.NDArray[np.bool_],
) -> tuple[FeatureModel, dict[str, FeatureFigures]]:
    names, columns = [], []
    for at in features:
        values = rows.others[which, at]
        if OTHER_FEATURES[at] == "key":
            angle = 2 * np.pi * values / CIRCLE
            names += ["key_cos", "key_sin"]
            columns += [np.cos(angle), np.sin(angle)]
        else:
            names.append(OTHER_FEATURES[at])
            columns.append(values)
    actual = np.stack(columns, axis=1)
    artists = [key for key, wanted in zip(rows.artist_keys, which, strict=True) if wanted]
    regressor = LinearTagRegressor(track_columns, bounds=None)
    regressor.fit(tags[which], actual, artists)
    figures = dict(zip(names, figures_of(regressor, actual, artists), strict=True))
    predicted = tuple(name for name in names if name in FEATURES and figures[name].r2_low > 0)
    return FeatureModel(regressor, tuple(names), predicted), figures


@dataclass(frozen=True)
class AudioPredictor:
    """A saved model.

    Attributes:
        model: The model.
        version: Version of the saved model.
        owner: The listener whose own tracks it learned from, or `_shared`.
    """

    model: AudioModel
    version: str
    owner: str

    @classmethod
    def of(cls, saved: SavedModel) -> Self:
        """Rebuild a saved model.

        Raises:
            UnreadableModel: when a file of it is damaged, missing, of an earlier format, or holds
                an untrusted type.
        """
        return cls(_read_model(saved), saved.version, saved.card.owner)


def files_of(model: AudioModel) -> dict[str, bytes]:
    """Return the files of a saved model: the tags, the regressors that predict, and their index.

    The regressors are in one file, since their encoders of tags are mostly the same.
    """
    inputs = ((OWN_TAGS, model.inputs.own), (ARTIST_TAGS, model.inputs.artist))
    files = {name: dump_model(top) for name, top in inputs if top is not None}
    predicting = [each for each in model.models if each.predicted]
    files[REGRESSORS] = dump_model([each.regressor for each in predicting])
    regressors = [
        {"file": REGRESSORS, "at": at, "features": each.features, "told": each.predicted}
        for at, each in enumerate(predicting)
    ]
    use = {"kind": model.kind, "regressors": regressors}
    return {**files, USE: (json.dumps(use, sort_keys=True) + "\n").encode()}


def load_audio_predictor(lake: Lake, listener: str | None = None) -> AudioPredictor | None:
    """Load the model in use for a listener: their own, else the shared; None before the first.

    Args:
        lake: The lake.
        listener: The listener's name; None loads the shared model.

    A model that is damaged, or of an earlier format, counts as none.
    """
    owners = (SHARED,) if listener is None else (listener, SHARED)
    found = (Registry.of(lake).load(owner, NAME, AudioPredictor.of) for owner in owners)
    return next((each for each in found if each is not None), None)


def _read_model(saved: SavedModel) -> AudioModel:
    kind, described = read_index(saved)
    # Of models saved before there was one file of them, what predicts nothing is not read.
    used = [each for each in described if each.predicted]
    loaded = {
        name: load_model(saved.read(name), where=saved.address(name))
        for name in dict.fromkeys(each.file for each in used)
    }
    models = [
        FeatureModel(
            loaded[file] if at is None else loaded[file][at],
            features,
            predicted,
        )
        for file, at, features, predicted in used
    ]
    return AudioModel(
        kind, TagInputs(_tags(saved, OWN_TAGS), _tags(saved, ARTIST_TAGS)), tuple(models)
    )


def _tags(saved: SavedModel, name: str) -> TopTags | None:
    if name not in saved.card.files:
        return None
    top: TopTags = load_model(saved.read(name), where=saved.address(name))
    return top
