"""Charts of points over two axes: lines, dots, and reliability diagrams."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from smallhours.web.charts.canvas import (
    MARGIN,
    SMALL,
    Canvas,
    Scale,
    axis_label,
    colour,
    empty_chart,
    finite_values,
    format_number,
    format_percent,
    format_value,
    percent_label,
    text_width,
    ticks,
    value_range,
)

LEFT, BELOW = 64, 46
DOTS_ROW, DOTS_BELOW = 26, 44
# Maximum number of written x values, and pixels for each: dates are wide.
MAX_X_LABELS, X_LABEL_WIDTH = 4, 110
# Pixels between the baselines of values beside the lines' ends.
VALUE_HEIGHT = 13


@dataclass(frozen=True)
class LineSeries:
    """One line.

    Attributes:
        name: Name in the legend.
        xs: Positions of its points, ascending.
        ys: Values of its points; None or NaN leaves a point out.
        low, high: Ends of the band at each point, if any.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()

    def points(self) -> list[tuple[float, float]]:
        """Return the points (x, y) that can be drawn."""
        return [(x, y) for x, v in zip(self.xs, self.ys, strict=True) for y in finite_values([v])]

    def band(self) -> list[tuple[float, float, float]]:
        """Return (x, low, high) where both ends of the band are known."""
        ends = zip(self.xs, self.low, self.high, strict=False)
        return [(x, low, high) for x, low, high in ends if len(finite_values([low, high])) == 2]


def lines(
    title: str,
    series: Sequence[LineSeries],
    *,
    desc: str = "",
    x_label: str = "",
    y_label: str = "",
    x_ticks: Sequence[float] = (),
    log_x: bool = False,
    format_x: Callable[[float], str] | None = None,
    width: float = 640,
    height: float = 340,
    digits: int = 3,
    percent: bool = False,
) -> str:
    """Draw lines through points; each point has a marker, and its value as a tooltip.

    Args:
        title: Title of the chart.
        series: The lines.
        desc: Description for readers who can't see the chart; the values are appended.
        x_label: Label of the x axis, with the unit.
        y_label: Label of the y axis, with the unit.
        x_ticks: Values below the x axis; by default round ones are chosen.
        log_x: Whether the x axis is logarithmic; then all x must be above 0.
        format_x: Formats x values that are not quantities, such as `format_date`; then the axis has
            ticks below some of the points.
        width: Width in pixels.
        height: Height in pixels.
        digits: Decimal places of the values.
        percent: Whether the values are shares, 0-1, and shown in percent.
    """
    shown = [line for line in series if line.points()]
    if not shown:
        return empty_chart(title, desc, width)
    format_tick = format_x or format_number
    show = format_percent if percent else partial(format_value, digits=digits)
    said = "; ".join(
        f"{line.name}: " + ", ".join(f"{show(v)} at {format_tick(at)}" for at, v in line.points())
        for line in shown
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([line.name for line in shown], canvas.heading(), points=True) + 6
    x, y = _scales(canvas, shown, top, x_ticks, log_x)
    label = percent_label if percent else axis_label
    canvas.y_axis(y, ticks(y.low, y.high), LEFT, y_label, format_tick=label)
    below = x_ticks or (_labelled_xs(shown, width) if format_x else ticks(x.low, x.high))
    canvas.x_axis(x, below, height - BELOW, x_label, format_tick=format_x or axis_label)
    for at, line in enumerate(shown):
        if band := line.band():
            upper = [(x(px), y(high)) for px, _, high in band]
            lower = [(x(px), y(low)) for px, low, _ in reversed(band)]
            canvas.area(upper + lower, colour(at))
        canvas.line([(x(px), y(py)) for px, py in line.points()], colour(at), width=2)
        for px, py in line.points():
            tip = f"{line.name}: {show(py)} at {format_tick(px)}"
            canvas.mark(x(px), y(py), at, tip=tip)
    _write_last_values(canvas, [line.points()[-1] for line in shown], x, y, show)
    return canvas.render()


def _write_last_values(
    canvas: Canvas,
    ends: Sequence[tuple[float, float]],
    x: Scale,
    y: Scale,
    show: Callable[[float], str],
) -> None:
    """Write the last value beside the end of each line, none on another."""
    ordered = sorted(ends, key=lambda end: y(end[1]))
    places = [y(value) + 4 for _, value in ordered]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + VALUE_HEIGHT)
    # Those that would stand below the axis move up, and push the others.
    lowest = y.start + 4
    for at in range(len(places) - 1, -1, -1):
        places[at] = min(places[at], lowest)
        lowest = places[at] - VALUE_HEIGHT
    for (at_x, value), place in zip(ordered, places, strict=True):
        canvas.text(x(at_x) + 9, place, show(value), size=SMALL)


def format_date(day: float) -> str:
    """Return the ISO date of a day number as `datetime.date.toordinal` counts it.

    >>> format_date(739_557.0)
    '2025-11-02'
    """
    return dt.date.fromordinal(round(day)).isoformat()


def format_year(year: float) -> str:
    """Return a year as text, without a thousands separator.

    >>> format_year(2026.0)
    '2026'
    """
    return f"{year:.0f}"


def _labelled_xs(shown: Sequence[LineSeries], width: float) -> list[float]:
    """Return as many of the xs as can be written, evenly spread, both ends included."""
    xs = sorted({x for line in shown for x, _ in line.points()})
    wanted = min(len(xs), MAX_X_LABELS, max(2, int(width // X_LABEL_WIDTH)))
    return [xs[round(at * (len(xs) - 1) / max(wanted - 1, 1))] for at in range(wanted)]


def _scales(
    canvas: Canvas, shown: Sequence[LineSeries], top: float, x_ticks: Sequence[float], log_x: bool
) -> tuple[Scale, Scale]:
    ys = [y for line in shown for _, y in line.points()]
    ys += [end for line in shown for _, *ends in line.band() for end in ends]
    low, high = value_range(ys)
    low, high = low - (high - low) * 0.08, high + (high - low) * 0.08
    left, right = value_range([*(x for line in shown for x, _ in line.points()), *x_ticks])
    # Leave room for the last value beside its point.
    x = Scale(left, right, LEFT + 10, canvas.width - MARGIN - 44, log=log_x)
    return x, Scale(low, high, canvas.height - BELOW, top)


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
    room = max(DOTS_ROW, 13 * len(series) + 10)
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, 110 + room * len(rows) + DOTS_BELOW)
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
    canvas.height = bottom + DOTS_BELOW
    return canvas.render()


def _dot_label(dot: Dot, series: Sequence[str]) -> str:
    return dot.row if len(series) == 1 else f"{dot.row}, {dot.series}"


@dataclass(frozen=True)
class CalibrationPoint:
    """One point of a reliability diagram.

    Attributes:
        predicted: The predicted probability, 0-1.
        observed: The observed share of positive cases, 0-1.
        n: Number of cases.
        low, high: Ends of the interval of `observed`, if known.
    """

    predicted: float
    observed: float
    n: int
    low: float | None = None
    high: float | None = None

    def describe(self) -> str:
        """Return the point in words: `0.35 said, 0.5 of 12 happened (0.25 to 0.75)`."""
        ends = finite_values([self.low, self.high])
        interval = (
            f" ({format_number(ends[0])} to {format_number(ends[1])})" if len(ends) == 2 else ""
        )
        cases = f"{format_number(self.observed)} of {self.n:,} happened"
        return f"{format_number(self.predicted)} said, {cases}{interval}"


def reliability_diagram(
    title: str,
    points: Sequence[CalibrationPoint],
    *,
    desc: str = "",
    x_label: str = "said",
    y_label: str = "happened",
    width: float = 400,
    height: float = 380,
) -> str:
    """Draw a calibration curve: points with intervals, and the diagonal of perfect calibration.

    Args:
        title: Title of the chart.
        points: By ascending predicted probability; points that are not finite are left out.
        desc: Description for readers who can't see the chart; values and counts are appended.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
        width: Width in pixels.
        height: Height in pixels.
    """
    drawn = [each for each in points if len(finite_values([each.predicted, each.observed])) == 2]
    if not drawn:
        return empty_chart(title, desc, width)
    told = "; ".join(each.describe() for each in drawn)
    canvas = Canvas(title, f"{desc} {told}.".strip(), width, height)
    x = Scale(0, 1, LEFT, width - MARGIN - 10)
    y = Scale(0, 1, height - BELOW, canvas.heading() + 8)
    canvas.y_axis(y, ticks(0, 1), LEFT, y_label)
    canvas.x_axis(x, ticks(0, 1), height - BELOW, x_label)
    canvas.line([(x(0), y(0)), (x(1), y(1))], dashed=True, opacity=0.7)
    canvas.line([(x(each.predicted), y(each.observed)) for each in drawn], colour(0), width=2)
    most = max(each.n for each in drawn)
    for each in drawn:
        ends = finite_values([each.low, each.high])
        if len(ends) == 2:
            canvas.interval((x(each.predicted), y(ends[0])), (x(each.predicted), y(ends[1])))
        size = 3 + 4 * (each.n / most) ** 0.5 if most else 3
        canvas.mark(x(each.predicted), y(each.observed), 0, size=size, tip=each.describe())
    return canvas.render()
