"""The ranking benchmark's protocol: test listeners, hidden artists, training listeners."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from benchmarks.harness import BadTable
from benchmarks.ranking import hidden_figures, split_listeners
from benchmarks.support.installation import (
    SINGLES,
    Installation,
    gather,
    gather_before,
    signals_of,
)
from benchmarks.support.ranking_data import (
    RankingTables,
    crowd_of,
    eligible_listeners,
    hide,
    load_tables,
)
from benchmarks.support.recbole import recbole_figures
from benchmarks.support.rivals import Ease
from smallhours.settings import CatalogSettings
from smallhours.training.ranking.fusion import default_fusion
from smallhours.training.ranking.past_lists import PAST_SIGNALS

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


def test_nobody_who_is_asked_about_is_among_the_others(tables: RankingTables) -> None:
    roles = split_listeners(tables, 20)
    assert not set(roles.tested) & set(roles.others)
    assert len(roles.tested) == 20


def test_while_developing_the_test_listeners_are_not_seen_at_all(tables: RankingTables) -> None:
    tested = set(split_listeners(tables, 15).tested)
    developing = split_listeners(tables, 15, develop=True)
    assert not tested & {*developing.tested, *developing.others}


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
    scores = Ease.of(once, 5.0).scores(own)
    others = own == 0
    assert np.allclose(scores[others], (own @ weights)[others])


def test_a_small_file_goes_the_whole_way(tables: RankingTables) -> None:
    found = hidden_figures(tables, split_listeners(tables, 6))
    lone = found["lone"]
    assert isinstance(lone, dict)
    assert {"ratio", "ratio_low", "over_als", "auc_over_als", "auc_popular_ratio"} <= set(lone)
    assert 0 < lone["ndcg50"] <= 1
    assert lone["auc"] > 0.6
    recall = [found[name] for name in ("candidate_recall", "candidate_recall_before")]
    assert all(isinstance(each, float) and 0 < each <= 1 for each in recall)


def test_what_is_measured_is_what_ships(tables: RankingTables) -> None:
    """The signals are those that the night measures, the weights the default."""
    shared = Installation.of(crowd_of(tables, np.arange(2, LISTENERS)))
    case = hide(tables.plays, 0, shared.crowd.artists)
    assert case is not None
    found = signals_of(shared, case)
    assert list(found) == list(PAST_SIGNALS)
    assert set(SINGLES) <= set(found)
    assert shared.fusion == default_fusion(shared.vectors.tags_per_track)
    own = np.array([int(name.split()[1]) < 45 for name in shared.crowd.artists])
    # Eight artists are too few to learn P(like) from.
    for name in {*SINGLES} - {"popularity", "p_like"}:
        values = found[name].to_numpy(dtype=float)
        assert values[own].mean() > values[~own].mean(), name


def test_no_more_questions_are_asked_than_before(tables: RankingTables) -> None:
    shared = Installation.of(crowd_of(tables, np.arange(2, LISTENERS)))
    artists = pd.Series(1.0, index=shared.crowd.artists[:5])
    most = 3 * len(artists) + CatalogSettings().near_artists
    assert gather(shared, artists).calls <= most
    assert gather_before(shared, artists).calls <= most


def test_in_recbole_s_protocol_every_split_has_its_figure(tables: RankingTables) -> None:
    found = recbole_figures(tables, listeners=2)
    splits, rivals = found["splits"], found["rivals"]
    assert isinstance(splits, list)
    assert isinstance(rivals, dict)
    assert len(splits) == 5
    assert {"popularity", "item_knn", "rp3beta", "ease"} <= set(rivals)


def test_a_tag_that_one_person_gave_counts_for_nobody(tables: RankingTables) -> None:
    crowd = crowd_of(tables, eligible_listeners(tables.plays))
    assert {tag for tags in crowd.tags.artist.values() for tag in tags} == {"even", "odd"}


def test_only_the_crowd_s_plays_make_the_lists(tables: RankingTables) -> None:
    even = np.arange(0, LISTENERS, 2)
    crowd = crowd_of(tables, even)
    assert {int(name.split()[1]) for name in crowd.artists} <= set(range(45))
    assert crowd.listeners.sum() == EACH * len(even)
    assert (crowd.lists.groupby("seed_key")["rank"].min() == 1).all()
    assert (
        crowd.lists.groupby("seed_key")["match"]
        .apply(lambda one: (-one).is_monotonic_increasing)
        .all()
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="listener, artist, plays"):
        load_tables(tmp_path / "none.csv", tmp_path / "none.csv")


def test_too_few_listeners_are_refused(tmp_path: Path, tables: RankingTables) -> None:
    few = tables.plays[tables.plays["listener"] < 5]
    few.to_csv(tmp_path / "plays.csv", index=False)
    tables.tags.to_csv(tmp_path / "tags.csv", index=False)
    with pytest.raises(BadTable, match="5 listeners"):
        load_tables(tmp_path / "plays.csv", tmp_path / "tags.csv")
