"""The rows of a study, tracks with their tags and measured features, and their splits.

The rows are stored in the study's folder: whoever continues a study, another process or a retry,
learns from the same rows, whatever the lake holds by then. They are split by a seed, with the
paper's shares: 64/16/20.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from smallhours.errors import NotEnoughData
from smallhours_study.grid import BY_ARTIST, FEATURES, GPT2, HOURS, PUBLISHED, Setting

Floats = npt.NDArray[np.float64]
Counts = Mapping[str, float]

# With fewer, parts of the split would be empty.
MIN_ROWS = 50
MIN_ARTISTS = 5


@dataclass(frozen=True)
class StudyRows:
    """Tracks to learn from and to test on.

    Attributes:
        origin: Origin of the rows, for the reader.
        artists: (n,) the artist of each, "" where none is known.
        own: (n,) the track's own tags -> count, by normalised name.
        artist_tags: (n,) its artist's, likewise.
        raw: (n,) both as the paper joined them: tags as they are written, and the artist's count
            overwrites the track's own.
        plays: (n,) number of plays of each; 1 where that is not known.
        targets: (n, 5) in the order of FEATURES, each 0-1.
        hours: The rows that were played in each hour of listening, with repeats; empty where
            nothing is known of listening.
        left_out: Numbers of tracks that were left out, with the reason, for the reader.
    """

    origin: str
    artists: Sequence[str]
    own: Sequence[Counts]
    artist_tags: Sequence[Counts]
    raw: Sequence[Counts]
    plays: Sequence[int]
    targets: Floats
    hours: Sequence[Sequence[int]] = ()
    left_out: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def merged(self) -> list[dict[str, float]]:
        """Return both kinds of tags in one, (n,); a tag of both has the track's count."""
        return [{**theirs, **own} for own, theirs in zip(self.own, self.artist_tags, strict=True)]

    def check(self) -> None:
        """Refuse rows that nothing can be learned from.

        Raises:
            NotEnoughData: for too few rows, no tags, NaN or constant targets.
        """
        if len(self) < MIN_ROWS:
            raise _too_little(
                f"{len(self)} tracks with tags and all of {', '.join(FEATURES)} are too few"
                f"{self._left_out()}: {MIN_ROWS} are the least",
                "Give the study more tracks.",
            )
        if not any(self.raw):
            raise _too_little(
                "No track has a tag, and tags are all that the models see",
                "Fetch tags first (`smallhours fetch-tags`), or name tables that hold them.",
            )
        if not np.isfinite(self.targets).all():
            raise _too_little("A feature is not a number", "Leave such rows out.")
        constant = (self.targets == self.targets[0]).all(axis=0)
        if constant.any():
            names = ", ".join(np.array(FEATURES)[constant])
            raise _too_little(
                f"Every track has the same {names}: there is nothing to predict",
                "Give the study tracks that differ.",
            )

    def check_artists(self) -> None:
        """Refuse rows that can't be split by artist.

        Raises:
            NotEnoughData: when an artist is missing, or there are too few.
        """
        missing = sum(not name for name in self.artists)
        if missing:
            raise _too_little(
                f"{missing} tracks have no artist, and a split by artist needs all of them",
                "Add the artists, or leave out the split `by_artist`.",
            )
        found = len(set(self.artists))
        if found < MIN_ARTISTS:
            raise _too_little(
                f"The tracks are by {found} artists; a split by artist needs {MIN_ARTISTS}",
                "Give the study more artists, or leave out the split `by_artist`.",
            )

    def fingerprint(self) -> str:
        """Return a digest of ten characters, different for different rows."""
        return hashlib.blake2b(self.to_bytes(), digest_size=5).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the rows as gzipped JSON; the same rows always give the same bytes."""
        content: dict[str, Any] = {**vars(self), "targets": self.targets.tolist()}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=list)
        return gzip.compress(text.encode(), compresslevel=4, mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> "StudyRows":
        """Read back the result of `to_bytes`.

        Raises:
            ValueError: when it is damaged.
        """
        try:
            content = json.loads(gzip.decompress(data))
            targets = np.array(content.pop("targets"), dtype=np.float64)
            return cls(**content, targets=targets.reshape(-1, len(FEATURES)))
        except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these are no rows of a study: {error}") from error

    def _left_out(self) -> str:
        return f" (left out: {', '.join(self.left_out)})" if self.left_out else ""


def _too_little(what: str, remedy: str) -> NotEnoughData:
    return NotEnoughData(f"{what}.", remedy=remedy)


Indices = npt.NDArray[np.intp]

TRAIN_SHARE, TEST_FROM = 0.64, 0.80


@dataclass(frozen=True)
class StudySplit:
    """Row numbers, ascending.

    Attributes:
        train: Training rows.
        validation: Rows to choose the epoch by.
        test: Test rows.
    """

    train: Indices
    validation: Indices
    test: Indices


def split_rows(setting: Setting, rows: StudyRows, seed: int) -> StudySplit:
    """Split a setting's rows.

    The split is random by track (or by hour of listening), as in the paper; or by artist, so that
    no artist is on both sides. As published, all but GPT-2 are measured on the validation rows.

    Raises:
        NotEnoughData: when a split by artist is needed and impossible.
    """
    if setting.split == BY_ARTIST:
        rows.check_artists()
        names, at = np.unique(np.array(rows.artists), return_inverse=True)
        parts = _cut(len(names), seed)
        return StudySplit(
            *(np.flatnonzero(np.isin(at, p)) for p in (parts.train, parts.validation, parts.test))
        )
    parts = _cut(len(rows.hours) if setting.format == HOURS else len(rows), seed)
    if setting.split == PUBLISHED and setting.model != GPT2:
        return StudySplit(parts.train, parts.test, parts.validation)
    return parts


def _cut(n: int, seed: int) -> StudySplit:
    order = np.random.default_rng(seed).permutation(n)
    first, second = int(TRAIN_SHARE * n), int(TEST_FROM * n)
    return StudySplit(np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]))
