"""The notes in `metrics` about when a whole history was last verified with a service."""

import datetime as dt
from typing import Final

import pandas as pd

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.listening.plays import months_between
from smallhours.nights import Night

VERIFIED_EVERY_DAYS: Final = 28
# What was verified: Last.fm's scrobbles, ListenBrainz' listens.
SCROBBLES: Final = "scrobbles"
LISTENS: Final = "listens"
_SUBJECT: Final = "history"


def last_verified(lake: Lake, listener: str, night: Night, metric: str) -> dt.date | None:
    """Return the night on which a whole history was last verified, from `metrics`."""
    months = months_between(_morning(night.date) - dt.timedelta(days=62), _morning(night.date))
    rows = lake.frame(METRICS, where={"month": months})
    rows = rows[(rows["subject"] == _SUBJECT) & (rows["listener"] == listener)]
    rows = rows[(rows["night"] <= night.date) & (rows["metric"] == metric)]
    return None if rows.empty else rows["night"].max()


def note_verified(lake: Lake, listener: str, night: Night, metric: str, plays: int) -> None:
    """Note in `metrics` that a whole history was verified tonight."""
    row = {
        "night": night.date, "listener": listener, "subject": _SUBJECT,
        "metric": metric, "value": float(plays), "low": None, "high": None,
        "baseline": None, "n": plays, "month": f"{night.date:%Y-%m}",
    }  # fmt: skip
    lake.merge(METRICS, pd.DataFrame([row]))


def _morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
