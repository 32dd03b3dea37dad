"""The intent `new_releases`: tracks that came out recently.

Release dates are known of tracks that were looked up on Spotify. For the others, the night on which
the catalog first met them is used instead, except for the catalog's first nights, in which every
track is new to it.
"""

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.playlist.explain import wording
from smallhours.playlist.explain.reasons import NEW
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.intents.context import IntentContext, IntentScores
from smallhours.playlist_settings import NewReleasesIntent

# Everything is new to a catalog that has only just begun.
CATALOG_SETTLES_DAYS = 7

_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


def new_releases(intent: NewReleasesIntent, context: IntentContext) -> IntentScores:
    """Score tracks by their age: since release or, if unknown, since they entered the catalog."""
    evidence, tracks = context.evidence, context.evidence.tracks
    night = context.date
    out = [latest_of(text) for text in tracks["released"]]
    settled = evidence.catalog_from or night
    settled += dt.timedelta(days=CATALOG_SETTLES_DAYS)
    # Without a release date, the night on which the catalog first met a track is all there is.
    since = [
        date or (seen if seen > settled else None)
        for date, seen in zip(out, tracks["first_seen"], strict=True)
    ]
    age = pd.Series(
        [np.nan if date is None else float((night - date).days) for date in since],
        index=tracks.index,
    )
    why = context.all_eligible()
    why[age > intent.within_days] = "not new"
    why[age < 0] = "not out yet"
    why[age.isna()] = "when it came out is not known"
    fits = (1 - age / intent.within_days).clip(0.0, 1.0).fillna(0.0)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        rows = tracks.loc[chosen]
        return {
            key: IntentEvidence(NEW, _new(released, seen))
            for key, released, seen in zip(
                chosen, rows["released"], rows["first_seen"], strict=True
            )
        }

    unknown = out.count(None)
    missing_data = f"the release dates of {unknown:,} of {len(tracks):,} tracks" if unknown else ""
    return IntentScores(
        why, fits, 0.3, evidence.history.tracks["weight"], intent_evidence, missing_data
    )


def latest_of(released: object) -> dt.date | None:
    """Return the last day that a release date can mean; None if it is no date.

    >>> str(latest_of("2026")), str(latest_of("2026-02")), latest_of("0000")
    ('2026-12-31', '2026-02-28', None)
    """
    found = _DATE.fullmatch(released) if isinstance(released, str) else None
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        date = dt.date(int(year), int(month or 12), int(day or 1))
        if day is not None:
            return date
        next_month = date.year * 12 + date.month
        return dt.date(next_month // 12, next_month % 12 + 1, 1) - dt.timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _new(released: object, first_seen: dt.date) -> str:
    if latest_of(released) is None:
        return f"new in the catalog on {wording.day(first_seen)} (when it came out is not known)"
    written = str(released)
    if len(written) == len("2026-11-02"):
        return f"out since {wording.day(dt.date.fromisoformat(written))}"
    if len(written) == len("2026-11"):
        return f"out since {wording.month(dt.date.fromisoformat(f'{written}-01'))}"
    return f"from {written}"
