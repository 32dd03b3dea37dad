"""Changes of a listener's Last.fm history between two reads.

Scrobbles arrive late from an offline phone, are deleted on the web site, or appear twice. A
``ScrobbleDrift`` records these changes for one listener, separate from the real plays.
"""

import zlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from smallhours_sandbox.ragged import Bools, Ints, Longs

_DUPLICATE_GAP_S = 240


@dataclass(slots=True)
class ScrobbleDrift:
    """Scrobbles added to and deleted from one listener's history.

    Attributes:
        added: (unix seconds, track) of scrobbles that were added.
        removed: number of deleted scrobbles by (unix seconds, track).
    """

    added: list[tuple[int, int]] = field(default_factory=list)
    removed: Counter[tuple[int, int]] = field(default_factory=Counter)

    def apply(self, at: Longs, track: Ints) -> tuple[Longs, Ints]:
        """Return the history with added and without deleted scrobbles, in ascending time."""
        if self.added:
            at = np.concatenate([at, np.array([when for when, _ in self.added], np.int64)])
            track = np.concatenate([track, np.array([what for _, what in self.added], np.int32)])
            order = np.argsort(at, kind="stable")
            at, track = at[order], track[order]
        if self.removed:
            kept = self._kept(at, track)
            at, track = at[kept], track[kept]
        return at, track

    def _kept(self, at: Longs, track: Ints) -> Bools:
        left = Counter(self.removed)
        kept = np.ones(len(at), dtype=np.bool_)
        times = np.array(sorted({when for when, _ in left}), np.int64)
        for row in np.flatnonzero(np.isin(at, times)).tolist():
            key = (int(at[row]), int(track[row]))
            if left[key] > 0:
                left[key] -= 1
                kept[row] = False
        return kept

    def add_late(self, before: int, count: int, seed: int, name: str, known: Ints) -> None:
        """Add ``count`` late scrobbles of tracks in ``known``, at ``before`` and earlier."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), len(self.added)])
        tracks = rng.choice(known, count) if len(known) else np.zeros(count, np.int32)
        self.added += [(before - n * _DUPLICATE_GAP_S, int(what)) for n, what in enumerate(tracks)]

    def delete_last(self, before: int, count: int, at: Longs, track: Ints) -> None:
        """Delete the last ``count`` scrobbles that began before ``before``."""
        for row in _last(before, count, at):
            self.removed[int(at[row]), int(track[row])] += 1

    def duplicate_last(self, before: int, count: int, at: Longs, track: Ints) -> None:
        """Duplicate the last ``count`` scrobbles that began before ``before``."""
        self.added += [(int(at[row]), int(track[row])) for row in _last(before, count, at)]


def _last(before: int, count: int, at: Longs) -> range:
    end = int(np.searchsorted(at, before, side="left"))
    return range(max(0, end - count), end)
