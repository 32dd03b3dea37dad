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

    Only what was seen before the next list took its place counts: later, a pick is heard from
    another list that it stands in, or without any. So a list is not better received the longer it
    is looked back at.

    Args:
        playlists: Rows of `playlists` of one listener.
        feedback: Rows of `feedback` of the same listener.
        intent: Which of their playlists.
    """
    shown = playlists[(playlists["intent"] == intent) & playlists["outcome"].isin(SHOWN)]
    shown = one_per_night(shown)
    # Of a list whose hour is not known: noon lies between its night's run and the next, anywhere.
    noon = pd.to_datetime(shown["night"]).dt.tz_localize("UTC") + dt.timedelta(hours=12)
    shown = shown.assign(since=shown["as_of"].fillna(noon)).sort_values("since")
    shown["until"] = shown["since"].shift(-1)  # the last one stands there still
    picks = shown[["night", "since", "until", "track_keys"]].explode("track_keys")
    picks = picks.rename(columns={"track_keys": "track_key"}).dropna(subset="track_key")
    picks = picks.drop_duplicates(["night", "track_key"])
    sizes = Counter(picks["night"])
    told = feedback.loc[feedback["intent"] == intent, ["track_key", "reaction", "at"]]
    told = told.merge(picks, on="track_key")
    in_time = told["until"].isna() | (told["at"] <= told["until"])
    told = told[(told["since"] < told["at"]) & in_time]

    def counts(reactions: Iterable[Reaction]) -> Counter[dt.date]:
        rows = told[told["reaction"].isin(list(reactions))]
        return Counter(rows.drop_duplicates(["night", "track_key"])["night"])

    reached, heard, rejected = counts(_REACHED), counts([Reaction.PLAYED]), counts(REJECTED)
    return [
        Reception(night, size, heard[night], rejected[night])
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
    columns = ["night", "intent", "place", "outcome", "track_keys", "as_of"]
    playlists = lake.frame(PLAYLISTS, columns=columns, where={"listener": listener})
    playlists = playlists[(playlists["night"] >= since) & (playlists["night"] < before)]
    if playlists.empty:
        return []
    where = {"listener": listener, "month": months_of(since, before)}
    feedback = lake.frame(FEEDBACK, columns=["intent", "track_key", "reaction", "at"], where=where)
    return receptions(playlists, feedback, intent=intent)


def months_of(since: dt.date, until: dt.date) -> list[str]:
    """Return the months from one day to another, as partitions name them."""
    days = [since + dt.timedelta(days=each) for each in range((until - since).days + 1)]
    return sorted({f"{day:%Y-%m}" for day in days})
