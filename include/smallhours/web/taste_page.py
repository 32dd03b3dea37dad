"""The Taste page: charts of the listener's taste, from the night's `profile`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.list_tables import PROFILE
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.training.profile import (
    ARTIST,
    BEFORE_NAME,
    BINS,
    CATALOG,
    CENTRE,
    CLOCK,
    ERA,
    FEATURE,
    OWN,
    RECENT_NAME,
    TAG,
    TRACK,
)
from smallhours.web.charts.bars import BinnedValues, histogram_of_bins, horizontal_bars
from smallhours.web.charts.canvas import PHONE_WIDTH, for_screens, standalone_svg
from smallhours.web.charts.lines import LineSeries, format_year, lines
from smallhours.web.page_context import PageContext

# Maximum number of lines in a chart; more are hard to tell apart.
TAGS_DRAWN = 6
ARTISTS_SHOWN = FAVOURITES_SHOWN = 8
PICTURE_WIDTH = 1200
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class TasteCluster:
    """One cluster of the taste: its tags, and its share of the whole, 0-1."""

    tags: str
    share: float
    tracks: int


@dataclass(frozen=True)
class ArtistTrend:
    """An artist's recent and earlier number of plays."""

    name: str
    now: int
    before: int


@dataclass(frozen=True)
class Favourite:
    """An artist or a track, and its number of plays."""

    name: str
    plays: int


@dataclass(frozen=True)
class HourShare:
    """One hour of the week: its share of the plays, and the shade it is drawn in, 0-4."""

    share: float
    depth: int


@dataclass(frozen=True)
class TastePage:
    """The data of the Taste page; `known` is False before there is a profile."""

    known: bool
    centres: Sequence[TasteCluster] = ()
    rising: Sequence[ArtistTrend] = ()
    falling: Sequence[ArtistTrend] = ()
    clock: Sequence[tuple[str, Sequence[HourShare]]] = ()
    favourites: Sequence[tuple[str, Sequence[Favourite]]] = ()
    since: str = ""
    lately: str = ""
    over_time: str = ""
    eras: str = ""
    features: Sequence[str] = ()


def taste(page_context: PageContext) -> TastePage:
    """Read the data of the page."""
    rows = page_context.lake.frame(PROFILE, where={"listener": page_context.listener})
    if rows.empty:
        return TastePage(known=False)
    kinds = dict(iter(rows.groupby("kind")))
    none = rows.iloc[:0]
    rising, falling = _artists(kinds.get(ARTIST, none))
    tags = kinds.get(TAG, none)
    return TastePage(
        known=True,
        centres=_centres(kinds.get(CENTRE, none)),
        rising=rising,
        falling=falling,
        clock=_clock(kinds.get(CLOCK, none)),
        favourites=_favourites(kinds.get(ARTIST, none), kinds.get(TRACK, none)),
        since=min((each for each in tags["period"] if each.isdigit()), default=""),
        lately=_lately(tags),
        over_time=for_screens(lambda width: _over_time(tags, width)),
        eras=_eras(kinds.get(ERA, none)),
        features=[_feature(kinds.get(FEATURE, none), name) for name in PREDICTED_FEATURES],
    )


def _centres(rows: pd.DataFrame) -> list[TasteCluster]:
    ordered = rows.sort_values("value", ascending=False)
    return [
        TasteCluster(name, float(share), int(n))
        for name, share, n in zip(ordered["name"], ordered["value"], ordered["n"], strict=True)
    ]


def _artists(rows: pd.DataFrame) -> tuple[list[ArtistTrend], list[ArtistTrend]]:
    """Return artists played more than before, and those played less, the largest change first."""
    rows = rows[rows["period"] != ""]
    table = rows.pivot_table(index="name", columns="period", values="n", fill_value=0)
    table = table.reindex(columns=[RECENT_NAME, BEFORE_NAME], fill_value=0)
    found = [
        ArtistTrend(str(name), int(now), int(before))
        for name, now, before in zip(
            table.index, table[RECENT_NAME], table[BEFORE_NAME], strict=True
        )
    ]
    found.sort(key=lambda each: (each.before - each.now, each.name))
    rising = [each for each in found if each.now > each.before]
    falling = [each for each in reversed(found) if each.now < each.before]
    return rising[:ARTISTS_SHOWN], falling[:ARTISTS_SHOWN]


def _favourites(artists: pd.DataFrame, tracks: pd.DataFrame) -> list[tuple[str, list[Favourite]]]:
    """Return the most played artists and tracks, recently and of all years, by their heading."""
    told = []
    for what, rows in (("Artists", artists), ("Tracks", tracks)):
        for when, period in (("the last 90 days", RECENT_NAME), ("all years", "")):
            best = rows[(rows["period"] == period) & (rows["n"] > 0)]
            best = best.sort_values(["n", "name"], ascending=[False, True]).head(FAVOURITES_SHOWN)
            named = zip(best["name"], best["n"], strict=True)
            told.append((f"{what}, {when}", [Favourite(str(name), int(n)) for name, n in named]))
    return [(title, found) for title, found in told if found]


def taste_picture(page_context: PageContext) -> str:
    """Return the tags over the years as a stand-alone picture, to be saved."""
    where = {"listener": page_context.listener}
    rows = page_context.lake.frame(PROFILE, where=where)
    return standalone_svg(_over_time(rows[rows["kind"] == TAG], PICTURE_WIDTH))


def _eras(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    ordered = rows.sort_values("name", ascending=False)
    return horizontal_bars(
        "When your music came out",
        dict(zip(ordered["name"], ordered["value"], strict=True)),
        x_label="share of your plays with a known date",
        width=PHONE_WIDTH,
        percent=True,
    )


def _clock(rows: pd.DataFrame) -> list[tuple[str, list[HourShare]]]:
    shares = dict(zip(rows["name"], rows["value"], strict=True))
    most = max(shares.values(), default=0.0)
    return [
        (day, [_hour(shares.get(f"{at}-{hour:02d}", 0.0), most) for hour in range(24)])
        for at, day in enumerate(DAYS)
    ]


def _hour(share: float, most: float) -> HourShare:
    return HourShare(share, -int(-4 * share // most) if most else 0)


def _lately(rows: pd.DataFrame) -> str:
    lately = rows[rows["period"] == RECENT_NAME].sort_values("value", ascending=False)
    shares = dict(zip(lately["name"], lately["value"], strict=True))
    return horizontal_bars(
        "Your tags of the last 90 days",
        dict(list(shares.items())[: 2 * TAGS_DRAWN]),
        x_label="share of your plays",
        width=PHONE_WIDTH,
        percent=True,
    )


def _over_time(rows: pd.DataFrame, width: float) -> str:
    years = rows[rows["period"] != RECENT_NAME]
    table = years.pivot_table(index="period", columns="name", values="value", fill_value=0.0)
    strongest = table.sum().sort_values(ascending=False, kind="stable").index[:TAGS_DRAWN]
    xs = [float(year) for year in table.index]
    return lines(
        "Your tags over the years",
        [LineSeries(str(tag), xs, [float(value) for value in table[tag]]) for tag in strongest],
        desc="Each tag's share of each year's plays.",
        x_label="year",
        y_label="share of your plays",
        format_x=format_year,
        width=width,
        percent=True,
    )


def _feature(rows: pd.DataFrame, feature: str) -> str:
    """Draw the plays against the catalog, as a histogram of shares."""
    mine = rows[rows["name"].str.startswith(f"{feature}:")]
    told = {
        shown: _spread(mine[mine["period"] == period])
        for period, shown in ((OWN, "your plays"), (CATALOG, "the catalog"))
    }
    sets = {shown: spread for shown, spread in told.items() if spread.n}
    return histogram_of_bins(
        feature, sets, bounds=(0.0, 1.0), x_label=f"{feature}, 0 to 1", width=PHONE_WIDTH
    )


def _spread(rows: pd.DataFrame) -> BinnedValues:
    """Return the profile's bins, each named by its lower end: `energy:0.35`."""
    shares = [0.0] * BINS
    for name, share in zip(rows["name"], rows["value"], strict=True):
        shares[round(float(name.partition(":")[2]) * BINS)] = float(share)
    mean = sum(share * (at + 0.5) / BINS for at, share in enumerate(shares))
    return BinnedValues(shares, int(rows["n"].sum()), mean)
