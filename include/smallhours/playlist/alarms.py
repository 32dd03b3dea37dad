"""Alarms about what grows worse unnoticed: the reception of the lists, and what they rest on.

Each night's alarms are stored in `metrics`, under the subject `alarm`: what a figure is now, and as
the baseline what it was before. An alarm is given once, and again after a month if it still holds.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from smallhours.catalog.seeds import EVIDENCE, OLD_SHARE
from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.playlist.publish.target_list import RECALL
from smallhours.playlist.select.quality import SUBJECT as LIST
from smallhours.training.evaluation.receptions import DAYS, Reception, find_drop, months_of
from smallhours.training.evaluation.uncertainty import wilson
from smallhours.training.model_card import Metric

SUBJECT = "alarm"
ACCEPTANCE, NOVELTY, CANDIDATE_RECALL, SOURCES = (
    "acceptance",
    "novelty",
    "candidate_recall",
    "old_sources",
)
# The same alarm is not given again for so many nights.
QUIET_NIGHTS = 30
# The mean of the last nights is compared with that of the ones before, which are at least so many.
LATELY, MIN_BEFORE = 14, 30
# One bit less: the tracks are known to twice as many people.
MAX_NOVELTY_LOSS = 1.0
# The candidates hold less than this share of what they held.
RECALL_RATIO = 0.5
# Share of the tracks, artists and tags of which no source has told anything new.
MAX_OLD = 0.5


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes:
        kind: What grew worse.
        what: The observation, in a sentence.
        remedy: What to do about it.
    """

    kind: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Return the alarm for a person to read."""
        return f"{self.what} {self.remedy}"


@dataclass(frozen=True)
class _Words:
    what: str
    remedy: str


_WORDS: Mapping[str, _Words] = MappingProxyType(
    {
        ACCEPTANCE: _Words(
            what="Your lists are received worse: of the last {n} that you went through {now:.0%} "
            "was heard out, of those before {before:.0%}.",
            remedy="If your taste has changed, ask for less of a tag or an artist on the page "
            "Edits. If somebody else listens with your account, exclude that listening there.",
        ),
        NOVELTY: _Words(
            what="Your lists hold better known music than before: a novelty of {now:.1f} bits in "
            "the last {n} lists, {before:.1f} before.",
            remedy="Lower the popularity on the page Settings if you want less known music.",
        ),
        CANDIDATE_RECALL: _Words(
            what="The candidates miss what you come to like: they held {now:.0%} of {n} tracks, "
            "{before:.0%} before.",
            remedy="See with `smallhours doctor` which source is set aside; if none is, raise "
            "`catalog.lastfm_calls_per_night`.",
        ),
        SOURCES: _Words(
            what="What the lists rest on is old: for {now:.0%} of your tracks, artists and tags, "
            "no source has told anything new for long.",
            remedy="See with `smallhours doctor` which source refuses, and put its key or address "
            "right.",
        ),
    }
)


def raise_alarms(
    lake: Lake, listener: str, past: Sequence[Reception], *, night: dt.date
) -> list[Metric]:
    """Return tonight's alarms as rows of `metrics`.

    Args:
        lake: Holds the figures of the last nights.
        listener: Whose.
        past: How the lists so far were received, oldest first.
        night: Tonight.
    """
    since = night - dt.timedelta(days=DAYS)
    rows = lake.frame(METRICS, where={"month": months_of(since, night)})
    rows = rows[(rows["listener"] == listener) & rows["night"].between(since, night)]
    rows = rows.sort_values("night")
    last = night - dt.timedelta(days=QUIET_NIGHTS)
    given = (rows["subject"] == SUBJECT) & (rows["night"] > last) & (rows["night"] < night)
    quiet = set(rows.loc[given, "metric"])
    checks: dict[str, Callable[[], Metric | None]] = {
        ACCEPTANCE: lambda: _acceptance(past),
        NOVELTY: lambda: _novelty(_figures(rows, LIST, "novelty")),
        CANDIDATE_RECALL: lambda: _recall(rows[rows["metric"] == RECALL], night),
        SOURCES: lambda: _sources(_figures(rows, EVIDENCE, OLD_SHARE), night),
    }
    found = (check() for kind, check in checks.items() if kind not in quiet)
    return [each for each in found if each is not None]


def _acceptance(past: Sequence[Reception]) -> Metric | None:
    drop = find_drop(past)
    return drop if drop is None else Metric(SUBJECT, ACCEPTANCE, drop.now, drop.since, drop.before)


def _novelty(by_night: pd.Series) -> Metric | None:
    if len(by_night) < LATELY + MIN_BEFORE:
        return None
    before, now = by_night.iloc[:-LATELY].mean(), by_night.iloc[-LATELY:].mean()
    worse = now < before - MAX_NOVELTY_LOSS
    return Metric(SUBJECT, NOVELTY, float(now), LATELY, float(before)) if worse else None


def _recall(rows: pd.DataFrame, night: dt.date) -> Metric | None:
    """Compare the newest recall, if it was measured tonight, with the usual one."""
    if len(rows) <= MIN_BEFORE or rows["night"].iloc[-1] != night:
        return None
    before = float(rows["value"].iloc[:-LATELY].median())
    now, n = float(rows["value"].iloc[-1]), int(rows["n"].iloc[-1])
    worse = wilson(round(now * n), n).high < RECALL_RATIO * before
    return Metric(SUBJECT, CANDIDATE_RECALL, now, n, before) if worse else None


def _sources(by_night: pd.Series, night: dt.date) -> Metric | None:
    now = float(by_night.get(night, 0.0))
    return Metric(SUBJECT, SOURCES, now, 1) if now > MAX_OLD else None


def _figures(rows: pd.DataFrame, subject: str, metric: str) -> pd.Series:
    """Return one figure by night."""
    mine = rows[(rows["subject"] == subject) & (rows["metric"] == metric)]
    found: pd.Series = mine.set_index("night")["value"]
    return found


def alarms_in(metrics: pd.DataFrame) -> list[Alarm]:
    """Return the alarms among one listener's rows of `metrics`, oldest first."""
    rows = metrics[metrics["subject"] == SUBJECT].sort_values("night")
    columns = (rows[name] for name in ("metric", "value", "n", "baseline"))
    return [_in_words(*row) for row in zip(*columns, strict=True)]


def alarms_of(metrics: Sequence[Metric]) -> list[Alarm]:
    """Return what `raise_alarms` found, in words."""
    return [_in_words(each.name, each.value, each.n, each.baseline) for each in metrics]


def _in_words(kind: str, now: float, n: int, before: float | None) -> Alarm:
    words = _WORDS[kind]
    return Alarm(kind, words.what.format(now=now, n=n, before=before), words.remedy)
