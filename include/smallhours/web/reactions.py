"""Storing the reaction buttons: each writes a row of `feedback`, which the next training reads."""

import datetime as dt

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.vocabulary import Reaction
from smallhours.web.page_context import PageContext

# These reactions exclude each other: a new one replaces the old one.
REACTIONS = (Reaction.THUMBS_UP, Reaction.THUMBS_DOWN, Reaction.BLOCKED)
TAKE_BACK = "take_back"


def save_reaction(
    page_context: PageContext, night: dt.date, intent: str, track_key: str, reaction: str
) -> None:
    """Save the listener's reaction to a pick, in place of an earlier one.

    Args:
        page_context: Context of the page.
        night: The night that recommended the track.
        intent: Key of the playlist.
        track_key: The track.
        reaction: One of `REACTIONS`, or `TAKE_BACK`.

    Raises:
        SettingsError: when there is no such reaction, or the track was not in that list.
        LakeUnwritable: when nothing could be saved.
    """
    if reaction not in (*REACTIONS, TAKE_BACK) or not _was_picked(
        page_context, night, intent, track_key
    ):
        raise SettingsError(
            "There is no such button for this track.", remedy="Open the page again."
        )
    mine = (
        (pc.field("night") == night)
        & (pc.field("intent") == intent)
        & (pc.field("track_key") == track_key)
        & pc.field("reaction").isin(list(REACTIONS))
    )
    at = dt.datetime.now(dt.UTC)
    rows = pd.DataFrame(
        [{"night": night, "intent": intent, "track_key": track_key, "reaction": reaction, "at": at}]
    )
    if reaction == TAKE_BACK:
        rows = rows.iloc[:0]
    page_context.lake.merge(
        FEEDBACK,
        rows,
        partition={"listener": page_context.listener, "month": f"{night:%Y-%m}"},
        replace=mine,
    )


def _was_picked(page_context: PageContext, night: dt.date, intent: str, track_key: str) -> bool:
    rows = page_context.lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position"],
        where={"listener": page_context.listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    return track_key in set(rows["track_key"])
