"""Training rows of the audio model: tracks with tags and measured audio features."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.features import features_by_track, most_reliable
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, among
from smallhours.lake.tables import AUDIO_FEATURES, FEATURES, PREDICTED_FEATURES
from smallhours.training.tags import Counts, load_tags
from smallhours.vocabulary import LENGTH_SOURCES, Provenance

Floats = npt.NDArray[np.float64]

# Predicted only where tags predict them well enough.
OTHER_FEATURES = FEATURES[len(PREDICTED_FEATURES) :]
# Values outside of these ranges are errors of the source (a tempo of 0 means "none found").
PLAUSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "loudness": (-60.0, 6.0),
        "tempo": (20.0, 300.0),
        "key": (0.0, 11.0),
        "mode": (0.0, 1.0),
        "duration_ms": (5_000.0, 7_200_000.0),
    }
)


@dataclass(frozen=True)
class AudioRows:
    """Tracks with their tags and their measured features.

    Attributes:
        track_keys: (n,), sorted.
        own: (n,) name of a tag -> count, of the track itself.
        artist: (n,) the same of its artist.
        targets: (n, 5), in the order of PREDICTED_FEATURES, each 0-1.
        others: (n, 7), in the order of OTHER_FEATURES and their own units; NaN where unknown.
        lengths: (n,) in milliseconds, from sources that may be learned from; NaN where unknown.
        untagged: Number of further tracks that were measured but have no tag.
        incomplete: Number of further tracks with only some of the five features.
        sources: Source -> number of rows whose first feature it gave.
    """

    track_keys: Sequence[str]
    own: Sequence[Counts]
    artist: Sequence[Counts]
    targets: Floats
    others: Floats
    lengths: Floats
    untagged: int = 0
    incomplete: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.track_keys)

    @cached_property
    def artist_keys(self) -> list[str]:
        """(n,) the artist of each track."""
        return [artist_key_in(key) for key in self.track_keys]

    @cached_property
    def artists(self) -> int:
        """The number of distinct artists."""
        return len(set(self.artist_keys))

    @property
    def digest(self) -> str:
        """A digest of everything that a model could learn here; equal rows have equal ones."""
        seen = hashlib.blake2b(digest_size=8)
        tags = [self.track_keys, self.own, self.artist]
        seen.update(json.dumps(tags, sort_keys=True, default=list).encode())
        seen.update(self.targets.tobytes())
        seen.update(self.others.tobytes())
        seen.update(self.lengths.tobytes())
        return seen.hexdigest()

    def subset(self, track_keys: "set[str]") -> "AudioRows":
        """Return the rows of some tracks."""
        at = [row for row, key in enumerate(self.track_keys) if key in track_keys]
        return AudioRows(
            [self.track_keys[row] for row in at],
            [self.own[row] for row in at],
            [self.artist[row] for row in at],
            self.targets[at],
            self.others[at],
            self.lengths[at],
        )


def measured_rows(
    lake: Lake, sources: Iterable[str], *, without: Collection[str] = ()
) -> AudioRows:
    """Read the tracks to learn from.

    Args:
        lake: The lake.
        sources: Allowed sources of features; the first one with a value is used.
        without: Sources of tags that are not to be learned from.
    """
    order = list(sources)
    stored = lake.frame(
        AUDIO_FEATURES,
        columns=["track_key", "source", "feature", "value"],
        filters=among("source", [*order, *LENGTH_SOURCES]),
    )
    rows = features_by_track(stored, order)
    whole = rows.dropna(subset=list(PREDICTED_FEATURES))
    tags = load_tags(lake, whole.index, normalised=True, without=without)
    keys = [key for key in whole.index if tags.of(key)]
    counts = rows["source"].reindex(keys).value_counts()
    return AudioRows(
        track_keys=keys,
        own=[tags.own.get(key, {}) for key in keys],
        artist=[tags.artist.get(artist_key_in(key), {}) for key in keys],
        targets=whole.loc[keys, list(PREDICTED_FEATURES)].to_numpy(dtype=np.float64),
        others=_plausible(whole.loc[keys, list(OTHER_FEATURES)]),
        lengths=lengths_of(stored, keys, order),
        untagged=len(whole) - len(keys),
        incomplete=int(rows[list(PREDICTED_FEATURES)].notna().any(axis=1).sum()) - len(whole),
        sources={source: int(counts.get(source, 0)) for source in order},
    )


def lengths_of(stored: pd.DataFrame, track_keys: Sequence[str], sources: Iterable[str]) -> Floats:
    """Return the lengths of tracks, (n,) in milliseconds, NaN where none may be learned from.

    Args:
        stored: `track_key`, `source`, `feature` and `value` of `audio_features`.
        track_keys: The tracks.
        sources: Allowed sources of features. Spotify's lengths are never taken, and those of
            MusicBrainz and Last.fm always may be.
    """
    allowed = [each for each in (*sources, *LENGTH_SOURCES) if each != Provenance.SPOTIFY]
    best = most_reliable(stored[stored["feature"] == "duration_ms"], allowed)
    found = best.set_index("track_key")["value"].reindex(list(track_keys)).astype(float)
    plausible = found.between(*PLAUSIBLE["duration_ms"])
    return np.asarray(found.where(plausible), dtype=np.float64)


def measured_by_anyone(stored: pd.DataFrame) -> pd.DataFrame:
    """Return which features any source measured, also those that may not be learned from.

    Args:
        stored: `track_key`, `source`, `feature` and `value` of `audio_features`.

    Returns:
        Flags by track key, a column for each of FEATURES.
    """
    asked = [source for source in Provenance if source != Provenance.PREDICTED]
    measured = stored[stored["source"].isin(asked)]
    return features_by_track(measured, asked)[list(FEATURES)].notna()


def _plausible(others: pd.DataFrame) -> Floats:
    kept = [
        others[name].where(others[name].between(*PLAUSIBLE.get(name, (0.0, 1.0))))
        for name in OTHER_FEATURES
    ]
    return np.stack([column.to_numpy(dtype=np.float64) for column in kept], axis=1)
