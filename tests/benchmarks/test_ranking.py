"""The ranking benchmark's protocol: test listeners, hidden artists, training listeners."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from benchmarks.harness import BadTable
from benchmarks.ranking import METHODS, MethodScorer, answers, split_listeners
from benchmarks.support.ranking_data import (
    RankingTables,
    crowd_of,
    eligible_listeners,
    hide,
    load_tables,
)
from benchmarks.support.ranking_fits import learn_across, training_lists
from benchmarks.support.ranking_signals import COLLABORATIVE, Ease, learn, signals_a, signals_b

LISTENERS, ARTISTS, EACH = 60, 90, 12


@pytest.fixture(scope="module")
def tables() -> RankingTables:
    rng = np.random.default_rng(3)
    plays = [
        (listener, f"artist {artist}", int(rng.integers(1, 500)))
        for listener in range(LISTENERS)
        for artist in rng.choice(45, EACH, replace=False) + 45 * (listener % 2)
    ]
    tags = [
        (f"artist {artist}", tag, taggers, 100)
        for artist in range(ARTISTS)
        for tag, taggers in (("even" if artist < 45 else "odd", 3), ("mine alone", 1))
    ]
    return RankingTables(
        pd.DataFrame(plays, columns=["listener", "artist", "plays"]),
        pd.DataFrame(tags, columns=["artist", "tag", "taggers", "count"]),
    )


def test_nobody_who_is_asked_about_is_learned_from(tables: RankingTables) -> None:
    roles = split_listeners(tables, 20)
    assert not set(roles.tested) & set(roles.learned)
    assert len(roles.tested) == 20


def test_while_developing_the_test_listeners_are_not_seen_at_all(tables: RankingTables) -> None:
    tested = set(split_listeners(tables, 15).tested)
    developing = split_listeners(tables, 15, develop=True)
    assert not tested & {*developing.tested, *developing.learned}


def test_a_small_file_keeps_most_listeners_to_learn_from(tables: RankingTables) -> None:
    assert len(split_listeners(tables, 200).tested) == int(
        0.4 * len(eligible_listeners(tables.plays))
    )


def test_the_same_third_is_hidden_in_every_run(tables: RankingTables) -> None:
    artists = pd.Index(sorted(tables.plays["artist"].unique()))
    first, again = hide(tables.plays, 5, artists), hide(tables.plays, 5, artists)
    assert first is not None
    assert again is not None
    assert first.hidden.tolist() == again.hidden.tolist()
    assert first.hidden_count == round(0.3 * EACH)
    assert not set(first.hidden) & set(first.seeds)


def test_another_draw_hides_others(tables: RankingTables) -> None:
    artists = pd.Index(sorted(tables.plays["artist"].unique()))
    draws = [hide(tables.plays, 5, artists, again) for again in range(3)]
    hidden = {tuple(sorted(case.hidden.tolist())) for case in draws if case is not None}
    assert len(hidden) == 3


def test_ease_without_a_matrix_of_artists_is_ease() -> None:
    rng = np.random.default_rng(4)
    once = sparse.csr_matrix((rng.random((12, 20)) < 0.3).astype(float))
    inverse = np.linalg.inv((once.T @ once).toarray() + 5.0 * np.eye(20))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    own = np.zeros(20)
    own[[2, 7, 11]] = 1.0
    scores = Ease.of(once, 0.0, 5.0).scores(own)
    others = own == 0
    assert np.allclose(scores[others], (own @ weights)[others])


def test_a_small_file_goes_the_whole_way(tables: RankingTables) -> None:
    roles = split_listeners(tables, 10)
    parts = training_lists(tables, roles.learned, processes=1)
    own = [name for name in parts[0].names if name not in COLLABORATIVE]
    fusion = learn_across(parts, own, threads=1)
    judge = MethodScorer(own, fusion, learn_across(parts, parts[0].names, threads=1))
    found = answers(tables, roles.learned, roles.tested, judge, processes=1)
    assert found
    assert all(set(METHODS.values()) <= set(each.figures) for each in found)
    assert all(0 <= each.figures["B"]["ndcg50"] <= 1 for each in found)


def test_a_tag_that_one_person_gave_counts_for_nobody(tables: RankingTables) -> None:
    crowd = crowd_of(tables, eligible_listeners(tables.plays))
    assert crowd.tags.shape[1] == 2
    assert np.diff(crowd.tags.indptr).tolist() == [1] * len(crowd.artists)


def test_only_the_crowd_s_plays_make_the_lists(tables: RankingTables) -> None:
    even = np.arange(0, LISTENERS, 2)
    crowd = crowd_of(tables, even)
    assert {int(name.split()[1]) for name in crowd.artists} <= set(range(45))
    assert crowd.listeners.sum() == EACH * len(even)


def test_every_signal_prefers_the_listener_s_own_half(tables: RankingTables) -> None:
    crowd = crowd_of(tables, np.arange(2, LISTENERS))
    case = hide(tables.plays, 0, crowd.artists)
    assert case is not None
    rng = np.random.default_rng(1)
    found = signals_a(crowd, case.seeds, case.plays, rng).join(
        signals_b(crowd, learn(crowd, rng=rng), case.seeds, case.plays)
    )
    assert set(COLLABORATIVE) <= set(found)
    own = np.array([int(name.split()[1]) < 45 for name in crowd.artists])
    blind = {"popularity", "tag_count"}
    for name in set(found) - blind:
        values = found[name].to_numpy(dtype=float)
        assert values[own].mean() > values[~own].mean(), name


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="listener, artist, plays"):
        load_tables(tmp_path / "none.csv", tmp_path / "none.csv")


def test_too_few_listeners_are_refused(tmp_path: Path, tables: RankingTables) -> None:
    few = tables.plays[tables.plays["listener"] < 5]
    few.to_csv(tmp_path / "plays.csv", index=False)
    tables.tags.to_csv(tmp_path / "tags.csv", index=False)
    with pytest.raises(BadTable, match="5 listeners"):
        load_tables(tmp_path / "plays.csv", tmp_path / "tags.csv")
