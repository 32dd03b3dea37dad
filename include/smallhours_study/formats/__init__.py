"""Transformers from a track's tags to the token formats of the paper.

Each is a scikit-learn transformer over rows that map tags to counts:

| format | in the paper | output |
|---|---|---|
| `TagStrings` | Ordered, Tags and Counts, Duplicated | a string per track, for GPT-2 |
| `TokenPositions` | "100 / 1,000 / 10,000 tokens" | sparse ids, a column per place in the string |
| `TokenCounts` | not in it: the tokens as amounts | sparse counts, a column per token |

The two token formats read texts: `make_pipeline(TagStrings("ordered"), TokenPositions(1000))`.
"""

from smallhours_study.formats.tag_strings import TagStrings
from smallhours_study.formats.token_columns import TokenCounts, TokenPositions

__all__ = ["TagStrings", "TokenCounts", "TokenPositions"]
