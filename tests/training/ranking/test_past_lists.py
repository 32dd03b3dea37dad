"""Lists of the past: what may be known of them."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.training.evaluation.folds import weekly_folds
from smallhours.training.listening_history import read_history
from smallhours.training.ranking.past_lists import (
    PastList,
    own_adoptions,
    past_list,
    read_past_tables,
)
from tests.training.lakes import ADA, NIGHT, some_settings
from tests.training.ranking.past_lake import artist, listener_who_explores_shoegaze, songs

(FOLD,) = weekly_folds(NIGHT.as_of, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    listener_who_explores_shoegaze(lake)
    return lake


def list_of(lake: Lake) -> tuple[PastList, set[str]]:
    """Return a past list, and what was adopted then, among the candidates or not."""
    past = read_history(lake, ADA, night=NIGHT)
    tables = read_past_tables(lake, past, settings=some_settings())
    return past_list(tables, FOLD, np.random.default_rng(1)), own_adoptions(tables.past, FOLD)


def test_the_lists_of_later_artists_do_not_give_them_away(lake: Lake) -> None:
    """Every artist of the listener's was asked about, and no other: that alone would tell."""
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


def test_what_was_adopted_is_marked_among_the_candidates_of_the_day(lake: Lake) -> None:
    found, truth = list_of(lake)

    # The last four of forty weeks, an artist each.
    assert truth == {key for week in range(36, 40) for key in songs(artist("shoegaze", week))}
    assert found.adopted.any()
    assert set(found.signals.index[found.adopted]) == truth & set(found.signals.index)
    assert found.eligible[found.adopted].all()
    assert not found.eligible[found.signals.index.isin(songs(artist("shoegaze", 0)))].any()


def test_what_we_recommended_counts_neither_as_found_nor_as_missed(lake: Lake) -> None:
    _, before = list_of(lake)
    ours = [*songs(artist("shoegaze", 38)), *songs(artist("polka", 1))]
    night = NIGHT.date - dt.timedelta(days=20)
    at = pd.Timestamp(night, tz="UTC") + pd.Timedelta(hours=27)
    rows = pd.DataFrame({"track_key": ours}).assign(
        night=night, reaction="played", at=at, intent="main", listener=ADA, month=f"{night:%Y-%m}"
    )
    lake.merge(FEEDBACK, rows)

    found, truth = list_of(lake)

    assert not found.eligible[found.signals.index.isin(ours)].any()
    assert truth == before - set(ours) < before
