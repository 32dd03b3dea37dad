"""What a listener corrects: blocks, more and less of something, and listening that is not theirs.

An edit is one row of `edits`. It holds until it is undone, for every night that is ranked or
trained in between. Plays stay as they are: those that are not the listener's are left out when
plays are read, so undoing an edit gives back exactly what was there before.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in, artist_key_of, is_named
from smallhours.lake.list_tables import EDITS
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.nights import parse_date
from smallhours.vocabulary import EditKind, EditSubject

Bools = npt.NDArray[np.bool_]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(?P<days>[a-z]{3}(?: [a-z]{3})*) (?P<start>\d\d)-(?P<end>\d\d) (?P<zone>\S+)")
_ERA = re.compile(r"(\d{3})0s")


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that the listener said.

    Attributes:
        kind: What is to be done.
        subject: What it is about.
        value: What identifies it: the key of an artist or a track, a tag's name, `1990s`,
            `sat sun 06-09 Europe/Dublin`, `2024-01-01 to 2024-01-31`, or a platform.
        name: The same, as a person reads it.
        at: When it was said.
    """

    kind: EditKind
    subject: EditSubject
    value: str
    name: str
    at: dt.datetime


@dataclass(frozen=True)
class Edits:
    """All that a listener said, oldest first."""

    rows: tuple[Edit, ...] = ()

    def values(self, kind: EditKind, subject: EditSubject) -> frozenset[str]:
        """Return what an edit of some kind and subject names."""
        return frozenset(
            each.value for each in self.rows if (each.kind, each.subject) == (kind, subject)
        )


def read_edits(lake: Lake, listener: str) -> Edits:
    """Read what a listener said, oldest first."""
    rows = lake.frame(EDITS, where={"listener": listener}).sort_values("at", kind="stable")
    return Edits(
        tuple(
            Edit(
                EditKind(row["kind"]),
                EditSubject(row["subject"]),
                row["value"],
                row["name"],
                row["at"].to_pydatetime(),
            )
            for row in rows.to_dict("records")
        )
    )


def store_edit(lake: Lake, listener: str, edit: Edit) -> None:
    """Store an edit; more of something replaces less of it, and the other way round."""
    turned = {EditKind.MORE: EditKind.LESS, EditKind.LESS: EditKind.MORE}
    against = turned.get(edit.kind)
    gone = [{**_key(edit), "kind": against}] if against else []
    lake.merge(
        EDITS,
        pd.DataFrame([asdict(edit)]),
        partition={"listener": listener},
        delete=pd.DataFrame(gone),
    )


def undo_edit(lake: Lake, listener: str, kind: EditKind, subject: EditSubject, value: str) -> None:
    """Remove an edit."""
    gone = pd.DataFrame([{"kind": kind, "subject": subject, "value": value}])
    lake.merge(EDITS, pd.DataFrame(), partition={"listener": listener}, delete=gone)


def wrong_songs(edits: Edits) -> dict[str, set[str]]:
    """Return the Spotify ids of which the listener said that they are another song, by track."""
    found: dict[str, set[str]] = {}
    for edit in edits.rows:
        if edit.kind == EditKind.WRONG_SONG:
            found.setdefault(edit.name, set()).add(edit.value)
    return found


def _key(edit: Edit) -> dict[str, str]:
    return {"kind": edit.kind, "subject": edit.subject, "value": edit.value}


def own_plays(lake: Lake, listener: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a listener's plays, without the listening that is not theirs."""
    edits = [each for each in read_edits(lake, listener).rows if each.kind == EditKind.NOT_MINE]
    needed = ["played_at", "track_key", "platform"] if edits else []
    read = [*columns, *(name for name in needed if name not in columns)]
    plays = lake.frame(PLAYS, columns=read, where={"listener": listener})
    return plays.loc[~not_mine(plays, edits), list(columns)].reset_index(drop=True)


def mostly_not_mine(lake: Lake, listener: str) -> set[str]:
    """Return the tracks of which most plays are not the listener's."""
    edits = [each for each in read_edits(lake, listener).rows if each.kind == EditKind.NOT_MINE]
    if not edits:
        return set()
    columns = ["played_at", "track_key", "platform"]
    plays = lake.frame(PLAYS, columns=columns, where={"listener": listener})
    shares = pd.Series(not_mine(plays, edits)).groupby(plays["track_key"].to_numpy()).mean()
    return set(shares.index[shares > 0.5])


def not_mine(plays: pd.DataFrame, edits: Iterable[Edit]) -> Bools:
    """Return which plays are not the listener's, by their edits.

    Args:
        plays: `played_at`, `track_key` and `platform`.
        edits: Of the kind `not_mine`.
    """
    found = np.zeros(len(plays), dtype=np.bool_)
    for edit in edits:
        found |= _concerned(plays, edit)
    return found


def _concerned(plays: pd.DataFrame, edit: Edit) -> Bools:
    match edit.subject:
        case EditSubject.ARTIST:
            return np.array([artist_key_in(key) == edit.value for key in plays["track_key"]], bool)
        case EditSubject.PLATFORM:
            same: Bools = (plays["platform"] == edit.value).fillna(value=False).to_numpy(np.bool_)
            return same
        case EditSubject.DATES:
            first, last, zone = edit.value.replace(" to ", " ").split()
            days = _local(plays, zone).dt.date
            start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
            return np.array([start <= day <= end for day in days], np.bool_)
        case EditSubject.HOURS:
            return _within_hours(plays, edit.value)
        case _:
            return np.zeros(len(plays), dtype=np.bool_)


def _within_hours(plays: pd.DataFrame, value: str) -> Bools:
    """Return which plays began within some hours of the week; 22-04 goes past midnight."""
    told = _HOURS.fullmatch(value)
    if told is None:
        return np.zeros(len(plays), dtype=np.bool_)
    start, end = int(told["start"]), int(told["end"])
    at = _local(plays, told["zone"])
    past_midnight = (at.dt.hour < end) & (end <= start)
    begun = at.where(~past_midnight, at - pd.Timedelta(days=1))
    days = [DAYS.index(day) for day in told["days"].split()]
    hours = (at.dt.hour >= start) & ((at.dt.hour < end) | (end <= start))
    found: Bools = (begun.dt.day_of_week.isin(days) & (hours | past_midnight)).to_numpy(np.bool_)
    return found


def _local(plays: pd.DataFrame, zone: str) -> "pd.Series[pd.Timestamp]":
    at: pd.Series[pd.Timestamp] = plays["played_at"].dt.tz_convert(ZoneInfo(zone))
    return at


def artist_edit(kind: EditKind, name: str, at: dt.datetime) -> Edit:
    """Return an edit about an artist.

    Raises:
        SettingsError: when the name shows nothing.
    """
    if not is_named(name):
        raise SettingsError(f"{name!r} is not the name of an artist.", remedy="Write a name.")
    return Edit(kind, EditSubject.ARTIST, artist_key_of(name), name.strip(), at)


def era_edit(kind: EditKind, text: str, at: dt.datetime) -> Edit:
    """Return an edit about a decade, written `1990s`.

    Raises:
        SettingsError: when it is not a decade.
    """
    if not _ERA.fullmatch(text.strip()):
        raise SettingsError(f"{text!r} is not a decade.", remedy="Write it as 1990s.")
    return Edit(kind, EditSubject.ERA, text.strip(), f"the {text.strip()}", at)


def hours_edit(days: Sequence[str], start: int, end: int, zone: str, at: dt.datetime) -> Edit:
    """Return an edit: the plays of some hours of the week are not the listener's.

    Args:
        days: Of `DAYS`; for hours past midnight, the days on which they begin.
        start: The first hour, 0-23.
        end: The hour before which they end, 0-24; not after `start` is on the next day.
        zone: The listener's time zone.
        at: When it was said.

    Raises:
        SettingsError: when there is no such day or hour.
    """
    chosen = [day for day in DAYS if day in days]
    if not chosen or not (0 <= start <= 23 and 0 <= end <= 24):
        raise SettingsError(
            "These are no hours of the week.",
            remedy="Choose at least one day, and hours from 0 to 24.",
        )
    value = f"{' '.join(chosen)} {start:02d}-{end:02d} {zone}"
    name = f"{', '.join(day.capitalize() for day in chosen)}, {start:02d}:00 to {end:02d}:00"
    return Edit(EditKind.NOT_MINE, EditSubject.HOURS, value, name, at)


def dates_edit(first: str, last: str, zone: str, at: dt.datetime) -> Edit:
    """Return an edit: the plays from one date to another are not the listener's.

    Raises:
        SettingsError: when these are no dates, or in the wrong order.
    """
    start, end = parse_date(first), parse_date(last)
    if end < start:
        raise SettingsError(f"{end} is before {start}.", remedy="Write the earlier date first.")
    name = f"{start} to {end}"
    return Edit(EditKind.NOT_MINE, EditSubject.DATES, f"{name} {zone}", name, at)
