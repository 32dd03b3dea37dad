"""Neighbours from Last.fm: similar tracks and artists, and top tracks of artists and tags.

Five kinds of question, one shape of answer, one table (`similar`).
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import pandas as pd

from smallhours.catalog.concurrent_fetch import Fetch
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import SIMILAR
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import ChartTag, SimilarArtist, SimilarTrack, TopTrack

NO_NEIGHBOUR = ""
PER_SEED = 100
TOP_TRACKS = 30
TAG_TRACKS = 50
CHART_TAGS = 500


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
        store_neighbours(lake, named, night=night)

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
    lake: Lake, answers: Sequence[tuple[Seed, tuple[Neighbour, ...]]], *, night: dt.date
) -> None:
    """Replace the stored neighbours of the answered seeds; add new tracks among them."""
    rows = [row for seed, neighbours in answers for row in _rows(seed, neighbours)]
    if not rows:
        return
    frame = pd.DataFrame(rows).assign(fetched_at=night)
    frame = frame.drop_duplicates(list(SIMILAR.key), ignore_index=True)
    # The tracks first: should we be stopped between the two, the seeds are asked again.
    tracks = frame.loc[frame["title"] != "", ["artist", "title", "listeners"]]
    if not tracks.empty:
        add_tracks(lake, tracks, night=night)
    lake.merge(SIMILAR, frame.drop(columns="listeners"), whole=["kind", "seed_key"])


def _rows(seed: Seed, neighbours: Sequence[Neighbour]) -> list[dict[str, object]]:
    owner = artist_key_in(seed.key) if seed.kind == "track" else seed.key
    base = {"kind": seed.kind, "seed_key": seed.key, "prefix": prefix_of(owner)}
    if not neighbours:
        return [{**base, "neighbour_key": NO_NEIGHBOUR, "artist": "", "title": "", "match": 0.0,
                 "rank": 0, "listeners": None}]  # fmt: skip
    return [
        {
            **base,
            "neighbour_key": _key_of(seed.kind, n),
            "artist": n.artist,
            "title": n.title,
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
