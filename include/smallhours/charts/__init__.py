"""Charts as accessible SVG text: each function takes data and returns one `<svg>` element.

No script and no style sheet is needed: text and lines use `currentColor`, series use
`var(--chart-1, ...)` and so on, each with a fallback that is readable on light and on dark.
A page that inlines a chart may set those properties; `as_file` makes a stand-alone picture that
follows the reader's light or dark mode.
"""

from smallhours.charts.bars import Bars, grouped_bars, horizontal_bars
from smallhours.charts.calibration import Promise, reliability
from smallhours.charts.canvas import as_file
from smallhours.charts.dots import Dot, dots
from smallhours.charts.histogram import Spread, histogram, histogram_of_spreads
from smallhours.charts.lines import Line, date_of, lines, year_of

__all__ = [
    "Bars",
    "Dot",
    "Line",
    "Promise",
    "Spread",
    "as_file",
    "date_of",
    "dots",
    "grouped_bars",
    "histogram",
    "histogram_of_spreads",
    "horizontal_bars",
    "lines",
    "reliability",
    "year_of",
]
