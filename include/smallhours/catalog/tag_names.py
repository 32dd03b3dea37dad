"""The names of all tags of a lake, stored in `tag_names`.

The raw tags stay in `track_tags` and `artist_tags` as Last.fm gave them. Their names are stored
beside them in `tag_names`, one row for each distinct tag: a change of a rule rewrites thousands of
rows, not millions, and anybody can read there which step decided a tag's name. The artist's own
name and the weights depend on whose tags they are, and are handled where tags are read.

Tags that are spelling variants of each other get one name. Similar spelling is not enough ("post
rock" and "pop rock"), nor is use by the same artists ("pop" and "pop punk"), so both are required.
Two names are spelled alike when

* they differ only in spaces and hyphens, or by a plural's "s": "dream pop", "dreampop"; or
* they are one typing error apart (Damerau-Levenshtein distance 1), are long enough, begin every
  word alike, hold the same digits, and neither begins with the other: not "60s rock" and "70s
  rock", "punk rock" and "funk rock", "german" and "germany".

Their use is measured over the artists that carry the tags:

* containment: the share of the rarer tag's artists that carry the commoner one, too;
* likeness: the cosine between the two tags' counts of artists shared with every third tag.

The rarer one becomes a variant of the commoner. Nothing depends on the order of rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz.distance import OSA

from smallhours.catalog.normalisation import (
    TagPipeline,
    default_pipeline,
    read_rules,
)
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TAG_NAMES, TRACK_TAGS
from smallhours.summary import Summary

if TYPE_CHECKING:
    from scipy import sparse

_COLUMNS = [column.name for column in TAG_NAMES.columns]

# A tag on fewer artists than this can't be judged by its use.
MIN_ARTISTS = 5
# Names this short are each other's neighbours by chance: "rap" and "trap".
MIN_TYPO_LENGTH = 7
# Names that differ in spacing or plural need less proof than those that may be other words.
ALIKE_CONTAINED, ALIKE_SIMILARITY = 0.3, 0.8
TYPO_CONTAINED, TYPO_SIMILARITY = 0.5, 0.9

# The use of names is measured on no more artists: what is common to 10,000 is common to the others.
MAX_ARTISTS = 10_000

Pair = tuple[str, str]


def refresh_names(lake: Lake, own: Path | None = None) -> Summary:
    """Name every tag of the lake by the current rules and by the tags' current use.

    Only what changes is written.

    Args:
        lake: The lake.
        own: A folder with the listener's aliases and stop words.

    Returns:
        How many distinct `tags` there are, how many `names`, `variants` merged by company, and
        tags that are `stopped`.

    Raises:
        SettingsError: when the folder or a line in it is wrong.
    """
    rules = TagPipeline(read_rules(own))
    artist_tags = sampled_artist_tags(lake)
    every = pa.chunked_array(
        [
            *lake.read(TRACK_TAGS, columns=["tag"])["tag"].chunks,
            *lake.read(ARTIST_TAGS, columns=["tag"])["tag"].chunks,
        ],
        pa.string(),
    )
    tags = sorted(tag for tag in pc.unique(every).to_pylist() if tag)
    if not tags:
        return {"tags": 0, "names": 0, "variants": 0, "stopped": 0}
    variants = measure_variants(carried_names(artist_tags, {tag: rules.name(tag) for tag in tags}))
    pipeline = TagPipeline(rules.rules, variants)
    rows = pd.DataFrame([(tag, *pipeline.explain(tag)) for tag in tags], columns=_COLUMNS)
    lake.replace(TAG_NAMES, rows.assign(prefix=rows["tag"].map(prefix_of)), partition={})
    return {
        "tags": len(tags),
        "names": int(rows.loc[rows["name"] != "", "name"].nunique()),
        "variants": len(variants),
        "stopped": int((rows["name"] == "").sum()),
    }


def sampled_artist_tags(lake: Lake) -> pa.Table:
    """Return `artist_key` and `tag` of all artists, or of some MAX_ARTISTS in a large lake.

    A prefix holds a random share of the artists, so that the first one tells how many are enough.
    """

    def read(prefixes: list[str]) -> pa.Table:
        return lake.read(
            ARTIST_TAGS,
            columns=["artist_key", "tag"],
            where={"prefix": prefixes},
            filters=(pc.field("count") > 0) & (pc.field("tag") != ""),
        )

    prefixes = [each["prefix"] for each in lake.partitions(ARTIST_TAGS)]
    first = read(prefixes[:1])
    artists = max(1, pc.count_distinct(first["artist_key"]).as_py())
    return pa.concat_tables([first, read(prefixes[1 : max(1, round(MAX_ARTISTS / artists))])])


def carried_names(artist_tags: pa.Table, named: Mapping[str, str]) -> pd.DataFrame:
    """Return who carries which name: `artist_key` and `tag`, both categories.

    A large lake has a million rows, and numbers compare faster than texts.

    Args:
        artist_tags: `artist_key` and `tag`.
        named: Tags with their names; one that is missing has the empty name.
    """
    artist, tag = (
        artist_tags[each].combine_chunks().dictionary_encode() for each in ("artist_key", "tag")
    )
    name, names = pd.factorize(
        np.array([named.get(each, "") for each in tag.dictionary.to_pylist()], dtype=object),
        sort=True,
    )
    artists = pd.Index(artist.dictionary.to_pylist(), dtype="str")
    return pd.DataFrame(
        {
            "artist_key": pd.Categorical.from_codes(artist.indices.to_numpy(), artists),
            "tag": pd.Categorical.from_codes(
                name[tag.indices.to_numpy()], pd.Index(names, dtype="str")
            ),
        }
    )


def namer(lake: Lake) -> Callable[[str], str]:
    """Return a function from a tag to its name in this lake, empty for a stop word.

    A tag that came after the last `refresh_names` gets its name from the shipped rules.
    """
    rows = lake.read(TAG_NAMES, columns=["tag", "name"])
    names = dict(zip(rows["tag"].to_pylist(), rows["name"].to_pylist(), strict=True))

    def name(tag: str) -> str:
        known = names.get(tag)
        return default_pipeline().name(tag) if known is None else known

    return name


def names_of(lake: Lake, tags: Iterable[str]) -> dict[str, str]:
    """Return the names of some tags, as `namer` gives them."""
    name = namer(lake)
    return {tag: name(tag) for tag in tags}


def measure_variants(tags: pd.DataFrame) -> dict[str, str]:
    """Return variants with the names that they are variants of.

    Args:
        tags: `artist_key` and `tag`: the names (after the aliases) that artists carry.

    Returns:
        No value is a key: one look-up is enough.
    """
    pairs = tags[["artist_key", "tag"]].drop_duplicates()
    uses = pairs["tag"].value_counts()
    uses = uses[(uses >= MIN_ARTISTS) & (uses.index != "")]
    names = sorted(uses.index)
    if len(names) < 2:
        return {}
    used = pairs[pairs["tag"].isin(set(names))]
    column = {name: place for place, name in enumerate(names)}
    rows = pd.factorize(used["artist_key"], sort=True)[0]
    columns = used["tag"].map(column).to_numpy()
    shape = (int(rows.max()) + 1, len(names))
    from scipy import sparse

    carried = sparse.csc_matrix((np.ones(len(used)), (rows, columns)), shape=shape)
    shared = _TagUsage(carried, column)
    links = [
        pair
        for alike, contained, similarity in (
            (_spelled_alike(names), ALIKE_CONTAINED, ALIKE_SIMILARITY),
            (_typo_pairs(names), TYPO_CONTAINED, TYPO_SIMILARITY),
        )
        for pair in alike
        if shared.contained(*pair) >= contained and shared.similarity(*pair) >= similarity
    ]
    return _to_the_commonest(links, uses)


def _spelled_alike(names: list[str]) -> list[Pair]:
    """Return pairs of names that differ only in spaces, hyphens and a plural's s."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_singular(_compact(name))].append(name)
    return [pair for group in groups.values() for pair in _pairs(group)]


def _typo_pairs(names: list[str]) -> list[Pair]:
    """Return pairs of names that are one inserted, deleted, changed or swapped letter apart."""
    shells: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if len(name) >= MIN_TYPO_LENGTH:
            # Whatever is one slip apart shares the one or the other with a letter left out.
            for shell in sorted({name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}):
                shells[shell].append(name)
    found = {pair for group in shells.values() for pair in _pairs(group)}
    return sorted(pair for pair in found if _is_typo(*pair))


def _is_typo(one: str, other: str) -> bool:
    words, others = one.split(), other.split()
    return (
        OSA.distance(one, other, score_cutoff=1) == 1
        and len(words) == len(others)
        and all(a[0] == b[0] for a, b in zip(words, others, strict=True))
        and [c for c in one if c.isdigit()] == [c for c in other if c.isdigit()]
        and not one.startswith(other)
        and not other.startswith(one)
    )


def _compact(name: str) -> str:
    return name.replace(" ", "").replace("-", "")


def _singular(compact: str) -> str:
    """Return the name without a plural's s; "bass", "blues" and "80s" have none."""
    plural = len(compact) > 4 and compact.endswith("s") and compact[-2].isalpha()
    return compact[:-1] if plural and not compact.endswith(("ss", "us", "is", "blues")) else compact


def _pairs(group: list[str]) -> Iterator[Pair]:
    for place, one in enumerate(group):
        for other in group[place + 1 :]:
            yield one, other


class _TagUsage:
    """The use of tags: who carries a tag, and what else they carry.

    Args:
        carried: (artists, names), 1 where an artist carries a name.
        column: The column of each name.
    """

    def __init__(self, carried: "sparse.csc_matrix", column: dict[str, int]) -> None:
        self._carried = carried
        self._column = column
        self._known: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}

    def contained(self, one: str, other: str) -> float:
        """Return the share of the rarer name's artists that also carry the other."""
        left, right = self._with(one), self._with(other)
        both = left[self._column[other]]
        rarer = min(left[self._column[one]], right[self._column[other]])
        return float(both / rarer)

    def similarity(self, one: str, other: str) -> float:
        """Return the cosine between the two names' counts with all third names, 0-1."""
        third = np.ones(len(self._column), dtype=bool)
        third[[self._column[one], self._column[other]]] = False
        left, right = self._with(one)[third], self._with(other)[third]
        length = float(np.linalg.norm(left) * np.linalg.norm(right))
        return float(left @ right) / length if length else 0.0

    def _with(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return how many artists carry the name together with each other name."""
        if name not in self._known:
            own = self._carried[:, [self._column[name]]]
            self._known[name] = np.asarray((own.T @ self._carried).todense()).ravel()
        return self._known[name]


def _to_the_commonest(links: list[Pair], uses: pd.Series) -> dict[str, str]:
    """Return each linked name with the commonest name of its group."""
    group: dict[str, set[str]] = {}
    for one, other in links:
        joined = group.get(one, {one}) | group.get(other, {other})
        for name in joined:
            group[name] = joined
    variants: dict[str, str] = {}
    for name, joined in sorted(group.items()):
        best = min(joined, key=lambda each: (-int(uses[each]), each))
        if name != best:
            variants[name] = best
    return variants
