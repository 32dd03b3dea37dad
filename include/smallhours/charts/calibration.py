"""Reliability diagram: the observed share against the predicted probability."""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.charts.canvas import MARGIN, Canvas, colour, no_data
from smallhours.charts.scale import Scale, finite, number, ticks

LEFT, BELOW = 64, 46


@dataclass(frozen=True)
class Promise:
    """One point of a reliability diagram.

    Attributes:
        said: The predicted probability, 0-1.
        happened: The observed share of positive cases, 0-1.
        n: Number of cases.
        low, high: Ends of the interval of `happened`, if known.
    """

    said: float
    happened: float
    n: int
    low: float | None = None
    high: float | None = None

    def told(self) -> str:
        """Return the point in words: `0.35 said, 0.5 of 12 happened (0.25 to 0.75)`."""
        ends = finite([self.low, self.high])
        interval = f" ({number(ends[0])} to {number(ends[1])})" if len(ends) == 2 else ""
        return f"{number(self.said)} said, {number(self.happened)} of {self.n:,} happened{interval}"


def reliability(
    title: str,
    points: Sequence[Promise],
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
    drawn = [each for each in points if len(finite([each.said, each.happened])) == 2]
    if not drawn:
        return no_data(title, desc, width)
    told = "; ".join(each.told() for each in drawn)
    canvas = Canvas(title, f"{desc} {told}.".strip(), width, height)
    x = Scale(0, 1, LEFT, width - MARGIN - 10)
    y = Scale(0, 1, height - BELOW, canvas.heading() + 8)
    canvas.y_axis(y, ticks(0, 1), LEFT, y_label)
    canvas.x_axis(x, ticks(0, 1), height - BELOW, x_label)
    canvas.line([(x(0), y(0)), (x(1), y(1))], dashed=True, opacity=0.7)
    canvas.line([(x(each.said), y(each.happened)) for each in drawn], colour(0), width=2)
    most = max(each.n for each in drawn)
    for each in drawn:
        ends = finite([each.low, each.high])
        if len(ends) == 2:
            canvas.interval((x(each.said), y(ends[0])), (x(each.said), y(ends[1])))
        size = 3 + 4 * (each.n / most) ** 0.5 if most else 3
        canvas.mark(x(each.said), y(each.happened), 0, size=size, tip=each.told())
    return canvas.render()
