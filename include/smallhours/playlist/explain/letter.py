"""The letter to a listener about a week or a year: its facts from the lake, and its sentences."""

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.edits import own_plays
from smallhours.playlist.explain.names_in_words import listed, number
from smallhours.training.evaluation.pick_outcomes import PICK, picks
from smallhours.vocabulary import SHOWN, Reaction

WEEK = dt.timedelta(days=7)
# An artist whom somebody tried once is not news.
MIN_PLAYS_OF_NEW_ARTIST = 2
# A change of P(like) that is worth a sentence.
MIN_CHANGE_OF_OPINION = 0.1
MAX_NAMES = 3


@dataclass(frozen=True)
class ReceivedLists:
    """How some lists were received.

    Attributes:
        nights: The nights with a list, in order.
        lists: Number of lists.
        tracks: Number of tracks that stood in them for the first time.
        reacted: The keys of those with a reaction.
        saved: Those that were saved: `Artist – Title`.
    """

    nights: Sequence[str]
    lists: int
    tracks: int
    reacted: Mapping[Reaction, frozenset[str]]
    saved: Sequence[str] = ()

    def count(self, reaction: Reaction) -> int:
        """Return how many tracks had a reaction; one that was heard out was not skipped."""
        heard = self.reacted.get(Reaction.PLAYED, frozenset())
        found = self.reacted.get(reaction, frozenset())
        return len(found - heard if reaction in (Reaction.SKIPPED, Reaction.PASSED) else found)


@dataclass(frozen=True)
class Opinion:
    """A track of which the taste model came to think otherwise: P(like) before and now."""

    name: str
    before: float
    now: float


@dataclass(frozen=True)
class LetterFacts:
    """What a letter tells of.

    Attributes:
        first, last: The days that it is about.
        reception: How the lists of those nights were received.
        plays, tracks: Number of plays, and of the tracks in them.
        artists: Plays by artist, the most first.
        new_artists: The same of those who were never played before; empty where nothing was.
        opinions: Where the model changed its mind most: the largest rise and the largest fall.
    """

    first: dt.date
    last: dt.date
    reception: ReceivedLists
    plays: int
    tracks: int
    artists: Mapping[str, int]
    new_artists: Mapping[str, int]
    opinions: Sequence[Opinion] = field(default=())


def week_before(night: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of the week before a night."""
    return night - WEEK, night - dt.timedelta(days=1)


def year_of(year: int) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a year."""
    return dt.date(year, 1, 1), dt.date(year, 12, 31)


def letter_facts(
    lake: Lake, listener: str, zone: ZoneInfo, first: dt.date, last: dt.date
) -> LetterFacts:
    """Read what happened from one day to another.

    Args:
        lake: The lake.
        listener: Whose.
        zone: Where they live.
        first: The first day.
        last: The last day.
    """
    plays = own_plays(lake, listener, ["played_at", "track_key", "artist"])
    begin = dt.datetime.combine(first, dt.time(), zone)
    end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), zone)
    before = plays[plays["played_at"] < begin]
    now = plays[(plays["played_at"] >= begin) & (plays["played_at"] < end)]
    artists = _counts(now["artist"])
    known = set(before.loc[before["artist"].isin(list(artists)), "artist"])
    new = {
        artist: n
        for artist, n in artists.items()
        if len(before) and artist not in known and n >= MIN_PLAYS_OF_NEW_ARTIST
    }
    received = reception(lake, listener, first, last)
    return LetterFacts(
        first,
        last,
        received,
        len(now),
        now["track_key"].nunique(),
        artists,
        new,
        _opinions(lake, listener, received.nights),
    )


def reception(lake: Lake, listener: str, first: dt.date, last: dt.date) -> ReceivedLists:
    """Read how the lists of some nights were received; a track belongs to its first night."""
    where = {"listener": listener}
    ledger = lake.frame(PLAYLISTS, columns=[*PICK[:2], "outcome", "track_keys"], where=where)
    ledger = ledger[ledger["outcome"].isin(SHOWN) & (ledger["night"] <= last)]
    lists = ledger[ledger["night"] >= first].drop_duplicates(["night", "intent"])
    shown = picks(ledger, pd.DataFrame())[PICK]
    shown = shown[shown["night"] >= str(first)]
    nights = sorted({str(night) for night in lists["night"].unique()})
    months = sorted({night[:7] for night in nights})
    said = lake.frame(FEEDBACK, columns=[*PICK, "reaction"], where={**where, "month": months})
    said = said.assign(night=said["night"].map(str)).merge(shown, on=PICK)
    saved = said[said["reaction"] == Reaction.SAVED].drop_duplicates("track_key")
    return ReceivedLists(
        nights,
        len(lists),
        shown["track_key"].nunique(),
        {
            Reaction(str(reaction)): frozenset(rows)
            for reaction, rows in said.groupby("reaction")["track_key"]
        },
        _names(lake, listener, saved),
    )


def _names(lake: Lake, listener: str, found: pd.DataFrame) -> list[str]:
    """Return the names of some picks, in order: `Artist – Title`."""
    nights, keys = sorted(set(found["night"])), set(found["track_key"])
    chosen = lake.frame(
        RECOMMENDATIONS,
        columns=["track_key", "artist", "title"],
        where={"listener": listener, "night": nights},
    )
    chosen = chosen[chosen["track_key"].isin(keys)].drop_duplicates("track_key")
    return sorted(f"{row['artist']} – {row['title']}" for row in chosen.to_dict("records"))


def _counts(artists: "pd.Series[str]") -> dict[str, int]:
    found = {str(artist): int(n) for artist, n in artists.value_counts().items()}
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def _opinions(lake: Lake, listener: str, nights: Sequence[str]) -> list[Opinion]:
    """Return the tracks whose P(like) rose and fell most, from the first night to the last."""
    if len(nights) < 2:
        return []
    then, now = (_p_like(lake, listener, night) for night in (nights[0], nights[-1]))
    both = then.assign(now=now["p_like"]).dropna(subset=["now"])
    if both.empty:
        return []
    change = both["now"] - both["p_like"]
    told = []
    for at, far in ((change.argmax(), change.max()), (change.argmin(), -change.min())):
        if far >= MIN_CHANGE_OF_OPINION:
            row = both.iloc[int(at)]
            name = f"{row['artist']} – {row['title']}"
            told.append(Opinion(name, float(row["p_like"]), float(row["now"])))
    return told


def _p_like(lake: Lake, listener: str, night: str) -> pd.DataFrame:
    rows = lake.frame(
        RECOMMENDATIONS,
        columns=["track_key", "artist", "title", "p_like"],
        where={"listener": listener, "night": night},
    )
    return rows.dropna(subset=["p_like"]).drop_duplicates("track_key").set_index("track_key")


def heading(facts: LetterFacts) -> str:
    """Return what the letter is called: `Your week, 26 October to 1 November 2026`."""
    if (facts.first, facts.last) == year_of(facts.first.year):
        return f"Your year {facts.first.year}"
    first = f"{facts.first.day} {calendar.month_name[facts.first.month]}"
    last = f"{facts.last.day} {calendar.month_name[facts.last.month]} {facts.last.year}"
    return f"Your week, {first} to {last}"


def sentences(facts: LetterFacts) -> list[str]:
    """Return the letter's sentences; each of them is true of the lake."""
    told = [*_about_lists(facts.reception), *_about_plays(facts), *_about_the_model(facts)]
    return told or ["Nothing was played, and there was no list."]


def describe_reception(who: str, of: str, received: ReceivedLists) -> str:
    """Return how a list was received, in a sentence.

    >>> heard = {Reaction.PLAYED: frozenset("ab"), Reaction.SAVED: frozenset("a")}
    >>> describe_reception("Ada", "yesterday's", ReceivedLists(["2026-11-01"], 1, 3, heard))
    "Ada heard out two of yesterday's three and saved one."
    """
    words = {
        Reaction.SAVED: "saved",
        Reaction.SKIPPED: "skipped",
        Reaction.PASSED: "passed over",
        Reaction.REMOVED: "removed",
    }
    heard = number(received.count(Reaction.PLAYED))
    parts = [f"heard out {heard} of {of} {number(received.tracks)}"]
    parts += [
        f"{word} {number(n)}" for reaction, word in words.items() if (n := received.count(reaction))
    ]
    return f"{who} {listed(parts)}."


def _about_lists(received: ReceivedLists) -> list[str]:
    if not received.tracks:
        return []
    of = "the list's" if received.lists == 1 else f"the {number(received.lists)} lists'"
    told = [describe_reception("You", of, received)]
    if received.saved:
        told.append(f"You saved {_some(received.saved)}.")
    return told


def _about_plays(facts: LetterFacts) -> list[str]:
    if not facts.plays:
        return []
    favourite, n = next(iter(facts.artists.items()))
    tracks, artists = _counted(facts.tracks, "track"), _counted(len(facts.artists), "artist")
    plays = _counted(facts.plays, "play")
    told = [f"You played {tracks} by {artists}: {plays}, {number(n)} of them of {favourite}."]
    if facts.new_artists:
        found = [f"{artist} ({_counted(n, 'play')})" for artist, n in facts.new_artists.items()]
        told.append(f"New to you: {_some(found)}.")
    return told


def _about_the_model(facts: LetterFacts) -> list[str]:
    return [
        f"The taste model thinks {'better' if each.now > each.before else 'less'} of {each.name} "
        f"than before: {each.now:.0%} that you like it, not {each.before:.0%}."
        for each in facts.opinions
    ]


def _counted(n: int, noun: str) -> str:
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MAX_NAMES
    return listed([*names[:MAX_NAMES], f"{number(more)} more"] if more > 0 else names)
