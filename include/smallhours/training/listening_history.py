"""A listener's history up to now, with the catalog beside it: what training reads."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import CANDIDATES, FEEDBACK, TRACKS
from smallhours.listening.edits import own_plays
from smallhours.listening.feedback import feedback_before
from smallhours.listening.library import read_library
from smallhours.listening.plays import WITNESSES, with_inferred_skips
from smallhours.nights import Night
from smallhours.training.evaluation.folds import plays_before
from smallhours.training.tags import Tags, load_tags
from smallhours.vocabulary import Route

# Tracks of the catalog to draw a background from: twice as many as are drawn.
MAX_CATALOG = 40_000


@dataclass(frozen=True)
class ListeningHistory:
    """The history of a listener up to now, and the catalog.

    Attributes:
        plays: Rows of `plays`; `skipped` is also True for plays that were cut short.
        library: Rows of `library`.
        feedback: Rows of `feedback`.
        tags: Raw tags of every track of the pool and of the tables above.
        pool: Tracks of the catalog that have a tag or whose artist has one, in key order.
        background: Candidates of unheard tags, in key order.
    """

    plays: pd.DataFrame
    library: pd.DataFrame
    feedback: pd.DataFrame
    tags: Tags
    pool: tuple[str, ...]
    background: tuple[str, ...] = ()

    def tagged(self, keys: Collection[str]) -> list[str]:
        """Return the tracks that have tags, in key order."""
        return sorted(key for key in keys if has_tags(self.tags, key))


def read_history(
    lake: Lake, listener: str, *, night: Night, without: Collection[str] = ()
) -> ListeningHistory:
    """Read a listener's history before the night's end, and the catalog `without` some tags.

    Of a large catalog, partitions with MAX_CATALOG tracks are enough to draw the background from.
    """
    own = {"listener": listener}
    columns = ["track_key", "played_at", "ms_played", "skipped", "reason_end", *WITNESSES]
    plays = plays_before(own_plays(lake, listener, columns), night.as_of)
    plays = with_inferred_skips(plays)
    library = read_library(lake, listener)
    library = library[library["first_seen"] <= night.date]
    feedback = feedback_before(lake.frame(FEEDBACK, where=own), night.as_of)
    candidates = lake.frame(CANDIDATES, columns=["track_key", "route", "seen"], where=own)
    candidates = candidates[candidates["seen"] <= night.date]
    catalog = {*_sampled_tracks(lake), *candidates["track_key"]}
    everything = catalog.union(plays["track_key"], library["track_key"], feedback["track_key"])
    tags = load_tags(lake, everything, without=without)
    pool = tuple(sorted(key for key in catalog if has_tags(tags, key)))
    background = candidates.loc[candidates["route"] == Route.BACKGROUND, "track_key"]
    return ListeningHistory(
        plays.reset_index(drop=True), library, feedback, tags, pool, tuple(sorted({*background}))
    )


def _sampled_tracks(lake: Lake) -> list[str]:
    """Return the tracks of the catalog; of a large one, of its first partitions.

    A partition has artists by a hash of their names.
    """
    found: list[str] = []
    for partition in lake.partitions(TRACKS):
        if len(found) >= MAX_CATALOG:
            break
        rows = lake.read(TRACKS, columns=["track_key"], where=partition)
        found += rows["track_key"].to_pylist()
    return found


def has_tags(tags: Tags, key: str) -> bool:
    """Return True if a track or its artist has a tag."""
    return key in tags.own or artist_key_in(key) in tags.artist
