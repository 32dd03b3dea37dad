"""Which tracks have measured audio features to learn from, and which lack them?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.features import PREDICTED, measured
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PREDICTED_FEATURES
from smallhours.training.tags import load_tags


@dataclass(frozen=True)
class AudioRows:
    """Tracks with their tags and their measured features.

    Attributes:
        track_keys: (n,), sorted.
        tags: (n,) name of a tag -> count, of track and artist.
        targets: (n, 5), in the order of PREDICTED_FEATURES, each 0-1.
        untagged: How many more were measured but have no tag.
        incomplete: How many more were measured in some of the five features only.
        sources: How many rows each source gave its first feature to.
    """

    track_keys: Sequence[str]
    tags: Sequence[Mapping[str, int]]
    targets: npt.NDArray[np.float64]
    untagged: int = 0
    incomplete: int = 0
    sources: Mapping[str, int] | None = None

    def __len__(self) -> int:
        return len(self.track_keys)

    @cached_property
    def artist_keys(self) -> list[str]:
        """(n,) the artist of each track."""
        return [artist_key_in(key) for key in self.track_keys]

    @cached_property
    def artists(self) -> int:
        """How many distinct artists."""
        return len(set(self.artist_keys))


def measured_rows(lake: Lake, sources: Iterable[str]) -> AudioRows:
    """Read the tracks to learn from.

    Args:
        lake: The lake.
        sources: Where features may come from; the first that has a value gives it.
    """
    order = list(sources)
    rows = measured(_measured(lake), order)
    wide = rows[list(PREDICTED_FEATURES)]
    whole = wide.dropna()
    tags = load_tags(lake, whole.index, normalised=True)
    tagged = [(key, found) for key in whole.index if (found := tags.of(key))]
    keys = [key for key, _ in tagged]
    counts = rows["source"].reindex(keys).value_counts()
    return AudioRows(
        track_keys=keys,
        tags=[found for _, found in tagged],
        targets=whole.loc[keys].to_numpy(dtype=np.float64),
        untagged=len(whole) - len(keys),
        incomplete=len(wide) - len(whole),
        sources={source: int(counts.get(source, 0)) for source in order},
    )


def measured_by_anyone(lake: Lake) -> set[str]:
    """Tracks for which some source, lawful to learn from or not, measured all five features."""
    counts = _measured(lake).drop_duplicates(["track_key", "feature"])["track_key"].value_counts()
    return set(counts.index[counts == len(PREDICTED_FEATURES)])


def _measured(lake: Lake) -> pd.DataFrame:
    rows = lake.frame(AUDIO_FEATURES, columns=["track_key", "source", "feature", "value"])
    return rows[
        rows["feature"].isin(PREDICTED_FEATURES)
        & (rows["source"] != PREDICTED)
        & rows["value"].notna()
    ]
