"""The History page: every past list, the reactions to it, and a button to put it back."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.training.evaluation.pick_outcomes import REACTIONS, outcomes
from smallhours.training.evaluation.receptions import Promise, promises_by_night, receptions
from smallhours.vocabulary import BUTTONS, SHOWN, Outcome, Reaction, words_of
from smallhours.web.charts.canvas import for_screens
from smallhours.web.charts.lines import LineSeries, format_date, lines
from smallhours.web.page_context import PageContext
from smallhours.web.tonight_page import PLACE_NAMES
from smallhours.web.what_was_said import said_of_list

MIN_NIGHTS = 2
# Of so many nights the page shows the lists; older ones are linked.
LISTS_SHOWN = 30


@dataclass(frozen=True)
class ReactionShare:
    """The share of a list's tracks that got one reaction.

    Attributes:
        reaction: The reaction.
        n: Number of tracks; of what was said, also those of a list of that night since replaced.
        share, low, high: Share of all tracks, with its 95 % Wilson interval, 0-1.
        said: Whether the listener said so with a button: that needs no interval.
    """

    reaction: str
    n: int
    share: float
    low: float
    high: float
    said: bool


@dataclass(frozen=True)
class PublishedList:
    """One night's list.

    Attributes:
        night: Date of the night.
        name: Name of the playlist.
        outcome: The ledger's outcome, in words.
        note: The ledger's note.
        size: Number of tracks.
        shares: Share of each reaction.
        promised: How many of them would be heard out, as promised, and how many were.
        said: What the listener said with the buttons, track by track.
        elsewhere: What became of it at further places.
        can_restore: Whether it was certainly shown, so that it can be put back.
    """

    night: dt.date
    name: str
    outcome: str
    note: str
    size: int
    shares: Sequence[ReactionShare]
    promised: str
    said: Sequence[str]
    elsewhere: Sequence[str]
    can_restore: bool


@dataclass(frozen=True)
class HistoryPage:
    """The data of the History page: lists, newest first, and a trend chart from two nights on.

    `older` is the night from which the next page goes back; None at the beginning.
    """

    intent: str
    intents: Mapping[str, str]
    lists: Sequence[PublishedList]
    trend: str
    older: dt.date | None


def history(
    page_context: PageContext, *, intent: str = "main", until: dt.date | None = None
) -> HistoryPage:
    """Read the data of the page: the newest lists, or those up to a night."""
    where = {"listener": page_context.listener}
    playlists = page_context.lake.frame(PLAYLISTS, where=where)
    playlists = playlists[playlists["intent"] == intent].sort_values("night", ascending=False)
    if until is not None:
        playlists = playlists[playlists["night"] <= until]
    nights = playlists["night"].unique().tolist()
    shown, older = nights[:LISTS_SHOWN], nights[LISTS_SHOWN:]
    playlists = playlists[playlists["night"].isin(shown)]
    months = sorted({f"{night:%Y-%m}" for night in shown})
    feedback = page_context.lake.frame(FEEDBACK, where={**where, "month": months})
    feedback = feedback[feedback["night"].isin(shown)]
    # The ledger holds the tracks of each list; slots and reasons are not needed here.
    found = outcomes(feedback, pd.DataFrame(columns=["night", "intent", "track_key"]), playlists)
    by_night = dict(iter(found.groupby("night")))
    mine = feedback[feedback["intent"] == intent]
    pressed = Counter(zip(mine["night"], mine["reaction"], strict=True))
    main = one_per_night(playlists).sort_values("night", ascending=False)
    rest = playlists.drop(index=main.index)
    elsewhere = {night: _told(rows) for night, rows in rest.groupby("night")}
    promises = promises_by_night(page_context.lake, page_context.listener, shown, intent=intent)
    heard = {each.night: each.heard_out for each in receptions(main, feedback, intent=intent)}
    lists = [
        PublishedList(
            night=row["night"],
            name=row["name"],
            outcome=Outcome(row["outcome"]).in_words,
            note=row["note"] or "",
            size=len(row["track_keys"]),
            shares=_shares(by_night.get(str(row["night"])), pressed, row["night"]),
            promised=_promised(promises.get(row["night"]), heard.get(row["night"])),
            said=said_of_list(page_context, intent, row["night"], feedback),
            elsewhere=elsewhere.get(row["night"], []),
            can_restore=row["outcome"] in SHOWN and len(row["uris"]) > 0,
        )
        for row in main.to_dict("records")
    ]
    older_until = older[0] if older else None
    return HistoryPage(intent, page_context.intents, lists, _trend(found), older_until)


def _promised(promise: Promise | None, heard: int | None) -> str:
    """Return a list's promise beside what became of it; empty without a promise."""
    if promise is None:
        return ""
    told = f"Promised: {promise.low} to {promise.high} heard out"
    if heard is None:
        return f"{told}; nobody has gone through it yet."
    kept = "kept" if promise.low <= heard <= promise.high else "not kept"
    return f"{told}; {heard} were: {kept}."


def _told(rows: pd.DataFrame) -> list[str]:
    """Return a sentence about the list at each place."""
    parts = zip(*(rows[name] for name in ("place", "outcome", "note")), strict=True)
    return [
        f"{PLACE_NAMES.get(place, place)}: {Outcome(outcome).in_words}. {note or ''}".strip()
        for place, outcome, note in parts
    ]


def _shares(
    rows: pd.DataFrame | None, pressed: Counter[tuple[dt.date, str]], night: dt.date
) -> list[ReactionShare]:
    """Return a night's reactions.

    Args:
        rows: Its rows of `outcomes`, which count the tracks of the list in the ledger.
        pressed: Count of each reaction by night, also to a list of that night that was replaced:
            what was said with a button is counted from here.
        night: The night.
    """
    if rows is None:
        return []
    told = rows.set_index("reaction").to_dict("index")
    shares = []
    for name in REACTIONS:
        row, said = told[name], name in BUTTONS
        n = pressed[night, name] if said else int(row["n"])
        if n:
            share, low, high = (float(row[each]) for each in ("share", "low", "high"))
            shares.append(ReactionShare(words_of(name), n, share, low, high, said))
    return shares


def _trend(found: pd.DataFrame) -> str:
    """Draw the share of played, saved and removed picks over the nights; empty for one night.

    A list without any reactions yet, such as tonight's, has not been there long enough to count.
    """
    found = found[found.groupby("night")["n"].transform("sum") > 0]
    if found["night"].nunique() < MIN_NIGHTS:
        return ""
    series = []
    for name in (Reaction.PLAYED, Reaction.SAVED, Reaction.REMOVED):
        rows = found[found["reaction"] == name].sort_values("night")
        series.append(
            LineSeries(
                name,
                [float(dt.date.fromisoformat(night).toordinal()) for night in rows["night"]],
                [float(value) for value in rows["share"]],
                [float(value) for value in rows["low"]],
                [float(value) for value in rows["high"]],
            )
        )

    def draw(width: float) -> str:
        return lines(
            "How each night's list was received",
            series,
            desc="Share of the picks that were played, saved and removed, with 95 % intervals.",
            y_label="share of the list",
            format_x=format_date,
            width=width,
            percent=True,
        )

    return for_screens(draw)
