"""Dot plot: one row per name, with a dot and its interval for each series."""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.web.charts.canvas import (
    MARGIN,
    SMALL,
    Canvas,
    Scale,
    empty_chart,
    finite_values,
    format_value,
    text_width,
    ticks,
    value_range,
)

ROW, BELOW = 26, 44


@dataclass(frozen=True)
class Dot:
    """One dot.

    Attributes:
        row: Label at the left; dots with the same label share a line.
        series: Name of the series; shown in the legend where there are several.
        value: Position of the dot.
        low, high: Ends of its interval, if any.
    """

    row: str
    series: str
    value: float
    low: float | None = None
    high: float | None = None


def dots(
    title: str,
    points: Sequence[Dot],
    *,
    desc: str = "",
    x_label: str = "",
    width: float = 680,
    digits: int = 3,
) -> str:
    """Draw dots in rows, with intervals; values that are not finite are left out.

    Args:
        title: Title of the chart.
        points: In the order shown; rows and series follow the order of their first dot.
        desc: Description for readers who can't see the chart; the values are appended.
        x_label: Label of the x axis, with the unit.
        width: Width in pixels; the height follows from the number of rows.
        digits: Decimal places of the values.
    """
    drawn = [dot for dot in points if finite_values([dot.value])]
    if not drawn:
        return empty_chart(title, desc, width)
    rows = list(dict.fromkeys(dot.row for dot in drawn))
    series = list(dict.fromkeys(dot.series for dot in drawn))
    said = "; ".join(
        f"{_dot_label(dot, series)} {format_value(dot.value, digits)}" for dot in drawn
    )
    room = max(ROW, 13 * len(series) + 10)
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, 110 + room * len(rows) + BELOW)
    top = canvas.heading()
    if len(series) > 1:
        top = canvas.legend(series, top, points=True)
    gutter = min(MARGIN + max(map(text_width, rows)) + 14, width * 0.45)
    low, high = value_range(
        [end for dot in drawn for end in finite_values([dot.value, dot.low, dot.high])]
    )
    x = Scale(low, high, gutter + 10, width - MARGIN - 50)
    bottom = top + room * len(rows) + 6
    for value in ticks(low, high):
        canvas.line([(x(value), top), (x(value), bottom)], opacity=0.15)
    for at, name in enumerate(rows):
        middle = top + room * (at + 0.5) + 4
        canvas.text(gutter - 6, middle + 4, name, anchor="end")
        canvas.line([(gutter, middle), (width - MARGIN, middle)], opacity=0.08)
    for dot in drawn:
        s, at = series.index(dot.series), rows.index(dot.row)
        step = (s + 0.5) / len(series) - 0.5
        y = top + room * (at + 0.5) + 4 + step * (room - 10)
        ends = finite_values([dot.low, dot.high])
        if len(ends) == 2:
            canvas.interval((x(ends[0]), y), (x(ends[1]), y))
        canvas.mark(
            x(dot.value), y, s, tip=f"{_dot_label(dot, series)}: {format_value(dot.value, digits)}"
        )
        beside = max([x(dot.value), *map(x, ends)]) + 8
        canvas.text(beside, y + 4, format_value(dot.value, digits), size=SMALL, opacity=0.8)
    canvas.x_axis(x, ticks(low, high), bottom, x_label)
    canvas.height = bottom + BELOW
    return canvas.render()


def _dot_label(dot: Dot, series: Sequence[str]) -> str:
    return dot.row if len(series) == 1 else f"{dot.row}, {dot.series}"
