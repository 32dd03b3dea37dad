"""Lists of the past: what may be known of them."""

from pathlib import Path

import numpy as np

from smallhours.lake.store import Lake
from smallhours.training.ranking.past_lists import hidden_list, read_past_tables
from smallhours.training.taste.training_rows import read_history
from tests.training.lakes import ADA, NIGHT, some_settings
from tests.training.ranking.past_lake import listener_who_explores_shoegaze


def test_the_lists_of_hidden_artists_do_not_give_them_away(tmp_path: Path) -> None:
    """Every artist of the listener's was asked about, and no other: that alone would tell."""
    lake = Lake(str(tmp_path))
    listener_who_explores_shoegaze(lake)
    past = read_history(lake, ADA, night=NIGHT)
    tables = read_past_tables(lake, past, settings=some_settings())
    before = tables.past.plays.iloc[: len(tables.past.plays) // 2]
    graph = tables.graph_known_to(type(past)(before, past.library, past.feedback, past.tags, ()))
    asked = set(graph.artists[np.diff(graph.places.indptr) > 0])

    heard = {key.split(" · ")[0] for key in tables.past.plays["track_key"]}
    still = {key.split(" · ")[0] for key in before["track_key"]}
    assert heard - still
    assert not asked & (heard - still)
    assert still <= asked
    found = hidden_list(tables, NIGHT.as_of, np.random.default_rng(1))
    assert found.adopted.any()
