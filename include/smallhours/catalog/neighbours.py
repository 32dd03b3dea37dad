"""Neighbours from Last.fm: similar tracks and artists, and top tracks of artists and tags.

Five kinds of question, one shape of answer, one table (`similar`).
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.catalog.concurrent_fetch import fetch_all
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import SIMILAR
from smallhours.services.deferred import Tally
from smallhours.services.lastfm import LastfmClient

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


def fetch_neighbours(
    lake: Lake, lastfm: LastfmClient, seeds: Sequence[Seed], *, night: dt.date, tally: Tally
) -> None:
    """Fetch and store the neighbours of all seeds; new tracks enter the catalog.

    Raises:
        ServiceError: after the answers before it were kept.
    """
    none: tuple[Neighbour, ...] = ()
    for answers in fetch_all(seeds, _fetcher(lastfm), missing=none, about=_about, tally=tally):
        store_neighbours(lake, answers, night=night)


def _about(seed: Seed) -> str:
    return artist_key_in(seed.key)


def _fetcher(lastfm: LastfmClient) -> Callable[[Seed], tuple[Neighbour, ...]]:
    def similar_tracks(seed: Seed) -> tuple[Neighbour, ...]:
        found = lastfm.similar_tracks(seed.artist, seed.title, limit=PER_SEED)
        return tuple(Neighbour(t.artist, t.title, t.match) for t in found)

    def similar_artists(seed: Seed) -> tuple[Neighbour, ...]:
        found = lastfm.similar_artists(seed.artist, limit=PER_SEED)
        return tuple(Neighbour(a.artist, "", a.match) for a in found)

    def artist_tracks(seed: Seed) -> tuple[Neighbour, ...]:
        found = lastfm.artist_top_tracks(seed.artist, limit=TOP_TRACKS)
        return tuple(
            Neighbour(t.artist, t.title, 1 / n, t.listeners) for n, t in enumerate(found, 1)
        )

    def tag_tracks(seed: Seed) -> tuple[Neighbour, ...]:
        found = lastfm.tag_top_tracks(seed.key, limit=TAG_TRACKS)
        return tuple(Neighbour(t.artist, t.title, 1 / n) for n, t in enumerate(found, 1))

    def chart(_: Seed) -> tuple[Neighbour, ...]:
        found = lastfm.top_tags(limit=CHART_TAGS)
        return tuple(Neighbour(t.name.lower(), "", 1 / n) for n, t in enumerate(found, 1))

    by_kind = {
        "chart": chart,
        "track": similar_tracks,
        "artist": similar_artists,
        "artist_tracks": artist_tracks,
        "tag_tracks": tag_tracks,
    }
    return lambda seed: by_kind[seed.kind](seed)


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
