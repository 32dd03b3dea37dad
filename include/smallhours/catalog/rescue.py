"""Reads from Last.fm in one go what a listener would miss most if their key were refused.

First the whole history, which is verified, then tags and neighbours as `rescue_plan` orders them.
Last.fm's rate and the storage bound hold; the nightly cap does not. Answers are stored
a few at a time: a rescue that is stopped has at most ten calls to repeat.
"""

import datetime as dt
import itertools
import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from smallhours.catalog.concurrent_fetch import fetch_all
from smallhours.catalog.lastfm_data import (
    MEGABYTE,
    TARGET_SHARE,
    artist_tags,
    enforce_limit,
    footprint,
    neighbours_of,
    track_tags,
)
from smallhours.catalog.rescue_plan import (
    ARTIST_TAGS_OF,
    TRACK_TAGS_OF,
    Estimate,
    Key,
    RescuePlan,
    plan_rescue,
    unanswered,
)
from smallhours.catalog.stages import update_tracks
from smallhours.catalog.stored_answers import NO_NEIGHBOUR, NO_TAG, Seed
from smallhours.catalog.tag_names import refresh_names
from smallhours.errors import BrokenReply, RetryLater
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, PLAYS, SIMILAR, TRACK_TAGS
from smallhours.listening.plays import LASTFM, reported_by
from smallhours.listening.scrobbles import count_at
from smallhours.listening.stages import sync_loved, sync_scrobbles
from smallhours.listening.verification import verify_history
from smallhours.nights import Night
from smallhours.services.lastfm import MAX_ROWS, LastfmClient
from smallhours.services.lastfm_replies import FIRST_SCROBBLE, UserInfo
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import Tally
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# Progress is told after so many seconds' worth of questions.
TELL_EVERY_S = 15.0
MAX_BLOCK = 500
# Answers lead to better questions: after so many, the plan is made again.
REPLAN_AFTER = 1000
# How often the same questions wait until Last.fm answers again, for some minutes each time.
MAX_PAUSES = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the tags and neighbours are.

    Attributes:
        kept: Answers that the lake holds, those of earlier runs included.
        asked: Questions of this run.
        estimate: What is left.
    """

    kept: int
    asked: int
    estimate: Estimate


@dataclass
class Rescue:
    """One listener's rescue.

    Attributes:
        listener: Whose.
        lake: Where the answers go.
        lastfm: The client.
        settings: The settings.
        night: Tonight.
        counted: How many plays Last.fm counts, once the history was read.
        asked: Questions about tags and neighbours that were put in this run.
        failed: Those of them that Last.fm gave no usable answer to.
        sleep: Waits for a number of seconds.
    """

    listener: str
    lake: Lake
    lastfm: LastfmClient
    settings: Settings
    night: Night
    counted: int | None = None
    asked: int = 0
    failed: set[Key] = field(default_factory=set)
    sleep: Callable[[float], None] = time.sleep
    _tally: Tally = field(default_factory=Tally)

    def look(self) -> tuple[UserInfo, int, Estimate]:
        """Return the user, how many plays are here already, and what reading the rest takes.

        Raises:
            Refused: the key is refused.
            RetryLater: Last.fm can't be reached.
        """
        user = self.lastfm.user_info(self._user)
        here = len(self._weekly_times())
        # A page for each thousand, and one begun in each year, of the history and of its check.
        years = self.night.as_of.year - (user.registered_at or FIRST_SCROBBLE).year + 1
        pages = math.ceil(max(user.playcount - here, 0) / MAX_ROWS)
        return user, here, Estimate(pages + 2 * years, 0, self._rate)

    def read_history(self) -> None:
        """Read and verify all plays and loved tracks, from where the lake's own end.

        Raises:
            ServiceError: what was read before it is kept.
        """
        who = self.listener, self.lake, self.lastfm
        sync_scrobbles(*who, settings=self.settings, night=self.night)
        verify_history(
            *who, settings=self.settings, night=self.night, every_days=0, most=sys.maxsize
        )
        sync_loved(*who, settings=self.settings, night=self.night)
        update_tracks(self.listener, self.lake, settings=self.settings, night=self.night)
        self.counted = count_at(self.lastfm, self._user, (self._since(), self.night.as_of))

    def ask(
        self, *, max_calls: int | None = None, tell: Callable[[Progress], None] = lambda _: None
    ) -> None:
        """Ask for tags and neighbours until nothing is left, or a bound is reached.

        Args:
            max_calls: How many questions to ask, at most.
            tell: Is told how far it is, at the start and every few seconds.

        Raises:
            ServiceError: what was answered before it is kept.
        """
        while True:
            plan = self.plan()
            room = self._room(max_calls)
            due = [seed for seed in plan.due if (seed.kind, seed.key) not in self.failed]
            batch = due[: min(room, REPLAN_AFTER)]
            tell(self._progress(plan, 0))
            if not batch:
                break
            self._ask_batch(batch, plan, tell)
        limits = self.settings.catalog
        refresh_names(self.lake, Path(limits.tag_files) if limits.tag_files else None)
        enforce_limit(
            self.lake,
            limits.lastfm_megabytes,
            night=self.night.date,
            fresh_days=limits.fresh_days,
        )

    def plan(self) -> RescuePlan:
        """Return the plan of what is left to ask."""
        return plan_rescue(self.listener, self.lake, settings=self.settings, night=self.night)

    def is_full(self) -> bool:
        """Return whether the bound for what is stored from Last.fm is nearly reached."""
        allowed = self.settings.catalog.lastfm_megabytes * MEGABYTE
        return sum(footprint(self.lake).values()) >= allowed * TARGET_SHARE

    def summary(self) -> Summary:
        """Return what the lake holds now and what is left."""
        plan = self.plan()
        estimate = Estimate(len(plan.due), plan.further, self._rate)
        plays = self.lake.frame(PLAYS, columns=["track_key", "played_at"], where=self._mine)
        zone = ZoneInfo(self.settings.listener(self.listener).timezone)
        days = plays["played_at"].dt.tz_convert(zone).dt.date
        similar = self.lake.frame(SIMILAR, columns=["kind", "seed_key", "neighbour_key"])
        known = (
            similar[similar["neighbour_key"] != NO_NEIGHBOUR].groupby("kind")["seed_key"].nunique()
        )
        stored = sum(footprint(self.lake).values()) / MEGABYTE
        return {
            "plays": len(plays),
            "first_play": None if plays.empty else days.min(),
            "last_play": None if plays.empty else days.max(),
            "plays_from_lastfm": len(self._weekly_times()),
            "plays_that_lastfm_counts": self.counted,
            "plays_with_tags_percent": self._tagged(list(plays["track_key"])),
            "tracks_with_neighbours": int(known.get("track", 0)),
            "artists_with_neighbours": int(known.get("artist", 0)),
            "asked": self.asked,
            "failed": len(self.failed),
            "left": estimate.left,
            "minutes_to_go": estimate.minutes,
            "max_minutes_to_go": estimate.max_minutes,
            "lastfm_megabytes": round(stored, 1),
        }

    @property
    def _user(self) -> str:
        return self.settings.listener(self.listener).lastfm

    @property
    def _rate(self) -> float:
        return self.settings.services.lastfm.calls_per_second

    @property
    def _mine(self) -> dict[str, str]:
        return {"listener": self.listener}

    def _weekly_times(self) -> Sequence[dt.datetime]:
        """Return the times of the plays from Last.fm."""
        plays = self.lake.frame(PLAYS, columns=["played_at", "sources"], where=self._mine)
        times: list[dt.datetime] = plays.loc[reported_by(plays, LASTFM), "played_at"].tolist()
        return times

    def _since(self) -> dt.datetime:
        return min([FIRST_SCROBBLE, *self._weekly_times()])

    def _room(self, max_calls: int | None) -> int:
        """Return the number of questions that may still be asked."""
        if self.is_full():
            return 0
        return REPLAN_AFTER if max_calls is None else max(0, max_calls - self.asked)

    def _progress(self, plan: RescuePlan, done: int) -> Progress:
        """Return the progress after a number of questions of a plan."""
        left = Estimate(len(plan.due) - done, plan.further, self._rate)
        return Progress(plan.kept + done, self.asked, left)

    def _ask_batch(
        self, batch: Sequence[Seed], plan: RescuePlan, tell: Callable[[Progress], None]
    ) -> None:
        """Ask a few seconds' worth at a time; what fails alone is left for the next run."""
        size = min(MAX_BLOCK, max(1, round(TELL_EVERY_S * self._rate)))
        for done in range(0, len(batch), size):
            block = batch[done : done + size]
            for _, of_kind in itertools.groupby(block, key=_table_of):
                self._ask_patiently(list(of_kind))
            self.asked += len(block)
            tell(self._progress(plan, done + len(block)))
        self.failed |= {(seed.kind, seed.key) for seed in self._unanswered(batch)}

    def _unanswered(self, asked: Sequence[Seed]) -> Sequence[Seed]:
        return unanswered(self.lake, asked, settings=self.settings, night=self.night)

    def _ask_patiently(self, seeds: Sequence[Seed]) -> None:
        """Ask questions of one kind, and wait when Last.fm asks for it or can't be reached.

        Raises:
            ServiceError: Last.fm refuses, or still gives no answer after several pauses.
        """
        for pauses_left in range(MAX_PAUSES, -1, -1):
            try:
                self._put(seeds)
            except (BrokenReply, RetryLater) as error:
                limited = not isinstance(error, BrokenReply | TransientError)
                if not limited and self._answers():
                    LOG.warning("Some questions are left for the next run. %s", error)
                    return
                if isinstance(error, BrokenReply) or not pauses_left:
                    raise
                LOG.warning("Waiting for %d minutes. %s", math.ceil(error.after / 60), error)
                self.sleep(error.after)
                seeds = self._unanswered(seeds)
                if not seeds:
                    return
            else:
                return

    def _answers(self) -> bool:
        """Return whether Last.fm works at all, so that only single questions fail."""
        try:
            self.lastfm.user_info(self._user)
        except (BrokenReply, RetryLater):
            return False
        return True

    def _put(self, seeds: Sequence[Seed]) -> None:
        """Put questions of one kind to Last.fm, and keep the answers."""
        kind, night = _table_of(seeds[0]), self.night.date
        if kind == ARTIST_TAGS_OF:
            names = [(seed.key, seed.artist) for seed in seeds]
            fetch_all(names, artist_tags(self.lake, self.lastfm, night=night), self._tally)
        elif kind == TRACK_TAGS_OF:
            titles = [(seed.key, seed.artist, seed.title) for seed in seeds]
            fetch_all(titles, track_tags(self.lake, self.lastfm, night=night), self._tally)
        else:
            fetch_all(seeds, neighbours_of(self.lake, self.lastfm, night=night), self._tally)

    def _tagged(self, tracks: Sequence[str]) -> int:
        """For how many plays in a hundred the track or its artist has tags."""
        of_tracks = self.lake.frame(TRACK_TAGS, columns=["track_key", "tag"])
        of_artists = self.lake.frame(ARTIST_TAGS, columns=["artist_key", "tag"])
        known = set(of_tracks.loc[of_tracks["tag"] != NO_TAG, "track_key"])
        known_artists = set(of_artists.loc[of_artists["tag"] != NO_TAG, "artist_key"])
        tagged = sum(key in known or artist_key_in(key) in known_artists for key in tracks)
        return math.floor(100 * tagged / len(tracks)) if tracks else 0


def _table_of(seed: Seed) -> str:
    """Return the kind of a question's answer: tags of an artist, of a track, or neighbours."""
    return seed.kind if seed.kind in (ARTIST_TAGS_OF, TRACK_TAGS_OF) else SIMILAR.name
