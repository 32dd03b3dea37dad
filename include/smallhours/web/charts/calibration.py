"""Reliability diagram: the observed share against the predicted probability."""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.web.charts.canvas import (
    MARGIN,
    Canvas,
    Scale,
    colour,
    empty_chart,
    finite_values,
    format_number,
    ticks,
)

LEFT, BELOW = 64, 46


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
