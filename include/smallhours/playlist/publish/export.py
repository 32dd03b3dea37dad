"""The night's list that is exported."""

import datetime as dt

from smallhours.errors import NotEnoughData
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.places.place import ListedTrack
from smallhours.playlist.publish.target_list import listed_tracks


def exported_tracks(lake: Lake, listener: str, night: dt.date, *, intent: str) -> list[ListedTrack]:
    """Return a night's list in its order.

    Raises:
        NotEnoughData: there is none.
    """
    rows = lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "artist", "title", "position", "reason"],
        where={"listener": listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()].sort_values("position")
    if rows.empty:
        raise NotEnoughData(
            f"There is no list for the night of {night}.",
            remedy="`smallhours history` shows the nights that have one.",
        )
    return listed_tracks(lake, rows)
