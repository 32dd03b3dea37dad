import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.splits import split_by


@given(st.lists(st.text(max_size=5)))
def test_every_row_is_in_one_part_and_equal_keys_stay_together(keys: list[str]) -> None:
    split = split_by(keys)
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(keys)))
    of_key = [{keys[at] for at in part} for part in parts]
    assert not of_key[0] & of_key[1]
    assert not of_key[0] & of_key[2]
    assert not of_key[1] & of_key[2]


def test_the_shares_are_the_papers() -> None:
    split = split_by([f"artist {at}" for at in range(5000)])
    shares = [len(part) / 5000 for part in (split.train, split.validation, split.test)]
    assert np.allclose(shares, [0.64, 0.16, 0.2], atol=0.02)


def test_new_rows_never_move_old_ones() -> None:
    old = [f"artist {at}" for at in range(300)]
    before, after = split_by(old), split_by([*old, *(f"new {at}" for at in range(300))])
    assert before.test.tolist() == [at for at in after.test if at < 300]
