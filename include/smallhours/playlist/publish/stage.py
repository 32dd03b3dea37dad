"""The stage `publish_playlist`: it writes the night's lists into a place, safely.

For each of the listener's playlists: find it, plan, write down what is about to happen, take the
steps, read back, record. A run that dies at any point is made whole by running again.
"""

import html
import logging
from collections.abc import Sequence
from dataclasses import replace

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
from smallhours.places.place import Place
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.explain.description import (
    common_tags,
    describe_basis,
    describe_list,
    marker,
    nearby_artists,
    playlist_name,
    track_sounds,
)
from smallhours.playlist.publish.ledger import LedgerWriter
from smallhours.playlist.publish.ownership import (
    check_marker,
    find_managed_playlist,
    managed_playlists,
)
from smallhours.playlist.publish.plan import EMPTY, Plan, PlannedTrack, Snapshot, as_text, summarise
from smallhours.playlist.publish.reconciliation import PlaylistReconciler, ReconciledPlaylist
from smallhours.playlist.publish.resolve import NOT_THERE_ANY_MORE, forget_id, leave_out
from smallhours.playlist.publish.target_list import (
    candidate_recall,
    degenerate_reason,
    fewest_tracks,
    known_tracks,
    read_target_list,
)
from smallhours.playlist_settings import MAIN
from smallhours.services.playlists import PlaylistDetails
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import SHOWN, Outcome

LOG = logging.getLogger(__name__)

RECREATED_NOTE = "The listener had deleted the playlist; it was made again, this once. "


def publish_playlist(
    listener: str,
    lake: Lake,
    place: Place,
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
        place: Where the lists go.
        settings: For the playlists' names, lengths and habits.
        night: The night.
        dry_run: Stop after the plan; nothing is written to the place.

    Raises:
        NotEnoughData: no list was chosen for this night.
        DegeneratePlaylist: the list is not fit; yesterday's stays.
        PlaylistNotOwned: the playlist is not, or no longer, ours to write.
        ServiceError: run it again.
    """
    summary: Summary = {}
    failure: SmallhoursError | None = None
    for intent in settings.listener(listener).playlists:
        try:
            with managed_playlists(lake, listener):
                publication = Publication(listener, lake, place, settings, night, intent)
                if dry_run:
                    outcome = publication.plan_only()
                elif publication.nothing_to_do:
                    outcome = publication.unchanged()
                else:
                    home = publication.prepare_playlist()
                    outcome = publication.finish(home, publication.reconciler().run(home.id))
        except (DegeneratePlaylist, NotEnoughData) as error:
            outcome = {"note": f"not written: {error.what}"}
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


class Publication:
    """One playlist's way to a place on one night.

    Args:
        listener: Whose.
        lake: The lake.
        place: Where the lists go.
        settings: For the playlist's name, length and habits.
        night: The night.
        intent: Which of the listener's playlists.

    Raises:
        NotEnoughData: no list was chosen for this night.
    """

    def __init__(
        self,
        listener: str,
        lake: Lake,
        place: Place,
        settings: Settings,
        night: Night,
        intent: str,
    ) -> None:
        self._listener = listener
        self._lake = lake
        self._place = place
        self._night = night
        self._intent = intent
        self._me = settings.listener(listener)
        self._playlist_settings = self._me.playlists[intent]
        self._mark = marker(listener, intent)
        name = self._playlist_settings.name
        self._name = playlist_name(name, night=night.date, listener=listener)
        self._tonight = read_target_list(
            lake, listener, night, place, self._playlist_settings, intent
        )
        wanted, as_of = self._tonight.wanted, night.as_of
        ledger = LedgerWriter(
            lake, listener, intent, night.date, wanted, self._name, as_of=as_of, place=place.name
        )
        self._state = ledger.state()
        self._ledger = replace(ledger, last_name=self._state.name)
        self._note = ""
        self._basis = describe_basis(lake, listener, self._me, night=night)

    @property
    def nothing_to_do(self) -> str:
        """Why the list is not written tonight; empty when it is."""
        return self._state.nothing_to_do()

    def unchanged(self) -> Summary:
        """Return the summary of a night on which there is nothing to do."""
        return {"outcome": self._state.tonight or "none", "tracks": 0, "note": self.nothing_to_do}

    def preview(self) -> Plan:
        """Return what publishing would change now; nothing is written anywhere.

        Raises:
            SmallhoursError: as `publish_playlist`.
        """
        planned = self._plan_on(self._find_playlist())
        return replace(planned, obstacle=self._problem() or planned.obstacle)

    def plan_only(self) -> Summary:
        """Plan and tell, but write nothing to the place."""
        self._check_fit()
        home = self._find_playlist()
        planned = self._plan_on(home)
        for line in as_text(planned):
            LOG.info("%s", line)
        note = planned.obstacle or summarise(planned) + self._tonight.missing_note
        if self._state.tonight in ("", Outcome.DRY_RUN):
            self._ledger.record(Outcome.DRY_RUN, home, note)
        return _summary(Outcome.DRY_RUN, self._place.name, planned, home, note)

    def prepare_playlist(self) -> PlaylistDetails:
        """Return the playlist to write into: the one that there is, or a new one.

        Raises:
            DegeneratePlaylist: the list may not take the place of yesterday's; that is recorded.
        """
        self._check_fit()
        home = self._find_playlist()
        known = self._state.playlist_ids
        if home is not None and home.id in known[:1]:
            return home
        self._note = RECREATED_NOTE if known and not self._state.creating else ""
        if home is None:
            last_id = next(iter(known), None)
            self._ledger.record(Outcome.CREATING, None, self._note, last_id=last_id)
            home = self._place.create(self._name, self._description())
        self._check_private(home)
        self._ledger.record(Outcome.PLANNED, home, self._note, previous=[])
        self._state = self._state.for_new_playlist()
        return home

    def reconciler(self) -> PlaylistReconciler:
        """Return the loop that writes the list, which records in the ledger how far it comes."""
        state = self._state
        return PlaylistReconciler(
            self._place,
            self._mark,
            self._tonight.wanted,
            state,
            self._me.publishing.own_items,
            resumed=state.tonight == Outcome.PLANNED and state.previous is not None,
            fewest=fewest_tracks(self._tonight, self._playlist_settings),
            on_begin=self._record_begun,
            on_whole=self._record_whole,
            on_undo=self._record_undone,
            on_refused=self._forget_id,
        )

    def finish(self, home: PlaylistDetails, written: ReconciledPlaylist) -> Summary:
        """Bring the details up to date, and record that the list stands there."""
        if written.refused:
            self._leave_out(written.refused)
        note = self._note + summarise(written.plan) + self._tonight.missing_note
        note = f"{note} {self._basis}".rstrip()
        self._update_details(home)
        if self._state.tonight != Outcome.VERIFIED or written.steps:
            self._ledger.record(
                Outcome.VERIFIED,
                home,
                note,
                before=written.before,
                after=written.after,
                leftovers=written.leftovers,
                covers=written.covers,
            )
        if written.steps and self._me.publishing.cover and isinstance(self._place, SpotifyPlace):
            note += self._upload_cover(self._place, home)
        LOG.info("%s: %s", home.name, note)
        return _summary(Outcome.VERIFIED, self._place.name, written.plan, home, note)

    def _problem(self) -> str:
        """Return why the list may not take the place of yesterday's; empty when it may."""
        return degenerate_reason(
            self._tonight,
            self._playlist_settings,
            known=known_tracks(self._lake, self._listener),
            recall=candidate_recall(self._lake, self._listener, self._night.date),
        )

    def _find_playlist(self) -> PlaylistDetails | None:
        """Return our playlist, or None when one is to be made."""
        wish = self._me.publishing.when_deleted
        return find_managed_playlist(self._place, self._state, self._mark, when_deleted=wish)

    def _plan_on(self, home: PlaylistDetails | None) -> Plan:
        """Return the plan, made on what stands there now."""
        if home is None:
            as_new = self._state.for_new_playlist()
            return replace(self.reconciler(), ledger_state=as_new).plan_on(EMPTY)
        reconciler = self.reconciler()
        return reconciler.plan_on(reconciler.read(home.id))

    def _check_fit(self) -> None:
        if problem := self._problem():
            raise self._ledger.keep_yesterday(self._state, problem)

    def _check_private(self, made: PlaylistDetails) -> None:
        """Make sure that a new playlist is private.

        Raises:
            PlaylistNotOwned: the place keeps the playlist public.
        """
        if not self._place.playlist(made.id).public:
            return
        try:
            self._place.change_details(made.id, public=False)
        except Refused as error:
            LOG.warning("%s", error)
        if self._place.playlist(made.id).public:
            raise PlaylistNotOwned(
                f"{self._place.service} made the playlist {made.name!r} public, though it was told "
                "not to.",
                remedy="Make it private by hand, and run publish_playlist again.",
            )

    @property
    def _uris(self) -> set[str]:
        return {pick.uri for pick in self._tonight.wanted}

    def _record_begun(self, snapshot: Snapshot, planned: Plan) -> None:
        state = self._state
        if planned.obstacle:
            raise self._ledger.keep_yesterday(state, planned.obstacle, snapshot.home)
        stands = state.tonight in SHOWN and self._uris <= state.shown
        if stands and not planned.repeated:
            return
        previous = state.previous
        if previous is None:
            previous = tuple(row or "" for row in snapshot.rows)
        self._ledger.record(
            Outcome.PLANNED,
            snapshot.home,
            self._note + summarise(planned),
            before=snapshot.home.snapshot_id,
            previous=previous,
            leftovers=sorted(state.ours - self._uris),
        )

    def _record_whole(self, snapshot: Snapshot, planned: Plan) -> None:
        unseen = self._uris.difference(snapshot.rows)
        self._ledger.record(
            Outcome.WRITTEN,
            snapshot.home,
            self._note + summarise(planned),
            before=snapshot.home.snapshot_id,
            leftovers=[*sorted(self._state.ours - self._uris), *sorted(unseen)],
        )

    def _record_undone(self, home: PlaylistDetails) -> None:
        note = f"{self._note}It was written in part, and some of it was taken out again."
        leftovers = sorted(self._state.ours - self._uris)
        self._ledger.record(Outcome.PLANNED, home, note, leftovers=leftovers)

    def _forget_id(self, pick: PlannedTrack) -> None:
        if isinstance(self._place, SpotifyPlace):
            forget_id(self._lake, pick.track_key, self._night.date)

    def _leave_out(self, refused: Sequence[PlannedTrack]) -> None:
        """Take what the place does not have out of tonight's list, and name it in the note."""
        gone = {pick.track_key: pick.name for pick in refused}
        if isinstance(self._place, SpotifyPlace):
            night, intent = self._night.date, self._intent
            leave_out(self._lake, self._listener, night, intent, set(gone), NOT_THERE_ANY_MORE)
        wanted = tuple(pick for pick in self._tonight.wanted if pick.track_key not in gone)
        self._tonight = replace(self._tonight, wanted=wanted)
        self._ledger = replace(self._ledger, wanted=wanted)
        self._note += f"{self._place.service} does not have {', '.join(gone.values())} any more. "

    def _update_details(self, home: PlaylistDetails) -> None:
        """Bring the description up to date, and the name if it is still the one that we gave."""
        description: str | None = self._description()
        now = check_marker(self._place, self._place.playlist(home.id), self._mark)
        if html.unescape(now.description) == description:
            description = None
        renamed = now.name == self._state.name and now.name != self._name
        if description is not None or renamed:
            name = self._name if renamed else None
            self._place.change_details(home.id, name=name, description=description)

    def _upload_cover(self, place: SpotifyPlace, home: PlaylistDetails) -> str:
        """Upload the night's cover; return a note if that failed, which is not fatal."""
        from smallhours.playlist.publish.cover import draw_cover

        try:
            sounds = track_sounds(self._lake, self._tonight)
            place.client.upload_cover(home.id, draw_cover(sounds))
        except QuotaExceeded:
            raise
        except ServiceError as error:
            LOG.warning("The cover was not changed: %s", error)
            return " The cover was not changed."
        return ""

    def _description(self) -> str:
        return describe_list(
            self._night.date,
            [pick.artist for pick in self._tonight.wanted],
            self._mark,
            common_tags=common_tags(self._lake, self._tonight),
            nearby_artists=nearby_artists(self._lake, self._tonight),
            basis=self._basis,
        )


def _summary(
    outcome: Outcome, place: str, planned: Plan, home: PlaylistDetails | None, note: str
) -> Summary:
    return {
        "outcome": outcome,
        "place": place,
        "playlist_id": home.id if home else "",
        "tracks": len(planned.picks),
        "added": planned.count("add"),
        "removed": planned.count("remove"),
        "moved": planned.count("move"),
        "own_items_kept": len(planned.own),
        "note": note,
    }
