"""A small made-up world in which an artist's tags determine its sound."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

WORDS, ARTIST_TAGS = 8, 30
# Small models: a test is about behaviour, not about figures.
SMALL: dict[str, Any] = {"landmarks": 80, "trees": 20, "epochs": 8, "networks": 1, "folds": 3}


@dataclass(frozen=True)
class SmallWorld:
    tags: sparse.csr_matrix
    features: npt.NDArray[np.float64]
    artists: npt.NDArray[np.str_]


def world(artists: int = 120, tracks: int = 5, *, temper: float = 0.05) -> SmallWorld:
    """Make two features: one determined by tags, and one mostly by the artist itself."""
    rng = np.random.default_rng(7)
    told = rng.integers(0, 101, (artists, ARTIST_TAGS)) * (rng.random((artists, ARTIST_TAGS)) < 0.3)
    taste = rng.normal(0, 1, ARTIST_TAGS)
    own = rng.normal(0, temper, artists)
    at = np.repeat(np.arange(artists), tracks)
    words = (rng.random((len(at), WORDS)) < 0.4) * 100
    loud = (told > 0) @ taste
    loud = (loud - loud.mean()) / loud.std()
    told_by_tags = 0.5 + 0.15 * loud[at] + 0.05 * (words[:, 0] > 0)
    temperament = 0.5 + own[at]
    noise = rng.normal(0, 0.03, (len(at), 2))
    features = np.clip(np.stack([told_by_tags, temperament], axis=1) + noise, 0, 1)
    tags = sparse.csr_matrix(np.hstack([words, told[at]]).astype(float))
    return SmallWorld(tags, features, np.array([f"artist {a}" for a in at]))
