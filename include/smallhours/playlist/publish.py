"""How does the night's list get into the listener's Spotify, safely?

Plan, apply, read back, record. One PUT replaces the whole list, so that what stands there is
always yesterday's list or tonight's. A run that dies at any point is made whole by running again.
"""

import dataclasses
import html
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from smallhours.errors import DegeneratePlaylist, NotEnoughData, RetryLater
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import PLAYLISTS, RECOMMENDATIONS, TRACKS
from smallhours.nights import Night
from smallhours.playlist import ledger
from smallhours.playlist.home import find_home
from smallhours.playlist.ledger import MAIN, Standing
from smallhours.playlist.marking import describe, marker
from smallhours.playlist.plan import Plan, Wanted, plan, why_degenerate
from smallhours.services.spotify_replies import Account, Playlist, PlaylistItem
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# How often a plan is made anew because the listener changed the playlist meanwhile.
PLANS = 3
AFTER_EDITS_S = 300.0


class PlaylistService(Protocol):
    """What is asked of Spotify here."""

    def me(self) -> Account:
        """Whose login this is."""

    def playlists(self) -> Iterable[Playlist]:
        """The listener's playlists, followed ones too."""

    def playlist(self, playlist_id: str) -> Playlist:
        """A playlist without its items."""

    def playlist_items(self, playlist_id: str) -> list[PlaylistItem]:
        """All rows of a playlist."""

    def create_playlist(self, name: str, description: str, *, public: bool = ...) -> Playlist:
        """Make an empty playlist."""

    def replace_items(self, playlist_id: str, uris: Sequence[str]) -> str:
        """Make a playlist hold exactly these; the new snapshot id."""

    def change_details(self, playlist_id: str, *, description: str | None = ...) -> None:
        """Change a playlist's description."""


def publish_playlist(
    listener: str,
    lake: Lake,
    spotify: PlaylistService,
    *,
    settings: Settings,
    night: Night,
    dry_run: bool = False,
) -> Summary:
    """Write the night's list into the listener's playlist, and record it.

    The playlist is made when there is none; one that the listener deleted is made anew once, and
    the summary says so. Running again for the same night writes nothing.

    Args:
        listener: Whose.
        lake: The lake.
        spotify: The listener's Spotify.
        settings: For the playlist's name and its shortest length.
        night: The night.
        dry_run: Stop after the plan; nothing is written to Spotify.

    Raises:
        NotEnoughData: no list was chosen for this night.
        DegeneratePlaylist: the list is not fit, or has no room; yesterday's stays.
        NotOurs: the playlist is not, or no longer, ours to write.
        ServiceError: run it again.
    """
    if not settings.listener(listener).spotify:
        return {"skipped": "no Spotify account in the settings"}
    wishes = settings.listener(listener).playlist
    wanted, chosen = read_wanted(lake, listener, night)
    book = _Book(lake, listener, night, wanted, wishes.name)
    standing = book.standing()
    if standing.newer:
        note = f"The list of {standing.newer} is newer and stays."
        return {"outcome": standing.tonight or "none", "tracks": 0, "note": note}
    if problem := why_degenerate(wanted, chosen, shortest=wishes.shortest):
        raise book.keep_yesterday(standing, problem)

    mark = marker(listener, MAIN)
    description = describe(night.date, [pick.artist for pick in wanted], mark)
    home = find_home(spotify, standing.playlist_ids, mark)
    if dry_run:
        return _rehearse(spotify, home, book, standing, wishes.shortest)
    note = ""
    if home is None:
        if standing.playlist_ids:
            note = "The listener had deleted the playlist; it was made anew, this once. "
        home = spotify.create_playlist(wishes.name, description, public=False)
    if home.id not in standing.playlist_ids[:1]:
        # What was written elsewhere says nothing about this playlist.
        standing = dataclasses.replace(standing, last=frozenset(), maybe=frozenset())
    if standing.tonight not in ledger.MAYBE_SHOWN or home.id not in standing.playlist_ids:
        book.record(ledger.PLANNED, home, note=f"{note}{len(wanted)} tracks are to be written.")
    return _write(spotify, home, book, standing, wishes.shortest, description, note)


def read_wanted(lake: Lake, listener: str, night: Night) -> tuple[list[Wanted], int]:
    """The night's tracks that are on Spotify, in order, and how many were chosen in all.

    Raises:
        NotEnoughData: no list was chosen for this night.
    """
    rows = lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "artist", "title", "position"],
        where={"listener": listener, "night": night.date.isoformat()},
    )
    rows = rows[rows["intent"] == MAIN]
    if rows.empty:
        raise NotEnoughData(
            f"No tracks were chosen for the night of {night.date}.",
            remedy="Run rank_candidates and resolve_tracks for this night first.",
        )
    rows = rows[rows["position"].notna()].sort_values("position")
    prefixes = sorted({prefix_of(artist_key_in(key)) for key in rows["track_key"]})
    known = lake.frame(TRACKS, columns=["track_key", "spotify_id"], where={"prefix": prefixes})
    found = rows.merge(known.dropna(), on="track_key").drop_duplicates("spotify_id")
    wanted = [
        Wanted(key, f"spotify:track:{spotify_id}", artist, title)
        for key, spotify_id, artist, title in zip(
            found["track_key"], found["spotify_id"], found["artist"], found["title"], strict=True
        )
    ]
    return wanted, len(rows)


def _rehearse(
    spotify: PlaylistService,
    home: Playlist | None,
    book: "_Book",
    standing: Standing,
    shortest: int,
) -> Summary:
    """Plan and tell, but write nothing to Spotify."""
    current = _current(spotify, home) if home else []
    planned = book.plan(current, standing, shortest)
    for change in planned.changes:
        LOG.info("would %s %s: %s", change.kind, change.uri, change.why)
    note = planned.obstacle or _in_words(planned)
    if standing.tonight in ("", ledger.DRY_RUN):
        book.record(ledger.DRY_RUN, home, note=note)
    return _summary(ledger.DRY_RUN, planned, home, note)


def _write(
    spotify: PlaylistService,
    home: Playlist,
    book: "_Book",
    standing: Standing,
    shortest: int,
    description: str,
    note: str,
) -> Summary:
    """Make the playlist what was planned, and see that it is."""
    planned, current, before = _plan_on_still_water(spotify, home, book, standing, shortest)
    note += _in_words(planned)
    if current == planned.uris:
        if standing.tonight != ledger.VERIFIED:
            book.record(ledger.VERIFIED, home, note, planned, before=before, after=before)
    else:
        after = spotify.replace_items(home.id, planned.uris)
        book.record(ledger.WRITTEN, home, note, planned, before=before, after=after)
        _verify(spotify, home, planned)
        book.record(ledger.VERIFIED, home, note, planned, before=before, after=after)
        LOG.info("wrote %d items to the playlist %s", len(planned.uris), home.name)
    if html.unescape(home.description) != description:
        spotify.change_details(home.id, description=description)
    return _summary(ledger.VERIFIED, planned, home, note)


def _plan_on_still_water(
    spotify: PlaylistService, home: Playlist, book: "_Book", standing: Standing, shortest: int
) -> tuple[Plan, list[str | None], str]:
    """Plan on what stands there, anew as long as it changes meanwhile.

    Returns:
        The plan, the items that it starts from, and their snapshot id.
    """
    for _ in range(PLANS):
        before = spotify.playlist(home.id).snapshot_id
        current = _current(spotify, home)
        planned = book.plan(current, standing, shortest)
        if planned.obstacle:
            raise book.keep_yesterday(standing, planned.obstacle, home)
        if spotify.playlist(home.id).snapshot_id == before:
            return planned, current, before
    raise RetryLater(
        "Spotify",
        f"the playlist {home.name!r} is being changed by somebody else.",
        remedy="Try again when they are done.",
        after=AFTER_EDITS_S,
    )


def _verify(spotify: PlaylistService, home: Playlist, planned: Plan) -> None:
    if _current(spotify, home) != planned.uris:
        raise RetryLater(
            "Spotify",
            f"the playlist {home.name!r} does not hold what was written to it.",
            remedy="Run publish_playlist again; it plans anew on what stands there.",
            after=AFTER_EDITS_S,
        )


def _current(spotify: PlaylistService, home: Playlist) -> list[str | None]:
    return [item.uri for item in spotify.playlist_items(home.id)]


def _in_words(planned: Plan) -> str:
    parts = [f"{len(planned.picks)} tracks"]
    parts += [
        f"{count} {past}"
        for kind, past in (
            ("add", "added"),
            ("remove", "removed"),
            ("move", "moved"),
            ("leave out", "left out"),
        )
        if (count := planned.count(kind))
    ]
    if planned.additions:
        parts.append(f"{len(planned.additions)} of the listener's own kept")
    return ", ".join(parts) + "."


def _summary(outcome: str, planned: Plan, home: Playlist | None, note: str) -> Summary:
    return {
        "outcome": outcome,
        "playlist_id": home.id if home else "",
        "tracks": len(planned.picks),
        "added": planned.count("add"),
        "removed": planned.count("remove"),
        "moved": planned.count("move"),
        "own_items_kept": len(planned.additions),
        "note": note,
    }


@dataclass(frozen=True)
class _Book:
    """Tonight's page of the ledger.

    Attributes:
        lake: Where the ledger is.
        listener: Whose playlist.
        night: Tonight.
        wanted: Tonight's tracks.
        name: The name of a playlist that is yet to be made.
    """

    lake: Lake
    listener: str
    night: Night
    wanted: Sequence[Wanted]
    name: str

    def standing(self) -> Standing:
        """What the ledger says before tonight's write."""
        rows: pd.DataFrame = self.lake.frame(PLAYLISTS, where={"listener": self.listener})
        return ledger.standing(rows, intent=MAIN, night=self.night.date)

    def plan(self, current: Sequence[str | None], standing: Standing, shortest: int) -> Plan:
        """Plan on what stands there; rows that Spotify has lost are nobody's."""
        return plan(
            self.wanted,
            [uri for uri in current if uri is not None],
            last=standing.last,
            maybe=standing.maybe,
            shortest=shortest,
        )

    def record(
        self,
        outcome: str,
        home: Playlist | None,
        note: str,
        planned: Plan | None = None,
        *,
        before: str | None = None,
        after: str | None = None,
        last_id: str | None = None,
    ) -> None:
        """Write down how far tonight's list has come."""
        ours = planned.ours if planned else self.wanted
        row = ledger.entry(
            night=self.night.date,
            name=home.name if home else self.name,
            playlist_id=home.id if home else last_id,
            outcome=outcome,
            note=note,
            snapshot_before=before,
            snapshot_after=after,
            track_keys=[pick.track_key for pick in ours],
            uris=[pick.uri for pick in ours],
        )
        self.lake.merge(PLAYLISTS, row, partition={"listener": self.listener})

    def keep_yesterday(
        self, standing: Standing, problem: str, home: Playlist | None = None
    ) -> DegeneratePlaylist:
        """Record that nothing is written tonight, unless something was; the error to raise."""
        if standing.tonight not in ledger.MAYBE_SHOWN:
            last_id = next(iter(standing.playlist_ids), None)
            self.record(ledger.KEPT_YESTERDAY, home, problem, last_id=last_id)
        return DegeneratePlaylist(
            f"{problem} What stood in the playlist stays.",
            remedy="Look at `why_not` in the night's recommendations; "
            "`shortest`, `artist_cap` and `not_again_nights` are in the listener's settings.",
        )
