"""The stage `publish_playlist`: it writes the night's lists into the listener's Spotify, safely.

For each of the listener's playlists: find it, plan, write down what is about to happen, take the
steps, read back, record. A run that dies at any point is made whole by running again.
"""

import html
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from smallhours.errors import (
    DegeneratePlaylist,
    NotEnoughData,
    NotOurs,
    QuotaExceeded,
    Refused,
    ServiceError,
    SmallhoursError,
)
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.playlist import ledger
from smallhours.playlist.book import Book
from smallhours.playlist.home import check_marker, find_home
from smallhours.playlist.ledger import MAIN, Standing
from smallhours.playlist.marking import call, describe, marker
from smallhours.playlist.plan import Plan
from smallhours.playlist.portrait import because, moods, sounds
from smallhours.playlist.table import as_text, in_words
from smallhours.playlist.wanted import (
    Tonight,
    candidate_recall,
    known_tracks,
    read_tonight,
    why_degenerate,
)
from smallhours.playlist.writing import Look, PlaylistWriter, Writing, Written, look_at
from smallhours.services.spotify_replies import Account, Playlist
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

MADE_ANEW = "The listener had deleted the playlist; it was made anew, this once. "


class PlaylistService(PlaylistWriter, Protocol):
    """The requests to Spotify that this stage needs."""

    def me(self) -> Account:
        """Return the account of this login."""

    def playlists(self) -> Iterable[Playlist]:
        """The listener's playlists, followed ones too."""

    def create_playlist(self, name: str, description: str, *, public: bool = ...) -> Playlist:
        """Make an empty playlist."""

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = ...,
        description: str | None = ...,
        public: bool | None = ...,
    ) -> None:
        """Change a playlist's title, description or visibility."""

    def upload_cover(self, playlist_id: str, jpeg: bytes) -> None:
        """Give a playlist a picture."""


def publish_playlist(
    listener: str,
    lake: Lake,
    spotify: PlaylistService,
    *,
    settings: Settings,
    night: Night,
    dry_run: bool = False,
) -> Summary:
    """Write the night's lists into the listener's playlists, and record it.

    A playlist is made when there is none; what becomes of one that the listener deleted is a
    setting. Running again for the same night writes nothing. When a further playlist's list is
    not fit, its summary says so; when something else keeps one back, the others are written first.

    Args:
        listener: Whose.
        lake: The lake.
        spotify: The listener's Spotify.
        settings: For the playlists' names, lengths and habits.
        night: The night.
        dry_run: Stop after the plan; nothing is written to Spotify.

    Raises:
        NotEnoughData: no list was chosen for this night.
        DegeneratePlaylist: the list is not fit; yesterday's stays.
        NotOurs: the playlist is not, or no longer, ours to write.
        ServiceError: run it again.
    """
    if not settings.listener(listener).spotify:
        return {"skipped": "no Spotify account in the settings"}
    summary: Summary = {}
    failure: SmallhoursError | None = None
    for intent in settings.listener(listener).playlists:
        desk = Publication(listener, lake, spotify, settings, night, intent)
        try:
            outcome = desk.rehearse() if dry_run else desk.publish()
        except (DegeneratePlaylist, NotEnoughData) as error:
            outcome = {"note": f"kept yesterday's: {error.what}"}
            failure = failure or (error if intent == MAIN else None)
        except SmallhoursError as error:
            outcome = {"note": str(error)}
            failure = failure or error
            if isinstance(error, ServiceError):
                break
        summary |= outcome if intent == MAIN else {intent: str(outcome["note"])}
    if failure is not None:
        raise failure
    return summary


def plan_playlist(
    listener: str,
    lake: Lake,
    spotify: PlaylistService,
    *,
    settings: Settings,
    night: Night,
    intent: str = MAIN,
) -> Plan:
    """Return what publishing would change in one playlist now; nothing is written anywhere.

    Raises:
        As `publish_playlist`.
    """
    return Publication(listener, lake, spotify, settings, night, intent).preview()


@dataclass(frozen=True)
class Publication:
    """One playlist's way into Spotify on one night.

    Attributes:
        listener: Whose.
        lake: The lake.
        spotify: The listener's Spotify.
        settings: For the playlist's name, length and habits.
        night: The night.
        intent: Which of the listener's playlists.
    """

    listener: str
    lake: Lake
    spotify: PlaylistService
    settings: Settings
    night: Night
    intent: str = MAIN

    def preview(self) -> Plan:
        """The plan, made on what stands there now."""
        tonight, _, standing = self._read()
        home = self._find_home(standing)
        planned = self._plan(home, self._writing(tonight, standing))
        return replace(planned, obstacle=self._problem(tonight) or planned.obstacle)

    def rehearse(self) -> Summary:
        """Plan and tell, but write nothing to Spotify."""
        tonight, book, standing = self._read()
        self._check_fit(tonight, book, standing)
        home = self._find_home(standing)
        planned = self._plan(home, self._writing(tonight, standing))
        for line in as_text(planned):
            LOG.info("%s", line)
        note = planned.obstacle or in_words(planned)
        if standing.tonight in ("", ledger.DRY_RUN):
            book.record(ledger.DRY_RUN, home, note)
        return _summary(ledger.DRY_RUN, planned, home, note)

    def publish(self) -> Summary:
        """Make the playlist what was planned."""
        tonight, book, standing = self._read()
        if said := _nothing_to_do(standing):
            return {"outcome": standing.tonight or "none", "tracks": 0, "note": said}
        self._check_fit(tonight, book, standing)
        home, note = self._find_home(standing), ""
        if home is None or home.id not in standing.playlist_ids[:1]:
            note = MADE_ANEW if standing.playlist_ids and not standing.creating else ""
            home = self._move_in(home, tonight, book, standing, note)
            standing = _at_a_new_place(standing)
        written = self._write(tonight, book, standing, home, note)
        note += in_words(written.plan)
        self._keep_face(tonight, standing, home)
        if standing.tonight != ledger.VERIFIED or written.steps:
            book.record_verified(home, note, written)
        if written.steps and self._wishes_cover:
            note += self._hang_cover(tonight, home)
        LOG.info("%s: %s", home.name, note)
        return _summary(ledger.VERIFIED, written.plan, home, note)

    def _read(self) -> tuple[Tonight, Book, Standing]:
        """Return tonight's list, its row of the ledger, and the state of the ledger."""
        tonight = read_tonight(self.lake, self.listener, self.night, self.intent)
        book = Book(
            self.lake, self.listener, self.intent, self.night.date, tonight.wanted, self._name
        )
        standing = book.standing()
        return tonight, replace(book, last_name=standing.name), standing

    def _problem(self, tonight: Tonight) -> str:
        wishes = self.settings.listener(self.listener).playlists[self.intent]
        return why_degenerate(
            tonight,
            wishes,
            known=known_tracks(self.lake, self.listener),
            recall=candidate_recall(self.lake, self.listener, self.night.date),
        )

    def _check_fit(self, tonight: Tonight, book: Book, standing: Standing) -> None:
        """See that tonight's list may take the place of yesterday's.

        Raises:
            DegeneratePlaylist: it may not; that is recorded.
        """
        if problem := self._problem(tonight):
            raise book.keep_yesterday(standing, problem)

    def _find_home(self, standing: Standing) -> Playlist | None:
        wish = self.settings.listener(self.listener).publishing.when_deleted
        return find_home(self.spotify, standing, self._mark, when_deleted=wish)

    def _plan(self, home: Playlist | None, writing: Writing) -> Plan:
        if home is None:
            return replace(writing, standing=_at_a_new_place(writing.standing)).plan_on(NOWHERE)
        return writing.plan_on(look_at(self.spotify, home.id, self._mark))

    def _move_in(
        self, home: Playlist | None, tonight: Tonight, book: Book, standing: Standing, note: str
    ) -> Playlist:
        """Make a playlist, or take over one that a run made and died; see that it is private."""
        if home is None:
            last_id = next(iter(standing.playlist_ids), None)
            book.record(ledger.CREATING, None, note, last_id=last_id)
            described = self._description(tonight)
            home = self.spotify.create_playlist(self._name, described, public=False)
        self._check_private(home)
        book.record(ledger.PLANNED, home, note, previous=[])
        return home

    def _check_private(self, made: Playlist) -> None:
        """Make sure that a new playlist is private.

        Raises:
            NotOurs: Spotify keeps the playlist public.
        """
        if not self.spotify.playlist(made.id).public:
            return
        try:
            self.spotify.change_details(made.id, public=False)
        except Refused as error:
            LOG.warning("%s", error)
        if self.spotify.playlist(made.id).public:
            raise NotOurs(
                f"Spotify made the playlist {made.name!r} public, though it was told not to.",
                remedy="Make it private by hand in Spotify, and run publish_playlist again.",
            )

    def _write(
        self, tonight: Tonight, book: Book, standing: Standing, home: Playlist, note: str
    ) -> Written:
        uris = {pick.uri for pick in tonight.wanted}
        leftovers = sorted(standing.ours - uris)

        def begin(look: Look, planned: Plan) -> None:
            if planned.obstacle:
                raise book.keep_yesterday(standing, planned.obstacle, home)
            if standing.tonight in ledger.SURELY_SHOWN and uris <= standing.shown:
                return
            previous = standing.previous
            if previous is None:
                previous = tuple(row or "" for row in look.rows)
            told = note + in_words(planned)
            book.record(
                ledger.PLANNED, home, told, look=look, previous=previous, leftovers=leftovers
            )

        def whole(look: Look, planned: Plan) -> None:
            told = note + in_words(planned)
            book.record(ledger.WRITTEN, home, told, look=look, leftovers=leftovers)

        def undo() -> None:
            told = "It was written in part, and what stood there before was put back."
            book.record(ledger.PLANNED, home, note + told, leftovers=leftovers)

        writing = self._writing(tonight, standing)
        resumed = standing.tonight == ledger.PLANNED and standing.previous is not None
        return replace(writing, resumed=resumed, on_begin=begin, on_whole=whole, on_undo=undo).run(
            home.id
        )

    def _writing(self, tonight: Tonight, standing: Standing) -> Writing:
        habits = self.settings.listener(self.listener).publishing
        return Writing(self.spotify, self._mark, tonight.wanted, standing, habits.own_items)

    def _keep_face(self, tonight: Tonight, standing: Standing, home: Playlist) -> None:
        """Bring the description up to date, and the name if it is still the one that we gave."""
        description: str | None = self._description(tonight)
        now = self.spotify.playlist(home.id)
        check_marker(now, self._mark)
        if html.unescape(now.description) == description:
            description = None
        renamed = now.name == standing.name and now.name != self._name
        if description is not None or renamed:
            self.spotify.change_details(
                home.id, name=self._name if renamed else None, description=description
            )

    def _hang_cover(self, tonight: Tonight, home: Playlist) -> str:
        """Upload the night's cover; return a note if that failed, which is not fatal."""
        from smallhours.playlist.cover import draw_cover

        try:
            self.spotify.upload_cover(home.id, draw_cover(sounds(self.lake, tonight)))
        except QuotaExceeded:
            raise
        except ServiceError as error:
            LOG.warning("The cover was not changed: %s", error)
            return " The cover was not changed."
        return ""

    def _description(self, tonight: Tonight) -> str:
        return describe(
            self.night.date,
            [pick.artist for pick in tonight.wanted],
            self._mark,
            moods=moods(self.lake, tonight),
            because=because(self.lake, tonight),
        )

    @property
    def _mark(self) -> str:
        return marker(self.listener, self.intent)

    @property
    def _name(self) -> str:
        template = self.settings.listener(self.listener).playlists[self.intent].name
        return call(template, night=self.night.date, listener=self.listener)

    @property
    def _wishes_cover(self) -> bool:
        return self.settings.listener(self.listener).publishing.cover


NOWHERE = Look(Playlist("", "", "", "", False, False, "", 0), (), {})


def _nothing_to_do(standing: Standing) -> str:
    if standing.newer:
        return f"The list of {standing.newer} is newer and stays."
    if standing.tonight == ledger.WITHDRAWN:
        return "An earlier list was put back in this one's place, and stays."
    if standing.tonight == ledger.WITHDRAWING:
        return "An earlier list was being put back; run the same `smallhours rollback` again."
    return ""


def _at_a_new_place(standing: Standing) -> Standing:
    """Return the ledger's state for a new playlist, in which nothing was written yet."""
    return replace(standing, shown=frozenset(), ours=frozenset(), previous=None, tonight="")


def _summary(outcome: str, planned: Plan, home: Playlist | None, note: str) -> Summary:
    return {
        "outcome": outcome,
        "playlist_id": home.id if home else "",
        "tracks": len(planned.picks),
        "added": planned.count("add"),
        "removed": planned.count("remove"),
        "moved": planned.count("move"),
        "own_items_kept": len(planned.own),
        "note": note,
    }
