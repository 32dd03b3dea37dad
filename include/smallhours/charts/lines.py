"""How does a value change along another? Lines, with bands for what is uncertain."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smallhours.charts.canvas import MARGIN, SMALL, Canvas, colour, no_data, on_axis
from smallhours.charts.scale import Scale, figure, finite, number, span, ticks

LEFT, BELOW = 64, 46
# Dates are wide: more would run into each other.
WORDS_SHOWN = 4


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: In the legend.
        xs: Where its points are, ascending.
        ys: Their values; None or NaN leaves a point out.
        low, high: The ends of the band at each point, if any.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()

    def points(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [(x, y) for x, v in zip(self.xs, self.ys, strict=True) for y in finite([v])]

    def band(self) -> list[tuple[float, float, float]]:
        """x, low and high where both ends are known."""
        ends = zip(self.xs, self.low, self.high, strict=False)
        return [(x, low, high) for x, low, high in ends if len(finite([low, high])) == 2]


def lines(
    title: str,
    series: Sequence[Line],
    *,
    desc: str = "",
    x_label: str = "",
    y_label: str = "",
    x_ticks: Sequence[float] = (),
    log_x: bool = False,
    x_words: Callable[[float], str] | None = None,
    width: float = 640,
    height: float = 340,
    digits: int = 3,
) -> str:
    """Lines through points, each point marked and its value in the tip.

    Args:
        title: What changes.
        series: The lines.
        desc: What is to be seen; the values are added.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        x_ticks: Values below the x axis; without them round ones are chosen.
        log_x: Whether equal factors are equal steps along x; then all x are above 0.
        x_words: How x is written where it is no quantity, such as `date_of`; then the axis has
            marks below some of the points.
        width: In pixels.
        height: In pixels.
        digits: Of the values, after the point.
    """
    shown = [line for line in series if line.points()]
    if not shown:
        return no_data(title, desc, width)
    written = x_words or number
    said = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{figure(v, digits)} at {written(at)}" for at, v in line.points())
        for line in shown
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([line.name for line in shown], canvas.heading(), points=True) + 6
    x, y = _scales(canvas, shown, top, x_ticks, log_x)
    canvas.y_axis(y, ticks(y.low, y.high), LEFT, y_label)
    below = x_ticks or (_some(shown) if x_words else ticks(x.low, x.high))
    canvas.x_axis(x, below, height - BELOW, x_label, written=x_words or on_axis)
    for at, line in enumerate(shown):
        if band := line.band():
            upper = [(x(px), y(high)) for px, _, high in band]
            lower = [(x(px), y(low)) for px, low, _ in reversed(band)]
            canvas.area(upper + lower, colour(at))
        canvas.line([(x(px), y(py)) for px, py in line.points()], colour(at), width=2)
        for px, py in line.points():
            tip = f"{line.name}: {figure(py, digits)} at {written(px)}"
            canvas.mark(x(px), y(py), at, tip=tip)
        last = line.points()[-1]
        canvas.text(x(last[0]) + 9, y(last[1]) + 4, figure(last[1], digits), size=SMALL)
    return canvas.render()


def date_of(day: float) -> str:
    """A day, as `datetime.date.toordinal` counts it, as an ISO date.

    >>> date_of(739_557.0)
    '2025-11-02'
    """
    return dt.date.fromordinal(round(day)).isoformat()


def year_of(year: float) -> str:
    """A year, which is no quantity of thousands.

    >>> year_of(2026.0)
    '2026'
    """
    return f"{year:.0f}"


def _some(shown: Sequence[Line]) -> list[float]:
    """Some of the xs that have a point, evenly spread, the first and the last among them."""
    xs = sorted({x for line in shown for x, _ in line.points()})
    wanted = min(len(xs), WORDS_SHOWN)
    return [xs[round(at * (len(xs) - 1) / max(wanted - 1, 1))] for at in range(wanted)]


def _scales(
    canvas: Canvas, shown: Sequence[Line], top: float, x_ticks: Sequence[float], log_x: bool
) -> tuple[Scale, Scale]:
    ys = [y for line in shown for _, y in line.points()]
    ys += [end for line in shown for _, *ends in line.band() for end in ends]
    low, high = span(ys)
    low, high = low - (high - low) * 0.08, high + (high - low) * 0.08
    left, right = span([*(x for line in shown for x, _ in line.points()), *x_ticks])
    # Room for the last value beside its point.
    x = Scale(left, right, LEFT + 10, canvas.width - MARGIN - 44, log=log_x)
    return x, Scale(low, high, canvas.height - BELOW, top)
