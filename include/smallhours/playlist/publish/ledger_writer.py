"""The writing of tonight's row of the ledger.

It is one row of `playlists`, replaced as the night goes on; the ledger's module explains its
outcomes.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.errors import DegeneratePlaylist
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.playlist.publish import ledger
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.plan import PlannedTrack
from smallhours.playlist.publish.reconciliation import ReconciledPlaylist, Snapshot
from smallhours.services.spotify_replies import SpotifyPlaylist
from smallhours.vocabulary import Outcome


@dataclass(frozen=True)
class LedgerWriter:
    """Tonight's row of the ledger, for one playlist.

    Attributes:
        lake: Where the ledger is.
        listener: Whose playlist.
        intent: Which of theirs.
        night: Tonight.
        wanted: Tonight's tracks.
        name: The name that the playlist is to have, and has once the list is verified.
        last_name: The one that it has until then; empty for a playlist that is yet to be made.
        as_of: When the night's history ended.
    """

    lake: Lake
    listener: str
    intent: str
    night: dt.date
    wanted: Sequence[PlannedTrack]
    name: str
    last_name: str = ""
    as_of: dt.datetime | None = None

    def rows(self) -> pd.DataFrame:
        """The listener's whole ledger."""
        frame: pd.DataFrame = self.lake.frame(PLAYLISTS, where={"listener": self.listener})
        return frame

    def ledger_state(self) -> LedgerState:
        """Return what the ledger says before tonight's write."""
        return ledger.ledger_state(self.rows(), intent=self.intent, night=self.night)

    def record(
        self,
        outcome: Outcome,
        home: SpotifyPlaylist | None,
        note: str,
        *,
        leftovers: Sequence[str] | None = None,
        snapshot: Snapshot | None = None,
        previous: Sequence[str] | None = None,
        last_id: str | None = None,
    ) -> None:
        """Write down how far tonight's list has come.

        Args:
            outcome: One of the ledger's.
            home: The playlist; None while there is none.
            note: For a person to read.
            leftovers: Earlier picks that may stand there besides.
            snapshot: What stood there when the plan was made.
            previous: What stood there before the first write.
            last_id: Of the playlist before this one, while there is none.
        """
        row = ledger.entry(
            night=self.night,
            intent=self.intent,
            name=self.last_name or self.name,
            playlist_id=home.id if home else last_id,
            outcome=outcome,
            note=note,
            track_keys=[pick.track_key for pick in self.wanted],
            uris=[pick.uri for pick in self.wanted],
            snapshot_before=snapshot.home.snapshot_id if snapshot else None,
            previous=previous if previous is not None else self._previous(),
            leftovers=leftovers,
            as_of=self.as_of,
        )
        self._write(row)

    def record_verified(
        self, home: SpotifyPlaylist, note: str, written: ReconciledPlaylist
    ) -> None:
        """Write down that the list stands there."""
        row = ledger.entry(
            night=self.night,
            intent=self.intent,
            name=self.name,
            playlist_id=home.id,
            outcome=Outcome.VERIFIED,
            note=note,
            track_keys=[pick.track_key for pick in self.wanted],
            uris=[pick.uri for pick in self.wanted],
            snapshot_before=written.before,
            snapshot_after=written.after,
            previous=self._previous(),
            leftovers=written.leftovers,
            as_of=self.as_of,
        )
        self._write(row)

    def keep_yesterday(
        self, ledger_state: LedgerState, problem: str, home: SpotifyPlaylist | None = None
    ) -> DegeneratePlaylist:
        """Record that nothing is written tonight, unless something was; the error to raise."""
        if ledger_state.tonight in ("", Outcome.KEPT_YESTERDAY, Outcome.DRY_RUN):
            last_id = next(iter(ledger_state.playlist_ids), None)
            self.record(Outcome.KEPT_YESTERDAY, home, problem, last_id=last_id)
        return DegeneratePlaylist(
            f"{problem} What stood in the playlist stays.",
            remedy="Look at `why_not` in the night's recommendations; "
            "`shortest`, `artist_cap` and `not_again_nights` are in the listener's settings.",
        )

    def _previous(self) -> list[str] | None:
        """Return the list before tonight's, as recorded in tonight's row."""
        rows = self.rows()
        here = rows[(rows["intent"] == self.intent) & (rows["night"] == self.night)]
        known = here["previous"].dropna()
        return None if known.empty else list(known.iloc[0])

    def _write(self, row: pd.DataFrame) -> None:
        self.lake.merge(PLAYLISTS, row, partition={"listener": self.listener})
