"""Seeds and candidates: the tracks that could be recommended, with every seed that leads to them.

A seed is one of the listener's tracks, artists or tags. Its weight follows from plays and library,
and is relative to the strongest, in (0, 1]. Plays lose half of their weight every 180 days, and the
sum goes through log(1 + n): a track with 8 plays of today has the weight 1, another with 1 play
log(2) / log(9) = 0.32, one with 8 plays of 180 days ago log(5) / log(9) = 0.73.

Candidates come from the stored neighbours of the seeds. A candidate keeps all its seeds, because
the number of independent seeds that lead to a track is the best single sign that it fits.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from smallhours.catalog.normalisation import default_pipeline
from smallhours.catalog.stored_answers import read_tags
from smallhours.catalog.tag_names import names_of
from smallhours.identity import artist_key_in, is_artist
from smallhours.lake.list_tables import EDITS
from smallhours.lake.parquet import encode
from smallhours.lake.partition import folder_of
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, LIBRARY, PLAYS
from smallhours.listening.edits import own_plays
from smallhours.listening.library import named_share, read_library
from smallhours.listening.plays import WITNESSES, heard_out, with_inferred_skips
from smallhours.nights import Night
from smallhours.vocabulary import Route, Signal

# Neighbours of a similar artist count for their best-known tracks only.
TRACKS_PER_NEIGHBOUR = 10

# The hidden folder of noted weights, and what they follow from, in their file.
_HEARD, _SOURCES = ".heard", "sources"

# A play counts half as much after this many days.
HALF_LIFE_DAYS = 180.0
# A standing signal counts as this many plays of today: top counts twice as much as saved, and
# loving is as deliberate as saving. A track that stands for a named artist fades with plays.
SIGNAL_PLAYS = {Signal.TOP: 10.0, Signal.SAVED: 5.0, Signal.LOVED: 5.0, Signal.NAMED: 2.0}


def gather(
    similar: pd.DataFrame,
    *,
    tracks: pd.Series,
    artists: pd.Series,
    tags: pd.Series,
    foreign_tags: frozenset[str],
    night: dt.date,
) -> pd.DataFrame:
    """Return a listener's candidates: `track_key`, `route`, `seed_key`, `strength`, `seen`.

    Args:
        similar: All of `similar` that any seed may have asked for.
        tracks: Weight of the listener's tracks by key, in (0, 1].
        artists: Weight of the listener's artists by key, in (0, 1].
        tags: Weight of the listener's tags, in (0, 1].
        foreign_tags: Tags that never occur in the listener's history.
        night: Becomes `seen`.
    """
    near = similar[similar["rank"] > 0]
    kinds = dict(iter(near.groupby("kind")))
    none = near.iloc[:0]
    of_artists = kinds.get("artist_tracks", none)
    of_tags = kinds.get("tag_tracks", none)
    of_tracks = kinds.get("track", none)
    one_step = _weighted(of_tracks, tracks, Route.SIMILAR_TRACK)
    routes = [
        one_step,
        _two_steps(of_tracks, one_step, tracks),
        _via_artists(kinds.get("artist", none), of_artists, artists),
        _weighted(_softened(of_artists), artists, Route.KNOWN_ARTIST),
        _weighted(_softened(of_tags), tags, Route.TAG),
        _background(of_tags, foreign_tags),
    ]
    rows = pd.concat(routes, ignore_index=True)
    rows = rows.sort_values("strength", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["track_key", "route", "seed_key"])
    rows = rows.sort_values(["track_key", "route", "seed_key"], ignore_index=True)
    # What 32 bits hold: more is noise, and bytes.
    strength = rows["strength"].astype("float32").astype(float)
    return rows.assign(strength=strength, seen=night)


def _weighted(near: pd.DataFrame, weights: pd.Series, route: Route) -> pd.DataFrame:
    """Return neighbours of the listener's own seeds; the strength is match times weight."""
    weight = near["seed_key"].map(weights).astype(float)
    frame = pd.DataFrame(
        {
            "track_key": near["neighbour_key"],
            "route": route,
            "seed_key": near["seed_key"],
            "strength": near["match"] * weight,
        }
    )
    return frame[weight.notna()]


def _two_steps(near: pd.DataFrame, one_step: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    """Return the neighbours of the listener's neighbours, each with the strongest seed behind it.

    Example: a seed leads to a track with the strength 0.5, whose list has another with the match
    0.4: the seed leads to that one with 0.2.
    """
    strongest = one_step.sort_values("strength", ascending=False, kind="stable")
    first = strongest.drop_duplicates("track_key").set_index("track_key")
    far = near[near["seed_key"].isin(first.index) & ~near["neighbour_key"].isin(known.index)]
    far = far[~far["seed_key"].isin(known.index)]
    middle = first.loc[far["seed_key"]]
    found = pd.DataFrame(
        {
            "track_key": far["neighbour_key"].to_numpy(),
            "route": Route.TWO_STEPS,
            "seed_key": middle["seed_key"].to_numpy(),
            "strength": middle["strength"].to_numpy(dtype=float) * far["match"].to_numpy(),
        }
    )
    # A track that the same seed leads to directly needs no second way.
    return found[~found["track_key"].isin(first.index)]


def _via_artists(
    neighbours: pd.DataFrame, top_tracks: pd.DataFrame, weights: pd.Series
) -> pd.DataFrame:
    """Return the top tracks of artists similar to the listener's, with the listener's artist."""
    near = neighbours.assign(weight=neighbours["seed_key"].map(weights).astype(float))
    near = near[near["weight"].notna()]
    top = _softened(top_tracks[top_tracks["rank"] <= TRACKS_PER_NEIGHBOUR])
    both = near.merge(top, left_on="neighbour_key", right_on="seed_key", suffixes=("", "_top"))
    return pd.DataFrame(
        {
            "track_key": both["neighbour_key_top"],
            "route": Route.SIMILAR_ARTIST,
            "seed_key": both["seed_key"],
            "strength": both["weight"] * both["match"] * both["match_top"],
        }
    )


def _background(of_tags: pd.DataFrame, foreign: frozenset[str]) -> pd.DataFrame:
    rows = of_tags[of_tags["seed_key"].isin(foreign)]
    return pd.DataFrame(
        {
            "track_key": rows["neighbour_key"],
            "route": Route.BACKGROUND,
            "seed_key": rows["seed_key"],
            "strength": 0.0,
        }
    )


def _softened(top_tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the top tracks with the square root of their match, 1/rank.

    The tenth best-known track of an artist then has 0.32 instead of 0.1.
    """
    return top_tracks.assign(match=top_tracks["match"] ** 0.5)


@dataclass(frozen=True, slots=True)
class Weights:
    """The listener's weights of tracks, artists and tags, strongest first."""

    tracks: pd.Series
    artists: pd.Series
    tags: pd.Series


def weights_of(
    lake: Lake, listener: str, *, night: Night, tracks: pd.Series | None = None
) -> Weights:
    """Return the listener's weights, from all that the lake knows.

    Args:
        lake: The lake.
        listener: Whose.
        night: Tonight.
        tracks: The weights of their tracks where they are known, as no new plays come meanwhile;
            those of tags may have changed.
    """
    if tracks is None:
        tracks = heard_weights(lake, listener, night=night)
    artists = artist_weights(tracks)
    tagged = read_tags(lake, ARTIST_TAGS, owners=artists.index)
    names = names_of(lake, tagged["tag"].unique())
    named = tagged.assign(name=tagged["tag"].map(names).astype(str))
    return Weights(tracks, artists, tag_weights(artists, named))


def heard_weights(lake: Lake, listener: str, *, night: Night) -> pd.Series:
    """Return the weight of each track that the listener played or likes, strongest first.

    Several stages of a night need them, and a long history takes a while to read: they are noted
    beside a fingerprint of what they follow from.
    """
    sources = _sources_of_weights(lake, listener, night)
    path = f"{_HEARD}/listener={quote(listener, safe='')}/weights.parquet"
    noted = _noted_weights(lake, path, sources)
    if noted is not None:
        return noted
    columns = ["track_key", "played_at", "ms_played", "skipped", *WITNESSES]
    plays = with_inferred_skips(own_plays(lake, listener, columns))
    plays = plays[heard_out(plays)]
    library = read_library(lake, listener)
    newest = library.groupby("signal")["last_seen"].transform("max")
    standing = library[(library["last_seen"] == newest) & (library["signal"] != Signal.DISLIKED)]
    weights = track_weights(plays, standing, night=night.date)
    rows = pa.table({"track_key": weights.index.astype(object), "weight": weights.to_numpy()})
    lake.files.replace(path, encode(rows, about={_SOURCES: sources}))
    return weights


def _sources_of_weights(lake: Lake, listener: str, night: Night) -> str:
    """Return what differs when a listener's weights may: the night, and the files that are read."""
    folders = [folder_of(table, (listener,)) for table in (PLAYS, LIBRARY, EDITS)]
    stamps = [sorted(lake.files.stamps(folder).items()) for folder in folders]
    told = f"{night.date} {stamps}".encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def _noted_weights(lake: Lake, path: str, sources: str) -> pd.Series | None:
    """Return noted weights; None where there are none that follow from these sources."""
    try:
        rows = pq.read_table(pa.BufferReader(lake.files.read(path)))
    except (FileNotFoundError, pa.ArrowException, OSError):
        return None  # it is only a note: what is damaged is made again
    if (rows.schema.metadata or {}).get(_SOURCES.encode()) != sources.encode():
        return None
    weights: pd.Series = rows.to_pandas().set_index("track_key")["weight"]
    return weights.rename(None)


def track_weights(plays: pd.DataFrame, library: pd.DataFrame, *, night: dt.date) -> pd.Series:
    """Return the weight of each known track.

    Args:
        plays: `track_key` and `played_at` of all plays.
        library: `track_key`, `signal` and `last_seen` of standing signals; withdrawn ones are
            left out by the caller.
        night: Plays are aged relative to it.

    Returns:
        Weight by track key, strongest first; ties in key order.
    """
    now = pd.Timestamp(night, tz="UTC") + pd.Timedelta(days=1)
    age = (now - plays["played_at"]).dt.total_seconds().clip(lower=0) / 86_400
    decayed = pd.Series(np.exp2(-age.to_numpy() / HALF_LIFE_DAYS), index=plays["track_key"])
    counts = {**SIGNAL_PLAYS, Signal.NAMED: SIGNAL_PLAYS[Signal.NAMED] * named_share(len(plays))}
    signals = pd.Series(
        library["signal"].map(counts).fillna(0.0).to_numpy(dtype=float),
        index=library["track_key"],
    )
    total = pd.concat([decayed, signals]).groupby(level=0).sum()
    # A hundred plays do not mean a hundred times as much as one.
    return _relative(total.map(np.log1p))


def artist_weights(tracks: pd.Series) -> pd.Series:
    """Return the weight of each artist, from the weights of their tracks, strongest first.

    "Various Artists" and their kin are left out.
    """
    tracks = tracks[[is_artist(artist_key_in(key)) for key in tracks.index]]
    keys = pd.Index([artist_key_in(key) for key in tracks.index], name="artist_key")
    total = pd.Series(tracks.to_numpy(), index=keys).groupby(level=0).sum()
    return _relative(total.map(np.log1p))


def tag_weights(artists: pd.Series, artist_tags: pd.DataFrame) -> pd.Series:
    """Return the weight of each tag: artists' weights times tag counts, strongest first.

    Spellings of one tag count together; the one that weighs most stands for all, since it is by
    a spelling that a service is asked for a tag's tracks.

    Args:
        artists: Weight by artist key.
        artist_tags: `artist_key`, `tag` and `count` (0-100); and `name`, what the tag is called,
            or else the shipped rules say it.
    """
    tags = artist_tags.assign(
        weight=artist_tags["artist_key"].map(artists).astype(float).fillna(0.0)
        * artist_tags["count"]
        / 100,
        tag=artist_tags["tag"].str.lower(),
    )
    if "name" not in tags:
        tags["name"] = _mapped(tags["tag"], default_pipeline().name)
    tags = tags[(tags["weight"] > 0) & (tags["name"] != "")]
    # Who writes "hip hop" and who writes "hip-hop" are the same people: the larger count stands.
    total = tags.groupby(["artist_key", "name"])["weight"].max().groupby(level="name").sum()
    spelled = tags.groupby(["name", "tag"])["weight"].sum().reset_index()
    spelled = spelled.sort_values(["name", "weight", "tag"], ascending=[True, False, True])
    commonest = spelled.drop_duplicates("name").set_index("name")["tag"]
    return _relative(total.rename(commonest.to_dict()).rename_axis("tag"))


def _mapped(tags: pd.Series, name: Callable[[str], str]) -> pd.Series:
    """Return the names of tags; each distinct tag is named once."""
    return tags.map({tag: name(tag) for tag in tags.unique()}).astype(str)


def _relative(weights: pd.Series) -> pd.Series:
    if weights.empty:
        return weights.astype(float)
    ordered = weights.sort_index().sort_values(ascending=False, kind="stable")
    relative: pd.Series = ordered / ordered.iloc[0]
    return relative
