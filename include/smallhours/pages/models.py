"""Models: how good are they, since when, who won, and what did the study find?"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallhours.charts.lines import Line, lines
from smallhours.lake.tables import METRICS
from smallhours.pages.place import Place
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import SHARED, Registry

# What a reader wants to follow first; the rest is in the cards.
FOLLOWED = ("auc", "average_precision", "brier", "ndcg", "recall", "r2")
MONTHS_READ = 3
SERIES_DRAWN = 6


@dataclass(frozen=True)
class Figure:
    """One figure of the newest night.

    Attributes:
        subject: The model.
        metric: Its name.
        value: The figure.
        low, high: Its 95 % interval, if known.
        baseline: The baseline's, if known.
        n: How many rows it rests on, if known.
    """

    subject: str
    metric: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    n: int | None


@dataclass(frozen=True)
class Card:
    """A model in use."""

    card: ModelCard
    versions: Sequence[str]


@dataclass(frozen=True)
class Models:
    """The whole page."""

    night: dt.date | None
    figures: Sequence[Figure]
    trend: Sequence[str]
    cards: Sequence[Card]


def models(place: Place) -> Models:
    """Read the page."""
    rows = _metrics(place)
    night = rows["night"].max() if len(rows) else None
    newest = rows.sort_values("night").drop_duplicates(["subject", "metric"], keep="last")
    newest = newest.sort_values(["subject", "metric"])
    return Models(night, _figures(newest), _trend(rows), _cards(place))


def _metrics(place: Place) -> pd.DataFrame:
    """Figures of the last months, the listener's own and what all share."""
    today = place.today
    months = {
        (today.replace(day=1) - dt.timedelta(days=28 * back)).strftime("%Y-%m")
        for back in range(MONTHS_READ)
    }
    newest = sorted({part["month"] for part in place.lake.partitions(METRICS)})[-MONTHS_READ:]
    rows = place.lake.frame(METRICS, where={"month": sorted(months | set(newest))})
    return rows[rows["listener"].isin(["", place.listener])]


def _figures(rows: pd.DataFrame) -> list[Figure]:
    return [
        Figure(
            row["subject"],
            row["metric"],
            float(row["value"]),
            _known(row["low"]),
            _known(row["high"]),
            _known(row["baseline"]),
            None if (n := _known(row["n"])) is None else int(n),
        )
        for row in rows.to_dict("records")
    ]


def _known(value: Any) -> float | None:
    """A figure that may be missing."""
    return None if pd.isna(value) else float(value)


def _trend(rows: pd.DataFrame) -> list[str]:
    """One picture for each followed figure, a line for each model that has it."""
    pictures = []
    for followed in FOLLOWED:
        told = rows[rows["metric"].str.startswith(followed)]
        found = [
            (f"{subject} {metric}", each.sort_values("night"))
            for (subject, metric), each in told.groupby(["subject", "metric"])
            if len(each) > 1
        ]
        if found:
            pictures.append(_picture(followed, found[:SERIES_DRAWN]))
    return pictures


def _picture(name: str, found: Sequence[tuple[str, pd.DataFrame]]) -> str:
    first = min(each["night"].min() for _, each in found)
    return lines(
        f"{name} over the nights",
        [
            Line(
                label,
                [float((night - first).days) for night in each["night"]],
                [float(value) for value in each["value"]],
                [float(value) for value in each["low"]],
                [float(value) for value in each["high"]],
            )
            for label, each in found
        ],
        desc="With 95 % intervals, where they are known.",
        x_label=f"days since {first}",
        y_label=name,
    )


def _cards(place: Place) -> list[Card]:
    """The cards of all models in use."""
    registry = Registry.of(place.lake)
    cards = []
    for owner in (place.listener, SHARED):
        folder = f"models/{owner}/"
        names = {
            path.removeprefix(folder).partition("/")[0]
            for path in place.lake.files.list(folder.rstrip("/"))
        }
        for name in sorted(names):
            saved = registry.current(owner, name)
            if saved is not None:
                cards.append(Card(saved.card, registry.versions(owner, name)))
    return cards
