"""Lists of similar artists read both ways: five artists, by hand."""

import numpy as np
import pytest
from scipy import sparse

from benchmarks.support.ranking_data import (
    Reach,
    personalised_pagerank,
    transitions,
    unit_rows,
)

# 0 and 1 both name 2 and 3; 4 names 0; nobody names 4. Only 3 has no tag.
NEAR = sparse.csr_matrix(
    np.array(
        [
            [0.0, 0.0, 0.5, 0.5, 0.0],
            [0.0, 0.0, 0.5, 0.5, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
            [0.8, 0.0, 0.0, 0.0, 0.0],
        ]
    )
)
TAGS = sparse.csr_matrix(np.array([[1.0, 0], [1, 0], [1, 0], [0, 0], [0, 1]]))


@pytest.fixture
def reach() -> Reach:
    return Reach.of(NEAR, np.array([5.0, 1.0, 3.0, 2.0, 1.0]), TAGS)


def test_rows_have_length_one_and_an_empty_one_stays_empty() -> None:
    found = unit_rows(sparse.csr_matrix(np.array([[3.0, 4.0], [0.0, 0.0]])))
    assert found.toarray() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_a_walk_goes_back_to_those_that_name_an_artist(reach: Reach) -> None:
    at = personalised_pagerank(reach.steps, np.array([1.0, 0, 0, 0, 0]))
    assert at[4] > 0
    assert at.sum() == pytest.approx(1.0)


def test_the_usual_walk_starts_from_the_artists_that_everyone_plays(reach: Reach) -> None:
    known = np.array([5.0, 1.0, 3.0, 2.0, 1.0])
    assert reach.usual == pytest.approx(personalised_pagerank(reach.steps, known / 12))


def test_artists_that_the_same_lists_name_are_alike(reach: Reach) -> None:
    alike = (reach.named_by @ reach.named_by.T).toarray()
    assert alike[2, 3] == pytest.approx(1.0)
    assert alike[0, 2] == 0
    assert alike[4].tolist() == [0] * 5


def test_an_artist_without_tags_is_lent_those_of_similar_ones(reach: Reach) -> None:
    assert reach.tags.toarray()[3] == pytest.approx([1.0, 0.0])
    # 0: its own, and of its neighbours 2, 3 (no tags) and 4 at .5, .5 and .8 of 1.8.
    own = np.array([1 + 0.5 / 1.8, 0.8 / 1.8])
    assert reach.tags.toarray()[0] == pytest.approx(own / np.linalg.norm(own))


def test_factors_keep_the_angles_where_tags_are_few(reach: Reach) -> None:
    tags = reach.tags.toarray()
    assert reach.tag_factors @ reach.tag_factors.T == pytest.approx(tags @ tags.T)


def test_the_walk_stays_near_home() -> None:
    """Walk on the chain 0 - 1 - 2 - 3, with home at 0."""
    path = sparse.csr_matrix(np.eye(4, k=1) + np.eye(4, k=-1))
    at = personalised_pagerank(transitions(path), np.array([1.0, 0, 0, 0]))
    assert at.sum() == pytest.approx(1.0)
    assert at[1] > at[2] > at[3] > 0


def test_a_walk_without_a_home_goes_nowhere() -> None:
    assert not personalised_pagerank(transitions(sparse.csr_matrix(np.eye(2))), np.zeros(2)).any()
