"""Tags and neighbours from Last.fm: how they are asked for and stored."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pandas as pd

from smallhours.catalog.concurrent_fetch import Fetch
from smallhours.catalog.features import ToldLengths
from smallhours.catalog.stored_answers import (
    NO_TAG,
    Neighbour,
    Seed,
    store_neighbours,
    store_tags,
)
from smallhours.identity import artist_key_in, identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, TRACK_TAGS
from smallhours.services.lastfm_replies import (
    ChartTag,
    LastfmTags,
    SimilarArtist,
    SimilarTrack,
    Tag,
    TopTrack,
)
from smallhours.vocabulary import CatalogSource

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient

NO_TAGS = LastfmTags("", None, ())

PER_SEED = 250
TOP_TRACKS = 30
TAG_TRACKS = 50
CHART_TAGS = 500


def artist_tags(
    lake: Lake, lastfm: "LastfmClient", *, night: dt.date
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
    lake: Lake, lastfm: "LastfmClient", *, night: dt.date
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


Found = Sequence[SimilarTrack | SimilarArtist | TopTrack | ChartTag]


@contextmanager
def neighbours_of(
    lake: Lake, lastfm: "LastfmClient", *, night: dt.date
) -> Iterator[Fetch[Seed, Found]]:
    """Yield how the neighbours of seeds are asked for and stored; at the end, store lengths."""
    lengths = ToldLengths(lake, night)

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
        # The lengths first: should we be stopped between the two, the seeds are asked again.
        lengths.note(
            {
                identify(track.artist, track.title).track_key: float(track.length_ms)
                for _, found in answers
                for track in found
                if isinstance(track, (SimilarTrack, TopTrack)) and track.length_ms
            }
        )
        named = [(seed, tuple(map(_neighbour, found, count(1)))) for seed, found in answers]
        store_neighbours(lake, named, source=CatalogSource.LASTFM, night=night)

    try:
        yield Fetch(call, store, missing=(), about=lambda seed: artist_key_in(seed.key))
    finally:
        lengths.store()


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
