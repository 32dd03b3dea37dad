import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.regression.artist_folds import artist_folds, artist_names


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2), st.integers(2, 5))
def test_an_artist_with_others_is_held_out_whole(names: list[str], folds: int) -> None:
    fold = artist_folds(np.array(names), folds)

    if len(set(names)) > 1:
        assert all(len(set(fold[np.array(names) == name])) == 1 for name in names)
        assert set(fold) == set(range(min(folds, len(set(names)))))


def test_without_groups_each_row_is_an_artist() -> None:
    assert len(set(artist_names(None, 4))) == 4


def test_a_missing_group_is_named_by_its_row() -> None:
    with pytest.raises(ValueError, match="row 1"):
        artist_names(["a", float("nan")], 2)


def test_as_many_groups_as_rows_are_needed() -> None:
    with pytest.raises(ValueError, match="2 artists for 3 rows"):
        artist_names(["a", "b"], 3)


def test_an_artist_is_held_out_of_the_same_fold_whoever_else_there_is() -> None:
    tonight = np.array([f"artist {at}" for at in range(60)])
    tomorrow = np.array([f"artist {at}" for at in range(20, 500)])

    fold = dict(zip(tonight.tolist(), artist_folds(tonight, 5).tolist(), strict=True))
    later = dict(zip(tomorrow.tolist(), artist_folds(tomorrow, 5).tolist(), strict=True))

    assert all(fold[name] == later[name] for name in tonight[20:])
    assert set(fold.values()) == set(range(5))
