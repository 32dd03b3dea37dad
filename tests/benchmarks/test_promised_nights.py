"""Tests of the figures of promises and alarms."""

import pytest

from benchmarks.support.promised_nights import NEVER, KeptAccount, promise_figures
from benchmarks.support.stand_in_lists import stand_in_account


def account(
    *promises: tuple[int, int, int, int, int, float], alarms: tuple[int, ...] = ()
) -> KeptAccount:
    """Return an account of 60 nights with a change on the 31st."""
    return KeptAccount(60, 31, promises, [(night, "acceptance") for night in alarms])


def test_promises_count_by_month_and_alarms_from_the_change_on() -> None:
    one = account((5, 4, 9, 6, 10, 0.65), (29, 4, 9, 3, 10, 0.65), (31, 4, 9, 5, 10, 0.65))
    other = account((60, 1, 7, 4, 10, 0.65), alarms=(36,))
    early = account(alarms=(12, 38))

    found = promise_figures([one, other, early])

    assert found["promise_coverage"] == [0.5, 1.0]
    # A binomial of 10 and .65 has 90 % between 4 and 9.
    assert found["promise_width_ratio"] == pytest.approx((5 + 5 + 5 + 6) / 20)
    assert found["drift_nights"] == 7  # of never, 5 and 7
    assert found["false_alarms"] == pytest.approx(365 / 90, abs=1e-3)


def test_an_alarm_that_never_comes_is_late() -> None:
    assert promise_figures([account()])["drift_nights"] == NEVER


@pytest.mark.slow(seconds=5)
def test_drawn_lists_are_promised_and_heard() -> None:
    found = stand_in_account("ada", nights=20, changed_on=21, seed=1983)

    assert len(found.promises) > 5
    assert all(0 <= low <= high <= size for _, low, high, _, size, _ in found.promises)
    assert found == stand_in_account("ada", nights=20, changed_on=21, seed=1983)
