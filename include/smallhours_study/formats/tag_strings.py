"""The paper's three formats of a track's tags as text, for models that read text.

| kind | rock 100, dream pop 2 | |
|---|---|---|
| Ordered | `rock, dream pop` | sorted by count |
| Tags and Counts | `rock 100, dream pop 2` | the counts are written out |
| Duplicated | `rock rock rock …, dream pop dream pop` | each tag is repeated count times |

"Duplicated" is read literally: count 100 means 100 times, not a share of some length. The
authors' published preparation does so, and the paper's figures agree: at 256 tokens GPT-2 sees
little more than a Duplicated track's two strongest tags, and scores worst with it.

Two things differ from that preparation on purpose. It sorts counts as text, which puts 98 before
100; here they are numbers. It lists a tag twice when both the track and the artist have it; here
a row has each tag once.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from smallhours.training.tags import TagCounts, tag_rows

ORDERED = "ordered"
TAGS_COUNTS = "tags_counts"
DUPLICATED = "duplicated"
KINDS = (ORDERED, TAGS_COUNTS, DUPLICATED)


class TagStrings(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Turn mappings of tag to count into a text per track, strongest tag first.

    Tags of equal count are in alphabetical order, so that a track has one text. Nothing is learned:
    `fit` checks the kind and no more.

    Args:
        kind: `ordered`, `tags_counts` or `duplicated`.

    >>> row = {"dream pop": 2, "rock": 3}
    >>> for kind in KINDS:
    ...     print(TagStrings(kind).fit_transform([row])[0])
    rock, dream pop
    rock 3, dream pop 2
    rock rock rock, dream pop dream pop
    """

    def __init__(self, kind: str = ORDERED) -> None:
        self.kind = kind

    def fit(self, X: Sequence[TagCounts], y: Any = None) -> Self:  # noqa: ARG002, N803
        """Check the kind.

        Raises:
            ValueError: when there is no such kind.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        return self

    def transform(self, X: Sequence[TagCounts]) -> npt.NDArray[np.object_]:  # noqa: N803
        """Return a text per row, (rows,); empty for a row without tags.

        Counts are rounded to whole numbers; a tag that rounds to 0 is not in a Duplicated text.
        A Duplicated text takes some 7 kB a track: convert what is needed, not everything.
        """
        self.fit(X)
        write = {ORDERED: _ordered, TAGS_COUNTS: _with_counts, DUPLICATED: _duplicated}[self.kind]
        texts = [write(_strongest_first(row)) for row in tag_rows(X)]
        return np.array(texts, dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the name of the only column, the text."""
        return np.array([f"tags_{self.kind}"], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.dict = True
        tags.input_tags.two_d_array = False
        return tags


def _strongest_first(row: TagCounts) -> list[tuple[str, int]]:
    return sorted(
        ((tag, round(count)) for tag, count in row.items()), key=lambda item: (-item[1], item[0])
    )


def _ordered(tags: list[tuple[str, int]]) -> str:
    return ", ".join(tag for tag, _ in tags)


def _with_counts(tags: list[tuple[str, int]]) -> str:
    return ", ".join(f"{tag} {count}" for tag, count in tags)


def _duplicated(tags: list[tuple[str, int]]) -> str:
    return ", ".join(" ".join([tag] * count) for tag, count in tags if count > 0)
