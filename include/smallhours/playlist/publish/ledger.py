"""The ledger: our record of what has been put into the listener's playlists.

The table `playlists` has a row for each night, intent and place, which is replaced as the night
goes on. Before anything is written to a place, the row says what is about to be written and what
stood there before, so that whoever comes after a crash knows whose every track is.

    creating          a playlist is being made; its id is not known yet
    planned           the list is about to be written, or is being written: some of it may stand
    written           all of it stands; of the list before it, some may stand still
    verified          it stands, alone but for the listener's own, and was read back
    withdrawing       an earlier list is being put back: this one, or another in this one's place
    withdrawn         an earlier list was put back in its place
    kept_yesterday    nothing was written; an earlier list stays
    not_written       nothing was written, and there is no earlier list
    dry_run           nothing was written, by wish
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from smallhours.errors import DegeneratePlaylist
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.playlist.publish.plan import PlannedTrack
from smallhours.playlist_settings import MAIN
from smallhours.services.playlists import PlaylistDetails
from smallhours.vocabulary import SHOWN, UNWRITTEN, Outcome, PlaceName

# A planned list may have been written by a run that died before it could say so.
MAYBE_SHOWN = (Outcome.PLANNED, Outcome.WRITTEN, Outcome.VERIFIED)
# Some of these rows' tracks may stand there; below the newest verified row nothing does.
MAYBE_STANDING = (*MAYBE_SHOWN, Outcome.WITHDRAWING)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The state of one playlist by the ledger, before tonight's write.

    Attributes:
        playlist_ids: Ids of the playlists that we created, newest first.
        shown: URIs of tonight's list, or of the last verified one, that surely stood there.
        ours: Every URI that stands there because of us, or may.
        replaced: What stood there before tonight's list.
        older: Those of `ours` that are older than the list in `shown`, and should not stand there.
        tonight: The outcome recorded for tonight, or an empty string.
        newer: A later night whose list may be standing, if any.
        creating: Whether a run died while it made a playlist.
        name: The name that we gave last; empty when we never did.
        previous: What stood there before tonight's first write, if that began; else None.
        unseen: Tracks of tonight's list that were written, and then not seen.
        names: What the tracks in `ours` are called, by URI, as far as the ledger knows: their keys.
    """

    playlist_ids: tuple[str, ...]
    shown: frozenset[str]
    ours: frozenset[str]
    tonight: str
    newer: dt.date | None
    creating: bool = False
    name: str = ""
    previous: tuple[str, ...] | None = None
    replaced: frozenset[str] = frozenset()
    older: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    names: tuple[tuple[str, str], ...] = ()

    def nothing_to_do(self) -> str:
        """Return why tonight's list is not to be written; empty if it is."""
        if self.newer:
            return f"The list of {self.newer} is newer and stays."
        if self.tonight == Outcome.WITHDRAWN:
            return "An earlier list was put back in this one's place, and stays."
        if self.tonight == Outcome.WITHDRAWING:
            return "An earlier list was being put back; run the same `smallhours rollback` again."
        return ""

    def for_new_playlist(self) -> "LedgerState":
        """Return the state for a new playlist, in which nothing was written yet."""
        return replace(self, shown=frozenset(), ours=frozenset(), previous=None, tonight="")


def ledger_rows(lake: Lake, listener: str, place: str) -> pd.DataFrame:
    """Return a listener's ledger of one place."""
    rows = lake.frame(PLAYLISTS, where={"listener": listener})
    return rows[rows["place"] == place]


def record_failure(lake: Lake, listener: str, night: Night, place: str, why: str) -> None:
    """Record why a night's list was not written to a place, beside how far it came."""
    rows = ledger_rows(lake, listener, place)
    rows = rows[rows["intent"] == MAIN].sort_values("night")
    here = rows[rows["night"] == night.date]
    if not here.empty:
        told = here.assign(note=why).drop(columns="listener", errors="ignore")
        lake.merge(PLAYLISTS, told, partition={"listener": listener})
        return
    last = rows.tail(1)
    row = entry(
        night=night.date,
        name="" if last.empty else str(last["name"].iloc[0]),
        playlist_id=None if last.empty else last["playlist_id"].iloc[0],
        outcome=Outcome.NOT_WRITTEN if last.empty else Outcome.KEPT_YESTERDAY,
        note=why,
        track_keys=[],
        uris=[],
        place=place,
        as_of=night.as_of,
    )
    lake.merge(PLAYLISTS, row, partition={"listener": listener})


def ledger_state(rows: pd.DataFrame, *, intent: str, night: dt.date) -> LedgerState:
    """Sum up the ledger of one playlist.

    Args:
        rows: Rows of `playlists` of one listener and one place.
        intent: Which of the listener's playlists.
        night: Tonight.
    """
    entries = rows[rows["intent"] == intent].sort_values("night", ascending=False)
    shown: frozenset[str] = frozenset()
    ours: set[str] = set()
    older: set[str] = set()
    names: dict[str, str] = {}
    columns = (entries[name] for name in ("outcome", "uris", "track_keys", "leftovers"))
    for outcome, uris, keys, leftovers in zip(*columns, strict=True):
        if outcome not in MAYBE_STANDING:
            continue
        ours.update(uris, _texts(leftovers))
        if shown or outcome in SHOWN:
            older.update(uris, _texts(leftovers))
        names.update(zip(uris, keys, strict=True))
        if outcome in SHOWN and not shown:
            shown = frozenset(uris)
        if outcome == Outcome.VERIFIED:
            break
    here = entries[entries["night"] == night]
    tonight = "" if here.empty else str(here["outcome"].iloc[0])
    newer = entries.loc[
        (entries["night"] > night) & entries["outcome"].isin(MAYBE_STANDING), "night"
    ]
    begun = tonight in (Outcome.PLANNED, Outcome.WRITTEN) and here["previous"].notna().iloc[0]
    ids = tuple(dict.fromkeys(entries["playlist_id"].dropna().astype(str)))
    acted = entries.loc[~entries["outcome"].isin((*UNWRITTEN, Outcome.DRY_RUN)), "outcome"]
    return LedgerState(
        playlist_ids=ids,
        shown=shown,
        ours=frozenset(ours),
        tonight=tonight,
        newer=None if newer.empty else newer.iloc[0],
        creating=not acted.empty and acted.iloc[0] == Outcome.CREATING,
        name=str(entries["name"].iloc[0]) if ids else "",
        previous=tuple(here["previous"].iloc[0]) if begun else None,
        replaced=frozenset() if here.empty else frozenset(_texts(here["previous"].iloc[0])),
        older=frozenset(older - shown),
        unseen=frozenset() if here.empty else frozenset(_texts(here["leftovers"].iloc[0])),
        names=tuple(sorted(names.items())),
    )


def list_of(rows: pd.DataFrame, *, intent: str, night: dt.date) -> pd.DataFrame:
    """A night's list as it was written: `track_key` and `uri` in order; empty if none was.

    Lists that were withdrawn later count.
    """
    mine = (rows["intent"] == intent) & (rows["night"] == night)
    row = rows[mine & rows["outcome"].isin((*SHOWN, Outcome.WITHDRAWING, Outcome.WITHDRAWN))]
    if row.empty:
        return pd.DataFrame({"track_key": [], "uri": []}, dtype=str)
    return pd.DataFrame({"track_key": row["track_keys"].iloc[0], "uri": row["uris"].iloc[0]})


def nights_written(rows: pd.DataFrame, *, intent: str) -> list[dt.date]:
    """The nights whose list was written, oldest first."""
    mine = (rows["intent"] == intent) & rows["outcome"].isin((*SHOWN, Outcome.WITHDRAWN))
    return sorted(rows.loc[mine, "night"])


def withdraw(
    rows: pd.DataFrame, *, intent: str, after: dt.date, outcome: Outcome, note: str
) -> pd.DataFrame:
    """The rows of later nights that may stand, marked as withdrawn or being withdrawn.

    Args:
        rows: Rows of `playlists` of one listener.
        intent: Which of the listener's playlists.
        after: The night whose list is put back.
        outcome: `Outcome.WITHDRAWING` before the write, `Outcome.WITHDRAWN` after it.
        note: Why, for a person to read.
    """
    later = (rows["intent"] == intent) & (rows["night"] > after)
    touched = rows[later & rows["outcome"].isin(MAYBE_STANDING)]
    verified = touched.loc[touched["outcome"] == Outcome.VERIFIED, "night"]
    # What lies below the newest verified list does not stand there, so that it need not go.
    buried = touched["night"] < (dt.date.min if verified.empty else verified.max())
    marks = [Outcome.WITHDRAWN if below else outcome for below in buried]
    return touched.assign(outcome=marks, note=note)


def entry(
    *,
    night: dt.date,
    name: str,
    playlist_id: str | None,
    outcome: Outcome,
    note: str,
    track_keys: Sequence[str],
    uris: Sequence[str],
    snapshot_before: str | None = None,
    snapshot_after: str | None = None,
    previous: Sequence[str] | None = None,
    leftovers: Sequence[str] | None = None,
    intent: str = MAIN,
    place: str = PlaceName.SPOTIFY,
    as_of: dt.datetime | None = None,
    covers: Sequence[str] | None = None,
) -> pd.DataFrame:
    """One row of `playlists`."""
    row = {
        "night": night,
        "intent": intent,
        "place": place,
        "name": name,
        "playlist_id": playlist_id,
        "outcome": outcome,
        "note": note,
        "snapshot_before": snapshot_before,
        "snapshot_after": snapshot_after,
        "track_keys": list(track_keys),
        "uris": list(uris),
        "previous": None if previous is None else list(previous),
        "leftovers": None if leftovers is None else list(leftovers),
        "as_of": as_of,
        "covers": None if covers is None else list(covers),
    }
    return pd.DataFrame([row])


def _texts(value: object) -> list[str]:
    """A nullable list of texts, as a frame holds it."""
    return [] if value is None or isinstance(value, float) else list(value)  # type: ignore[call-overload]


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
        place: Where the playlist is.
    """

    lake: Lake
    listener: str
    intent: str
    night: dt.date
    wanted: Sequence[PlannedTrack]
    name: str
    last_name: str = ""
    as_of: dt.datetime | None = None
    place: str = PlaceName.SPOTIFY

    def rows(self) -> pd.DataFrame:
        """The listener's ledger of this place."""
        return ledger_rows(self.lake, self.listener, self.place)

    def state(self) -> LedgerState:
        """Return what the ledger says before tonight's write."""
        return ledger_state(self.rows(), intent=self.intent, night=self.night)

    def record(
        self,
        outcome: Outcome,
        home: PlaylistDetails | None,
        note: str,
        *,
        before: str | None = None,
        after: str | None = None,
        previous: Sequence[str] | None = None,
        leftovers: Sequence[str] | None = None,
        covers: Mapping[str | None, str] | None = None,
        last_id: str | None = None,
    ) -> None:
        """Write down how far tonight's list has come; the playlist has its new name once it stands.

        Args:
            outcome: One of the ledger's.
            home: The playlist; None while there is none.
            note: For a person to read.
            before: Snapshot id before the first request, or on which the plan was made.
            after: Snapshot id after the last request.
            previous: What stood there before the first write.
            leftovers: Tracks of ours that may stand there besides.
            covers: The address of each track's cover, by URI.
            last_id: Of the playlist before this one, while there is none.
        """
        stands = outcome == Outcome.VERIFIED
        row = entry(
            night=self.night,
            intent=self.intent,
            place=self.place,
            name=self.name if stands else self.last_name or self.name,
            playlist_id=home.id if home else last_id,
            outcome=outcome,
            note=note,
            track_keys=[pick.track_key for pick in self.wanted],
            uris=[pick.uri for pick in self.wanted],
            snapshot_before=before,
            snapshot_after=after,
            previous=previous if previous is not None else self._previous(),
            leftovers=leftovers,
            as_of=self.as_of,
            covers=None if covers is None else [covers.get(pick.uri, "") for pick in self.wanted],
        )
        self.lake.merge(PLAYLISTS, row, partition={"listener": self.listener})

    def keep_yesterday(
        self, ledger_state: LedgerState, problem: str, home: PlaylistDetails | None = None
    ) -> DegeneratePlaylist:
        """Record that nothing is written tonight, unless something was; the error to raise."""
        last_id = next(iter(ledger_state.playlist_ids), None)
        if ledger_state.tonight in ("", *UNWRITTEN, Outcome.DRY_RUN):
            outcome = Outcome.KEPT_YESTERDAY if last_id else Outcome.NOT_WRITTEN
            self.record(outcome, home, problem, last_id=last_id)
        return DegeneratePlaylist(
            f"{problem} What stood in the playlist stays." if last_id else problem,
            remedy="Look at `why_not` in the night's recommendations; "
            "`shortest`, `artist_cap` and `not_again_nights` are in the listener's settings.",
        )

    def _previous(self) -> list[str] | None:
        """Return the list before tonight's, as recorded in tonight's row."""
        rows = self.rows()
        here = rows[(rows["intent"] == self.intent) & (rows["night"] == self.night)]
        known = here["previous"].dropna()
        return None if known.empty else list(known.iloc[0])
