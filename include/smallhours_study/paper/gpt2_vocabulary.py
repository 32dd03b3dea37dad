"""The vocabulary of a network: the part of GPT-2's 50,257 tokens that it knows.

A network with GPT-2's weights knows all of them. A small network with random weights knows those of
its training texts, some thousands: the others would be most of its weights and never learned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from smallhours_study.formats.bpe import END_OF_TEXT, VOCABULARY, encode

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
