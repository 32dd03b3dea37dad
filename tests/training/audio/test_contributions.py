import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.audio.contributions import shapley_shares


def test_what_only_two_parts_do_together_is_shared_between_them() -> None:
    baseline, shares = shapley_shares(
        lambda there: 5.0 + 1.0 * there[:, [0]] + 4.0 * there[:, [1]] * there[:, [2]], 3
    )

    assert baseline.tolist() == [5.0]
    assert shares[:, 0] == pytest.approx([1.0, 2.0, 2.0])


@given(st.integers(1, 12), st.integers(0, 1000))
def test_shares_add_up_to_the_answer(parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alone, together = rng.normal(size=(parts, 2)), rng.normal(size=(parts, 2))

    def answer(there: np.ndarray) -> np.ndarray:
        many = there.sum(axis=1, keepdims=True) > 2
        return np.asarray(np.tanh(there @ alone) + many * (there @ together))

    baseline, shares = shapley_shares(answer, parts)

    assert baseline + shares.sum(axis=0) == pytest.approx(answer(np.ones((1, parts), bool))[0])


def test_of_many_parts_the_shares_of_a_sum_are_its_terms() -> None:
    terms = np.arange(12.0)[:, None]

    _, shares = shapley_shares(lambda there: there @ terms, 12)

    assert shares == pytest.approx(terms)


def test_without_parts_there_is_the_baseline_alone() -> None:
    baseline, shares = shapley_shares(lambda there: np.full((len(there), 1), 0.3), 0)

    assert baseline.tolist() == [0.3]
    assert shares.shape == (0, 1)
