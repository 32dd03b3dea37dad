"""How are a model's figures noted in the lake?"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.store import Lake
from smallhours.lake.tables import METRICS
from smallhours.nights import Night


@dataclass(frozen=True)
class Metric:
    """One figure of one model.

    Attributes:
        subject: The model.
        name: What was measured.
        value: The figure.
        n: How many rows it rests on.
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


def note_metrics(lake: Lake, metrics: Iterable[Metric], *, listener: str, night: Night) -> None:
    """Add a night's figures to `metrics`; those of an earlier run of the night are replaced.

    Args:
        lake: The lake.
        metrics: The figures.
        listener: Whose model it is; empty for what all share.
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
