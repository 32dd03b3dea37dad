"""The Taste page: charts of the listener's taste, from the night's `profile`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.charts.bars import horizontal_bars
from smallhours.charts.histogram import Spread, histogram_of_spreads
from smallhours.charts.lines import Line, lines, year_of
from smallhours.lake.tables import PREDICTED_FEATURES, PROFILE
from smallhours.pages.place import Place
from smallhours.training.profile import (
    ARTIST,
    BEFORE_NAME,
    BINS,
    CATALOG,
    CENTRE,
    CLOCK,
    FEATURE,
    LATELY_NAME,
    MINE,
    TAG,
)

# Maximum number of lines in a chart; more are hard to tell apart.
TAGS_DRAWN = 6
ARTISTS_SHOWN = 8
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Centre:
    """One cluster of the taste: its tags, and its share of the whole, 0-1."""

    tags: str
    share: float
    tracks: int


@dataclass(frozen=True)
class Artist:
    """An artist's recent and earlier number of plays."""

    name: str
    now: int
    before: int


@dataclass(frozen=True)
class Hour:
    """One hour of the week: its share of the plays, and the shade it is drawn in, 0-4."""

    share: float
    depth: int


@dataclass(frozen=True)
class Taste:
    """The data of the Taste page; `known` is False before there is a profile."""

    known: bool
    centres: Sequence[Centre] = ()
    rising: Sequence[Artist] = ()
    falling: Sequence[Artist] = ()
    clock: Sequence[tuple[str, Sequence[Hour]]] = ()
    lately: str = ""
    over_time: str = ""
    features: Sequence[str] = ()


def taste(place: Place) -> Taste:
    """Read the data of the page."""
    rows = place.lake.frame(PROFILE, where={"listener": place.listener})
    if rows.empty:
        return Taste(known=False)
    kinds = dict(iter(rows.groupby("kind")))
    none = rows.iloc[:0]
    rising, falling = _artists(kinds.get(ARTIST, none))
    tags = kinds.get(TAG, none)
    return Taste(
        known=True,
        centres=_centres(kinds.get(CENTRE, none)),
        rising=rising,
        falling=falling,
        clock=_clock(kinds.get(CLOCK, none)),
        lately=_lately(tags),
        over_time=_over_time(tags),
        features=[_feature(kinds.get(FEATURE, none), name) for name in PREDICTED_FEATURES],
    )


def _centres(rows: pd.DataFrame) -> list[Centre]:
    ordered = rows.sort_values("value", ascending=False)
    return [
        Centre(name, float(share), int(n))
        for name, share, n in zip(ordered["name"], ordered["value"], ordered["n"], strict=True)
    ]


def _artists(rows: pd.DataFrame) -> tuple[list[Artist], list[Artist]]:
    """Return artists played more than before, and those played less, the largest change first."""
    table = rows.pivot_table(index="name", columns="period", values="n", fill_value=0)
    table = table.reindex(columns=[LATELY_NAME, BEFORE_NAME], fill_value=0)
    found = [
        Artist(str(name), int(now), int(before))
        for name, now, before in zip(
            table.index, table[LATELY_NAME], table[BEFORE_NAME], strict=True
        )
    ]
    found.sort(key=lambda each: (each.before - each.now, each.name))
    rising = [each for each in found if each.now > each.before]
    falling = [each for each in reversed(found) if each.now < each.before]
    return rising[:ARTISTS_SHOWN], falling[:ARTISTS_SHOWN]


def _clock(rows: pd.DataFrame) -> list[tuple[str, list[Hour]]]:
    shares = dict(zip(rows["name"], rows["value"], strict=True))
    most = max(shares.values(), default=0.0)
    return [
        (day, [_hour(shares.get(f"{at}-{hour:02d}", 0.0), most) for hour in range(24)])
        for at, day in enumerate(DAYS)
    ]


def _hour(share: float, most: float) -> Hour:
    return Hour(share, -int(-4 * share // most) if most else 0)


def _lately(rows: pd.DataFrame) -> str:
    lately = rows[rows["period"] == LATELY_NAME].sort_values("value", ascending=False)
    shares = dict(zip(lately["name"], lately["value"], strict=True))
    return horizontal_bars(
        "Your tags of the last 90 days",
        dict(list(shares.items())[: 2 * TAGS_DRAWN]),
        x_label="share of your plays",
    )


def _over_time(rows: pd.DataFrame) -> str:
    years = rows[rows["period"] != LATELY_NAME]
    table = years.pivot_table(index="period", columns="name", values="value", fill_value=0.0)
    strongest = table.sum().sort_values(ascending=False, kind="stable").index[:TAGS_DRAWN]
    xs = [float(year) for year in table.index]
    return lines(
        "Your tags over the years",
        [Line(str(tag), xs, [float(value) for value in table[tag]]) for tag in strongest],
        desc="Each tag's share of each year's plays.",
        x_label="year",
        y_label="share of your plays",
        x_words=year_of,
        digits=2,
    )


def _feature(rows: pd.DataFrame, feature: str) -> str:
    """Draw the plays against the catalog, as a histogram of shares."""
    mine = rows[rows["name"].str.startswith(f"{feature}:")]
    told = {
        shown: _spread(mine[mine["period"] == period])
        for period, shown in ((MINE, "your plays"), (CATALOG, "the catalog"))
    }
    sets = {shown: spread for shown, spread in told.items() if spread.n}
    return histogram_of_spreads(feature, sets, bounds=(0.0, 1.0), x_label=f"{feature}, 0 to 1")


def _spread(rows: pd.DataFrame) -> Spread:
    """Return the profile's bins, each named by its lower end: `energy:0.35`."""
    shares = [0.0] * BINS
    for name, share in zip(rows["name"], rows["value"], strict=True):
        shares[round(float(name.partition(":")[2]) * BINS)] = float(share)
    mean = sum(share * (at + 0.5) / BINS for at, share in enumerate(shares))
    return Spread(shares, int(rows["n"].sum()), mean)
