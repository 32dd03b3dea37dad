"""How does a value change along another? Lines, with bands for what is uncertain."""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.charts.canvas import MARGIN, SMALL, Canvas, colour, no_data
from smallhours.charts.scale import Scale, figure, finite, number, span, ticks

LEFT, BELOW = 64, 46


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
        width: In pixels.
        height: In pixels.
        digits: Of the values, after the point.
    """
    shown = [line for line in series if line.points()]
    if not shown:
        return no_data(title, desc, width)
    said = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{figure(v, digits)} at {number(at)}" for at, v in line.points())
        for line in shown
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([line.name for line in shown], canvas.heading(), points=True) + 6
    x, y = _scales(canvas, shown, top, x_ticks, log_x)
    canvas.y_axis(y, ticks(y.low, y.high), LEFT, y_label)
    canvas.x_axis(x, x_ticks or ticks(x.low, x.high), height - BELOW, x_label)
    for at, line in enumerate(shown):
        if band := line.band():
            upper = [(x(px), y(high)) for px, _, high in band]
            lower = [(x(px), y(low)) for px, low, _ in reversed(band)]
            canvas.area(upper + lower, colour(at))
        canvas.line([(x(px), y(py)) for px, py in line.points()], colour(at), width=2)
        for px, py in line.points():
            tip = f"{line.name}: {figure(py, digits)} at {number(px)}"
            canvas.mark(x(px), y(py), at, tip=tip)
        last = line.points()[-1]
        canvas.text(x(last[0]) + 9, y(last[1]) + 4, figure(last[1], digits), size=SMALL)
    return canvas.render()


def reliability(
    title: str,
    points: Sequence[tuple[float, float, int]],
    *,
    desc: str = "",
    x_label: str = "said",
    y_label: str = "happened",
    width: float = 360,
    height: float = 360,
) -> str:
    """A calibration curve: what happened against what was said, with the diagonal of the truth.

    Args:
        title: Whose promises these are.
        points: (share that was said, share that happened, number of cases), both 0-1.
        desc: What is to be seen; the values are added.
        x_label: What x is.
        y_label: What y is.
        width: In pixels.
        height: In pixels.
    """
    drawn = [(said, found, n) for said, found, n in points if len(finite([said, found])) == 2]
    if not drawn:
        return no_data(title, desc, width)
    told = ", ".join(f"{number(said)} said, {number(found)} of {n:,}" for said, found, n in drawn)
    canvas = Canvas(title, f"{desc} {told}.".strip(), width, height)
    x = Scale(0, 1, LEFT, width - MARGIN - 10)
    y = Scale(0, 1, height - BELOW, canvas.heading() + 8)
    canvas.y_axis(y, ticks(0, 1), LEFT, y_label)
    canvas.x_axis(x, ticks(0, 1), height - BELOW, x_label)
    canvas.line([(x(0), y(0)), (x(1), y(1))], dashed=True, opacity=0.7)
    canvas.line([(x(said), y(found)) for said, found, _ in drawn], colour(0), width=2)
    most = max(n for *_, n in drawn)
    for said, found, n in drawn:
        tip = f"{number(said)} said, {number(found)} happened, {n:,} cases"
        canvas.mark(x(said), y(found), 0, size=3 + 4 * (n / most) ** 0.5 if most else 3, tip=tip)
    return canvas.render()


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
