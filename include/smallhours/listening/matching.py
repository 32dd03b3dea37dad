"""One history from several sources: which reports are of the same play.

Pure functions over `plays` frames. Last.fm is the history of record: its time (the start of the
play) and its names win; other sources add what it does not know.
"""

import datetime as dt
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from smallhours.listening.plays import COLUMNS, LASTFM, with_ordinals

# A player reports a play to Last.fm and to Spotify within seconds of each other, but Spotify's
# time may be the play's end instead of its start.
TOLERANCE = dt.timedelta(seconds=60)
LONGEST_TRACK = dt.timedelta(minutes=20)


def unify(
    stored: pd.DataFrame,
    reported: pd.DataFrame,
    *,
    source: str,
    since: dt.datetime,
    until: dt.datetime,
    durations: dict[str, int] | None = None,
) -> pd.DataFrame:
    """Make a stored history say what a source now reports for a span of time.

    What the source reported earlier for the span and no longer does is withdrawn from it; a play
    that no source reports any more is gone. A reported play that another source also has becomes
    one row that names both.

    Args:
        stored: `plays` rows around the span, of any source.
        reported: `plays` rows of one source, all within the span.
        source: Who reports.
        since: Start of the span, inclusive.
        until: End of the span, exclusive.
        durations: Known track lengths in milliseconds by track key; a play may be reported by its
            end, and its start is then that much earlier.

    Returns:
        The `plays` rows that replace `stored`.
    """
    others = _without(stored, source, since, until)
    pairs = _pairs(others, reported, durations or {})
    joined = [
        _join(other, report, reporter=source)
        for other, report in zip(
            others.loc[[left for left, _ in pairs]].to_dict("records"),
            reported.loc[[right for _, right in pairs]].to_dict("records"),
            strict=True,
        )
    ]
    parts = [
        others.drop(index=[left for left, _ in pairs]),
        reported.drop(index=[right for _, right in pairs]),
        pd.DataFrame(joined, columns=COLUMNS),
    ]
    whole = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    whole["played_at"] = pd.to_datetime(whole["played_at"], utc=True).astype("datetime64[us, UTC]")
    return with_ordinals(whole)


def _without(
    stored: pd.DataFrame, source: str, since: dt.datetime, until: dt.datetime
) -> pd.DataFrame:
    """The stored plays as if the source had said nothing about the span."""
    named = pd.Series([source in names for names in stored["sources"]], index=stored.index)
    concerned = named & (stored["played_at"] >= since) & (stored["played_at"] < until)
    kept = stored.copy()
    kept["sources"] = [
        [name for name in names if name != source] if withdrawn else list(names)
        for names, withdrawn in zip(stored["sources"], concerned, strict=True)
    ]
    return kept[kept["sources"].map(len) > 0].reset_index(drop=True)


def _pairs(
    others: pd.DataFrame, reported: pd.DataFrame, durations: dict[str, int]
) -> list[tuple[int, int]]:
    """Row labels (other, reported) of one play, each row used once, the nearest in time first."""
    if others.empty or reported.empty:
        return []
    left = others.loc[
        others["played_at"].between(
            reported["played_at"].min() - LONGEST_TRACK, reported["played_at"].max() + LONGEST_TRACK
        ),
        ["track_key", "played_at"],
    ].reset_index(names="left")
    right = reported[["track_key", "played_at"]].reset_index(names="right")
    near = left.merge(right, on="track_key", suffixes=("_other", "_reported"))
    apart = (near["played_at_other"] - near["played_at_reported"]).abs()
    lengths = pd.to_timedelta(near["track_key"].map(durations).fillna(0.0).astype(float), unit="ms")
    # The same moment, or one track's length apart: one side gave the start, the other the end.
    miss = pd.concat([apart, (apart - lengths).abs()], axis=1).min(axis=1)
    near = near.assign(miss=miss, apart=apart)[miss <= TOLERANCE]
    near = near.sort_values(["miss", "apart", "left", "right"], kind="stable")
    pairs: list[tuple[int, int]] = []
    used_left: set[int] = set()
    used_right: set[int] = set()
    for one, two in zip(near["left"], near["right"], strict=True):
        if one not in used_left and two not in used_right:
            pairs.append((one, two))
            used_left.add(one)
            used_right.add(two)
    return pairs


def _join(
    other: Mapping[Hashable, Any], reported: Mapping[Hashable, Any], *, reporter: str
) -> dict[Hashable, Any]:
    """One row for a play that two sources saw: the history of record leads, the other fills in."""
    lead, support = (reported, other) if reporter == LASTFM else (other, reported)
    joined = {name: support[name] if _is_null(value) else value for name, value in lead.items()}
    joined["sources"] = sorted({*other["sources"], *reported["sources"]})
    return joined


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value != value  # NaN and NaT differ from themselves
