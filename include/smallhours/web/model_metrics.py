"""Measurements of the nights on the Models page: newest values, trends, calibration, ablation."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallhours.catalog.seeds import EVIDENCE
from smallhours.lake.list_tables import METRICS
from smallhours.training.ranking.ablation import ADDS, ALONE, FUSED, SUBJECT
from smallhours.training.taste.backtest import MIN_TO_RANK
from smallhours.training.taste.model import FIRST_SEED
from smallhours.training.taste.model import NAME as TASTE
from smallhours.training.taste.train import RELIABILITY
from smallhours.web.charts.canvas import PHONE_WIDTH
from smallhours.web.charts.lines import (
    CalibrationPoint,
    Dot,
    LineSeries,
    dots,
    format_date,
    lines,
    reliability_diagram,
)
from smallhours.web.page_context import PageContext

# The metrics shown as charts, with the charts' titles; all others are only in the table.
TREND_METRICS: Mapping[str, str] = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "ndcg": "NDCG",
    "recall": "Recall",
    "r2": "R²",
    "novelty": "Novelty",
    "diversity": "Diversity",
    "calibration_kl": "Calibration (KL divergence)",
    "artist_gini": "Gini index of artists",
    "popularity_lift": "Popularity lift",
    "overlap": "Overlap with earlier lists",
}
MONTHS_READ = 3
SERIES_DRAWN = 6
# Subjects shown in a chart or table of their own.
SEPARATE_SUBJECTS = (RELIABILITY, SUBJECT, EVIDENCE)


@dataclass(frozen=True)
class MetricValue:
    """One measurement of the newest night.

    Attributes:
        metric: Name of the metric.
        value: Its value.
        low, high: Its 95 % interval, if known.
        baseline: The baseline's value, if known.
        n: Number of rows it was measured on, if known.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    n: int | None


@dataclass(frozen=True)
class SignalContribution:
    """The contribution of one signal to the ranking.

    Attributes:
        signal: Name of the signal.
        alone: The metric when this signal alone ranks.
        adds: Difference of the metric with and without this signal, all others included.
    """

    signal: str
    alone: MetricValue
    adds: MetricValue


@dataclass(frozen=True)
class SignalAblation:
    """An ablation of the ranking.

    Attributes:
        night: Date of the night.
        fused: All signals together.
        signals: The contribution of each signal, the best one alone first.
    """

    night: dt.date
    fused: MetricValue
    signals: Sequence[SignalContribution]


@dataclass(frozen=True)
class ReliabilityCurve:
    """A reliability curve as SVG, and the number of tracks it was measured on."""

    curve: str
    n: int


@dataclass(frozen=True)
class ModelMetrics:
    """All measurements on the Models page.

    Attributes:
        night: The newest night with measurements; None before the first.
        figures: The newest value of each metric, by model.
        trend: One chart for each followed metric.
        reliability_curve: The reliability curve of P(like); None until it is measured.
        baselines: A chart of the taste model beside baselines; empty until it is measured.
        signal_ablation: The contribution of each signal; None until it is measured.
        taste_in_words: A sentence on how often the taste model is right.
        parts_in_words: A sentence on the signals; empty until they are measured.
    """

    night: dt.date | None
    figures: Mapping[str, Sequence[MetricValue]]
    trend: Sequence[str]
    reliability_curve: ReliabilityCurve | None
    baselines: str
    signal_ablation: SignalAblation | None
    taste_in_words: str
    parts_in_words: str


def model_metrics(page_context: PageContext) -> ModelMetrics:
    """Read the measurements of the last months, of the listener and of the shared models."""
    rows = _rows(page_context)
    apart = rows["subject"].isin(SEPARATE_SUBJECTS)
    told = rows[~apart]
    ablation = _signal_ablation(rows[rows["subject"] == SUBJECT])
    return ModelMetrics(
        night=rows["night"].max() if len(rows) else None,
        figures=_newest(told),
        trend=_trend(told),
        reliability_curve=_reliability_curve(rows[rows["subject"] == RELIABILITY]),
        baselines=_baselines_chart(told),
        signal_ablation=ablation,
        taste_in_words=_taste_in_words(told),
        parts_in_words=_parts_in_words(ablation) if ablation and ablation.signals else "",
    )


def _rows(page_context: PageContext) -> pd.DataFrame:
    months = sorted({part["month"] for part in page_context.lake.partitions(METRICS)})
    rows = page_context.lake.frame(METRICS, where={"month": months[-MONTHS_READ:]})
    return rows[rows["listener"].isin(["", page_context.listener])].sort_values(
        "night", kind="stable"
    )


def _newest(rows: pd.DataFrame) -> dict[str, list[MetricValue]]:
    newest = rows.drop_duplicates(["subject", "metric"], keep="last")
    newest = newest.sort_values(["subject", "metric"])
    return {str(name): _figures(each) for name, each in newest.groupby("subject")}


def _figures(rows: pd.DataFrame) -> list[MetricValue]:
    return [
        MetricValue(
            row["metric"],
            float(row["value"]),
            _optional(row["low"]),
            _optional(row["high"]),
            _optional(row["baseline"]),
            None if (n := _optional(row["n"])) is None else int(n),
        )
        for row in rows.to_dict("records")
    ]


def _optional(value: Any) -> float | None:
    """Return a value, or None where it is missing."""
    return None if pd.isna(value) else float(value)


def _last_night(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the newest night among them."""
    newest: pd.DataFrame = rows[rows["night"] == rows["night"].max()]
    return newest


def _reliability_curve(rows: pd.DataFrame) -> ReliabilityCurve | None:
    if rows.empty:
        return None
    curve = sorted(_figures(_last_night(rows)), key=lambda each: each.metric)
    points = [
        CalibrationPoint(each.baseline, each.value, each.n or 0, each.low, each.high)
        for each in curve
        if each.baseline is not None
    ]
    picture = reliability_diagram(
        "Calibration of P(like)",
        points,
        desc=f"Night of {rows['night'].max()}. On the dashed line, as many were taken up as "
        "predicted; the bars are 95 % intervals.",
        x_label="predicted P(like)",
        y_label="share that you took up",
        width=PHONE_WIDTH,
    )
    return ReliabilityCurve(picture, sum(each.n for each in points))


def _taste_auc(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the taste model's AUC over the nights; none where it rests on too few tracks."""
    ours = rows[(rows["metric"] == "auc") & (rows["subject"] == TASTE)]
    return ours if len(ours) and ours["n"].iloc[-1] >= MIN_TO_RANK else ours.iloc[:0]


def _taste_in_words(rows: pd.DataFrame) -> str:
    """Return what the AUC means: of two tracks, how often the right one is put first."""
    ours = _taste_auc(rows)
    if ours.empty:
        return (
            "There is too little of a past to judge by: it takes tracks that you took up in the "
            "last weeks."
        )
    right = round(100 * ours["value"].iloc[-1])
    return (
        f"Of a track that you took up and one that you did not, it puts the right one first in "
        f"{right} of 100 cases. Guessing would be right in 50."
    )


def _parts_in_words(ablation: SignalAblation) -> str:
    best = ablation.signals[0].signal
    missed = max(ablation.signals, key=lambda each: each.adds.value).signal
    return (
        f"Of all parts, “{best}” alone finds best what you take up; the rest would miss "
        f"“{missed}” most."
    )


def _baselines_chart(rows: pd.DataFrame) -> str:
    """Draw the taste model's AUC over past weeks beside the baselines' on the same weeks."""
    mine = rows[(rows["metric"] == "auc") & rows["subject"].str.startswith(TASTE)]
    ours = _taste_auc(rows)
    if ours.empty:
        return ""
    tonight = mine[mine["night"] == ours["night"].max()].sort_values("value", ascending=False)
    return dots(
        "Taste, beside simpler rules",
        [
            Dot(
                _baseline_label(row["subject"]),
                "",
                row["value"],
                _optional(row["low"]),
                _optional(row["high"]),
            )
            for row in tonight.to_dict("records")
        ],
        desc=f"Night of {ours['night'].max()}; .5 is guessing, 1 is never wrong.",
        x_label="AUC over the same past weeks, 95 %",
        width=PHONE_WIDTH,
    )


def _baseline_label(subject: str) -> str:
    return TASTE if subject == TASTE else _words(subject.removeprefix(f"{TASTE}_"))


def _signal_ablation(rows: pd.DataFrame) -> SignalAblation | None:
    if rows.empty:
        return None
    newest = _last_night(rows)
    told = {each.metric: each for each in _figures(newest)}
    if FUSED not in told:
        return None
    signals = sorted(_signals(told), key=lambda each: (-each.alone.value, each.signal))
    night: dt.date = newest["night"].max()
    return SignalAblation(night, told[FUSED], signals)


def _signals(told: Mapping[str, MetricValue]) -> Iterator[SignalContribution]:
    for name, alone in told.items():
        signal = name.removeprefix(ALONE)
        adds = told.get(f"{ADDS}{signal}")
        if signal != name and adds is not None:
            yield SignalContribution(_words(signal), alone, adds)


def _words(name: str) -> str:
    return name.replace(FIRST_SEED, "first version").replace("_", " ")


def _trend(rows: pd.DataFrame) -> list[str]:
    """Draw the followed metrics, with a line for each model that has one, six to a chart."""
    pictures = []
    for followed, title in TREND_METRICS.items():
        told = rows[rows["metric"].str.startswith(followed)]
        found = [
            (f"{subject} {metric}", each)
            for (subject, metric), each in told.groupby(["subject", "metric"])
            if len(each) > 1
        ]
        parts = [found[at : at + SERIES_DRAWN] for at in range(0, len(found), SERIES_DRAWN)]
        for number, part in enumerate(parts, start=1):
            which = f", {number} of {len(parts)}" if len(parts) > 1 else ""
            pictures.append(_picture(f"{title}{which}", part))
    return pictures


def _picture(name: str, found: Sequence[tuple[str, pd.DataFrame]]) -> str:
    return lines(
        name,
        [
            LineSeries(
                _words(label),
                [float(night.toordinal()) for night in each["night"]],
                [float(value) for value in each["value"]],
                [float(value) for value in each["low"]],
                [float(value) for value in each["high"]],
            )
            for label, each in found
        ],
        desc="With 95 % intervals, where they are known.",
        format_x=format_date,
        width=PHONE_WIDTH,
        height=320,
    )
