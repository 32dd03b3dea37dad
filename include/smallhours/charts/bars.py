"""How much is each thing, side by side? Upright bars in groups, or lying ones in a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallhours.charts.canvas import MARGIN, SMALL, Canvas, colour, no_data, text_width
from smallhours.charts.scale import Scale, figure, finite, span, ticks

LEFT, BELOW, ROW = 64, 30, 24
# A value above its bar needs this much width to be read.
READABLE = 30


@dataclass(frozen=True)
class Bars:
    """One series: a bar in each group.

    Attributes:
        name: In the legend.
        values: One per group; None or NaN where there is none.
        errors: Half the length of the error bar of each, if any.
    """

    name: str
    values: Sequence[float | None]
    errors: Sequence[float | None] = ()

    def error(self, at: int) -> float:
        """The error of a bar; 0 where none is known."""
        known = finite(self.errors[at : at + 1])
        return known[0] if known else 0.0


def grouped_bars(
    title: str,
    groups: Sequence[str],
    series: Sequence[Bars],
    *,
    desc: str = "",
    y_label: str = "",
    width: float = 760,
    height: float = 320,
    digits: int = 3,
) -> str:
    """Bars of several series in groups, from zero, each with its value above it.

    Args:
        title: What is compared.
        groups: Names below the groups.
        series: A bar per group each; values that are not there leave a gap.
        desc: What is to be seen; the values are added.
        y_label: What the values are, with their unit.
        width: In pixels.
        height: In pixels.
        digits: Of the values, after the point.

    Raises:
        ValueError: when a series has another number of values than there are groups.
    """
    if any(len(bars.values) != len(groups) for bars in series):
        raise ValueError("each series needs one value per group")
    reached = [
        end
        for bars in series
        for at, value in enumerate(bars.values)
        for middle in finite([value])
        for end in (middle - bars.error(at), middle + bars.error(at))
    ]
    if not reached:
        return no_data(title, desc, width)
    said = "; ".join(
        f"{bars.name}: "
        + ", ".join(
            f"{group} {figure(value, digits)}"
            for group, v in zip(groups, bars.values, strict=True)
            for value in finite([v])
        )
        for bars in series
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([bars.name for bars in series], canvas.heading()) + 12
    low, high = span(reached, from_zero=True)
    y = Scale(low, high, height - BELOW, top)
    canvas.y_axis(y, ticks(low, high), LEFT, y_label)
    whole = (width - MARGIN - LEFT) / len(groups)
    each = whole * 0.86 / len(series)
    for g, group in enumerate(groups):
        left = LEFT + whole * (g + 0.07)
        for at, bars in enumerate(series):
            for value in finite([bars.values[g]]):
                spot = (left + at * each, each)
                tip = f"{bars.name}, {group}: {figure(value, digits)}"
                _upright(canvas, y, spot, value, bars.error(g), colour(at), tip, digits)
        canvas.text(left + whole * 0.43, height - BELOW + 18, group, anchor="middle", size=SMALL)
    canvas.line([(LEFT, y(0)), (width - MARGIN, y(0))], opacity=0.6)
    return canvas.render()


def horizontal_bars(
    title: str,
    values: Mapping[str, float],
    *,
    desc: str = "",
    x_label: str = "",
    width: float = 640,
    digits: int = 3,
) -> str:
    """One lying bar per name, from zero, with its value at its end; negative ones go left.

    Args:
        title: What is compared.
        values: By name, in the order to be shown; what is not finite is left out.
        desc: What is to be seen; the values are added.
        x_label: What the values are, with their unit.
        width: In pixels; the height follows from how many there are.
        digits: Of the values, after the point.
    """
    drawn = {name: value for name, value in values.items() if finite([value])}
    if not drawn:
        return no_data(title, desc, width)
    said = ", ".join(f"{name} {figure(value, digits)}" for name, value in drawn.items())
    height = 60 + ROW * len(drawn) + (40 if x_label else 8)
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.heading() + 8
    gutter = min(MARGIN + max(map(text_width, drawn)) + 10, width * 0.45)
    low, high = span(drawn.values(), from_zero=True)
    # Room for a value at either end.
    x = Scale(low, high, gutter + (48 if low < 0 else 0), width - MARGIN - 48)
    for at, (name, value) in enumerate(drawn.items()):
        y = top + ROW * at
        canvas.rect(
            min(x(0), x(value)),
            y + 3,
            abs(x(value) - x(0)),
            ROW - 8,
            colour(0 if value >= 0 else 4),
        )
        canvas.text(gutter - 8, y + 15, _shortened(name, gutter - MARGIN - 8), anchor="end")
        side = (x(value) + 5, "start") if value >= 0 else (x(value) - 5, "end")
        canvas.text(side[0], y + 15, figure(value, digits), anchor=side[1], size=SMALL)
    bottom = top + ROW * len(drawn)
    canvas.line([(x(0), top), (x(0), bottom)], opacity=0.6)
    if x_label:
        canvas.text(width - MARGIN, bottom + 20, x_label, anchor="end", size=SMALL)
    return canvas.render()


def _upright(
    canvas: Canvas,
    y: Scale,
    spot: tuple[float, float],
    value: float,
    error: float,
    paint: str,
    tip: str,
    digits: int,
) -> None:
    """One bar at (left, width), its error bar, and its value where there is room to read it."""
    left, each = spot
    canvas.rect(
        left, min(y(0), y(value)), each * 0.9, abs(y(0) - y(value)), paint, opacity=0.85, tip=tip
    )
    middle = left + each * 0.45
    if error:
        canvas.interval((middle, y(value - error)), (middle, y(value + error)))
    if each >= READABLE:
        above = min(y(value + error), y(0)) - 4 if value >= 0 else y(value - error) + 12
        canvas.text(middle, above, figure(value, digits), anchor="middle", size=10)
    elif each >= 13:
        above = min(y(value + error), y(0)) - 4
        canvas.text(middle + 3, above, figure(value, digits), size=9, upright=False)


def _shortened(name: str, room: float) -> str:
    """A name that fits; its rest is told by an ellipsis."""
    letters = max(int(room / text_width("x")), 4)
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"
