"""One installation in the ranking benchmark: what the product knows of a listener, and its signals.

The tables have no tracks, so an artist stands for its tracks, and its key for theirs. A listener's
plays are all of the day before, a hundred of an artist at most. The product chooses whom it asks
about, and the crowd answers: the lists of similar artists of the listener's artists and of those
nearest to them. The signals are those of `training.ranking.past_lists`, which the nightly ranking
computes by the same functions, and the weights the shipped ones.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from benchmarks.support.ranking_data import (
    SEED,
    Crowd,
    Floats,
    ListenerCase,
    no_feedback,
    no_library,
)
from smallhours.catalog.candidates import artist_weights, track_weights
from smallhours.catalog.lastfm_data import PER_SEED
from smallhours.catalog.seeds import near_calls, nearest_artists
from smallhours.lake.tables import AUDIO_FEATURES
from smallhours.settings import CatalogSettings
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.fusion import (
    LENT_TAGS,
    LIST_PLACES,
    NAMED_TOGETHER,
    NEAR_ARTISTS,
    P_LIKE,
    POPULARITY,
    SEED_SUPPORT,
    TAG_AFFINITY,
    WALK,
    Flags,
    Fusion,
    default_fusion,
)
from smallhours.training.ranking.past_lists import PastTables, past_signals, past_votes
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours_sandbox.simulation.installation import sandbox_settings

# The signals that say something of new artists here; the others know nothing of artists alone.
SINGLES = (
    POPULARITY, SEED_SUPPORT, NEAR_ARTISTS, LIST_PLACES, NAMED_TOGETHER, WALK, LENT_TAGS,
    TAG_AFFINITY, P_LIKE,
)  # fmt: skip
CUT = dt.datetime(2011, 5, 14, tzinfo=dt.UTC)
MAX_PLAYS = 100
SETTINGS = sandbox_settings()
# What 7924c24 asked for: the first hundred of each list, and the top tracks of 200 artists.
DEPTH_BEFORE, NEAR_ARTISTS_BEFORE = 100, 200


@dataclass(frozen=True)
class Installation:
    """The product beside a crowd: what is the same for every listener.

    Attributes:
        crowd: The data of others, which the services' answers are made of.
        vectors: Tags of the catalog.
        graph: The catalog's artists with their tags, without any list.
        top_tracks: Rows of `similar` in which every artist is its own only track.
    """

    crowd: Crowd
    vectors: TagVectors
    graph: ArtistGraph
    top_tracks: pd.DataFrame

    @classmethod
    def of(cls, crowd: Crowd) -> "Installation":
        """Compute what is the same for every listener."""
        own = pd.DataFrame(
            {"seed_key": crowd.artists, "neighbour_key": crowd.artists, "match": 1.0, "rank": 1}
        )
        return cls(
            crowd,
            TagVectors.of(crowd.tags, crowd.artists),
            ArtistGraph.of(crowd.lists.iloc[:0], crowd.tags, crowd.artists),
            own.assign(kind="artist_tracks"),
        )

    @cached_property
    def pool(self) -> tuple[str, ...]:
        """The artists that have tags, in key order."""
        return tuple(key for key in self.crowd.artists if key in self.crowd.tags.artist)

    @cached_property
    def fusion(self) -> Fusion:
        """The weights that ship, for a catalog with so many tags."""
        return default_fusion(self.vectors.tags_per_track)

    @cached_property
    def _places(self) -> dict[str, slice]:
        """Where each artist's list begins and ends."""
        seeds = self.crowd.lists["seed_key"]
        starts = np.flatnonzero((seeds != seeds.shift()).to_numpy())
        ends = np.append(starts[1:], len(seeds))
        return {seeds.iloc[a]: slice(a, b) for a, b in zip(starts, ends, strict=True)}

    def lists_of(self, artists: "pd.Index[str]", depth: int) -> pd.DataFrame:
        """Return these artists' lists, as deep as asked for."""
        parts = [self.crowd.lists.iloc[self._places[key]] for key in artists if key in self._places]
        rows = pd.concat([self.crowd.lists.iloc[:0], *parts], ignore_index=True)
        rows = rows.assign(artist=rows["neighbour_key"])
        return rows[rows["rank"] <= depth].assign(kind="artist")


@dataclass(frozen=True)
class Gathering:
    """Which artists become candidates, and at how many calls.

    Attributes:
        lists: The lists of similar artists that were asked for.
        artists: The candidates.
        calls: Number of questions to the services.
    """

    lists: pd.DataFrame
    artists: frozenset[str]
    calls: int


def gather(shared: Installation, artists: pd.Series) -> Gathering:
    """Ask as the product does: the own artists and tracks, then those that are nearest to them."""
    limits = CatalogSettings()
    own = artists.head(limits.seed_artists)
    lists = shared.lists_of(own.index, PER_SEED)
    near = pd.Index([key for key, _ in nearest_artists(lists, own)])
    listed, top_tracks, tracks = near_calls(limits)
    found = {*lists["neighbour_key"], *shared.lists_of(near[:tracks], PER_SEED)["neighbour_key"]}
    # A list of similar tracks, one of similar artists, and the top tracks of each own artist.
    calls = 3 * len(own) + sum(len(near[:count]) for count in (listed, top_tracks, tracks))
    both = pd.concat([lists, shared.lists_of(near[:listed], PER_SEED)], ignore_index=True)
    return Gathering(both, frozenset(found), calls)


def gather_before(shared: Installation, artists: pd.Series) -> Gathering:
    """Ask as 7924c24 did."""
    own = artists.head(CatalogSettings().seed_artists)
    lists = shared.lists_of(own.index, DEPTH_BEFORE)
    votes = (lists["match"] * lists["seed_key"].map(own)).groupby(lists["neighbour_key"]).sum()
    votes = votes.drop(own.index, errors="ignore").sort_values(ascending=False, kind="stable")
    near = votes.index[:NEAR_ARTISTS_BEFORE]
    found = {*lists["neighbour_key"], *near}
    return Gathering(lists, frozenset(found), 3 * len(own) + len(near))


def history_of(shared: Installation, case: ListenerCase) -> ListeningHistory:
    """Return the listener's known artists as the history that training reads."""
    keys = shared.crowd.artists[case.seeds]
    times = np.clip(case.plays, 1, MAX_PLAYS).astype(int)
    plays = pd.DataFrame({"track_key": np.repeat(keys, times)}).assign(
        played_at=CUT - pd.Timedelta(days=1),
        ms_played=np.nan,
        skipped=pd.array([pd.NA] * int(times.sum()), dtype="boolean"),
        reason_end=None,
    )
    return ListeningHistory(plays, no_library(), no_feedback(), shared.crowd.tags, shared.pool)


def own_artists(past: ListeningHistory, cut: dt.datetime = CUT) -> pd.Series:
    """Return the weight of the listener's artists, strongest first."""
    return artist_weights(track_weights(past.plays, past.library, night=cut.date()))


def signals_of(shared: Installation, case: ListenerCase) -> pd.DataFrame:
    """Return the product's signals of the whole catalog."""
    return signals_at(shared, history_of(shared, case), CUT, [SEED, case.listener])


def signals_at(
    shared: Installation, past: ListeningHistory, cut: dt.datetime, seed: Sequence[int]
) -> pd.DataFrame:
    """Return the product's signals of the whole catalog, for a history that ends at `cut`."""
    asked = gather(shared, own_artists(past, cut)).lists
    crowd = shared.crowd
    tables = PastTables(
        past,
        pd.concat([asked, shared.top_tracks], ignore_index=True),
        pd.Series(crowd.listeners, index=crowd.artists),
        pd.DataFrame(columns=[column.name for column in AUDIO_FEATURES.columns]),
        shared.vectors,
        shared.graph.with_lists(asked),
        SETTINGS,
    )
    votes, weights = past_votes(tables, past, cut)
    rng = np.random.default_rng(seed)
    return past_signals(tables, past, cut, votes, weights, crowd.artists, rng)


def score(shared: Installation, case: ListenerCase, signals: pd.DataFrame) -> Floats:
    """Return the score of the whole catalog by the shipped weights."""
    among = np.ones(len(signals), dtype=bool)
    among[case.seeds] = False
    return score_among(shared, signals, among)


def score_among(shared: Installation, signals: pd.DataFrame, among: Flags) -> Floats:
    """Return the score of the whole catalog, with ranks among some artists."""
    ours = shared.fusion.score(signals, pd.Series(among, index=signals.index))
    return ours.to_numpy(dtype=np.float64)
