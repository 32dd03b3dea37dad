"""Figures of models, and how they are stored in the lake's `metrics`."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.nights import Night


@dataclass(frozen=True)
class Metric:
    """One figure of one model.

    Attributes:
        subject: The model.
        name: Name of the figure.
        value: The figure.
        n: Number of rows that it is computed from.
        baseline: The same figure for the baseline, where there is one.
        low: Lower end of its 95 % interval, where it has one.
        high: Upper end, likewise.
    """

    subject: str
    name: str
    value: float
    n: int
    baseline: float | None = None
    low: float | None = None
    high: float | None = None


def store_metrics(lake: Lake, metrics: Iterable[Metric], *, listener: str, night: Night) -> None:
    """Store a night's figures in `metrics`, replacing those of an earlier run of the night.

    Args:
        lake: The lake.
        metrics: The figures.
        listener: The listener whose model it is; empty for a shared model.
        night: The night.
    """
    rows = [
        {
            "night": night.date,
            "listener": listener,
            "subject": metric.subject,
            "metric": metric.name,
            "value": metric.value,
            "low": metric.low,
            "high": metric.high,
            "baseline": metric.baseline,
            "n": metric.n,
        }
        for metric in metrics
    ]
    lake.merge(METRICS, pd.DataFrame(rows), partition={"month": f"{night.date:%Y-%m}"})
