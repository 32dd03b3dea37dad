"""One listener's log of tracks, and what the product would know of it on a past day.

The log has titles, the other tables have none: known tracks are the log's, and an artist that was
not heard stands for its tracks. An artist's tags and features are those of all its tracks. Others'
listening stands for the services that name similar artists; no service names similar tracks here,
nor which of an artist's tracks are best known.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks.harness import BadTable
from benchmarks.support.installation import SETTINGS, gather, own_artists
from benchmarks.support.ranking_data import no_feedback, no_library
from benchmarks.support.taste_data import TasteWorld, load_world
from smallhours.catalog.normalisation import default_pipeline
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.nights import Night
from smallhours.playlist.rank.evidence import Evidence, history_of
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.settings import EvidenceWeights
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.past_lists import PastTables, past_votes
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import Tags
from smallhours.training.taste.model import TasteModel, fit_taste_model
from smallhours.training.taste.training_rows import (
    training_rows_at,
)
from smallhours.vocabulary import Provenance
from smallhours_study.grid import FEATURES

SEED = 1983
# The log's times are the listener's own.
ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Log:
    """The data of the benchmark.

    Attributes:
        plays: `played_at` (UTC), `track_key`, `artist`, `title`, and null columns for what the log
            lacks; oldest first.
        world: The other tables, in which artists stand for tracks.
        features: Indexed by artist key: the mean of each of FEATURES.
    """

    plays: pd.DataFrame
    world: TasteWorld
    features: pd.DataFrame

    def cuts(self, count: int, apart: dt.timedelta) -> list[dt.datetime]:
        """Return the last cuts that have as much of the log before and after them, oldest first."""
        end, start = (self.plays["played_at"].iloc[at].to_pydatetime() for at in (-1, 0))
        cuts = [end + dt.timedelta(seconds=1) - apart * each for each in range(1, count + 1)]
        return sorted(cut for cut in cuts if cut - apart > start)


def load_log(scrobbles: Path, tags: Path, others: Path, features: Path) -> Log:
    """Read the tables.

    Raises:
        BadTable: when one is missing or lacks a column.
    """
    for path in (scrobbles, tags, others, features):
        if not path.is_file():
            raise BadTable(f"There is no file {path}.")
    log = pd.read_csv(scrobbles, dtype=str, keep_default_na=False)
    measured = pd.read_csv(features, keep_default_na=False)
    for path, table, wanted in (
        (scrobbles, log, ("played_at", "artist", "title")),
        (features, measured, ("artist", *FEATURES)),
    ):
        if missing := [name for name in wanted if name not in table]:
            raise BadTable(f"{path.name} has no column {', '.join(missing)}")
    pairs = log[["artist", "title"]].drop_duplicates().itertuples(index=False, name=None)
    keys = {pair: identify(*pair).track_key for pair in pairs}
    plays = pd.DataFrame(
        {
            "played_at": pd.to_datetime(log["played_at"], utc=True),
            "track_key": [keys[pair] for pair in zip(log["artist"], log["title"], strict=True)],
            "artist": log["artist"],
            "title": log["title"],
            "ms_played": pd.array([None] * len(log), dtype="Int32"),
            "skipped": False,
            "reason_end": None,
        }
    )
    values = measured[list(FEATURES)].apply(pd.to_numeric, errors="coerce")
    return Log(
        plays.sort_values("played_at", kind="stable", ignore_index=True),
        _with_names(load_world(scrobbles, tags, others)),
        values.groupby(measured["artist"].map(artist_key_of)).mean().dropna(),
    )


def _with_names(world: TasteWorld) -> TasteWorld:
    """Return the world with each tag named once, as in the lake."""
    named = {
        tag: default_pipeline().name(tag) for tags in world.tags.artist.values() for tag in tags
    }
    return replace(world, tags=Tags({}, world.tags.artist, named))


def context_at(log: Log, plays: pd.DataFrame, cut: dt.datetime) -> ListenerContext:
    """Return what the product's stages would have gathered until a day."""
    shared, tags = log.world.installation, log.world.tags
    heard = sorted(plays["track_key"].unique())
    everything = sorted({*heard, *log.world.catalog})
    past = ListeningHistory(plays, no_library(), no_feedback(), tags, tuple(everything))
    lists = gather(shared, own_artists(past, cut)).lists
    vectors, graph = TagVectors.of(tags, everything), ArtistGraph.of(lists, tags, everything)
    features = _stored(log.features, everything)
    listeners = pd.Series(shared.crowd.listeners, index=shared.crowd.artists)
    similar = pd.concat([lists, shared.top_tracks, _own_tracks(heard)], ignore_index=True)
    tables = PastTables(past, similar, listeners, features, vectors, graph, SETTINGS)
    votes, _ = past_votes(tables, past, cut)
    met = {artist_key_in(key) for key in heard}
    votes = votes[~votes["track_key"].isin(met)]
    tracks = pd.Index(sorted({*heard, *votes["track_key"]}), dtype="str")
    owners = [artist_key_in(key) for key in tracks]
    evidence = Evidence(
        votes=votes.reset_index(drop=True),
        tracks=pd.DataFrame(
            {
                "candidate": True, "artist": owners, "title": tracks, "album": None,
                "listeners": listeners.reindex(owners).to_numpy(), "released": None,
                "explicit": False, "first_seen": cut.date(), "spotify_method": None,
                "spotify_at": cut.date(),
            },
            index=tracks,
        ),
        tags=tags,
        history=history_of(plays, _no_names(), frozenset(), night=cut.date()),
        plays=plays[["played_at", "track_key"]],
        shown={},
        catalog_from=cut.date(),
        artist_lists=lists[["seed_key", "neighbour_key", "match", "rank"]],
    )  # fmt: skip
    night = Night.at(cut, ZONE)
    taste = _taste(past, cut)
    return ListenerContext.of(evidence, taste=taste, features=features, night=night, zone=ZONE)


def _taste(past: ListeningHistory, cut: dt.datetime) -> TasteModel | None:
    rng = np.random.default_rng([SEED, cut.toordinal()])
    try:
        return fit_taste_model(
            past, training_rows_at(past, cut, weights=EvidenceWeights(), rng=rng)
        )
    except NotEnoughData:
        return None


def _own_tracks(heard: Sequence[str]) -> pd.DataFrame:
    """Return the tracks of each artist as a service names them; which is best known is unknown."""
    rows = pd.DataFrame({"neighbour_key": heard, "seed_key": map(artist_key_in, heard)})
    place = rows.groupby("seed_key").cumcount() + 1
    return rows.assign(match=1.0, rank=place, kind="artist_tracks")


def _stored(features: pd.DataFrame, tracks: Sequence[str]) -> pd.DataFrame:
    """Return rows of `audio_features`: each track has its artist's."""
    owners = [artist_key_in(key) for key in tracks]
    rows = features.reindex(owners).set_axis(pd.Index(tracks)).dropna()
    long = rows.rename_axis("track_key").reset_index().melt("track_key", var_name="feature")
    return long.assign(source=Provenance.DATASET, low=np.nan, high=np.nan)


def _no_names() -> pd.DataFrame:
    return pd.DataFrame(columns=["signal", "track_key", "artist", "title", "last_seen"])
