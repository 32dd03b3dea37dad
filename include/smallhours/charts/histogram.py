"""How are values spread, and do two sets of them look alike?"""

from collections.abc import Mapping, Sequence

from smallhours.charts.canvas import MARGIN, Canvas, colour, no_data
from smallhours.charts.scale import Scale, finite, number, span, ticks

LEFT, BELOW = 56, 44


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
    """Overlaid histograms, each as shares of its own set, so that sizes don't matter.

    Args:
        title: What is spread.
        sets: By name, values; the first is filled, the others are outlines. Values that are not
            finite are left out.
        desc: What is to be seen; the counts and means are added.
        bounds: From where to where; None: of the values. What lies outside counts at the ends.
        bins: How many equal steps.
        x_label: What the values are, with their unit.
        width: In pixels.
        height: In pixels.
    """
    drawn = {name: values for name, given in sets.items() if (values := finite(given))}
    if not drawn:
        return no_data(title, desc, width)
    low, high = bounds or span([value for values in drawn.values() for value in values])
    shares = {name: _shares(values, low, high, bins) for name, values in drawn.items()}
    said = "; ".join(
        f"{name}: {len(values):,} values, mean {number(sum(values) / len(values))}"
        for name, values in drawn.items()
    )
    canvas = Canvas(title, f"{desc} {said}.".strip(), width, height)
    top = canvas.legend([f"{name} (n = {len(v):,})" for name, v in drawn.items()], canvas.heading())
    x = Scale(low, high, LEFT, width - MARGIN - 6)
    y = Scale(0, max(map(max, shares.values())) * 1.05, height - BELOW, top)
    canvas.y_axis(y, ticks(0, y.high, 4), LEFT, "share")
    edges = [low + (high - low) * at / bins for at in range(bins + 1)]
    for at, (name, found) in enumerate(shares.items()):
        if at == 0:
            for share, start, end in zip(found, edges, edges[1:], strict=False):
                tip = f"{name}, {number(start)} to {number(end)}: {number(share)}"
                canvas.rect(
                    x(start), y(share), x(end) - x(start) - 1, y(0) - y(share), colour(0),
                    opacity=0.55, tip=tip,
                )  # fmt: skip
            continue
        outline = [(x(low), y(0))]
        for share, start, end in zip(found, edges, edges[1:], strict=False):
            outline += [(x(start), y(share)), (x(end), y(share))]
        canvas.line([*outline, (x(high), y(0))], colour(at), width=2)
    canvas.x_axis(x, ticks(low, high), height - BELOW, x_label)
    return canvas.render()


def _shares(values: Sequence[float], low: float, high: float, bins: int) -> list[float]:
    """The share of the values in each of the equal steps from low to high."""
    counts = [0] * bins
    for value in values:
        at = int((value - low) / (high - low) * bins)
        counts[min(max(at, 0), bins - 1)] += 1
    return [count / len(values) for count in counts]
