"""A small task that a language model can learn: the value of a text is the sum of its tags."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from smallhours_study.extra import gpt2_available

WORTH: Mapping[str, float] = {
    "rock": 0.2,
    "metal": 0.3,
    "pop": 0.05,
    "dream pop": -0.05,
    "sad": -0.1,
    "piano": -0.15,
    "calm": -0.2,
}
TINY: Mapping[str, Any] = {"n_layer": 2, "n_head": 2, "n_embd": 32}

needs_gpt2 = pytest.mark.skipif(
    gpt2_available() is not None, reason=f"not trained here: {gpt2_available()}"
)


def tag_texts(rows: int, seed: int = 0) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return texts of one to four tags, and the sum of the tags' values."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(list(WORTH))[: rng.integers(1, 5)].tolist() for _ in range(rows)]
    y = np.array([0.5 + sum(WORTH[tag] for tag in tags) for tags in chosen])
    return [", ".join(tags) for tags in chosen], y
