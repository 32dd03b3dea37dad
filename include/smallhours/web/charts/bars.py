"""Bar charts: grouped vertical bars and a list of horizontal bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallhours.web.charts.canvas import (
    MARGIN,
    SMALL,
    Canvas,
    Scale,
    colour,
    empty_chart,
    finite_values,
    format_value,
    text_width,
    ticks,
    value_range,
)

LEFT, BELOW, ROW = 64, 30, 24
# Minimum width of a bar, in pixels, for its value to be written above it.
MIN_LABELLED_WIDTH = 30


@dataclass(frozen=True)
class BarSeries:
    """One series of a grouped bar chart: one bar per group.

    Attributes:
        name: Name in the legend.
        values: One value per group; None or NaN where there is none.
        errors: Half the length of each error bar, one per group; empty for none.
    """

    name: str
    values: Sequence[float | None]
    errors: Sequence[float | None] = ()

    def error(self, at: int) -> float:
        """Return half the error bar of the group at index `at`; 0 where none is known."""
        known = finite_values(self.errors[at : at + 1])
        return known[0] if known else 0.0


def grouped_bars(
    title: str,
    groups: Sequence[str],
    series: Sequence[BarSeries],
    *,
    desc: str = "",
    y_label: str = "",
    width: float = 760,
    height: float = 320,
    digits: int = 3,
) -> str:
    """Draw bars of several series in groups, starting at zero, each with its value above it.

    Args:
        title: Title of the chart.
        groups: Labels below the groups.
        series: One bar per group each; missing values leave a gap.
        desc: Description for readers who can't see the chart; the values are appended.
        y_label: Label of the y axis, with the unit.
        width: Width in pixels.
        height: Height in pixels.
        digits: Decimal places of the values.

    Raises:
        ValueError: When a series has a different number of values than there are groups.
    """
    if any(len(bars.values) != len(groups) for bars in series):
        raise ValueError("each series needs one value per group")
    reached = [
        end
        for bars in series
        for at, value in enumerate(bars.values)
        for middle in finite_values([value])
        for end in (middle - bars.error(at), middle + bars.error(at))
    ]
    if not reached:
        return empty_chart(title, desc, width)
    said = "; ".join(
        f"{bars.name}: "
        + ", ".join(
            f"{group} {format_value(value, digits)}"
            for group, v in zip(groups, bars.values, strict=True)
            for value in finite_values([v])
        )
        for bars in series
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([bars.name for bars in series], canvas.heading()) + 12
    low, high = value_range(reached, from_zero=True)
    y = Scale(low, high, height - BELOW, top)
    canvas.y_axis(y, ticks(low, high), LEFT, y_label)
    whole = (width - MARGIN - LEFT) / len(groups)
    each = whole * 0.86 / len(series)
    for g, group in enumerate(groups):
        left = LEFT + whole * (g + 0.07)
        for at, bars in enumerate(series):
            for value in finite_values([bars.values[g]]):
                spot = (left + at * each, each)
                tip = f"{bars.name}, {group}: {format_value(value, digits)}"
                _draw_vertical_bar(canvas, y, spot, value, bars.error(g), colour(at), tip, digits)
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
    """Draw one horizontal bar per name, from zero, with its value at its end.

    Negative bars go left.

    Args:
        title: Title of the chart.
        values: Value by name, in the order shown; values that are not finite are left out.
        desc: Description for readers who can't see the chart; the values are appended.
        x_label: Label of the x axis, with the unit.
        width: Width in pixels; the height follows from the number of bars.
        digits: Decimal places of the values.
    """
    drawn = {name: value for name, value in values.items() if finite_values([value])}
    if not drawn:
        return empty_chart(title, desc, width)
    said = ", ".join(f"{name} {format_value(value, digits)}" for name, value in drawn.items())
    height = 60 + ROW * len(drawn) + (40 if x_label else 8)
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.heading() + 8
    gutter = min(MARGIN + max(map(text_width, drawn)) + 10, width * 0.45)
    low, high = value_range(drawn.values(), from_zero=True)
    # Leave room for a value at either end.
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
        canvas.text(gutter - 8, y + 15, _truncated(name, gutter - MARGIN - 8), anchor="end")
        side = (x(value) + 5, "start") if value >= 0 else (x(value) - 5, "end")
        canvas.text(side[0], y + 15, format_value(value, digits), anchor=side[1], size=SMALL)
    bottom = top + ROW * len(drawn)
    canvas.line([(x(0), top), (x(0), bottom)], opacity=0.6)
    if x_label:
        canvas.text(width - MARGIN, bottom + 20, x_label, anchor="end", size=SMALL)
    return canvas.render()


def _draw_vertical_bar(
    canvas: Canvas,
    y: Scale,
    spot: tuple[float, float],
    value: float,
    error: float,
    paint: str,
    tip: str,
    digits: int,
) -> None:
    """Draw one vertical bar at (left, width), its error bar, and its value where it is readable."""
    left, each = spot
    canvas.rect(
        left, min(y(0), y(value)), each * 0.9, abs(y(0) - y(value)), paint, opacity=0.85, tip=tip
    )
    middle = left + each * 0.45
    if error:
        canvas.interval((middle, y(value - error)), (middle, y(value + error)))
    if each >= MIN_LABELLED_WIDTH:
        above = min(y(value + error), y(0)) - 4 if value >= 0 else y(value - error) + 12
        canvas.text(middle, above, format_value(value, digits), anchor="middle", size=10)
    elif each >= 13:
        above = min(y(value + error), y(0)) - 4
        canvas.text(middle + 3, above, format_value(value, digits), size=9, upright=False)


def _truncated(name: str, room: float) -> str:
    """Shorten a name to the room it has, in pixels; an ellipsis marks what was cut off."""
    letters = max(int(room / text_width("x")), 4)
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"
