"""Tests of tags, neighbours and popularity that more than one source tells."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from smallhours.catalog.stored_answers import (
    Neighbour,
    Seed,
    complete_listeners,
    read_neighbours,
    read_tags,
    store_neighbours,
    store_tags,
)
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, RECORDINGS
from smallhours.vocabulary import CatalogSource

NIGHT = dt.date(2026, 11, 2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def add_tags(lake: Lake, source: CatalogSource, tags: dict[str, int]) -> None:
    rows = [
        {"artist_key": "low", "artist": "Low", "tag": tag, "count": count}
        for tag, count in tags.items()
    ]
    store_tags(lake, ARTIST_TAGS, pd.DataFrame(rows), source=source, night=NIGHT)


def tags(lake: Lake, **options: object) -> dict[str, int]:
    rows = read_tags(lake, ARTIST_TAGS, **options)  # type: ignore[arg-type]
    return dict(zip(rows["tag"], rows["count"], strict=True))


def test_of_a_tag_from_two_sources_the_larger_count_stands(lake: Lake) -> None:
    add_tags(lake, CatalogSource.LASTFM, {"slowcore": 100, "indie": 40, "seen live": 10})
    add_tags(lake, CatalogSource.MUSICBRAINZ, {"slowcore": 50, "indie": 100, "": 0})
    assert tags(lake) == {"slowcore": 100, "indie": 100, "seen live": 10}
    assert tags(lake, without=[CatalogSource.MUSICBRAINZ]) == {
        "slowcore": 100, "indie": 40, "seen live": 10,
    }  # fmt: skip


def test_an_answer_replaces_what_its_source_told_and_nothing_else(lake: Lake) -> None:
    add_tags(lake, CatalogSource.LASTFM, {"slowcore": 100, "indie": 40})
    add_tags(lake, CatalogSource.MUSICBRAINZ, {"rock": 100})
    add_tags(lake, CatalogSource.MUSICBRAINZ, {"pop": 100})
    assert tags(lake) == {"slowcore": 100, "indie": 40, "pop": 100}


def test_of_a_neighbour_from_two_sources_the_larger_match_stands(lake: Lake) -> None:
    seed = Seed("artist", "low", "Low")
    for source, found in (
        (CatalogSource.LASTFM, {"Bedhead": 0.75, "Codeine": 0.25}),
        (CatalogSource.LISTENBRAINZ, {"Codeine": 0.625, "Duster": 0.5}),
    ):
        near = tuple(Neighbour(name, "", match) for name, match in found.items())
        store_neighbours(lake, [(seed, near)], source=source, night=NIGHT)
    store_neighbours(lake, [(Seed("artist", "x", "X"), ())], source=source, night=NIGHT)
    rows = read_neighbours(lake, ["artist"])
    assert dict(zip(rows["neighbour_key"], rows["match"], strict=True)) == {
        "bedhead": 0.75, "codeine": 0.625, "duster": 0.5,
    }  # fmt: skip
    assert read_neighbours(lake, ["track"]).empty


def test_listeners_of_two_services_are_brought_to_one_scale(lake: Lake) -> None:
    lastfm = pd.Series({"a": 1000, "b": 400, "c": None, "d": None, "e": 7}, dtype="Int64")
    assert complete_listeners(lake, lastfm).equals(lastfm.astype(float))
    told = pd.DataFrame({"track_key": list("abcx"), "listeners": [100, 40, 5, 9]})
    nothing = {column.name: None for column in RECORDINGS.columns if column.nullable}
    rows = told.assign(**{**nothing, "listeners": told["listeners"]})
    rows = rows.assign(method="told", looked_up=NIGHT, prefix=rows["track_key"].map(prefix_of))
    lake.merge(RECORDINGS, rows)
    both = complete_listeners(lake, lastfm)
    assert both.dropna().to_dict() == {"a": 1000.0, "b": 400.0, "c": 50.0, "e": 7.0}
    alone = complete_listeners(lake, pd.Series(None, index=list("abcd"), dtype="Int64"))
    assert alone.dropna().to_dict() == {"a": 100.0, "b": 40.0, "c": 5.0}
