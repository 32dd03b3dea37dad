"""How likely is the listener to like a track with these tags? The saved classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.lake.store import Lake
from smallhours.training.first_seed import FirstSeedClassifier
from smallhours.training.persistence import load_model
from smallhours.training.registry import Registry

NAME = "first_seed"
FILE = "classifier.skops"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TasteModel:
    """A listener's taste as learned from tags.

    Tags are given as `Tags.as_first_seed` lists them, case as Last.fm has it: that is what the
    classifier was trained on.

    Attributes:
        classifier: The first seed's classifier, fitted.
        version: Of the saved model.
    """

    classifier: FirstSeedClassifier
    version: str

    def p_like(self, tags: Sequence[Sequence[str]]) -> Floats:
        """P(like) of each track, (n,), 0-1. Of a track without known tags: the base rate's."""
        if not len(tags):
            return np.zeros(0)
        rows = [",".join(of_track) for of_track in tags]
        return self.classifier.predict_proba(rows)[:, 1]

    def top_tags(self, tags: Sequence[str], n: int) -> list[tuple[str, float]]:
        """The tags of a track that speak most for it, at most n, strongest first.

        A contribution is what the tag adds to the log-odds of a like; tags that speak against
        the track or that the model never met are left out.
        """
        weighed = [(tag, self.classifier.weight_of(tag)) for tag in dict.fromkeys(tags)]
        speaking = [(tag, weight) for tag, weight in weighed if weight > 0]
        return sorted(speaking, key=lambda each: (-each[1], each[0]))[:n]


def load_taste(lake: Lake, listener: str) -> TasteModel | None:
    """The listener's classifier in use, or None when none was trained yet.

    Raises:
        UnreadableModel: when its file is damaged, missing, or holds an untrusted type.
    """
    saved = Registry.of(lake).current(listener, NAME)
    if saved is None:
        return None
    return TasteModel(load_model(saved.read(FILE), where=saved.address(FILE)), saved.version)
