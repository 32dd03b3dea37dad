"""How do figures become pictures? Data in, one accessible SVG out, as text.

No script and no style sheet is needed: text and lines take `currentColor`, series take
`var(--chart-1, ...)` and so on, each with a fallback that reads on light and on dark ground. A page
that inlines a chart sets those properties as it likes; `as_file` makes a picture that stands on its
own and follows the reader's light or dark mode.
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
