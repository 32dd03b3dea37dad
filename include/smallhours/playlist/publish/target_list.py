"""A night's list as it should stand in a playlist, and the check that it is fit to be written."""

import datetime as dt
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import METRICS, RECOMMENDATIONS
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.listening.edits import own_plays
from smallhours.nights import Night
from smallhours.places.place import ListedTrack, Place
from smallhours.playlist.publish.plan import PlannedTrack
from smallhours.playlist.select.exclusion import explain_shortfall
from smallhours.playlist_settings import MAIN, PlaylistSettings

# The metric: the share of newly liked tracks that were among the candidates.
RECALL = "candidate_recall"
# Below this recall, the candidates have nothing to do with the listener's taste.
MIN_RECALL = 0.01
RECALL_STANDS_DAYS = 30
# Below this share found where all should be, something is wrong with all ids, not single ones.
MIN_FOUND_SHARE = 0.5
# Missing tracks that a note names.
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class TargetList:
    """One playlist's list of one night.

    Attributes:
        wanted: The tracks that are at the place, in order.
        chosen: How many were chosen in all.
        scores: The scores of the tracks in `wanted`.
        seeds: Keys of what brought the tracks in `wanted`, each track's strongest first.
        missing: What the tracks are called that are not at the place.
        service: The place's name for people.
        holds_all: Whether nearly every track is there.
        shortfall: Why fewer tracks were chosen than the settings ask for; empty if not.
    """

    wanted: tuple[PlannedTrack, ...]
    chosen: int
    scores: tuple[float, ...]
    seeds: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...] = ()
    service: str = "Spotify"
    holds_all: bool = True
    shortfall: str = ""

    @property
    def missing_note(self) -> str:
        """A sentence about the tracks that are not at the place; empty when all are there."""
        if not self.missing:
            return ""
        named = "; ".join(self.missing[:MAX_NAMED])
        more = len(self.missing) - MAX_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        return f" Not at {self.service}: {named}{rest}."


def read_target_list(
    lake: Lake,
    listener: str,
    night: Night,
    place: Place,
    playlist_settings: PlaylistSettings,
    intent: str = MAIN,
) -> TargetList:
    """Return what was chosen for a night, and is there at a place.

    Raises:
        NotEnoughData: nothing was chosen for this night, in any playlist.
    """
    rows = lake.frame(
        RECOMMENDATIONS,
        columns=[
            "intent", "track_key", "artist", "title", "position", "reason", "score", "seeds",
            "why_not",
        ],
        where={"listener": listener, "night": night.date.isoformat()},
    )  # fmt: skip
    if rows.empty:
        raise NotEnoughData(
            f"No tracks were chosen for the night of {night.date}.",
            remedy="Trigger the DAG write_playlist for this night.",
        )
    rows = rows[rows["intent"] == intent]
    chosen = rows[rows["position"].notna()].sort_values("position")
    tracks = listed_tracks(lake, chosen)
    found = place.find(tracks)
    uris = [found.get(track.track_key) for track in tracks]
    there = pd.Series(uris, index=chosen.index, dtype=object)
    there = there[~there.duplicated()].dropna()
    listed = chosen.loc[there.index]
    columns = ("track_key", "artist", "title", "reason")
    picks = zip(there, *(listed[name] for name in columns), strict=True)
    return TargetList(
        tuple(PlannedTrack(key, uri, *names) for uri, key, *names in picks),
        chosen=len(chosen),
        scores=tuple(listed["score"].astype(float)),
        seeds=tuple(tuple(seeds) for seeds in listed["seeds"]),
        missing=tuple(
            f"{track.artist} – {track.title}"
            for track, uri in zip(tracks, uris, strict=True)
            if uri is None
        ),
        service=place.service,
        holds_all=place.holds_all,
        shortfall=explain_shortfall(rows, playlist_settings, night.date),
    )


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


def listed_tracks(lake: Lake, chosen: pd.DataFrame) -> list[ListedTrack]:
    """Return the tracks of a list with what the catalog knows of them.

    Args:
        lake: The lake.
        chosen: Rows of `recommendations` that have a position.
    """
    keys = chosen["track_key"].tolist()
    known = lake.frame(
        TRACKS,
        columns=["track_key", "album", "duration_ms", "spotify_id", "isrc", "mbid"],
        where={"prefix": sorted({prefix_of(artist_key_in(key)) for key in keys})},
        filters=among("track_key", keys),
    )
    known = known.drop_duplicates("track_key").set_index("track_key")
    rows = chosen.join(known, on="track_key").to_dict("records")
    return [_listed_track(row) for row in rows]


def _listed_track(row: Mapping[Hashable, Any]) -> ListedTrack:
    return ListedTrack(
        int(row["position"]),
        row["artist"],
        row["title"],
        _text(row["album"]),
        None if pd.isna(row["duration_ms"]) else int(row["duration_ms"]),
        _text(row["spotify_id"]),
        _text(row["isrc"]),
        _text(row["mbid"]),
        row["reason"],
        row["track_key"],
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def known_tracks(lake: Lake, listener: str) -> frozenset[str]:
    """Return the keys of all tracks that the listener has played."""
    return frozenset(own_plays(lake, listener, ["track_key"])["track_key"])


def candidate_recall(lake: Lake, listener: str, night: dt.date) -> float | None:
    """Return the newest recall of the candidates, at most a month old; None without one."""
    since = night - dt.timedelta(days=RECALL_STANDS_DAYS)
    months = sorted({f"{day:%Y-%m}" for day in (since, night)})
    rows = lake.frame(METRICS, where={"month": months})
    rows = rows[(rows["listener"] == listener) & (rows["metric"] == RECALL)]
    rows = rows[(rows["night"] >= since) & (rows["night"] <= night)].sort_values("night")
    return None if rows.empty else float(rows["value"].iloc[-1])


def degenerate_reason(
    tonight: TargetList,
    playlist_settings: PlaylistSettings,
    *,
    known: frozenset[str] = frozenset(),
    recall: float | None = None,
) -> str:
    """Return why a list is not fit to replace yesterday's, with the numbers; empty if it is fit.

    Args:
        tonight: The list.
        playlist_settings: For its length, and whether it is of music that the listener knows.
        known: Tracks that the listener has played.
        recall: As `candidate_recall` gives it.
    """
    tests = (
        _too_short(tonight, _shortest(tonight, playlist_settings)),
        _unresolved(tonight) if tonight.holds_all else "",
        _low_recall(recall),
        _one_artist(tonight.wanted),
        _all_known(tonight.wanted, known) if playlist_settings.not_played_days is None else "",
        _all_equal(tonight.scores),
    )
    return next((problem for problem in tests if problem), "")


def fewest_tracks(tonight: TargetList, playlist_settings: PlaylistSettings) -> int:
    """Return how many tracks the place must have, for the list to be fit."""
    found = math.ceil(MIN_FOUND_SHARE * tonight.chosen) if tonight.holds_all else 1
    return max(1, _shortest(tonight, playlist_settings), found)


def _shortest(tonight: TargetList, playlist_settings: PlaylistSettings) -> int:
    """Return the length of the shortest list that may be written to a place."""
    return playlist_settings.shortest if tonight.holds_all else 1


def _too_short(tonight: TargetList, shortest: int) -> str:
    count = len(tonight.wanted)
    if count >= shortest:
        return ""
    missing = len(tonight.missing)
    lost = f" (of {tonight.chosen} chosen, {missing} not found at {tonight.service})"
    tracks = "1 track" if count == 1 else f"{count} tracks"
    return (
        f"Tonight's list has {tracks}{lost if missing else ''}; the shortest allowed is "
        f"{shortest}. {tonight.shortfall}"
    ).strip()


def _unresolved(tonight: TargetList) -> str:
    found = len(tonight.wanted)
    if found >= MIN_FOUND_SHARE * tonight.chosen:
        return ""
    return (
        f"Only {found} of the {tonight.chosen} tracks of tonight's list were found at "
        f"{tonight.service}; fewer than {MIN_FOUND_SHARE:.0%} is more than bad luck."
    )


def _low_recall(recall: float | None) -> str:
    if recall is None or recall >= MIN_RECALL:
        return ""
    return (
        f"The candidates held {recall:.1%} of what the listener came to like; below "
        f"{MIN_RECALL:.0%} they have nothing to do with them."
    )


def _one_artist(wanted: Sequence[PlannedTrack]) -> str:
    if len(wanted) < 2 or len({pick.artist for pick in wanted}) > 1:
        return ""
    return f"All {len(wanted)} tracks of tonight's list are by {wanted[0].artist}."


def _all_known(wanted: Sequence[PlannedTrack], known: frozenset[str]) -> str:
    if not wanted or not all(pick.track_key in known for pick in wanted):
        return ""
    return f"All {len(wanted)} tracks of tonight's list are ones that the listener has played."


def _all_equal(scores: Sequence[float]) -> str:
    values = pd.Series(scores, dtype=float).dropna().unique()
    if len(scores) < 2 or len(values) != 1:
        return ""
    return (
        f"All {len(scores)} tracks of tonight's list have the same score, {values[0]:.3f}: the "
        "ranking told none from another."
    )
