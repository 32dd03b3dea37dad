"""Signals of lists of similar artists: five artists, by hand."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import SIMILAR
from smallhours.training.ranking import artist_graph
from smallhours.training.ranking.artist_graph import (
    LIST_COLUMNS,
    ArtistGraph,
    no_lists,
    read_artist_lists,
    unit_rows,
)
from smallhours.training.tags import Tags

# a and b both name c and d; e names a; nobody names e. Only d has no tag.
LISTS = pd.DataFrame(
    [("a", "c", 0.5, 1), ("a", "d", 0.5, 2), ("b", "c", 0.5, 1), ("b", "d", 0.5, 3),
     ("e", "a", 0.8, 1)],
    columns=["seed_key", "neighbour_key", "match", "rank"],
)  # fmt: skip
TAGS = Tags({}, {"a": {"folk": 100}, "b": {"folk": 100}, "c": {"folk": 100}, "e": {"metal": 100}})


@pytest.fixture(scope="module")
def graph() -> ArtistGraph:
    return ArtistGraph.of(LISTS, TAGS, ["a · song", "e · song"])


def signals(graph: ArtistGraph, *own: str) -> pd.DataFrame:
    weights = pd.Series(1.0, index=pd.Index(own, dtype="str"))
    return graph.signals(weights, np.random.default_rng(1))


def test_rows_have_length_one_and_an_empty_one_stays_empty() -> None:
    found = unit_rows(sparse.csr_matrix(np.array([[3.0, 4.0], [0.0, 0.0]])))
    assert found.toarray() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_a_place_further_down_a_list_counts_less(graph: ArtistGraph) -> None:
    found = signals(graph, "a", "b")["list_places"]
    assert found["c"] == 2.0
    assert found["d"] == pytest.approx(1 / np.log2(3) + 1 / np.log2(4))
    assert found["e"] == 0.0


def test_artists_that_the_same_lists_name_are_alike(graph: ArtistGraph) -> None:
    found = signals(graph, "c")["named_together"]
    assert found["d"] == pytest.approx(1.0)
    assert found[["a", "b", "e"]].tolist() == [0.0] * 3


def test_an_artist_says_nothing_of_itself(graph: ArtistGraph) -> None:
    found = signals(graph, "c")
    assert found.loc["c", "named_together"] == pytest.approx(0.0)
    assert found.loc["c", "list_places"] == 0.0


def test_the_walk_goes_back_to_those_that_name_an_artist_and_stays_near(graph: ArtistGraph) -> None:
    found = signals(graph, "a")["walk"]
    assert found["e"] > 0
    assert found["c"] > found["b"] > 0
    assert found.sum() == pytest.approx(0.7)


def test_an_artist_without_tags_is_lent_those_of_similar_ones(graph: ArtistGraph) -> None:
    found = signals(graph, "a", "b")["lent_tags"]
    assert found["d"] > found["e"]
    assert found.notna().all()


def test_the_weight_of_an_artist_counts(graph: ArtistGraph) -> None:
    weights = pd.Series({"a": 0.5, "b": 0.25})
    found = graph.signals(weights, np.random.default_rng(1))["list_places"]
    assert found["c"] == 0.75


def test_the_same_artists_can_have_fewer_lists(graph: ArtistGraph) -> None:
    found = signals(graph.with_lists(LISTS[2:]), "a", "b")
    assert found["list_places"].to_dict() == {"a": 0, "b": 0, "c": 1, "d": 0.5, "e": 0}


def test_without_lists_and_tags_nothing_is_known() -> None:
    found = signals(ArtistGraph.of(no_lists(), Tags({}, {}), ["a · song", "b · song"]), "a")
    assert (found[["list_places", "named_together", "walk"]] == 0).all(axis=None)
    assert found["lent_tags"].isna().all()


def with_lists(lake: Lake, lists: pd.DataFrame) -> Lake:
    """Add lists of similar artists, and one of similar tracks."""
    rows = lists.assign(kind="artist", source="lastfm", artist="An Artist", mbid=None)
    tracks = rows.head(1).assign(kind="track", seed_key="z · song", neighbour_key="y · song")
    rows = pd.concat([rows, tracks]).assign(fetched_at=dt.date(2026, 11, 2))
    lake.merge(SIMILAR, rows.assign(prefix=rows["seed_key"].map(prefix_of)))
    return lake


def pairs(lists: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(lists["seed_key"], lists["neighbour_key"], strict=True))


def test_lists_are_read_that_lead_to_the_artists_and_no_others(tmp_path: Path) -> None:
    others = LISTS.assign(
        seed_key="other " + LISTS["seed_key"], neighbour_key="other " + LISTS["neighbour_key"]
    )
    lake = with_lists(Lake(str(tmp_path)), pd.concat([LISTS, others]))

    found = read_artist_lists(lake, ["b"])

    assert list(found) == LIST_COLUMNS
    assert pairs(found) == pairs(LISTS)
    assert read_artist_lists(lake, ["nobody"]).empty
    assert read_artist_lists(Lake(str(tmp_path / "none")), ["b"]).empty

    # What is left out changes nothing.
    every, mine = (
        signals(ArtistGraph.of(lists, TAGS, ["a · song", "e · song"]), "a", "b")
        for lists in (pd.concat([LISTS, others]), found)
    )
    pd.testing.assert_frame_equal(every.loc[mine.index], mine)


def test_of_a_large_lake_the_nearest_lists_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = pd.DataFrame(
        [("a", "b", 1.0, 1), ("b", "c", 1.0, 1), ("c", "d", 1.0, 1), ("d", "e", 1.0, 1)],
        columns=LIST_COLUMNS,
    )
    lake = with_lists(Lake(str(tmp_path)), chain)
    assert pairs(read_artist_lists(lake, ["a"])) == pairs(chain)

    monkeypatch.setattr(artist_graph, "MAX_LISTED", 2)

    assert pairs(read_artist_lists(lake, ["a"])) == {("a", "b"), ("b", "c")}
