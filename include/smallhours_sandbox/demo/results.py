"""Results of the demo's nights, read from the lake."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.vocabulary import SHOWN
from smallhours_sandbox.demo.demo_config import LISTENER


@dataclass(frozen=True, slots=True)
class PickExplanation:
    """The score and the explanation of one track."""

    score: float
    reason: str


def last_written_night(lake: Path) -> dt.date | None:
    """Return the newest night whose playlist was written; None when there is none."""
    nights = Lake(str(lake)).frame(
        PLAYLISTS, columns=["night", "outcome"], where={"listener": LISTENER}
    )
    written = nights.loc[nights["outcome"].isin(SHOWN), "night"]
    return None if written.empty else max(written)


def read_explanations(lake: Path, listener: str, night: dt.date) -> dict[str, PickExplanation]:
    """Return the score and reason of each track of a night's playlist, by its name there."""
    demo_lake = Lake(str(lake))
    ledger = demo_lake.frame(PLAYLISTS, where={"listener": listener})
    tonight = ledger[ledger["night"] == night]
    if tonight.empty:
        return {}
    row = tonight.iloc[-1]
    chosen = demo_lake.frame(
        RECOMMENDATIONS,
        columns=["track_key", "score", "reason"],
        where={"listener": listener, "night": str(night)},
    ).set_index("track_key")
    return {
        uri: PickExplanation(float(chosen["score"][key]), str(chosen["reason"][key]))
        for uri, key in zip(row["uris"], row["track_keys"], strict=True)
        if key in chosen.index
    }
