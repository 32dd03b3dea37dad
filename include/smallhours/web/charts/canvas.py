"""Scales, numbers and the drawing of a chart as SVG text."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

# The typographic minus sign, as wide as a plus; not a hyphen.
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from values to pixels.

    Attributes:
        low, high: The values at either end; they differ.
        start, end: Their pixels; for a vertical axis start is the larger one.
        log: Whether equal factors are equal steps; then low must be above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def finite_values(values: Iterable[float | None]) -> list[float]:
    """Return the values that can be drawn: without None, NaN and infinity."""
    return [value for value in values if value is not None and math.isfinite(value)]


def value_range(values: Iterable[float], *, from_zero: bool = False) -> tuple[float, float]:
    """Return the smallest and the largest value, widened where they are equal.

    Args:
        values: At least one value, all finite.
        from_zero: Whether to include 0, as bars do.
    """
    drawn = [*values, 0.0] if from_zero else list(values)
    low, high = min(drawn), max(drawn)
    if low == high:
        around = abs(low) / 2 or 0.5
        return (low if from_zero else low - around), high + around
    return low, high


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `wanted` round numbers within a span: steps of 1, 2, 2.5 or 5 x 10^n.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def format_number(value: float, digits: int = 3) -> str:
    """Format a value for people: thousands separators, no trailing zeros, a real minus sign.

    >>> format_number(0.1450), format_number(21732.0), format_number(-0.5)
    ('0.145', '21,732', '−0.5')
    """
    if abs(value) >= 1000:
        shown = f"{value:,.0f}"
    else:
        shown = f"{value:.{digits}f}"
        if "." in shown:
            shown = shown.rstrip("0").rstrip(".")
    return MINUS + shown[1:] if shown.startswith("-") and shown != "-0" else shown.lstrip("-")


def format_value(value: float, digits: int = 3) -> str:
    """Format a measured value with a fixed number of decimals: `0.480` beside `0.485`.

    >>> format_value(0.48), format_value(-1.0, 1)
    ('0.480', '−1.0')
    """
    shown = f"{value:,.{digits}f}"
    return MINUS + shown[1:] if shown.startswith("-") else shown


def format_percent(value: float) -> str:
    """Format a share, 0-1, as whole percents; of less than one percent with a decimal.

    >>> format_percent(0.07), format_percent(0.114), format_percent(0.004), format_percent(0.0)
    ('7 %', '11 %', '0.4 %', '0 %')
    """
    return f"{format_number(100 * value, 0 if abs(value) >= 0.01 else 1)} %"


# Distinct in hue and in lightness, with a contrast of 3:1 against white and near-black.
COLOURS = ("#3572c6", "#c8690f", "#1f8f66", "#9a58bd", "#c2413c", "#6f787e")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
SMALL, NORMAL, LARGE = 11, 12, 15
# Mean width of a letter, as a share of the font size.
LETTER_WIDTH = 0.56
LINE_HEIGHT = 18
MARGIN = 12

# Characters that XML 1.0 does not allow, escaped or not.
_FORBIDDEN = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in (9, 10, 13)}
_FORBIDDEN |= dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")

_STANDALONE_STYLE = (
    "<style>svg{color:#1d1f21;background:#fff}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e3dd;background:#15171a}}</style>"
)


def colour(at: int) -> str:
    """Return the CSS colour of the series at an index; a page may set `--chart-1` and so on."""
    place = at % len(COLOURS)
    return f"var(--chart-{place + 1}, {COLOURS[place]})"


def text_width(content: str, size: int = NORMAL) -> float:
    """Return the approximate width of a text, in pixels."""
    return LETTER_WIDTH * size * len(content)


def axis_label(value: float) -> str:
    """Return an axis label; up to six decimals, since the steps between ticks may be small."""
    return format_number(value, 6)


def percent_label(value: float) -> str:
    """Return an axis label of a share, 0-1, in percent."""
    return f"{axis_label(100 * value)} %"


@dataclass
class Canvas:
    """An SVG document under construction.

    Attributes:
        title: The heading, also the accessible name of the picture.
        desc: A sentence that describes the picture for readers who can't see it.
        width, height: In pixels; a page lets a wide picture scroll, and never shrinks its text.
        marks: The SVG elements drawn so far.
    """

    title: str
    desc: str
    width: float
    height: float
    marks: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        anchor: str = "start",
        size: int = NORMAL,
        bold: bool = False,
        upright: bool = True,
        opacity: float = 1.0,
    ) -> None:
        """Draw a line of text with its baseline at y."""
        turn = "" if upright else f' transform="rotate(-90 {x:.1f} {y:.1f})"'
        weight = ' font-weight="600"' if bold else ""
        faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
        self.marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
            f"{weight}{faint}{turn}>{escape_text(content)}</text>"
        )

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        paint: str,
        *,
        opacity: float = 1.0,
        tip: str = "",
    ) -> None:
        """Draw a filled box; `tip` is shown under the pointer."""
        self.marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
            f'height="{max(height, 0):.1f}" fill="{paint}" opacity="{opacity:g}">{_tip(tip)}</rect>'
        )

    def line(
        self,
        points: Sequence[tuple[float, float]],
        paint: str = "currentColor",
        *,
        width: float = 1.0,
        opacity: float = 1.0,
        dashed: bool = False,
    ) -> None:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self.marks.append(
            f'<polyline points="{path}" fill="none" stroke="{paint}" stroke-width="{width:g}" '
            f'opacity="{opacity:g}" stroke-linejoin="round"{dash}/>'
        )

    def area(
        self, points: Sequence[tuple[float, float]], paint: str, *, opacity: float = 0.2
    ) -> None:
        """Fill the polygon through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.marks.append(f'<polygon points="{path}" fill="{paint}" opacity="{opacity:g}"/>')

    def mark(self, x: float, y: float, at: int, *, size: float = 4.5, tip: str = "") -> None:
        """Draw a point of the series at index `at`; series differ in shape, not in colour alone."""
        paint, inner = colour(at), f"{_tip(tip)}"
        shape = at % 4
        if shape == 0:
            self.marks.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" fill="{paint}">{inner}</circle>'
            )
            return
        corners = {
            1: ((-1, -1), (1, -1), (1, 1), (-1, 1)),
            2: ((0, -1.2), (1.2, 0.9), (-1.2, 0.9)),
            3: ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        }[shape]
        path = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
        self.marks.append(f'<polygon points="{path}" fill="{paint}">{inner}</polygon>')

    def interval(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw an error bar between two points, with caps."""
        across = (3.0, 0.0) if start[0] == end[0] else (0.0, 3.0)
        self.line([start, end], width=1.2, opacity=0.75)
        for x, y in (start, end):
            self.line(
                [(x - across[0], y - across[1]), (x + across[0], y + across[1])],
                width=1.2,
                opacity=0.75,
            )

    def heading(self) -> float:
        """Write the title and return the y below it."""
        self.text(MARGIN, MARGIN + LARGE, self.title, size=LARGE, bold=True)
        return MARGIN + LARGE + 10

    def legend(self, names: Sequence[str], top: float, *, points: bool = False) -> float:
        """Write the names of the series in rows and return the y below them."""
        x, y = float(MARGIN), top + 10
        for at, name in enumerate(names):
            wide = 18 + text_width(name) + 16
            if x + wide > self.width and x > MARGIN:
                x, y = float(MARGIN), y + LINE_HEIGHT
            if points:
                self.mark(x + 6, y - 4, at)
            else:
                self.rect(x, y - 10, 12, 12, colour(at))
            self.text(x + 18, y, name)
            x += wide
        return y + 10

    def y_axis(
        self,
        scale: Scale,
        values: Sequence[float],
        left: float,
        label: str,
        *,
        format_tick: Callable[[float], str] = axis_label,
    ) -> None:
        """Draw grid lines across the picture, their values at the left, and the axis label."""
        for value in values:
            y = scale(value)
            self.line([(left, y), (self.width - MARGIN, y)], opacity=0.15)
            self.text(left - 6, y + 4, format_tick(value), anchor="end", size=SMALL, opacity=0.8)
        if label:
            middle = (scale.start + scale.end) / 2
            self.text(MARGIN + 4, middle, label, anchor="middle", size=SMALL, upright=False)

    def x_axis(
        self,
        scale: Scale,
        values: Sequence[float],
        bottom: float,
        label: str,
        *,
        format_tick: Callable[[float], str] = axis_label,
    ) -> None:
        """Draw tick marks, their values below the picture, and the axis label.

        Args:
            scale: From left to right.
            values: Positions of the ticks.
            bottom: The y of the axis, in pixels.
            label: Label of the axis.
            format_tick: Formats a value as text.
        """
        self.line([(scale.start, bottom), (scale.end, bottom)], opacity=0.6)
        for value in values:
            x = scale(value)
            self.line([(x, bottom), (x, bottom + 4)], opacity=0.6)
            self.text(x, bottom + 16, format_tick(value), anchor="middle", size=SMALL, opacity=0.8)
        if label:
            middle = (scale.start + scale.end) / 2
            self.text(middle, bottom + 33, label, anchor="middle", size=SMALL)

    def render(self) -> str:
        """Return the complete SVG as text."""
        key = hashlib.blake2b(
            "\n".join([self.title, self.desc, *self.marks]).encode(errors="replace"), digest_size=5
        ).hexdigest()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-labelledby="t{key} d{key}" viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
            f'width="{self.width:.0f}" height="{self.height:.0f}" '
            f"font-family={quoteattr(FONT)} "
            f'fill="currentColor">'
            f'<title id="t{key}">{escape_text(self.title)}</title>'
            f'<desc id="d{key}">{escape_text(self.desc)}</desc>{"".join(self.marks)}</svg>'
        )


def empty_chart(title: str, desc: str, width: float) -> str:
    """Return a chart that says that there is no data."""
    canvas = Canvas(title, f"{desc} There is no data.".strip(), width, 90)
    below = canvas.heading()
    canvas.text(MARGIN, below + 24, "No data.", opacity=0.8)
    return canvas.render()


# Fits a phone of 390 pixels beside the page's margins.
PHONE_WIDTH = 340.0


def for_screens(draw: Callable[[float], str], wide: float = 960) -> str:
    """Return a chart drawn twice, for wide screens and for phones; the page shows one of them."""
    return f'<div class="on-wide">{draw(wide)}</div><div class="on-phone">{draw(PHONE_WIDTH)}</div>'


def standalone_svg(svg: str) -> str:
    """Return a chart as a stand-alone picture, with colours for light and for dark mode."""
    head, end, body = svg.partition(">")
    return f"{head}{end}{_STANDALONE_STYLE}{body}\n"


def escape_text(content: str) -> str:
    """Return a text escaped for XML, with forbidden characters replaced."""
    return escape(content.translate(_FORBIDDEN))


def _tip(content: str) -> str:
    return f"<title>{escape_text(content)}</title>" if content else ""
