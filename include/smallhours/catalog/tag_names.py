"""The names of all tags of a lake, stored in `tag_names`.

The raw tags stay in `track_tags` and `artist_tags` as Last.fm gave them. Their names are stored
beside them in `tag_names`, one row for each distinct tag: a change of a rule rewrites thousands of
rows, not millions, and anybody can read there which step decided a tag's name. The artist's own
name and the weights depend on whose tags they are, and are handled where tags are read.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smallhours.catalog.normalisation import (
    TagPipeline,
    default_pipeline,
    measure_variants,
    read_rules,
)
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TAG_NAMES, TRACK_TAGS
from smallhours.summary import Summary

_COLUMNS = [column.name for column in TAG_NAMES.columns]


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
    artist_tags = lake.read(
        ARTIST_TAGS, columns=["artist_key", "tag"], filters=pc.field("count") > 0
    )
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
    by_rule = {tag: rules.name(tag) for tag in tags}
    carried = artist_tags.to_pandas()
    carried["tag"] = carried["tag"].map(by_rule).fillna("")
    variants = measure_variants(carried)
    pipeline = TagPipeline(rules.rules, variants)
    rows = pd.DataFrame([(tag, *pipeline.explain(tag)) for tag in tags], columns=_COLUMNS)
    lake.replace(TAG_NAMES, rows.assign(prefix=rows["tag"].map(prefix_of)), partition={})
    return {
        "tags": len(tags),
        "names": int(rows.loc[rows["name"] != "", "name"].nunique()),
        "variants": len(variants),
        "stopped": int((rows["name"] == "").sum()),
    }


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
