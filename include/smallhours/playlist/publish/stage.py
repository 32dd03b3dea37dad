"""The stage `publish_playlist`: it writes the night's lists into the listener's Spotify, safely.

For each of the listener's playlists: find it, plan, write down what is about to happen, take the
steps, read back, record. A run that dies at any point is made whole by running again.
"""

import html
import logging
from dataclasses import dataclass, replace

from smallhours.errors import (
    DegeneratePlaylist,
    NotEnoughData,
    PlaylistNotOwned,
    QuotaExceeded,
    Refused,
    ServiceError,
    SmallhoursError,
)
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.playlist.explain.description import (
    common_tags,
    describe_list,
    marker,
    nearby_artists,
    playlist_name,
    track_sounds,
)
from smallhours.playlist.publish.change_table import as_text, summarise
from smallhours.playlist.publish.ledger import MAIN, LedgerState, LedgerWriter
from smallhours.playlist.publish.ownership import (
    find_managed_playlist,
    managed_playlists,
    read_marked,
)
from smallhours.playlist.publish.plan import Plan, PlannedTrack
from smallhours.playlist.publish.reconciliation import PlaylistReconciler, ReconciledPlaylist
from smallhours.playlist.publish.resolve import forget_id, leave_out
from smallhours.playlist.publish.snapshot import Snapshot, take_snapshot
from smallhours.playlist.publish.target_list import (
    TargetList,
    candidate_recall,
    degenerate_reason,
    fewest_tracks,
    known_tracks,
    read_target_list,
)
from smallhours.playlist_settings import PlaylistSettings
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import SpotifyPlaylist
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import SHOWN, Outcome

LOG = logging.getLogger(__name__)

RECREATED_NOTE = "The listener had deleted the playlist; it was made anew, this once. "


def publish_playlist(
    listener: str,
    lake: Lake,
    spotify: SpotifyClient,
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
        PlaylistNotOwned: the playlist is not, or no longer, ours to write.
        ServiceError: run it again.
    """
    summary: Summary = {}
    failure: SmallhoursError | None = None
    for intent in settings.listener(listener).playlists:
        publication = Publication(listener, lake, spotify, settings, night, intent)
        try:
            with managed_playlists(lake, listener):
                outcome = publication.plan_only() if dry_run else publication.publish()
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
    spotify: SpotifyClient,
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
    spotify: SpotifyClient
    settings: Settings
    night: Night
    intent: str = MAIN

    def preview(self) -> Plan:
        """The plan, made on what stands there now."""
        tonight, _, ledger_state = self._read()
        home = self._find_playlist(ledger_state)
        planned = self._plan(home, self._writing(tonight, ledger_state))
        return replace(planned, obstacle=self._problem(tonight) or planned.obstacle)

    def plan_only(self) -> Summary:
        """Plan and tell, but write nothing to Spotify."""
        tonight, ledger, ledger_state = self._read()
        self._check_fit(tonight, ledger, ledger_state)
        home = self._find_playlist(ledger_state)
        planned = self._plan(home, self._writing(tonight, ledger_state))
        for line in as_text(planned):
            LOG.info("%s", line)
        note = planned.obstacle or summarise(planned)
        if ledger_state.tonight in ("", Outcome.DRY_RUN):
            ledger.record(Outcome.DRY_RUN, home, note)
        return _summary(Outcome.DRY_RUN, planned, home, note)

    def publish(self) -> Summary:
        """Make the playlist what was planned."""
        tonight, ledger, ledger_state = self._read()
        if reason := ledger_state.nothing_to_do():
            return {"outcome": ledger_state.tonight or "none", "tracks": 0, "note": reason}
        self._check_fit(tonight, ledger, ledger_state)
        home, note = self._find_playlist(ledger_state), ""
        if home is None or home.id not in ledger_state.playlist_ids[:1]:
            note = RECREATED_NOTE if ledger_state.playlist_ids and not ledger_state.creating else ""
            home = self._ensure_playlist(home, tonight, ledger, ledger_state, note)
            ledger_state = ledger_state.for_new_playlist()
        written = self._write(tonight, ledger, ledger_state, home, note)
        if written.refused:
            gone = {pick.track_key: pick.name for pick in written.refused}
            leave_out(self.lake, self.listener, self.night.date, self.intent, set(gone))
            wanted = tuple(pick for pick in tonight.wanted if pick.track_key not in gone)
            tonight, ledger = replace(tonight, wanted=wanted), replace(ledger, wanted=wanted)
            note += f"Spotify does not have {', '.join(gone.values())} any more. "
        note += summarise(written.plan)
        self._update_details(tonight, ledger_state, home)
        if ledger_state.tonight != Outcome.VERIFIED or written.steps:
            ledger.record_verified(
                home,
                note,
                before=written.before,
                after=written.after,
                leftovers=written.leftovers,
            )
        if written.steps and self._cover_enabled:
            note += self._upload_cover(tonight, home)
        LOG.info("%s: %s", home.name, note)
        return _summary(Outcome.VERIFIED, written.plan, home, note)

    def _read(self) -> tuple[TargetList, LedgerWriter, LedgerState]:
        """Return tonight's list, its row of the ledger, and the state of the ledger."""
        tonight = read_target_list(self.lake, self.listener, self.night, self.intent)
        ledger = LedgerWriter(
            self.lake, self.listener, self.intent, self.night.date, tonight.wanted, self._name,
            as_of=self.night.as_of,
        )  # fmt: skip
        ledger_state = ledger.state()
        return tonight, replace(ledger, last_name=ledger_state.name), ledger_state

    def _problem(self, tonight: TargetList) -> str:
        return degenerate_reason(
            tonight,
            self._playlist_settings,
            known=known_tracks(self.lake, self.listener),
            recall=candidate_recall(self.lake, self.listener, self.night.date),
        )

    def _check_fit(
        self, tonight: TargetList, ledger: LedgerWriter, ledger_state: LedgerState
    ) -> None:
        """See that tonight's list may take the place of yesterday's.

        Raises:
            DegeneratePlaylist: it may not; that is recorded.
        """
        if problem := self._problem(tonight):
            raise ledger.keep_yesterday(ledger_state, problem)

    def _find_playlist(self, ledger_state: LedgerState) -> SpotifyPlaylist | None:
        wish = self.settings.listener(self.listener).publishing.when_deleted
        return find_managed_playlist(self.spotify, ledger_state, self._mark, when_deleted=wish)

    def _plan(self, home: SpotifyPlaylist | None, writing: PlaylistReconciler) -> Plan:
        if home is None:
            fresh = writing.ledger_state.for_new_playlist()
            return replace(writing, ledger_state=fresh).plan_on(EMPTY)
        return writing.plan_on(take_snapshot(self.spotify, home.id, self._mark))

    def _ensure_playlist(
        self,
        home: SpotifyPlaylist | None,
        tonight: TargetList,
        ledger: LedgerWriter,
        ledger_state: LedgerState,
        note: str,
    ) -> SpotifyPlaylist:
        """Make a playlist, or take over one that a run made and died; see that it is private."""
        if home is None:
            last_id = next(iter(ledger_state.playlist_ids), None)
            ledger.record(Outcome.CREATING, None, note, last_id=last_id)
            described = self._description(tonight)
            home = self.spotify.create_playlist(self._name, described, public=False)
        self._check_private(home)
        ledger.record(Outcome.PLANNED, home, note, previous=[])
        return home

    def _check_private(self, made: SpotifyPlaylist) -> None:
        """Make sure that a new playlist is private.

        Raises:
            PlaylistNotOwned: Spotify keeps the playlist public.
        """
        if not self.spotify.playlist(made.id).public:
            return
        try:
            self.spotify.change_details(made.id, public=False)
        except Refused as error:
            LOG.warning("%s", error)
        if self.spotify.playlist(made.id).public:
            raise PlaylistNotOwned(
                f"Spotify made the playlist {made.name!r} public, though it was told not to.",
                remedy="Make it private by hand in Spotify, and run publish_playlist again.",
            )

    def _write(
        self,
        tonight: TargetList,
        ledger: LedgerWriter,
        ledger_state: LedgerState,
        home: SpotifyPlaylist,
        note: str,
    ) -> ReconciledPlaylist:
        uris = {pick.uri for pick in tonight.wanted}
        leftovers = sorted(ledger_state.ours - uris)

        def begin(snapshot: Snapshot, planned: Plan) -> None:
            if planned.obstacle:
                raise ledger.keep_yesterday(ledger_state, planned.obstacle, home)
            stands = ledger_state.tonight in SHOWN and uris <= ledger_state.shown
            if stands and not planned.repeated:
                return
            previous = ledger_state.previous
            if previous is None:
                previous = tuple(row or "" for row in snapshot.rows)
            text = note + summarise(planned)
            ledger.record(
                Outcome.PLANNED,
                home,
                text,
                snapshot_id=snapshot.home.snapshot_id,
                previous=previous,
                leftovers=leftovers,
            )

        def whole(snapshot: Snapshot, planned: Plan) -> None:
            text = note + summarise(planned)
            unseen = uris.difference(snapshot.rows)
            ledger.record(
                Outcome.WRITTEN,
                home,
                text,
                snapshot_id=snapshot.home.snapshot_id,
                leftovers=[*leftovers, *sorted(unseen)],
            )

        def undo() -> None:
            text = "It was written in part, and some of it was taken out again."
            ledger.record(Outcome.PLANNED, home, note + text, leftovers=leftovers)

        def refused(pick: PlannedTrack) -> None:
            forget_id(self.lake, pick.track_key, self.night.date)

        writing = self._writing(tonight, ledger_state)
        resumed = ledger_state.tonight == Outcome.PLANNED and ledger_state.previous is not None
        return replace(
            writing,
            resumed=resumed,
            fewest=fewest_tracks(tonight, self._playlist_settings),
            on_begin=begin,
            on_whole=whole,
            on_undo=undo,
            on_refused=refused,
        ).run(home.id)

    def _writing(self, tonight: TargetList, ledger_state: LedgerState) -> PlaylistReconciler:
        habits = self.settings.listener(self.listener).publishing
        return PlaylistReconciler(
            self.spotify, self._mark, tonight.wanted, ledger_state, habits.own_items
        )

    def _update_details(
        self, tonight: TargetList, ledger_state: LedgerState, home: SpotifyPlaylist
    ) -> None:
        """Bring the description up to date, and the name if it is still the one that we gave."""
        description: str | None = self._description(tonight)
        now = read_marked(self.spotify, home.id, self._mark)
        if html.unescape(now.description) == description:
            description = None
        renamed = now.name == ledger_state.name and now.name != self._name
        if description is not None or renamed:
            self.spotify.change_details(
                home.id, name=self._name if renamed else None, description=description
            )

    def _upload_cover(self, tonight: TargetList, home: SpotifyPlaylist) -> str:
        """Upload the night's cover; return a note if that failed, which is not fatal."""
        from smallhours.playlist.publish.cover import draw_cover

        try:
            self.spotify.upload_cover(home.id, draw_cover(track_sounds(self.lake, tonight)))
        except QuotaExceeded:
            raise
        except ServiceError as error:
            LOG.warning("The cover was not changed: %s", error)
            return " The cover was not changed."
        return ""

    def _description(self, tonight: TargetList) -> str:
        return describe_list(
            self.night.date,
            [pick.artist for pick in tonight.wanted],
            self._mark,
            common_tags=common_tags(self.lake, tonight),
            nearby_artists=nearby_artists(self.lake, tonight),
        )

    @property
    def _mark(self) -> str:
        return marker(self.listener, self.intent)

    @property
    def _playlist_settings(self) -> PlaylistSettings:
        return self.settings.listener(self.listener).playlists[self.intent]

    @property
    def _name(self) -> str:
        template = self._playlist_settings.name
        return playlist_name(template, night=self.night.date, listener=self.listener)

    @property
    def _cover_enabled(self) -> bool:
        return self.settings.listener(self.listener).publishing.cover


EMPTY = Snapshot(SpotifyPlaylist("", "", "", "", False, False, "", 0), (), {})


def _summary(outcome: Outcome, planned: Plan, home: SpotifyPlaylist | None, note: str) -> Summary:
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
