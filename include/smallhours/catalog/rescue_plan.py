"""What a rescue asks Last.fm, the most valuable question first.

A night asks about the listener's strongest few tracks, artists and tags. A rescue does the same in
rounds, each several times as deep, so that one that is cut short has what matters most. Within a
round come the tags of the listener's own artists, what is near, the tags of their own tracks, and
at last the tags of what was found. The plan depends only on the lake: what is answered there is
left out, and so the next start goes on where the last one ended.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.candidates import Weights, gather, weights_of
from smallhours.catalog.seeds import foreign_tags, near_seeds
from smallhours.catalog.stored_answers import Seed, read_neighbours
from smallhours.catalog.tracks import named_rows
from smallhours.identity import artist_key_in, is_artist
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, SIMILAR, TRACK_TAGS, TRACKS
from smallhours.nights import Night
from smallhours.settings import CatalogSettings, Settings
from smallhours.vocabulary import CatalogSource

ARTIST_TAGS_OF = "artist_tags"
TRACK_TAGS_OF = "track_tags"
# How deep each round goes, in multiples of a night's seeds.
ROUNDS = (1, 4, 16)
# Tags are asked for ten times as many of the listener's own tracks and artists as are seeds; in
# the last round for all of them.
OWN_PER_SEED = 10
# And for so many of the tracks that were found.
FOUND_PER_SEED = 20

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RescuePlan:
    """What is left to ask.

    Attributes:
        due: The questions that the lake has no fresh answer to, the most valuable first.
        kept: How many questions of the plan are answered already.
        further: How many more the answers can lead to, at most.
    """

    due: tuple[Seed, ...]
    kept: int
    further: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the rest takes, computed from the number of questions and the allowed rate.

    Attributes:
        left: Questions that are known.
        further: How many more their answers can lead to, at most.
        calls_per_second: The allowed rate.
    """

    left: int
    further: int
    calls_per_second: float

    @property
    def minutes(self) -> int:
        """Minutes for the questions that are known."""
        return minutes_for(self.left, self.calls_per_second)

    @property
    def max_minutes(self) -> int:
        """Minutes for those and for all that they can lead to."""
        return minutes_for(self.left + self.further, self.calls_per_second)


def minutes_for(calls: int, calls_per_second: float) -> int:
    """Return how many minutes, rounded up, so many calls take at a rate."""
    return math.ceil(calls / calls_per_second / 60)


def plan_rescue(listener: str, lake: Lake, *, settings: Settings, night: Night) -> RescuePlan:
    """Return what a rescue has still to ask."""
    weights = weights_of(lake, listener, night=night)
    if weights.tracks.empty:
        return RescuePlan((), 0, 0)
    wanted = list(dict.fromkeys(_wanted(lake, weights, settings, night)))
    due = unanswered(lake, wanted, settings=settings, night=night)
    further = _further(wanted, weights, settings.catalog) if due else 0
    return RescuePlan(due, len(wanted) - len(due), further)


def unanswered(
    lake: Lake, seeds: Sequence[Seed], *, settings: Settings, night: Night
) -> tuple[Seed, ...]:
    """Those of the questions that the lake has no answer to, and then those with a stale one."""
    answered = _answered(lake)
    oldest_fresh = night.date - dt.timedelta(days=settings.catalog.fresh_days)
    dated = [(seed, answered.get((seed.kind, seed.key))) for seed in seeds]
    new = [seed for seed, date in dated if date is None]
    return (*new, *(seed for seed, date in dated if date is not None and date < oldest_fresh))


def _wanted(lake: Lake, weights: Weights, settings: Settings, night: Night) -> Iterator[Seed]:
    """All questions that are worth asking, round by round; some come again in later rounds."""
    names = lake.frame(TRACKS, columns=["track_key", "artist_key", "artist", "title"])
    names = named_rows(names[names["artist_key"].map(is_artist).astype(bool)])
    by_track = names.set_index("track_key")
    by_artist = names.groupby("artist_key")["artist"].first()
    similar = read_neighbours(lake)
    tracks = weights.tracks[weights.tracks.index.isin(by_track.index)]
    artists = weights.artists[weights.artists.index.isin(by_artist.index)]
    has_chart = ("chart", "tags") in _answered(lake)
    yield Seed("chart", "tags", "")
    for depth in ROUNDS:
        deep = _deepened(settings, depth)
        limits = deep.catalog
        strong = artists.head(limits.seed_artists)
        strong_tags = weights.tags.head(limits.seed_tags)
        # The chart decides which tags are foreign, as on every night.
        foreign = foreign_tags(lake, weights, deep) if has_chart else []
        yield from _artist_tags(_own(artists, limits.seed_artists, depth), by_artist)
        yield from _tracks("track", tracks.head(limits.seed_tracks).index, by_track)
        yield from (Seed("artist", key, by_artist[key]) for key in strong.index)
        yield from (Seed("artist_tracks", key, by_artist[key]) for key in strong.index)
        yield from (Seed("tag_tracks", tag, "") for tag in [*strong_tags.index, *foreign])
        own_tracks = _own(tracks, limits.seed_tracks, depth)
        yield from _tracks(TRACK_TAGS_OF, own_tracks.index, by_track)
        yield from near_seeds(lake, strong, tracks, deep)
        found = gather(
            similar,
            tracks=tracks.head(limits.seed_tracks),
            artists=strong,
            tags=strong_tags,
            foreign_tags=frozenset(foreign),
            night=night.date,
        )
        best = _best(found, limits.seed_tracks * FOUND_PER_SEED)
        best = best[best.index.isin(by_track.index)]
        yield from _artist_tags(_owners(best), by_artist)
        yield from _tracks(TRACK_TAGS_OF, best.index, by_track)


def _deepened(settings: Settings, depth: int) -> Settings:
    """The settings with so many times a night's seeds."""
    catalog = settings.catalog
    names = ("seed_tracks", "seed_artists", "seed_tags", "near_artists")
    more = {name: getattr(catalog, name) * depth for name in names}
    return settings.model_copy(update={"catalog": catalog.model_copy(update=more)})


def _own(weights: pd.Series, seeds: int, depth: int) -> pd.Series:
    """The listener's own tracks or artists whose tags a round asks for."""
    return weights if depth == ROUNDS[-1] else weights.head(seeds * OWN_PER_SEED)


def _best(found: pd.DataFrame, most: int) -> pd.Series:
    """The strength of the found tracks that fit best, by key."""
    strength = found.groupby("track_key")["strength"].max()
    return strength.sort_values(ascending=False, kind="stable").head(most)


def _owners(tracks: pd.Series) -> pd.Series:
    """The artists of some tracks, in the order of their best."""
    keys = dict.fromkeys(artist_key_in(key) for key in tracks.index)
    return pd.Series(1.0, index=list(keys), dtype=float)


def _artist_tags(artists: pd.Series, names: pd.Series) -> Iterator[Seed]:
    return (Seed(ARTIST_TAGS_OF, key, names[key]) for key in artists.index if key in names.index)


def _tracks(kind: str, keys: pd.Index, by_track: pd.DataFrame) -> Iterator[Seed]:
    rows = by_track.loc[keys]
    for key, artist, title in zip(keys, rows["artist"], rows["title"], strict=True):
        yield Seed(kind, key, artist, title)


def _answered(lake: Lake) -> dict[Key, dt.date]:
    """Return when Last.fm last answered each question."""
    told = pc.field("source") != CatalogSource.MUSICBRAINZ
    near = pc.field("source") == CatalogSource.LASTFM
    parts = [lake.frame(SIMILAR, columns=["kind", "seed_key", "fetched_at"], filters=near)]
    for kind, table, key in (
        (ARTIST_TAGS_OF, ARTIST_TAGS, "artist_key"),
        (TRACK_TAGS_OF, TRACK_TAGS, "track_key"),
    ):
        rows = lake.frame(table, columns=[key, "fetched_at"], filters=told)
        parts.append(rows.rename(columns={key: "seed_key"}).assign(kind=kind))
    # All rows of an answer have its date.
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(["kind", "seed_key"])
    keys = zip(rows["kind"], rows["seed_key"], strict=True)
    return dict(zip(keys, rows["fetched_at"], strict=True))


def _further(wanted: list[Seed], weights: Weights, catalog: CatalogSettings) -> int:
    """Return how many questions the limits of the last round leave room for."""
    depth = ROUNDS[-1]
    found = catalog.seed_tracks * FOUND_PER_SEED * depth
    counts = pd.Series([seed.kind for seed in wanted]).value_counts()
    room = {
        "tag_tracks": catalog.seed_tags * depth + catalog.foreign_tags,
        "artist_tracks": (catalog.seed_artists + catalog.near_artists) * depth,
        # Each found track may have an artist of its own.
        ARTIST_TAGS_OF: len(weights.artists) + found,
        TRACK_TAGS_OF: len(weights.tracks) + found,
    }
    return sum(max(0, most - int(counts.get(kind, 0))) for kind, most in room.items())
