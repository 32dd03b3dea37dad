"""What a GPT-2 learns from: checked texts and targets, their validation split, and a vocabulary.

The vocabulary is the part of GPT-2's 50,257 tokens that a network knows. A network with GPT-2's
weights knows all of them. A small network with random weights knows those of its training texts,
some thousands: the others would be most of its weights and never learned.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from smallhours_study.formats.bpe import END_OF_TEXT, VOCABULARY, encode, text_rows

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TextRows:
    """Texts and their targets.

    Attributes:
        texts: (n,).
        y: (n, targets).
    """

    texts: Sequence[str]
    y: Floats

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, which: npt.NDArray[np.intp]) -> "TextRows":
        """Return some of the rows."""
        return TextRows([self.texts[at] for at in which], self.y[which])


def checked_rows(texts: Any, y: Any) -> TextRows:
    """Check that texts and targets belong together.

    Raises:
        TypeError: when a row is not a text.
        ValueError: when there is none, their numbers differ, or a target is no finite number.
    """
    rows = text_rows(texts)
    targets = np.asarray(y, dtype=np.float64)
    if not rows or len(rows) != len(targets):
        raise ValueError(
            f"needs one target per text and at least one; got {len(targets)} targets "
            f"for {len(rows)} texts"
        )
    if not np.isfinite(targets).all():
        raise ValueError("y holds a NaN or an infinity; leave those rows out")
    return TextRows(rows, targets.reshape(len(rows), -1))


def split_validation(
    rows: TextRows, groups: Any, share: float, seed: int
) -> tuple[TextRows, TextRows | None]:
    """Split into training rows and a share of validation rows.

    Whole groups are held back if groups are given and there are two or more; else rows. With
    fewer than two rows, or a share of 0, none are.

    Raises:
        ValueError: when the share is not in [0, 1), or a row has no group.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation_share must be in [0, 1), not {share}")
    if groups is not None and len(groups) != len(rows):
        raise ValueError(f"needs a group per text; got {len(groups)} for {len(rows)}")
    if share == 0 or len(rows) < 2:
        return rows, None
    by_row = groups is None or len(set(groups)) < 2
    splitter = ShuffleSplit if by_row else GroupShuffleSplit
    split = splitter(n_splits=1, test_size=share, random_state=seed)
    learn, stop = next(split.split(rows.texts, groups=None if by_row else groups))
    return rows.rows(learn), rows.rows(stop)


def fingerprint(settings: Mapping[str, Any], *parts: TextRows | None) -> str:
    """Return a digest that is equal for equal settings, texts and targets."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for part in parts:
        texts = [] if part is None else list(part.texts)
        digest.update(json.dumps(texts).encode())
        digest.update(b"" if part is None else np.ascontiguousarray(part.y).tobytes())
    return digest.hexdigest()


Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenVocabulary:
    """Tokens as rows of a network's embedding.

    Attributes:
        tokens: Ids of the known tokens, ascending. They include the end of a text, which
            represents unknown tokens and is the only token of an empty text.

    >>> known = TokenVocabulary.of(["rock, pop"])
    >>> known.tokens, len(known)
    ((11, 1461, 10823, 50256), 4)
    >>> known.read("rock, pop", limit=256).tolist(), known.read("jazz", limit=256).tolist()
    ([2, 0, 1], [3, 3])
    """

    tokens: tuple[int, ...]

    @classmethod
    def whole(cls) -> Self:
        """Return all of GPT-2's tokens."""
        return cls(tuple(range(VOCABULARY)))

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Return the tokens of these texts."""
        found = {END_OF_TEXT}
        for text in texts:
            found.update(encode(text))
        return cls(tuple(sorted(found)))

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _row(self) -> Ids:
        rows = np.full(VOCABULARY, len(self.tokens) - 1, dtype=np.int64)
        rows[list(self.tokens)] = np.arange(len(self.tokens))
        return rows

    def read(self, text: str, *, limit: int) -> Ids:
        """Encode the first `limit` tokens of a text as rows of the embedding; at least one."""
        ids = encode(text, limit) or [END_OF_TEXT]
        return np.asarray(self._row[ids])

    def read_all(self, texts: Sequence[str], *, limit: int) -> list[Ids]:
        """Encode many texts."""
        return [self.read(text, limit=limit) for text in texts]
