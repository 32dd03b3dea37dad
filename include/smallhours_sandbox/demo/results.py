"""Results of the demo's nights, read from the lake."""

import datetime as dt
from pathlib import Path

from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.playlist.explain.letter import describe_reception, reception
from smallhours.vocabulary import SHOWN
from smallhours_sandbox.demo.demo_config import LISTENER


def last_written_night(lake: Path) -> dt.date | None:
    """Return the newest night whose playlist was written; None when there is none."""
    nights = Lake(str(lake)).frame(
        PLAYLISTS, columns=["night", "outcome"], where={"listener": LISTENER}
    )
    written = nights.loc[nights["outcome"].isin(SHOWN), "night"]
    return None if written.empty else max(written)


def last_reception(lake: Path, night: dt.date) -> str:
    """Return how the listener received the list before a night's, in a sentence.

    The first night has none before it.
    """
    demo_lake, who = Lake(str(lake)), LISTENER.capitalize()
    ledger = demo_lake.frame(PLAYLISTS, columns=["night", "outcome"], where={"listener": LISTENER})
    shown = ledger.loc[ledger["outcome"].isin(SHOWN) & (ledger["night"] < night), "night"]
    if shown.empty:
        return f"{who} has not heard it yet. Run the demo again, and a day will have passed."
    last = max(shown)
    of = "yesterday's" if night - last == dt.timedelta(days=1) else f"the {last} list's"
    return describe_reception(who, of, reception(demo_lake, LISTENER, last, last))


def read_reasons(lake: Path, listener: str, night: dt.date) -> dict[str, str]:
    """Return the reason of each track of a night's playlist, by its name there."""
    demo_lake = Lake(str(lake))
    ledger = demo_lake.frame(PLAYLISTS, where={"listener": listener})
    tonight = ledger[ledger["night"] == night]
    if tonight.empty:
        return {}
    row = tonight.iloc[-1]
    chosen = demo_lake.frame(
        RECOMMENDATIONS,
        columns=["track_key", "reason"],
        where={"listener": listener, "night": str(night)},
    ).set_index("track_key")
    return {
        uri: str(chosen["reason"][key])
        for uri, key in zip(row["uris"], row["track_keys"], strict=True)
        if key in chosen.index
    }
