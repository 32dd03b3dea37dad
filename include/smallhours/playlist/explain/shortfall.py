"""The explanation of a list with fewer tracks than it should have: why, and until when."""

import datetime as dt
import re

import pandas as pd

from smallhours.playlist.select.exclusion import count_reasons
from smallhours.playlist_settings import PlaylistSettings

# Of the reasons, the most frequent are told.
MAX_REASONS = 3
RELEASE_UNKNOWN = "when it came out is not known"

_RESTING = re.compile(r"recommended ([\d,]+) nights? ago")


def explain_shortfall(
    rows: pd.DataFrame, playlist_settings: PlaylistSettings, night: dt.date
) -> str:
    """Return why a list is short, and when it will be longer; empty when it is full.

    Args:
        rows: `recommendations` of the night and the playlist: `position` and `why_not`.
        playlist_settings: For the playlist.
        night: The night.
    """
    if int(rows["position"].notna().sum()) >= playlist_settings.size:
        return ""
    out = rows.loc[rows["position"].isna() & (rows["why_not"] != ""), "why_not"]
    if out.empty:
        return "Nothing more that could be chosen is known yet; each night looks further."
    counts = count_reasons(out)[:MAX_REASONS]
    told = "; ".join(f"{count:,} {reason}" for reason, count in counts.items())
    clauses = [f"Of the {len(out):,} tracks that came closest: {told}."]
    resting = [int(found[1].replace(",", "")) for found in map(_RESTING.fullmatch, out) if found]
    if resting:
        left = playlist_settings.not_again_nights - max(resting) + 1
        clauses.append(f"The first may come again on {night + dt.timedelta(days=left)}.")
    if RELEASE_UNKNOWN in counts:
        clauses.append("Each night asks when more of them came out, so that the list fills.")
    return " ".join(clauses)
