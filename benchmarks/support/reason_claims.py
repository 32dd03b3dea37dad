"""Reading of reasons: which claims a sentence makes, and which of them the lake does not bear out.

The claims are read from the words alone and looked up in the tables that the night was made from,
so that a mistake in how a reason is written does not hide itself.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.catalog.features import most_reliable
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
)
from smallhours.listening.plays import WITNESSES, heard_out, with_inferred_skips
from smallhours.nights import Night
from smallhours.playlist.explain.listening_times import WEEKLY_TIMES, WeeklyTime
from smallhours.training.tags import load_tags
from smallhours.vocabulary import Route

_AND = re.compile(r"(?<=play\)|aved\)|lays\)) and ")
_COUNT = r"([\d,]+|one)"
_TIME = re.compile(r", close to your ([\w ]+)$")
_SOUND = re.compile(r"\w+ \((predicted|measured) (\w+) (near )?(\d?\.?\d+)[^)]*\)")
_EXPLORED = r"something to try, drawn by lot|also drawn by lot, to try"
_OPENING = re.compile(rf"({_EXPLORED}): ", re.IGNORECASE)
_RANK = r"among the best ([\d,]+) of ([\d,]+) tracks(?: by its tags)?"


def clauses_of(sentence: str) -> list[str]:
    """Return the clauses of a reason, as they stand in it.

    >>> clauses_of("Close to A – B (4 plays); dark and sad, close to your Sunday mornings.")
    ['Close to A – B (4 plays)', 'dark and sad', 'close to your Sunday mornings']
    >>> clauses_of("Something to try, drawn by lot: dark and sad.")
    ['Something to try, drawn by lot', 'dark and sad']
    """
    body = sentence.removesuffix(".")
    time = _TIME.search(body)
    clauses = _OPENING.sub(r"\1; ", _TIME.sub("", body), count=1).split("; ")
    return [*clauses, time.group(0)[2:]] if time else clauses


@dataclass(frozen=True)
class Claims:
    """What a night's lake says about the claims of its reasons.

    Attributes:
        lake: The lake, right after the night.
        listener: Whose night.
        night: The night.
        zone: The listener's time zone.
    """

    lake: Lake
    listener: str
    night: Night
    zone: ZoneInfo

    def named_tags(self, track_key: str, sentence: str) -> list[str]:
        """Return the tags that a sentence names, as its clauses have them."""
        found: list[str] = []
        for clause in clauses_of(sentence):
            kind = self._kind_of(clause)
            if kind is None:
                found += self._tags_in(clause, track_key)
            elif kind[0] == self._by_tag:
                found.append(kind[1][1].lower())
        return found

    def untrue(self, track_key: str, sentence: str) -> list[str]:
        """Return the clauses of a track's reason that the lake does not bear out."""
        return [clause for clause in clauses_of(sentence) if not self._holds(track_key, clause)]

    def _kind_of(self, clause: str) -> tuple[Callable[..., bool], re.Match[str]] | None:
        for pattern, check in self._checks:
            if found := pattern.fullmatch(clause):
                return check, found
        return None

    def _holds(self, track_key: str, clause: str) -> bool:
        found = self._kind_of(clause)
        if found is None:
            return bool(self._tags_in(clause, track_key))
        check, match = found
        return check(track_key, *match.groups())

    @cached_property
    def _checks(self) -> list[tuple[re.Pattern[str], Callable[..., bool]]]:
        return [
            (re.compile(pattern, re.IGNORECASE), check)
            for pattern, check in (
                (_RANK, self._ranked),
                (_EXPLORED, self._explored),
                (_SOUND.pattern, self._sounds),
                (r"close to your ([\w ]+)", self._at_that_time),
                (_COUNT + " tracks of yours lead here, (.+) among them", self._many_tracks),
                (_COUNT + " artists of yours have (.+) near them, (.+) too", self._many_artists),
                ("because you play (.+)", self._played_seeds),
                ("close to tracks that are close to (.+)", self._two_steps),
                ("close to (.+)", self._seeds),
                ("by an artist near (.+)", self._artists),
                ("(.+) is a neighbour of (.+)", lambda key, _, names: self._artists(key, names)),
                (f"more by (.+), of whom you know {_COUNT} tracks?", self._known_of),
                (f"you have {_COUNT} plays? of (.+), and not this one yet", self._plays_of),
                ("one of the best-known tracks tagged (.+?)(?:, your .+ tag)?", self._by_tag),
                (
                    r"you play (.+) between (\d+):00 and (\d+):00 \((.+) of (.+) plays?\)",
                    self._hours,
                ),
            )
        ]

    def _ranked(self, track_key: str, best: str, of: str) -> bool:
        where = {"listener": self.listener, "night": self.night.date.isoformat()}
        rows = self.lake.frame(RECOMMENDATIONS, columns=["track_key", "rank"], where=where)
        mine = rows.loc[rows["track_key"] == track_key, "rank"]
        found = mine.between(1, _number(best)).any()
        return bool(found) and _number(best) <= _number(of)

    def _explored(self, track_key: str) -> bool:
        where = {"listener": self.listener, "night": self.night.date.isoformat()}
        rows = self.lake.frame(RECOMMENDATIONS, columns=["track_key", "slot"], where=where)
        return "explore" in set(rows.loc[rows["track_key"] == track_key, "slot"])

    def _two_steps(self, track_key: str, names: str) -> bool:
        return self._seeds(track_key, names, route=Route.TWO_STEPS)

    def _seeds(
        self,
        track_key: str,
        names: str,
        *,
        played: bool = False,
        route: Route = Route.SIMILAR_TRACK,
    ) -> bool:
        votes = self._votes(track_key, route)
        told = [self._named_track(name) for name in _AND.split(names)]
        return all(
            key in votes
            and artist_key_in(key) != artist_key_in(track_key)
            and self._track_plays.get(key, 0) == plays
            and (plays > 0 or not played)
            for key, plays in told
        )

    def _played_seeds(self, track_key: str, names: str) -> bool:
        return self._seeds(track_key, names, played=True)

    def _many_tracks(self, track_key: str, count: str, names: str) -> bool:
        known = self._votes(track_key, Route.SIMILAR_TRACK) & self._known
        others = {key for key in known if artist_key_in(key) != artist_key_in(track_key)}
        return len(others) == _number(count) and self._seeds(track_key, names)

    def _artists(self, track_key: str, names: str) -> bool:
        votes = self._votes(track_key, Route.SIMILAR_ARTIST)
        told = [self._named_artist(name) for name in _AND.split(names)]
        return all(
            key in votes and key != artist_key_in(track_key) and self._artist_plays(key) == plays
            for key, plays in told
        )

    def _many_artists(self, track_key: str, count: str, _: str, names: str) -> bool:
        owners = {artist_key_in(key) for key in self._known} - {artist_key_in(track_key)}
        known = self._votes(track_key, Route.SIMILAR_ARTIST) & owners
        return len(known) == _number(count) and self._artists(track_key, names)

    def _known_of(self, track_key: str, name: str, count: str) -> bool:
        liked = {*self._track_plays, *self._liked}
        mine = {key for key in liked if artist_key_in(key) == artist_key_of(name)}
        return artist_key_in(track_key) == artist_key_of(name) and len(mine) == _number(count)

    def _plays_of(self, track_key: str, count: str, name: str) -> bool:
        return (
            self._artist_plays(artist_key_of(name)) == _number(count)
            and artist_key_in(track_key) == artist_key_of(name)
            and track_key not in self._known
        )

    def _by_tag(self, track_key: str, tag: str) -> bool:
        return tag.lower() in {each.lower() for each in self._votes(track_key, Route.TAG)}

    def _sounds(self, track_key: str, source: str, name: str, near: str, value: str) -> bool:
        rows = most_reliable(self._features[self._features["track_key"] == track_key])
        mine = rows[rows["feature"] == name]
        if len(mine) != 1 or (mine["source"].iloc[0] == "predicted") != (source == "predicted"):
            return False
        off = 0.03 if near else 0.51 if float(value) > 1 else 0.0051
        return bool(abs(mine["value"].iloc[0] - float(value)) <= off)

    def _at_that_time(self, track_key: str, name: str) -> bool:
        """Return whether the seeds' artists have a larger share of their plays then than all."""
        (time,) = [each for each in WEEKLY_TIMES if each.name == name]
        mine = self._candidates[self._candidates["track_key"] == track_key]
        owners = {artist_key_in(key) for key in mine["seed_key"]}
        then = self._plays["played_at"].map(lambda moment: self._within(moment, time))
        theirs = self._plays["track_key"].map(artist_key_in).isin(owners)
        return bool(then[theirs].mean() > then.mean())

    def _hours(self, track_key: str, name: str, *figures: str) -> bool:
        """Return whether a seed's share of plays in a window is more than that of all plays."""
        start, end, times, every = map(_number, figures)
        seed, _ = self._named_track(name)
        hour = self._plays["played_at"].dt.tz_convert(self.zone).dt.hour
        then = (hour >= start) & (hour < end) if start < end else (hour >= start) | (hour < end)
        theirs = then[self._plays["track_key"] == seed]
        return (
            seed in self._votes(track_key, Route.SIMILAR_TRACK)
            and (int(theirs.sum()), len(theirs)) == (times, every)
            and bool(theirs.mean() > then.mean())
        )

    def _within(self, moment: pd.Timestamp, time: WeeklyTime) -> bool:
        local = moment.tz_convert(self.zone) - pd.Timedelta(hours=6)
        return local.day_of_week in time.days and local.hour // 6 == time.part

    def _tags_in(self, clause: str, track_key: str) -> list[str]:
        """Return the tags of which the whole clause is made; none where it is of anything else."""
        tags = load_tags(self.lake, [track_key], normalised=True).of(track_key)
        for parts in (_halves(clause), [(clause,)]):
            for names in parts:
                lower = [name.lower() for name in names]
                if all(name in tags for name in lower):
                    return lower
        return []

    def _named_track(self, text: str) -> tuple[str, int]:
        name, plays = _with_plays(text)
        artist, _, title = name.partition(" – ")
        return identify(artist, title).track_key, plays

    def _named_artist(self, text: str) -> tuple[str, int]:
        name, plays = _with_plays(text)
        return artist_key_of(name), plays

    def _artist_plays(self, artist: str) -> int:
        return sum(n for key, n in self._track_plays.items() if artist_key_in(key) == artist)

    def _votes(self, track_key: str, route: Route) -> set[str]:
        rows = self._candidates
        mine = (rows["track_key"] == track_key) & (rows["route"] == route)
        return set(rows.loc[mine, "seed_key"])

    @cached_property
    def _candidates(self) -> pd.DataFrame:
        columns = ["track_key", "route", "seed_key"]
        return self.lake.frame(CANDIDATES, columns=columns, where={"listener": self.listener})

    @cached_property
    def _plays(self) -> pd.DataFrame:
        columns = ["track_key", "played_at", "ms_played", "skipped", *WITNESSES]
        rows = self.lake.frame(PLAYS, columns=columns, where={"listener": self.listener})
        rows = with_inferred_skips(rows[rows["played_at"] < self.night.as_of])
        rows = rows.sort_values("played_at", kind="stable")
        return rows[heard_out(rows)]

    @cached_property
    def _track_plays(self) -> dict[str, int]:
        return {str(key): int(n) for key, n in self._plays["track_key"].value_counts().items()}

    @cached_property
    def _library(self) -> pd.DataFrame:
        return self.lake.frame(
            LIBRARY, columns=["track_key", "signal"], where={"listener": self.listener}
        )

    @cached_property
    def _liked(self) -> set[str]:
        return set(self._library.loc[self._library["signal"] != "disliked", "track_key"])

    @cached_property
    def _known(self) -> set[str]:
        rows = self.lake.frame(PLAYS, columns=["track_key"], where={"listener": self.listener})
        return {*rows["track_key"], *self._liked}

    @cached_property
    def _features(self) -> pd.DataFrame:
        return self.lake.frame(AUDIO_FEATURES)


def _halves(clause: str) -> Iterator[tuple[str, str]]:
    """Yield each way to read a clause as two names with an "and" between them."""
    for found in re.finditer(" and ", clause):
        yield clause[: found.start()], clause[found.end() :]


def _with_plays(text: str) -> tuple[str, int]:
    found = re.search(r" \((?:([\d,]+) plays?|saved)\)$", text)
    if found is None:
        return text, 0
    return text[: found.start()], _number(found[1]) if found[1] else 0


def _number(text: str) -> int:
    return 1 if text.lower() == "one" else int(text.replace(",", ""))
