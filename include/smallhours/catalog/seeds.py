"""The seeds of a night's questions: what is asked about, and what is still to be asked.

Seeds are the listener's strongest tracks, artists and tags, tags that they never play, and the
artists that are near theirs.

Until a list was written, a night asks about fewer of them, so that the first list is there within a
quarter of an hour. What is left is asked about on the nights after, whose limits are those of the
settings.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.candidates import Weights, artist_weights, gather, weights_of
from smallhours.catalog.normalisation import default_pipeline
from smallhours.catalog.stored_answers import (
    Seed,
    due_keys,
    last_fetched,
    read_neighbours,
    read_tags,
)
from smallhours.catalog.tag_names import namer
from smallhours.catalog.tracks import named_rows
from smallhours.identity import artist_key_in, is_artist
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, SIMILAR, TRACK_TAGS, TRACKS
from smallhours.nights import Night
from smallhours.settings import CatalogSettings, Settings
from smallhours.vocabulary import SHOWN, CatalogSource

Question = TypeVar("Question", bound=tuple[str, ...])

# The figure in `metrics` about what a night's candidates rest on.
EVIDENCE, OLD_SHARE = "evidence", "old_share"

# The most that each setting of `[catalog]` is on a first night. With accounts at Last.fm and at
# ListenBrainz, and a long history, all calls are reckoned to take 13 minutes at the allowed rates.
FIRST_NIGHT: Mapping[str, int] = MappingProxyType(
    {
        "lastfm_calls_per_night": 400,
        "near_artists": 60,
        "name_lookups_per_night": 100,
        "tracks_per_night": 1_000,
    }
)

# Where only one of the two is asked, there is time for more of its calls: with ListenBrainz alone
# all calls are reckoned to take 12 minutes.
LASTFM_ALONE: Mapping[str, int] = MappingProxyType(
    {"lastfm_calls_per_night": 1_000, "near_artists": 150}
)
LISTENBRAINZ_ALONE: Mapping[str, int] = MappingProxyType(
    {"near_artists": 150, "tracks_per_night": 3_000}
)


def askable_names(lake: Lake, tracks: Iterable[str], artists: Iterable[str] = ()) -> pd.DataFrame:
    """Return the names to ask by: of all tracks by some artists, and by those of some tracks.

    Nameless rows are left out, and "Various Artists".
    """
    owners = {*artists, *map(artist_key_in, tracks)}
    columns = ["track_key", "artist_key", "artist", "title"]
    rows = lake.frame(
        TRACKS,
        columns=columns,
        where={"prefix": sorted(set(map(prefix_of, owners)))},
        filters=among("artist_key", owners),
    )
    return named_rows(rows[rows["artist_key"].map(is_artist).astype(bool)])


def heard_artists(
    lake: Lake, heard: pd.Series, *, settings: Settings, night: Night
) -> list[tuple[str, str]]:
    """Return the artists that the listener heard and whose tags are due, as (key, name).

    The tags of all that was heard come first: which tags the listener likes, and which never
    occur, decides what else is worth asking.
    """
    due = due_for_lastfm(lake, ARTIST_TAGS, "artist_key", artist_weights(heard), settings, night)
    names = askable_names(lake, (), due)
    by_artist = names.groupby("artist_key")["artist"].first()
    named = [(key, by_artist[key]) for key in due if key in by_artist.index]
    return named[: settings.catalog.lastfm_calls_per_night]


def night_seeds(
    listener: str, lake: Lake, heard: pd.Series, *, settings: Settings, night: Night
) -> Iterator[Sequence[Seed]]:
    """Yield the seeds to ask about; what comes later follows from the answers before it.

    Args:
        listener: Whose.
        lake: The lake.
        heard: The weights of their tracks.
        settings: The settings.
        night: Tonight.
    """
    limits = settings.catalog
    weights = weights_of(lake, listener, night=night, tracks=heard)
    names = askable_names(lake, weights.tracks.index, weights.artists.index)
    by_track = names.set_index("track_key")
    by_artist = names.groupby("artist_key")["artist"].first()
    tracks = [key for key in weights.tracks.index if key in by_track.index]
    strongest = by_track.loc[tracks[: limits.seed_tracks]]
    named = strongest[["artist", "title"]].itertuples(name=None)
    seeds = [Seed("track", key, artist, title) for key, artist, title in named]
    artists = weights.artists[weights.artists.index.isin(by_artist.index)]
    artists = artists.head(limits.seed_artists)
    seeds += [Seed("artist", key, by_artist[key]) for key in artists.index]
    seeds += [Seed("artist_tracks", key, by_artist[key]) for key in artists.index]
    seeds += [Seed("tag_tracks", tag, "") for tag in weights.tags.head(limits.seed_tags).index]
    yield [Seed("chart", "tags", "")]
    yield seeds + [Seed("tag_tracks", tag, "") for tag in foreign_tags(lake, weights, settings)]
    # Who and what is similar is known only now, and is the next question.
    yield near_seeds(lake, artists, weights.tracks, settings)


def due_for_lastfm(
    lake: Lake, table: Table, key: str, wanted: pd.Series, settings: Settings, night: Night
) -> list[str]:
    """Return which of the wanted keys have no answer yet, or a stale one."""
    return due_keys(
        wanted,
        last_fetched(lake, table, key, wanted.index),
        night=night.date,
        fresh_days=settings.catalog.fresh_days,
    )


def still_untagged(
    lake: Lake, table: Table, settings: Settings, night: Night
) -> Callable[[Sequence[Question]], Sequence[Question]]:
    """Return a function from questions about tags, which begin with a key, to those still due."""

    def look(questions: Sequence[Question]) -> Sequence[Question]:
        lake.files.look_again()
        wanted = pd.Series(1.0, index=[question[0] for question in questions])
        due = set(due_for_lastfm(lake, table, table.key[0], wanted, settings, night))
        return [question for question in questions if question[0] in due]

    return look


def still_unanswered(
    lake: Lake, source: CatalogSource, settings: Settings, night: Night
) -> Callable[[Sequence[Seed]], Sequence[Seed]]:
    """Return a function from seeds to those that nobody was answered meanwhile."""

    def look(seeds: Sequence[Seed]) -> Sequence[Seed]:
        lake.files.look_again()
        return unanswered(lake, seeds, source, settings, night)

    return look


def unanswered(
    lake: Lake, seeds: Sequence[Seed], source: CatalogSource, settings: Settings, night: Night
) -> Sequence[Seed]:
    """Return the seeds without a recent answer of a source."""
    ours = (pc.field("source") == source) & among("seed_key", (seed.key for seed in seeds))
    answered = lake.frame(
        SIMILAR,
        columns=["kind", "seed_key", "fetched_at"],
        where={"prefix": sorted({prefix_of(seed.owner) for seed in seeds})},
        filters=ours,
    )
    oldest_fresh = night.date - dt.timedelta(days=settings.catalog.fresh_days)
    fresh = answered[answered["fetched_at"] >= oldest_fresh]
    known = set(zip(fresh["kind"], fresh["seed_key"], strict=True))
    return [seed for seed in dict.fromkeys(seeds) if (seed.kind, seed.key) not in known]


def near_seeds(lake: Lake, artists: pd.Series, tracks: pd.Series, settings: Settings) -> list[Seed]:
    """Return what is asked about what is similar to the listener's own artists and tracks.

    Of the tracks those that are nearest, one an artist.

    Args:
        lake: The lake.
        artists: Weight of the listener's artists by key.
        tracks: Weight of the listener's tracks by key, strongest first.
        settings: For the limits.
    """
    strongest = tracks.head(settings.catalog.seed_tracks)
    own = artists.index.union(strongest.index)
    similar = read_neighbours(lake, ["artist", "track"], seeds=own, more=["artist"])
    of_artists = similar["kind"] == "artist"
    near = nearest_artists(similar[of_artists], artists)
    lists, top_tracks, of_tracks = near_calls(settings.catalog)
    nearest = _nearest(similar[~of_artists], strongest, known=tracks.index)["key"]
    nearest = nearest[~nearest.map(artist_key_in).duplicated()]
    names = askable_names(lake, nearest).set_index("track_key")
    nearest = nearest[nearest.isin(names.index)].head(of_tracks)
    named = names.loc[nearest, ["artist", "title"]].itertuples(name=None)
    return [
        *(Seed("artist", key, name) for key, name in near[:lists]),
        *(Seed("artist_tracks", key, name) for key, name in near[:top_tracks]),
        *(Seed("track", key, artist, title) for key, artist, title in named),
    ]


def near_calls(limits: CatalogSettings) -> tuple[int, int, int]:
    """Return how many of a night's near calls go to lists of artists, top tracks, and tracks.

    A list of similar tracks leads to many artists, top tracks to one; by lists of artists the
    ranking sees which artists name the listener's.
    """
    lists, top_tracks = limits.near_artists // 4, limits.near_artists // 8
    return lists, top_tracks, limits.near_artists - lists - top_tracks


def nearest_artists(similar: pd.DataFrame, artists: pd.Series) -> list[tuple[str, str]]:
    """Return the artists in the lists of the listener's own, as (key, name), nearest first.

    Args:
        similar: Lists of similar artists: `seed_key`, `neighbour_key`, `rank` and `artist`.
        artists: Weight of the listener's own artists by key.
    """
    near = _nearest(similar, artists, known=artists.index)
    near = near[near["key"].map(is_artist).astype(bool)]
    return list(zip(near["key"], near["artist"], strict=True))


def _nearest(similar: pd.DataFrame, weights: pd.Series, *, known: pd.Index) -> pd.DataFrame:
    """Return what stands in the lists of some seeds: `key`, `votes`, `artist`.

    A place counts as much as the seed weighs, divided by log2(1 + place).
    """
    weight = similar["seed_key"].map(weights).astype(float)
    near = similar.assign(votes=weight / np.log2(1 + similar["rank"])).dropna(subset=["votes"])
    total = near.groupby("neighbour_key").agg(votes=("votes", "sum"), artist=("artist", "first"))
    total = total[~total.index.isin(known)].rename_axis("key").reset_index()
    return total.sort_values(["votes", "key"], ascending=[False, True])


def old_share(lake: Lake, seeds: pd.Series, *, night: dt.date, fresh_days: int) -> float:
    """Return the share of seeds about which nobody has told anything for so many days, 0-1."""
    ours = among("seed_key", seeds)
    rows = lake.frame(SIMILAR, columns=["seed_key", "fetched_at"], filters=ours)
    newest = rows.groupby("seed_key")["fetched_at"].max()
    if newest.empty:
        return 0.0
    return float((newest < night - dt.timedelta(days=fresh_days)).mean())


def gathered(lake: Lake, weights: Weights, settings: Settings, night: Night) -> pd.DataFrame:
    """Return every track that some seed of the night leads to, with all its seeds."""
    tracks = weights.tracks.head(settings.catalog.seed_tracks)
    artists = weights.artists.head(settings.catalog.seed_artists)
    tags = weights.tags.head(settings.catalog.seed_tags)
    foreign = unheard(lake, weights, foreign_tags(lake, weights, settings))
    return gather(
        neighbourhood(lake, {*tracks.index, *artists.index, *tags.index, *foreign}),
        tracks=tracks,
        artists=artists,
        tags=tags,
        foreign_tags=foreign,
        night=night.date,
    )


def neighbourhood(lake: Lake, seeds: Iterable[str]) -> pd.DataFrame:
    """Return the neighbours of some seeds, and the neighbours of those, as `read_neighbours`."""
    own = set(seeds)
    near = read_neighbours(lake, seeds=own)
    return read_neighbours(lake, seeds=own.union(near["neighbour_key"]))


def foreign_tags(lake: Lake, weights: Weights, settings: Settings) -> list[str]:
    """Return tags that no heard artist has, best known first, as a source of negatives.

    Those that were asked about before are kept while they hold. What is missing, be it that the
    asking was cut off, is taken from Last.fm's chart first, then from artists around the listener.
    Only what is known before a night's questions decides, so that asking again asks the same.
    """
    name = default_pipeline().name
    heard = {name(tag) for tag in weights.tags.index}
    # What says nothing about the music is no sign of a dislike either.
    heard.add("")
    limit = settings.catalog.foreign_tags
    lists = lake.read(SIMILAR, columns=["seed_key"], filters=pc.field("kind") == "tag_tracks")
    asked = lists["seed_key"].unique().to_pylist()
    kept = sorted(tag for tag in asked if name(tag) not in heard)[:limit]
    if len(kept) == limit:
        return kept
    chart = read_neighbours(lake, ["chart"]).sort_values(["rank", "seed_key"])
    around = read_tags(lake, ARTIST_TAGS)
    uses = around["tag"].str.lower().value_counts().rename_axis("tag").reset_index()
    uses = uses.sort_values(["count", "tag"], ascending=[False, True])
    known = dict.fromkeys([*kept, *chart["neighbour_key"], *uses["tag"]])
    return [tag for tag in known if name(tag) not in heard][:limit]


def unheard(lake: Lake, weights: Weights, tags: Sequence[str]) -> frozenset[str]:
    """Return the foreign tags that no heard track has either."""
    name = namer(lake)
    ours = read_tags(lake, TRACK_TAGS, owners=weights.tracks.index)
    heard = {name(tag) for tag in ours["tag"].unique()}
    heard.update(name(tag) for tag in weights.tags.index)
    return frozenset(tag for tag in tags if name(tag) not in heard)


def settings_tonight(lake: Lake, listener: str, settings: Settings, night: Night) -> Settings:
    """Return the settings, with the limits of a first night until a list of theirs was written."""
    lists = lake.frame(PLAYLISTS, columns=["night", "outcome"], where={"listener": listener})
    if (lists["outcome"].isin(SHOWN) & (lists["night"] < night.date)).any():
        return settings
    own = settings.catalog
    more: Mapping[str, int] = {}
    if not (settings.services.listenbrainz.enabled and settings.contact(listener)):
        more = LASTFM_ALONE
    elif not settings.listener(listener).lastfm:
        more = LISTENBRAINZ_ALONE
    most_of = {**FIRST_NIGHT, **more}
    limits = {name: min(getattr(own, name), most) for name, most in most_of.items()}
    return settings.model_copy(update={"catalog": own.model_copy(update=limits)})
