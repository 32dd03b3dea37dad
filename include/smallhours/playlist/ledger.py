"""What has been put into the listener's playlist, by our own record?

Pure functions over the `playlists` table of one listener.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

MAIN = "main"

PLANNED = "planned"
WRITTEN = "written"
VERIFIED = "verified"
KEPT_YESTERDAY = "kept_yesterday"
DRY_RUN = "dry_run"

# A planned list may have been written by a run that died before it could say so.
MAYBE_SHOWN = (PLANNED, WRITTEN, VERIFIED)
SURELY_SHOWN = (WRITTEN, VERIFIED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says about one playlist before tonight's write.

    Attributes:
        playlist_ids: Ids of the playlists that we created, newest first.
        last: URIs that we last wrote for certain.
        maybe: URIs of later plans, which may or may not have been written.
        tonight: The outcome recorded for tonight, or an empty string.
        newer: A later night whose list may be standing, if any.
    """

    playlist_ids: tuple[str, ...]
    last: frozenset[str]
    maybe: frozenset[str]
    tonight: str
    newer: dt.date | None

    @property
    def ours(self) -> frozenset[str]:
        """Every URI that stands in the playlist because of us."""
        return self.last | self.maybe


def standing(rows: pd.DataFrame, *, intent: str, night: dt.date) -> Standing:
    """Sum up the ledger of one playlist.

    Args:
        rows: Rows of `playlists` of one listener.
        intent: Which of the listener's playlists.
        night: Tonight.
    """
    entries = rows[rows["intent"] == intent].sort_values("night", ascending=False)
    last: frozenset[str] = frozenset()
    maybe: set[str] = set()
    for outcome, uris in zip(entries["outcome"], entries["uris"], strict=True):
        if outcome in SURELY_SHOWN:
            last = frozenset(uris)
            break
        if outcome == PLANNED:
            maybe.update(uris)
    tonight = entries.loc[entries["night"] == night, "outcome"].tolist()
    newer = entries.loc[(entries["night"] > night) & entries["outcome"].isin(MAYBE_SHOWN), "night"]
    return Standing(
        playlist_ids=tuple(dict.fromkeys(entries["playlist_id"].dropna().astype(str))),
        last=last,
        maybe=frozenset(maybe),
        tonight=tonight[0] if tonight else "",
        newer=None if newer.empty else newer.iloc[0],
    )


def last_shown(rows: pd.DataFrame, *, before: dt.date) -> dict[str, dt.date]:
    """When each track was last in any of the listener's playlists, before a night."""
    shown: dict[str, dt.date] = {}
    earlier = rows[(rows["night"] < before) & rows["outcome"].isin(MAYBE_SHOWN)]
    for night, keys in zip(earlier["night"], earlier["track_keys"], strict=True):
        for key in keys:
            shown[key] = max(night, shown.get(key, night))
    return shown


def entry(
    *,
    night: dt.date,
    name: str,
    playlist_id: str | None,
    outcome: str,
    note: str,
    track_keys: Sequence[str],
    uris: Sequence[str],
    snapshot_before: str | None = None,
    snapshot_after: str | None = None,
    intent: str = MAIN,
) -> pd.DataFrame:
    """One row of `playlists`."""
    row = {
        "night": night,
        "intent": intent,
        "name": name,
        "playlist_id": playlist_id,
        "outcome": outcome,
        "note": note,
        "snapshot_before": snapshot_before,
        "snapshot_after": snapshot_after,
        "track_keys": list(track_keys),
        "uris": list(uris),
    }
    return pd.DataFrame([row])
