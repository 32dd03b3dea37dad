"""How the past lists were received: picks that were heard out, and picks that were rejected.

Only lists that the listener went through count: a list of which no pick is known to have been
played, skipped or passed over was not listened to.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.playlist_settings import MAIN
from smallhours.vocabulary import REJECTED, SHOWN, Reaction

# Lists of this many nights are looked back at.
DAYS = 90
_REACHED = (Reaction.PLAYED, Reaction.SKIPPED, Reaction.PASSED)


@dataclass(frozen=True)
class Reception:
    """How one list that the listener went through was received.

    Attributes:
        night: Its night.
        size: Number of its picks.
        heard_out: Number of those that were heard out.
        rejected: Number of those that were removed or otherwise rejected.
    """

    night: dt.date
    size: int
    heard_out: int
    rejected: int = 0


def receptions(
    playlists: pd.DataFrame, feedback: pd.DataFrame, *, intent: str = MAIN
) -> list[Reception]:
    """Return how each list that the listener went through was received, oldest first.

    A pick that stood in several lists belongs to the first, as in `feedback`.

    Args:
        playlists: Rows of `playlists` of one listener.
        feedback: Rows of `feedback` of the same listener.
        intent: Which of their playlists.
    """
    shown = playlists[(playlists["intent"] == intent) & playlists["outcome"].isin(SHOWN)]
    rows = one_per_night(shown)[["night", "track_keys"]].explode("track_keys").dropna()
    rows = rows.sort_values("night", kind="stable").drop_duplicates("track_keys")
    sizes = Counter(rows["night"])
    told = feedback[feedback["intent"] == intent]

    def counts(reactions: Iterable[Reaction]) -> Counter[dt.date]:
        picks = told[told["reaction"].isin(list(reactions))]
        return Counter(picks.drop_duplicates(["night", "track_key"])["night"])

    reached, heard, rejected = counts(_REACHED), counts([Reaction.PLAYED]), counts(REJECTED)
    return [
        Reception(night, size, min(heard[night], size), rejected[night])
        for night, size in sorted(sizes.items())
        if reached[night]
    ]


def read_receptions(
    lake: Lake, listener: str, *, before: dt.date, intent: str = MAIN
) -> list[Reception]:
    """Return how the lists of the last nights were received, oldest first.

    Args:
        lake: The lake.
        listener: Whose.
        before: Tonight.
        intent: Which of their playlists.
    """
    since = before - dt.timedelta(days=DAYS)
    columns = ["night", "intent", "place", "outcome", "track_keys"]
    playlists = lake.frame(PLAYLISTS, columns=columns, where={"listener": listener})
    playlists = playlists[(playlists["night"] >= since) & (playlists["night"] < before)]
    if playlists.empty:
        return []
    where = {"listener": listener, "month": months_of(since, before)}
    feedback = lake.frame(
        FEEDBACK, columns=["night", "intent", "track_key", "reaction"], where=where
    )
    return receptions(playlists, feedback, intent=intent)


def months_of(since: dt.date, until: dt.date) -> list[str]:
    """Return the months from one day to another, as partitions name them."""
    days = [since + dt.timedelta(days=each) for each in range((until - since).days + 1)]
    return sorted({f"{day:%Y-%m}" for day in days})
