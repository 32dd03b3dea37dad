"""Storing the reaction buttons: each writes a row of `feedback`, which the next training reads."""

import datetime as dt

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.lake.tables import FEEDBACK, RECOMMENDATIONS
from smallhours.pages.place import Place

# These reactions exclude each other: a new one replaces the old one.
REACTIONS = ("thumbs_up", "thumbs_down", "blocked")
TAKE_BACK = "take_back"


def note_reaction(place: Place, night: dt.date, intent: str, track_key: str, reaction: str) -> None:
    """Save the listener's reaction to a pick, in place of an earlier one.

    Args:
        place: Context of the page.
        night: The night that recommended the track.
        intent: Key of the playlist.
        track_key: The track.
        reaction: One of `REACTIONS`, or `TAKE_BACK`.

    Raises:
        SettingsError: when there is no such reaction, or the track was not in that list.
        LakeUnwritable: when nothing could be saved.
    """
    if reaction not in (*REACTIONS, TAKE_BACK) or not _was_picked(place, night, intent, track_key):
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
    place.lake.merge(
        FEEDBACK,
        rows,
        partition={"listener": place.listener, "month": f"{night:%Y-%m}"},
        replace=mine,
    )


def _was_picked(place: Place, night: dt.date, intent: str, track_key: str) -> bool:
    rows = place.lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position"],
        where={"listener": place.listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    return track_key in set(rows["track_key"])
