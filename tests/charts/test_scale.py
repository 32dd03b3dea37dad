import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.web.charts.canvas import Scale, format_number, format_value, ticks, value_range

BETWEEN = st.floats(-1e6, 1e6)


@given(BETWEEN, st.floats(1e-3, 1e6), st.integers(1, 9))
def test_ticks_lie_within_the_span_and_are_not_many(low: float, length: float, wanted: int) -> None:
    found = ticks(low, low + length, wanted)

    slack = length * 1e-6 + 1e-9
    assert all(low - slack <= tick <= low + length + slack for tick in found)
    assert len(found) <= wanted + 1
    assert found == sorted(found)


@given(st.lists(BETWEEN, min_size=1), st.booleans())
def test_a_span_is_never_empty_and_holds_all(values: list[float], from_zero: bool) -> None:
    low, high = value_range(values, from_zero=from_zero)

    assert low < high
    assert low <= min(values)
    assert max(values) <= high


def test_equal_factors_are_equal_steps_on_a_logarithmic_scale() -> None:
    scale = Scale(1, 100, 0, 200, log=True)

    assert [scale(1), scale(10), scale(100)] == pytest.approx([0, 100, 200])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.145, "0.145"), (21732.0, "21,732"), (-0.5, "\N{MINUS SIGN}0.5"), (0.0, "0"), (-0.0, "0")],
)
def test_numbers_are_written_for_people(value: float, shown: str) -> None:
    assert format_number(value) == shown


def test_figures_keep_their_digits() -> None:
    assert [format_value(0.48), format_value(-1.0, 1)] == ["0.480", "\N{MINUS SIGN}1.0"]
