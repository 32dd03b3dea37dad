"""The result of a case of the publishing suite: mixtures, lost edits, false reactions."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.support.publish_cases import PublishCase
from benchmarks.support.publish_household import NIGHTS, ListenerFixture, written
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.stages import collect_feedback
from smallhours.playlist.publish.ledger import MAYBE_STANDING
from smallhours.vocabulary import Outcome, Reaction
from smallhours_sandbox.faults import Fault
from smallhours_sandbox.simulation.installation import LISTENER


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """The result of a case.

    Attributes:
        ended: How the run with trouble ended.
        left: The list in the playlist then: "old", "new" or "new above old".
        happened: True if the trouble happened.
        bad_moments: Number of requests before which the playlist held no whole list of ours.
        mixtures: Playlists that in the end hold more than tonight's list and the listener's items.
        lost_edits: Number of the listener's edits that were undone.
        others_touched: Number of other playlists that changed.
        empty: Number of requests before which the playlist held nothing, and had held something.
        false_reactions: Number of picks that count as removed, though the listener left them.
        verified_but_wrong: Whether the ledger ever called a list verified that did not stand there.
    """

    ended: str
    left: str
    happened: bool
    bad_moments: int
    mixtures: int
    lost_edits: int
    others_touched: int
    empty: int
    false_reactions: int
    verified_but_wrong: int

    @property
    def good(self) -> bool:
        """Return True if nothing is wrong."""
        wrong = self.bad_moments + self.mixtures + self.lost_edits + self.others_touched
        wrong += self.verified_but_wrong + self.empty + self.false_reactions
        return wrong == 0 and self.happened


def list_present(rows: Sequence[str], before: Sequence[str], new: Sequence[str]) -> str:
    """Return the list or lists that the playlist holds."""
    has_old = bool(before) and set(before) - set(new) <= set(rows)
    has_new = set(new) <= set(rows)
    if has_old and has_new:
        return "new above old"
    if has_new:
        return "new"
    return "old" if has_old or not rows else "part of the first"


def trouble_happened(
    case: PublishCase, fault: Fault | None, home: ListenerFixture, ended: str
) -> bool:
    """Return True if a case's trouble happened."""
    if fault is not None:
        return fault.fired > 0
    if case.trouble.startswith("kill"):
        return ended == "killed"
    return len(home.requests) >= case.at


def mixtures_in(
    home: ListenerFixture, before: Sequence[str], *, stopped: str, which: int | None = None
) -> int:
    """Return 1 if our newest playlist is not one whole list and the listener's own items."""
    which = written(home.scene) if which is None else which
    if home.meddling.taken_over is not None:
        # A request may have been under way: what it added is removed again, and what it removed
        # was the list before.
        own, rows = home.meddling.present, home.rows()
        ours = [uri for uri in rows if uri not in own]
        whole_lists = ([uri for uri in before if uri not in own], home.uris(which))
        return int(rows != home.meddling.taken_over and ours not in whole_lists)
    left = list(home.rows())
    for uri, count in home.meddling.present.items():
        for _ in range(count if uri not in home.uris(which) else count - 1):
            if uri in left:
                left.reverse()
                left.remove(uri)
                left.reverse()
    absent = home.meddling.absent
    whole = [uri for uri in home.uris(which) if uri not in absent]
    if left == whole:
        return 0
    kept = [uri for uri in before if uri not in absent and uri not in home.meddling.present]
    return int(not (stopped and sorted(left) == sorted(kept)))


def verified_but_wrong_in(home: ListenerFixture) -> int:
    """1 if the ledger calls a list verified that does not stand there, alone but for what is own.

    A list that the listener threw away, or out of our hands, is not looked at.
    """
    rows = Lake(str(home.lake)).frame(PLAYLISTS, where={"listener": LISTENER})
    newest = rows[rows["outcome"].isin(MAYBE_STANDING)].sort_values("night").tail(1)
    done = home.meddling
    if (
        not (newest["outcome"] == Outcome.VERIFIED).any()
        or done.deleted
        or done.taken_over is not None
    ):
        return 0
    listed = set(newest["uris"].iloc[0])
    there = set(home.rows())
    every = {uri for which in range(len(home.lists)) for uri in home.uris(which)}
    missing = listed - there - done.absent
    left = (there & every) - listed - set(done.present)
    return int(bool(missing or left))


def false_reactions_in(home: ListenerFixture) -> int:
    """Return how many picks count as removed by the listener, who has not removed them."""
    if home.meddling.taken_over is not None:
        return 0
    lake = Lake(str(home.lake))
    place = home.place()
    collect_feedback(
        LISTENER,
        lake,
        {place.name: lambda: place},
        settings=home.settings,
        night=home.settings.night(LISTENER, NIGHTS[3]),
    )
    place.close()
    noted = lake.frame(FEEDBACK, where={"listener": LISTENER})
    removed = noted.loc[noted["reaction"] == Reaction.REMOVED, "track_key"]
    uris = {home.uri(home.tracks[key]) for key in removed}
    return len(uris - home.meddling.absent)


def lost_edits_in(home: ListenerFixture) -> int:
    """Return the number of the listener's edits that were undone."""
    if not home.exists():
        return 0
    done = home.meddling
    if done.deleted is not None:
        return int(not home.is_deleted())
    rows = home.rows()
    name, description = home.details()
    lost = sum(rows.count(uri) < count for uri, count in done.present.items())
    lost += sum(uri in rows for uri in done.absent)
    lost += done.name is not None and name != done.name
    lost += done.unmarked is not None and description != done.unmarked
    return int(lost)
