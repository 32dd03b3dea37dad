"""Line charts, with bands for uncertainty."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    format_value,
    ticks,
    value_range,
)

LEFT, BELOW = 64, 46
# Maximum number of written x values: dates are wide, more would overlap.
MAX_X_LABELS = 4


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
    """
    shown = [line for line in series if line.points()]
    if not shown:
        return empty_chart(title, desc, width)
    format_tick = format_x or format_number
    said = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{format_value(v, digits)} at {format_tick(at)}" for at, v in line.points())
        for line in shown
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([line.name for line in shown], canvas.heading(), points=True) + 6
    x, y = _scales(canvas, shown, top, x_ticks, log_x)
    canvas.y_axis(y, ticks(y.low, y.high), LEFT, y_label)
    below = x_ticks or (_labelled_xs(shown) if format_x else ticks(x.low, x.high))
    canvas.x_axis(x, below, height - BELOW, x_label, format_tick=format_x or axis_label)
    for at, line in enumerate(shown):
        if band := line.band():
            upper = [(x(px), y(high)) for px, _, high in band]
            lower = [(x(px), y(low)) for px, low, _ in reversed(band)]
            canvas.area(upper + lower, colour(at))
        canvas.line([(x(px), y(py)) for px, py in line.points()], colour(at), width=2)
        for px, py in line.points():
            tip = f"{line.name}: {format_value(py, digits)} at {format_tick(px)}"
            canvas.mark(x(px), y(py), at, tip=tip)
        last = line.points()[-1]
        canvas.text(x(last[0]) + 9, y(last[1]) + 4, format_value(last[1], digits), size=SMALL)
    return canvas.render()


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


def _labelled_xs(shown: Sequence[LineSeries]) -> list[float]:
    """Return up to `MAX_X_LABELS` of the xs with a point, evenly spread, both ends included."""
    xs = sorted({x for line in shown for x, _ in line.points()})
    wanted = min(len(xs), MAX_X_LABELS)
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
