"""Tests of the charts: valid accessible SVG, numbers as text, and escaped labels."""

import datetime as dt
import itertools
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from smallhours.web.charts import (
    BarSeries,
    BinnedValues,
    CalibrationPoint,
    Dot,
    LineSeries,
    dots,
    format_date,
    grouped_bars,
    histogram,
    histogram_of_bins,
    horizontal_bars,
    lines,
    reliability_diagram,
    standalone_svg,
)

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script> & \"Ö\" \x07"

# Each chart of one value, .345, whose label is given.
CHARTS: dict[str, Callable[[str], str]] = {
    "histogram": lambda name: histogram(name, {name: [0.345, 0.345]}),
    "grouped_bars": lambda name: grouped_bars(name, [name], [BarSeries(name, [0.345])]),
    "horizontal_bars": lambda name: horizontal_bars(name, {name: 0.345}),
    "lines": lambda name: lines(name, [LineSeries(name, [1.0], [0.345])]),
    "dots": lambda name: dots(name, [Dot(name, name, 0.345)]),
    "reliability": lambda name: reliability_diagram(
        name, [CalibrationPoint(0.345, 0.5, 3)], x_label=name
    ),
}
EMPTY_CHARTS = {
    "histogram": histogram("x", {"a": [], "b": [float("nan")]}),
    "grouped_bars": grouped_bars("x", ["a"], [BarSeries("b", [None])]),
    "no_groups": grouped_bars("x", [], []),
    "no_spreads": histogram_of_bins("x", {}, bounds=(0.0, 1.0)),
    "horizontal_bars": horizontal_bars("x", {"a": float("inf")}),
    "lines": lines("x", [LineSeries("a", [1.0], [float("nan")]), LineSeries("b", [], [])]),
    "dots": dots("x", []),
    "reliability": reliability_diagram("x", []),
}


def words(svg: str) -> list[str]:
    """Return the texts that stand in the picture."""
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


@pytest.mark.parametrize("chart", CHARTS)
def test_it_is_an_image_with_a_name_and_a_description(chart: str) -> None:
    root = ET.fromstring(CHARTS[chart]("a name"))  # noqa: S314

    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    said = {element.get("id"): element.text for element in root if element.get("id")}
    title, desc = (root.get("aria-labelledby") or "").split()
    assert said[title] == "a name"
    assert "0.345" in (said[desc] or "")


@pytest.mark.parametrize("chart", CHARTS)
def test_a_hostile_label_stays_text(chart: str) -> None:
    svg = CHARTS[chart](HOSTILE)

    assert "<script" not in svg
    assert any("alert" in text for text in words(svg))


@pytest.mark.parametrize("chart", ["grouped_bars", "horizontal_bars", "lines", "dots"])
def test_values_are_written_beside_their_marks(chart: str) -> None:
    assert "0.345" in words(CHARTS[chart]("a name"))


@pytest.mark.parametrize("chart", EMPTY_CHARTS)
def test_nothing_to_draw_says_so(chart: str) -> None:
    assert "No data." in words(EMPTY_CHARTS[chart])


@pytest.mark.parametrize("chart", CHARTS)
def test_colours_are_the_pages_or_fall_back(chart: str) -> None:
    svg = CHARTS[chart]("a name")

    assert "var(--chart-1, #" in svg
    assert 'fill="currentColor"' in svg
    assert "<style" not in svg


def test_a_file_of_its_own_follows_light_and_dark() -> None:
    picture = standalone_svg(horizontal_bars("x", {"a": 1.0}))

    ET.fromstring(picture)  # noqa: S314
    assert "prefers-color-scheme:dark" in picture


def test_two_charts_on_a_page_share_no_id() -> None:
    one, other = horizontal_bars("x", {"a": 1.0}), horizontal_bars("x", {"a": 2.0})

    ids = [ET.fromstring(svg).get("aria-labelledby") for svg in (one, other)]  # noqa: S314
    assert ids[0] != ids[1]


def test_the_same_data_draws_the_same_picture() -> None:
    assert CHARTS["lines"]("x") == CHARTS["lines"]("x")


def test_a_histogram_counts_what_lies_outside_at_its_ends() -> None:
    svg = histogram("x", {"a": [-5.0, 0.5, 99.0, 99.0]}, bounds=(0.0, 1.0), bins=2)

    tips = [tip.text for tip in ET.fromstring(svg).iter(f"{SVG}title")]  # noqa: S314
    assert "a, 0 to 0.5: 25 %" in tips
    assert "a, 0.5 to 1: 75 %" in tips


def test_counted_values_are_drawn_as_the_values_themselves() -> None:
    values = [0.1, 0.1, 0.6, 0.9]
    counted = BinnedValues.of(values, 0.0, 1.0, 20)

    one = histogram("x", {"a": values}, bounds=(0.0, 1.0))

    assert histogram_of_bins("x", {"a": counted}, bounds=(0.0, 1.0)) == one
    assert "a: 4 values, mean 0.425." in one


def test_a_missing_bar_leaves_a_gap_and_an_error_has_a_bar() -> None:
    svg = grouped_bars("x", ["a", "b"], [BarSeries("s", [None, 0.5], [None, 0.1])])

    assert words(svg).count("0.500") == 1
    assert svg.count("<polyline") > grouped_bars(
        "x", ["a", "b"], [BarSeries("s", [None, 0.5])]
    ).count("<polyline")


def test_bars_need_a_value_per_group() -> None:
    with pytest.raises(ValueError, match="one value per group"):
        grouped_bars("x", ["a", "b"], [BarSeries("s", [1.0])])


def test_negative_bars_go_left_of_zero() -> None:
    svg = horizontal_bars("x", {"up": 1.0, "down": -1.0})

    boxes = [float(box.get("x") or 0) for box in ET.fromstring(svg).iter(f"{SVG}rect")]  # noqa: S314
    assert boxes[1] < boxes[0]
    assert "\N{MINUS SIGN}1.000" in words(svg)


def test_shares_are_shown_in_percent_on_bars_lines_and_their_axes() -> None:
    assert "7 %" in words(horizontal_bars("x", {"jazz": 0.07}, percent=True))

    shown = words(lines("x", [LineSeries("s", [1.0, 2.0], [0.02, 0.114])], percent=True))

    assert {"11 %", "2.5 %"} <= set(shown)


def test_days_are_written_as_dates() -> None:
    first = dt.date(2026, 11, 2).toordinal()

    svg = lines("x", [LineSeries("s", [first, first + 1.0], [0.3, 0.4])], format_x=format_date)

    assert {"2026-11-02", "2026-11-03"} <= set(words(svg))
    assert "0.400 at 2026-11-03" in svg


def test_a_band_is_drawn_where_both_its_ends_are_known() -> None:
    line = LineSeries("s", [1.0, 10.0], [0.3, 0.4], low=[0.2, 0.3], high=[0.4, 0.5])

    assert 'opacity="0.2"' in lines("x", [line], log_x=True)
    assert 'opacity="0.2"' not in lines("x", [LineSeries("s", [1.0, 10.0], [0.3, 0.4])])


def test_a_reliability_curve_tells_counts_and_intervals_in_words() -> None:
    svg = reliability_diagram(
        "x", [CalibrationPoint(0.3, 0.25, 40, 0.14, 0.4), CalibrationPoint(0.7, 0.5, 2)]
    )

    (said,) = (each.text for each in ET.fromstring(svg).iter(f"{SVG}desc"))  # noqa: S314
    assert "0.3 said, 0.25 of 40 happened (0.14 to 0.4); 0.7 said, 0.5 of 2 happened" in str(said)


def test_series_differ_in_shape_and_not_in_colour_alone() -> None:
    svg = dots("x", [Dot("row", "one", 1.0), Dot("row", "other", 2.0)])

    assert "<circle" in svg
    assert "<polygon" in svg


def test_no_last_value_stands_on_another_or_below_the_axis() -> None:
    ends = [0.5, 0.5, 0.501, 0.9, 0.1, 0.1, 0.1]
    svg = lines("x", [LineSeries(f"l{at}", [1, 2], [0.5, end]) for at, end in enumerate(ends)])

    texts = list(ET.fromstring(svg).iter(f"{SVG}text"))  # noqa: S314
    values = sorted(float(each.get("y") or 0) for each in texts[-len(ends) :])
    assert all(later - earlier >= 11 for earlier, later in itertools.pairwise(values))
    assert values[-1] <= 340 - 40
