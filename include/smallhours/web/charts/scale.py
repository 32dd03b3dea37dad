"""Mapping from values to pixels, round tick values, and number formatting."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

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
