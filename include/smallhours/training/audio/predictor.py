"""Saving and loading of the audio model."""

import json
from dataclasses import dataclass
from typing import Self

from smallhours.lake.store import Lake
from smallhours.training.audio.model import AudioModel, FeatureModel, TagInputs
from smallhours.training.formats.top_tags import TopTags
from smallhours.training.persistence import dump_model, load_model, raise_unreadable
from smallhours.training.registry import SHARED, Registry, SavedModel

NAME = "audio_features"
USE = "use.json"
OWN_TAGS, ARTIST_TAGS = "own_tags.skops", "artist_tags.skops"


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
    """Return the files of a saved model: the tags, each regressor, and an index of them."""
    inputs = ((OWN_TAGS, model.inputs.own), (ARTIST_TAGS, model.inputs.artist))
    files = {name: dump_model(top) for name, top in inputs if top is not None}
    regressors = []
    for at, each in enumerate(model.models):
        name = f"regressor_{at}.skops"
        files[name] = dump_model(each.regressor)
        regressors.append({"file": name, "features": each.features, "told": each.predicted})
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
    where = saved.address(USE)
    try:
        use = json.loads(saved.read(USE))
        described = [(r["file"], tuple(r["features"]), tuple(r["told"])) for r in use["regressors"]]
        kind = use["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise_unreadable(where, f"it is damaged ({type(error).__name__})")
    return AudioModel(
        kind,
        TagInputs(_tags(saved, OWN_TAGS), _tags(saved, ARTIST_TAGS)),
        tuple(
            FeatureModel(
                load_model(saved.read(name), where=saved.address(name)), features, predicted
            )
            for name, features, predicted in described
        ),
    )


def _tags(saved: SavedModel, name: str) -> TopTags | None:
    if name not in saved.card.files:
        return None
    top: TopTags = load_model(saved.read(name), where=saved.address(name))
    return top
