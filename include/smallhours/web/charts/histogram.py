"""Overlaid histograms that compare the distributions of several sets of values."""

from collections.abc import Mapping, Sequence
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
    value_range,
)

LEFT, BELOW = 56, 44


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
    x = Scale(*bounds, LEFT, width - MARGIN - 6)
    highest = max(share for each in sets.values() for share in each.shares)
    y = Scale(0, highest * 1.05, height - BELOW, top)
    canvas.y_axis(y, ticks(0, y.high, 4), LEFT, "share")
    for at, (name, each) in enumerate(sets.items()):
        if at == 0:
            _draw_filled(canvas, x, y, each.shares, name)
        else:
            _draw_outline(canvas, x, y, each.shares, colour(at))
    canvas.x_axis(x, ticks(*bounds), height - BELOW, x_label)
    return canvas.render()


def _draw_filled(canvas: Canvas, x: Scale, y: Scale, shares: Sequence[float], name: str) -> None:
    for share, start, end in _bin_edges(x, shares):
        tip = f"{name}, {format_number(start)} to {format_number(end)}: {format_number(share)}"
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
