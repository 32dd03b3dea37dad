"""Bar charts: grouped bars, horizontal bars, and histograms."""

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
    format_number,
    format_percent,
    format_value,
    percent_label,
    text_width,
    ticks,
    value_range,
)

LEFT, BELOW, ROW = 64, 30, 24
HISTOGRAM_LEFT, HISTOGRAM_BELOW = 56, 44
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
    percent: bool = False,
) -> str:
    """Draw one horizontal bar per name, from zero, with its value at its end.

    Negative bars go left.

    Args:
        title: Title of the chart.
        values: Value by name, in the order shown; values that are not finite are left out.
        desc: Description for readers who can't see the chart; the values are appended.
        x_label: Label of the x axis, with the unit.
        width: Width in pixels; the height follows from the number of bars.
        percent: Whether the values are shares, 0-1, and shown in percent.
    """
    drawn = {name: value for name, value in values.items() if finite_values([value])}
    if not drawn:
        return empty_chart(title, desc, width)
    shown = format_percent if percent else format_value
    said = ", ".join(f"{name} {shown(value)}" for name, value in drawn.items())
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
        canvas.text(side[0], y + 15, shown(value), anchor=side[1], size=SMALL)
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
        canvas.text(middle, above, format_value(value, digits), anchor="middle", size=SMALL)
    elif each >= 13:
        above = min(y(value + error), y(0)) - 4
        canvas.text(middle + 3, above, format_value(value, digits), size=SMALL, upright=False)


def _truncated(name: str, room: float) -> str:
    """Shorten a name to the room it has, in pixels; an ellipsis marks what was cut off."""
    letters = max(int(room / text_width("x")), 4)
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


@dataclass(frozen=True)
class BinnedValues:
    """Values counted in equal bins.

    Attributes:
        shares: Share of all values in each bin; they sum to 1.
        n: Number of values.
        mean: Mean of the values.
    """

    shares: Sequence[float]
    n: int
    mean: float

    @classmethod
    def of(cls, values: Sequence[float], low: float, high: float, bins: int) -> "BinnedValues":
        """Count values (at least one) in `bins` equal bins from low to high.

        Values outside the range are counted in the first or last bin.
        """
        counts = [0] * bins
        for value in values:
            at = int((value - low) / (high - low) * bins)
            counts[min(max(at, 0), bins - 1)] += 1
        n = len(values)
        return cls([count / n for count in counts], n, sum(values) / n)


def histogram(
    title: str,
    sets: Mapping[str, Sequence[float]],
    *,
    desc: str = "",
    bounds: tuple[float, float] | None = None,
    bins: int = 20,
    x_label: str = "",
    width: float = 420,
    height: float = 260,
) -> str:
    """Draw overlaid histograms, each as shares of its own set, so that set sizes don't matter.

    Args:
        title: Title of the chart.
        sets: Values by name; the first is filled, the others are outlines. Values that are not
            finite are left out.
        desc: Description for readers who can't see the chart; counts and means are appended.
        bounds: Lowest and highest edge; None takes them from the values. Values outside are
            counted in the first or last bin.
        bins: Number of equal bins.
        x_label: Label of the x axis, with the unit.
        width: Width in pixels.
        height: Height in pixels.
    """
    drawn = {name: values for name, given in sets.items() if (values := finite_values(given))}
    if not drawn:
        return empty_chart(title, desc, width)
    low, high = bounds or value_range([value for values in drawn.values() for value in values])
    return histogram_of_bins(
        title,
        {name: BinnedValues.of(values, low, high, bins) for name, values in drawn.items()},
        bounds=(low, high),
        desc=desc,
        x_label=x_label,
        width=width,
        height=height,
    )


def histogram_of_bins(
    title: str,
    sets: Mapping[str, BinnedValues],
    *,
    bounds: tuple[float, float],
    desc: str = "",
    x_label: str = "",
    width: float = 420,
    height: float = 260,
) -> str:
    """Draw overlaid histograms of values that are already binned.

    Args:
        title: Title of the chart.
        sets: Binned values by name; the first is filled, the others are outlines.
        bounds: Lower edge of the first bin and upper edge of the last one.
        desc: Description for readers who can't see the chart; counts and means are appended.
        x_label: Label of the x axis, with the unit.
        width: Width in pixels.
        height: Height in pixels.
    """
    if not sets:
        return empty_chart(title, desc, width)
    said = "; ".join(
        f"{name}: {each.n:,} values, mean {format_number(each.mean)}" for name, each in sets.items()
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    legend = [f"{name} (n = {each.n:,})" for name, each in sets.items()]
    top = canvas.legend(legend, canvas.heading())
    x = Scale(*bounds, HISTOGRAM_LEFT, width - MARGIN - 6)
    highest = max(share for each in sets.values() for share in each.shares)
    y = Scale(0, highest * 1.05, height - HISTOGRAM_BELOW, top)
    canvas.y_axis(y, ticks(0, y.high, 4), HISTOGRAM_LEFT, "share", format_tick=percent_label)
    for at, (name, each) in enumerate(sets.items()):
        if at == 0:
            _draw_filled(canvas, x, y, each.shares, name)
        else:
            _draw_outline(canvas, x, y, each.shares, colour(at))
    canvas.x_axis(x, ticks(*bounds), height - HISTOGRAM_BELOW, x_label)
    return canvas.render()


def _draw_filled(canvas: Canvas, x: Scale, y: Scale, shares: Sequence[float], name: str) -> None:
    for share, start, end in _bin_edges(x, shares):
        tip = f"{name}, {format_number(start)} to {format_number(end)}: {format_percent(share)}"
        box = (x(start), y(share), x(end) - x(start) - 1, y(0) - y(share))
        canvas.rect(*box, colour(0), opacity=0.55, tip=tip)


def _draw_outline(canvas: Canvas, x: Scale, y: Scale, shares: Sequence[float], paint: str) -> None:
    outline = [(x(x.low), y(0))]
    for share, start, end in _bin_edges(x, shares):
        outline += [(x(start), y(share)), (x(end), y(share))]
    canvas.line([*outline, (x(x.high), y(0))], paint, width=2)


def _bin_edges(x: Scale, shares: Sequence[float]) -> list[tuple[float, float, float]]:
    """Return (share, start, end) of each bin."""
    wide = (x.high - x.low) / len(shares)
    return [(share, x.low + at * wide, x.low + (at + 1) * wide) for at, share in enumerate(shares)]
