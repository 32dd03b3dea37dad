"""Charts as accessible SVG text: each function takes data and returns one `<svg>` element.

No script and no style sheet is needed: text and lines use `currentColor`, series use
`var(--chart-1, ...)` and so on, each with a fallback that is readable on light and on dark.
A page that inlines a chart may set those properties; `standalone_svg` makes a separate picture
that follows the reader's light or dark mode.
"""

from smallhours.web.charts.bars import BarSeries, grouped_bars, horizontal_bars
from smallhours.web.charts.calibration import CalibrationPoint, reliability_diagram
from smallhours.web.charts.canvas import standalone_svg
from smallhours.web.charts.dots import Dot, dots
from smallhours.web.charts.histogram import BinnedValues, histogram, histogram_of_bins
from smallhours.web.charts.lines import LineSeries, format_date, format_year, lines

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
