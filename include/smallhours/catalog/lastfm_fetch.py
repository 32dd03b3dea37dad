"""Tags and neighbours from Last.fm: asked for concurrently, and stored in small batches.

Several requests run at a time, the service's rate limit sets the pace, and answers are stored a few
at a time while further requests are under way: a process that is killed has at most ten calls to
repeat. Only where more than five calls are answered in twice the time that storing takes, batches
grow, so that storing never takes more than a third of the time.

A question that the service fails to answer is left out and counted, and those that failed lately
are not asked (`services.set_aside`). When too many fail, or the service asks us to wait or refuses
us as a whole, nothing more is asked, the answers so far are stored first, and the error is raised
after that.

An empty answer is stored as a row, too, so that it is not requested again every night. New keys are
asked for first, then stale ones, each by weight. Neighbours are similar tracks and artists, and top
tracks of artists and tags: five kinds of question, one shape of answer, one table (`similar`).
"""

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Generic, TypeVar

import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.tracks import add_tracks
from smallhours.errors import NotFound, ServiceError
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, SIMILAR, TRACK_TAGS
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import (
    ChartTag,
    LastfmTags,
    SimilarArtist,
    SimilarTrack,
    Tag,
    TopTrack,
)
from smallhours.services.set_aside import Tally
from smallhours.vocabulary import CatalogSource

Request = TypeVar("Request")
Reply = TypeVar("Reply")

WORKERS = 8
# Answers to a batch, and the seconds after which a smaller one is stored.
BATCH = 5
STORE_EVERY_S = 2.0
# Asked and not stored yet: what a kill repeats. Half of them are asked while a batch is stored.
MAX_UNSTORED = 10
# A batch is stored no sooner than so many times the time that storing the last one took.
PAUSE_PER_STORE_TIME = 2.0

NO_TAG = ""
NO_TAGS = LastfmTags("", None, ())

NO_NEIGHBOUR = ""
PER_SEED = 100
TOP_TRACKS = 30
TAG_TRACKS = 50
CHART_TAGS = 500


@dataclass(frozen=True)
class Fetch(Generic[Request, Reply]):
    """One kind of question: how it is asked, and how its answers are stored.

    Attributes:
        call: Returns the call that asks a question; it is made in another thread.
        store: Stores answers, each with its question.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        about: Names the artist or tag that a question is about.
        describe: Says a question in words; no two questions in the same.
    """

    call: Callable[[Request], Callable[[], Reply]]
    store: Callable[[Sequence[tuple[Request, Reply]]], None]
    missing: Reply
    about: Callable[[Request], str]
    describe: Callable[[Request], str] = str


def fetch_all(
    questions: Sequence[Request],
    fetch: Fetch[Request, Reply],
    tally: Tally,
    *,
    batch: int = BATCH,
    every_s: float = STORE_EVERY_S,
) -> None:
    """Ask every question and store the answers in batches, in the order of the questions.

    Args:
        questions: What to ask.
        fetch: How.
        tally: Counts what becomes of the questions, and knows which of them wait.
        batch: Answers to a batch, while the store keeps up.
        every_s: Seconds after which the answers so far are a batch.

    Raises:
        ServiceError: after the answers around it were stored. A rate limit or a refused key ends
            the asking at once, what may be the fault of single questions when there is too much.
    """
    remaining = (each for each in questions if tally.is_due(fetch.describe(each)))
    waiting: deque[tuple[Request, Future[Reply]]] = deque()
    answers: list[tuple[Request, Reply]] = []
    ending: ServiceError | None = None
    stored_at, pause = time.monotonic(), 0.0
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            while True:
                may_store = time.monotonic() - stored_at >= pause
                room = MAX_UNSTORED - len(answers) if may_store else WORKERS
                while len(waiting) < room and ending is None:
                    question = next(remaining, None)
                    if question is None:
                        break
                    waiting.append((question, pool.submit(fetch.call(question))))
                if not waiting:
                    break
                question, future = waiting.popleft()
                outcome = _outcome(future, fetch.missing)
                if isinstance(outcome, ServiceError):
                    about, name = fetch.about(question), fetch.describe(question)
                    ending = ending or tally.fail(outcome, about, name)
                    if ending is not None:
                        waiting = deque(each for each in waiting if not each[1].cancel())
                else:
                    answers.append((question, outcome))
                    tally.answer(fetch.describe(question))
                since = time.monotonic() - stored_at
                if answers and since >= pause and (len(answers) >= batch or since >= every_s):
                    begun = time.monotonic()
                    fetch.store(answers)
                    answers, stored_at = [], time.monotonic()
                    pause = PAUSE_PER_STORE_TIME * (stored_at - begun)
        finally:
            # The answers may be impossible to store.
            pool.shutdown(wait=False, cancel_futures=True)
    if answers:
        fetch.store(answers)
    if ending is not None:
        raise ending


def _outcome(future: "Future[Reply]", missing: Reply) -> Reply | ServiceError:
    try:
        return future.result()
    except NotFound:
        return missing
    except ServiceError as error:
        return error


def due_keys(
    wanted: pd.Series, fetched: pd.Series, *, night: dt.date, fresh_days: int
) -> list[str]:
    """Return the keys to ask for, in order: new ones first, then stale ones, by weight.

    Args:
        wanted: Weight by key.
        fetched: The night of the last answer by key.
        night: Tonight.
        fresh_days: An answer older than this is stale.
    """
    frame = pd.DataFrame({"weight": wanted, "fetched": fetched.reindex(wanted.index)})
    new = frame["fetched"].isna()
    oldest_fresh = night - dt.timedelta(days=fresh_days)
    stale = ~new & (frame["fetched"].where(~new, night) < oldest_fresh)
    due = frame.assign(new=new)[new | stale].rename_axis("key").reset_index()
    due = due.sort_values(["new", "weight", "key"], ascending=[False, False, True])
    keys: list[str] = due["key"].tolist()
    return keys


def last_fetched(lake: Lake, table: Table, key: str) -> pd.Series:
    """Return the night of Last.fm's last answer about tags, by key; a data set stands for one."""
    others = pc.field("source") == CatalogSource.MUSICBRAINZ
    rows = lake.frame(table, columns=[key, "fetched_at"], filters=~others)
    newest: pd.Series = rows.groupby(key)["fetched_at"].max()
    return newest


def artist_tags(
    lake: Lake, lastfm: LastfmClient, *, night: dt.date
) -> Fetch[tuple[str, str], LastfmTags]:
    """Return how the tags of artists, given as (key, name), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str], LastfmTags]]) -> None:
        rows = [
            {"artist_key": key, "artist": name, "tag": tag.name, "count": tag.count}
            for (key, name), answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, ARTIST_TAGS, pd.DataFrame(rows), source=CatalogSource.LASTFM, night=night)

    return Fetch(
        lambda artist: partial(lastfm.artist_tags, artist[1]), store, NO_TAGS, _about, _describe
    )


def track_tags(
    lake: Lake, lastfm: LastfmClient, *, night: dt.date
) -> Fetch[tuple[str, str, str], LastfmTags]:
    """Return how the tags of tracks, given as (key, artist, title), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str, str], LastfmTags]]) -> None:
        rows = [
            {"track_key": track[0], "tag": tag.name, "count": tag.count}
            for track, answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, TRACK_TAGS, pd.DataFrame(rows), source=CatalogSource.LASTFM, night=night)

    return Fetch(
        lambda track: partial(lastfm.track_tags, *track[1:]), store, NO_TAGS, _about, _describe
    )


def _about(question: tuple[str, ...]) -> str:
    return artist_key_in(question[0])


def _describe(question: tuple[str, ...]) -> str:
    return f"tags of {' – '.join(question[1:])}"


def store_tags(
    lake: Lake, table: Table, frame: pd.DataFrame, *, source: CatalogSource, night: dt.date
) -> None:
    """Replace a source's stored tags of the answered keys by the answers."""
    key = table.key[0]
    frame = frame.assign(source=source, fetched_at=night)
    frame = frame.drop_duplicates([key, "tag"], ignore_index=True)
    artist_keys = frame[key].map(artist_key_in if key == "track_key" else str)
    frame["prefix"] = artist_keys.map(prefix_of)
    lake.merge(table, frame, whole=[key, "source"])


@dataclass(frozen=True, slots=True)
class Seed:
    """A track, artist or tag whose neighbours are fetched."""

    kind: str
    key: str
    artist: str
    title: str = ""

    def __str__(self) -> str:
        """Return the question about it, in words."""
        name = " – ".join(filter(None, (self.artist, self.title))) or self.key
        return f"{_QUESTIONS.get(self.kind, self.kind)} {name}"


_QUESTIONS = {
    "track": "tracks like",
    "artist": "artists like",
    "artist_tracks": "top tracks of",
    "tag_tracks": "top tracks of the tag",
    "chart": "the chart of",
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One neighbour, as the service names it."""

    artist: str
    title: str
    match: float
    listeners: int | None = None
    mbid: str | None = None


Found = Sequence[SimilarTrack | SimilarArtist | TopTrack | ChartTag]


def neighbours_of(lake: Lake, lastfm: LastfmClient, *, night: dt.date) -> Fetch[Seed, Found]:
    """Return how the neighbours of seeds are asked for and stored."""

    def call(seed: Seed) -> Callable[[], Found]:
        match seed.kind:
            case "chart":
                return partial(lastfm.top_tags, limit=CHART_TAGS)
            case "track":
                return partial(lastfm.similar_tracks, seed.artist, seed.title, limit=PER_SEED)
            case "artist":
                return partial(lastfm.similar_artists, seed.artist, limit=PER_SEED)
            case "artist_tracks":
                return partial(lastfm.artist_top_tracks, seed.artist, limit=TOP_TRACKS)
            case _:
                return partial(lastfm.tag_top_tracks, seed.key, limit=TAG_TRACKS)

    def store(answers: Sequence[tuple[Seed, Found]]) -> None:
        named = [(seed, tuple(map(_neighbour, found, count(1)))) for seed, found in answers]
        store_neighbours(lake, named, source=CatalogSource.LASTFM, night=night)

    return Fetch(call, store, missing=(), about=lambda seed: artist_key_in(seed.key))


def _neighbour(found: SimilarTrack | SimilarArtist | TopTrack | ChartTag, rank: int) -> Neighbour:
    """Return a row of an answer as a neighbour; one without a match is as near as its rank."""
    match found:
        case SimilarTrack():
            return Neighbour(found.artist, found.title, found.match)
        case SimilarArtist():
            return Neighbour(found.artist, "", found.match)
        case TopTrack():
            return Neighbour(found.artist, found.title, 1 / rank, found.listeners)
        case ChartTag():
            return Neighbour(found.name.lower(), "", 1 / rank)


def store_neighbours(
    lake: Lake,
    answers: Sequence[tuple[Seed, tuple[Neighbour, ...]]],
    *,
    source: CatalogSource,
    night: dt.date,
) -> None:
    """Replace a source's stored neighbours of the answered seeds; add new tracks among them."""
    rows = [row for seed, neighbours in answers for row in _rows(seed, neighbours)]
    if not rows:
        return
    frame = pd.DataFrame(rows).assign(source=source, fetched_at=night)
    frame = frame.drop_duplicates(list(SIMILAR.key), ignore_index=True)
    # The tracks first: should we be stopped between the two, the seeds are asked again.
    tracks = frame.loc[frame["title"] != "", ["artist", "title", "listeners"]]
    if not tracks.empty:
        add_tracks(lake, tracks, night=night)
    rows_of_seeds = frame.drop(columns="listeners")
    lake.merge(SIMILAR, rows_of_seeds, whole=["kind", "seed_key", "source"])


def _rows(seed: Seed, neighbours: Sequence[Neighbour]) -> list[dict[str, object]]:
    owner = artist_key_in(seed.key) if seed.kind == "track" else seed.key
    base = {"kind": seed.kind, "seed_key": seed.key, "prefix": prefix_of(owner)}
    if not neighbours:
        return [{**base, "neighbour_key": NO_NEIGHBOUR, "artist": "", "title": "", "mbid": None,
                 "match": 0.0, "rank": 0, "listeners": None}]  # fmt: skip
    return [
        {
            **base,
            "neighbour_key": _key_of(seed.kind, n),
            "artist": n.artist,
            "title": n.title,
            "mbid": n.mbid if not n.title else None,
            "match": min(max(n.match, 0.0), 1.0),
            "rank": rank,
            "listeners": n.listeners,
        }
        for rank, n in enumerate(neighbours, start=1)
    ]


def _key_of(kind: str, neighbour: Neighbour) -> str:
    if kind == "chart":
        return neighbour.artist
    if neighbour.title:
        return identify(neighbour.artist, neighbour.title).track_key
    return artist_key_of(neighbour.artist)
