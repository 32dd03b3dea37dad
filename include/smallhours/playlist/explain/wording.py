"""Names, counts and figures as words.

The functions state only what their arguments hold.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from smallhours.playlist.explain.track_evidence import FeatureValue

# The bound from which a feature gets a word, and the word: above in HIGH, below in LOW.
HIGH: Mapping[str, tuple[float, str]] = {
    "energy": (0.75, "energetic"),
    "acousticness": (0.7, "acoustic"),
    "instrumentalness": (0.6, "instrumental"),
    "valence": (0.7, "bright"),
    "danceability": (0.7, "danceable"),
}
LOW: Mapping[str, tuple[float, str]] = {
    "energy": (0.4, "calm"),
    "valence": (0.3, "dark"),
    "danceability": (0.3, "drifting"),
}
# A prediction this close to 0 or 1 is called near it: its figure and margin would claim more.
NEAR_A_BOUND = 0.02
_UNITS = {"tempo": " beats a minute", "loudness": " dB"}


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def plays(count: int) -> str:
    """Return a number of plays: `41 plays`; empty for none."""
    if count == 0:
        return ""
    return "1 play" if count == 1 else f"{count:,} plays"


def in_brackets(text: str) -> str:
    """Return the text in brackets after a space; empty for an empty text."""
    return f" ({text})" if text else ""


def track(row: Mapping[str, Any]) -> str:
    """Return a known track: `Slowdive – Alison (41 plays)`, or `(saved)` if it was never played."""
    known = plays(int(row["plays"])) or ("saved" if row["saved"] else "")
    return f"{row['artist']} – {row['title']}{in_brackets(known)}"


def artist(row: Mapping[str, Any]) -> str:
    """Return a known artist: `Slowdive (1,312 plays)`."""
    return f"{row['artist']}{in_brackets(plays(int(row['plays'])))}"


def figure(value: float) -> str:
    """Return a number with two decimals, without the zero before the point: `.31`, `1.00`."""
    shown = f"{value:.2f}"
    return shown.replace("0.", ".", 1) if abs(value) < 1 and not shown.endswith("1.00") else shown


def measure(feature: FeatureValue) -> str:
    """Return a feature as text: `predicted energy .31 ± .12`, `measured tempo 121 beats a minute`.

    A prediction close to 0 or 1 is `predicted valence near 0`. Tempo and loudness have no bounds.
    """
    source = "predicted" if feature.predicted else "measured"
    if feature.name in _UNITS:
        return f"{source} {feature.name} {feature.value:.0f}{_UNITS[feature.name]}"
    nearest = min(max(round(feature.value), 0), 1)
    if feature.predicted and abs(feature.value - nearest) <= NEAR_A_BOUND + 1e-9:
        return f"{source} {feature.name} near {nearest}"
    margin = f" ± {figure(feature.margin)}" if feature.margin is not None else ""
    return f"{source} {feature.name} {figure(feature.value)}{margin}"


def word_for(feature: FeatureValue) -> tuple[str, float] | None:
    """Return the word for a feature, and how far it is beyond its bound, 0-1; None in the middle.

    A prediction earns its word when its interval stays on its side of the middle.
    """
    margin = feature.margin or 0.0
    if feature.name in HIGH and feature.value >= HIGH[feature.name][0]:
        bound, word = HIGH[feature.name]
        sure = feature.value - margin > 0.5 or not feature.predicted
        return (word, (feature.value - bound) / (1 - bound)) if sure else None
    if feature.name in LOW and feature.value <= LOW[feature.name][0]:
        bound, word = LOW[feature.name]
        sure = feature.value + margin < 0.5 or not feature.predicted
        return (word, (bound - feature.value) / bound) if sure else None
    return None


def month(moment: dt.date) -> str:
    """Return a month: `March 2019`."""
    return f"{moment:%B} {moment.year}"


def day(moment: dt.date) -> str:
    """Return a date: `12 October 2026`."""
    return f"{moment.day} {moment:%B} {moment.year}"
