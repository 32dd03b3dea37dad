"""Charts as accessible SVG text: each function takes data and returns one `<svg>` element.

No script and no style sheet is needed: text and lines use `currentColor`, series use
`var(--chart-1, ...)` and so on, each with a fallback that is readable on light and on dark.
A page that inlines a chart may set those properties; `standalone_svg` makes a separate picture
that follows the reader's light or dark mode.
"""

from smallhours.web.charts.bars import (
    BarSeries,
    BinnedValues,
    grouped_bars,
    histogram,
    histogram_of_bins,
    horizontal_bars,
)
from smallhours.web.charts.canvas import standalone_svg
from smallhours.web.charts.lines import (
    CalibrationPoint,
    Dot,
    LineSeries,
    dots,
    format_date,
    format_year,
    lines,
    reliability_diagram,
)

__all__ = [
    "BarSeries",
    "BinnedValues",
    "CalibrationPoint",
    "Dot",
    "LineSeries",
    "dots",
    "format_date",
    "format_year",
    "grouped_bars",
    "histogram",
    "histogram_of_bins",
    "horizontal_bars",
    "lines",
    "reliability_diagram",
    "standalone_svg",
]
