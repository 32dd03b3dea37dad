"""Lists of the past: the candidates of a past day with their signals, and which were adopted.

They are made from the plays until that day; adopted are those that the listener took up in the four
weeks after.

The graph of similar tracks and artists, and the tags, are tonight's: their past states are not
stored. Signals about our own lists - how new a track is to us, what we recommended lately - have
no value in a past without lists.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from smallhours.catalog.candidates import artist_weights, gather, tag_weights, track_weights
from smallhours.catalog.seeds import neighbourhood
from smallhours.catalog.stored_answers import complete_listeners, read_neighbours
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, among
from smallhours.lake.tables import AUDIO_FEATURES, TRACKS
from smallhours.listening.feedback import feedback_before
from smallhours.listening.plays import heard_out
from smallhours.settings import Settings
from smallhours.training.evaluation.folds import (
    Fold,
    adopted,
    known_at,
    signal_starts,
)
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.fusion import (
    ARTIST_AFFINITY,
    AUDIO_FIT,
    LENT_TAGS,
    LIST_PLACES,
    NAMED_TOGETHER,
    NEAR_ARTISTS,
    NEAR_TRACKS,
    P_LIKE,
    POPULARITY,
    RECEPTION,
    SEED_SUPPORT,
    TAG_AFFINITY,
    WALK,
    Flags,
)
from smallhours.training.ranking.signals import candidate_signals, graded_picks, reception
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import load_tags, unlearned_sources
from smallhours.training.taste.model import fit_taste_model
from smallhours.training.taste.training_rows import (
    training_rows_at,
)
from smallhours.vocabulary import Route, Signal

# All but freshness and the distance from recent lists.
PAST_SIGNALS = (
    P_LIKE,
    NEAR_TRACKS,
    NEAR_ARTISTS,
    SEED_SUPPORT,
    LIST_PLACES,
    NAMED_TOGETHER,
    WALK,
    LENT_TAGS,
    TAG_AFFINITY,
    ARTIST_AFFINITY,
    AUDIO_FIT,
    POPULARITY,
    RECEPTION,
)


_LISTS_OF_TRACKS = ("track", "artist_tracks", "tag_tracks")


@dataclass(frozen=True)
class PastList:
    """One list of the past.

    Attributes:
        signals: Indexed by track key, the columns PAST_SIGNALS.
        eligible: (tracks,), False for tracks that the listener knew.
        adopted: (tracks,), True for adopted tracks, all of them eligible.
    """

    signals: pd.DataFrame
    eligible: Flags
    adopted: Flags


@dataclass(frozen=True)
class PastTables:
    """The tables that lists of the past are made from.

    Attributes:
        past: The listener's history, and the tags.
        similar: The lists of `similar` that the listener's tracks, artists and tags lead to.
        listeners: How many people know each track, by track key.
        features: Rows of `audio_features`.
        vectors: Tags of what those lists hold, of the catalog, and of the history.
        graph: The lists of similar artists among them.
        settings: Limits of seeds, and weights of evidence.
    """

    past: ListeningHistory
    similar: pd.DataFrame
    listeners: pd.Series
    features: pd.DataFrame
    vectors: TagVectors
    graph: ArtistGraph
    settings: Settings

    @classmethod
    def of(
        cls,
        past: ListeningHistory,
        similar: pd.DataFrame,
        listeners: pd.Series,
        features: pd.DataFrame,
        *,
        settings: Settings,
    ) -> Self:
        """Build the vectors and the graph."""
        everything = sorted({*past.pool, *_own_tracks(past), *_listed_tracks(similar)})
        return cls(
            replace(past, plays=past.plays[heard_out(past.plays)]),
            similar,
            listeners,
            features,
            TagVectors.of(past.tags, everything),
            ArtistGraph.of(similar[similar["kind"] == "artist"], past.tags, everything),
            settings,
        )

    def graph_known_to(self, past: ListeningHistory) -> ArtistGraph:
        """Return the graph without the lists that were asked for because of what came later.

        A list of an artist whom the listener adopted afterwards would give them away.
        """
        later = _artists(self.past) - _artists(past)
        lists = self.similar[self.similar["kind"] == "artist"]
        known = ~lists["seed_key"].isin(later)
        return self.graph if known.all() else self.graph.with_lists(lists[known])


def read_past_tables(lake: Lake, past: ListeningHistory, *, settings: Settings) -> PastTables:
    """Read what is needed beside the listener's history: what it leads to, not the whole lake."""
    own = _own_tracks(past)
    near = neighbourhood(lake, own | _artists(past))
    similar = pd.concat([near, read_neighbours(lake, ["tag_tracks"])], ignore_index=True)
    similar = similar.drop_duplicates(["kind", "seed_key", "neighbour_key"], ignore_index=True)
    wanted = own | _listed_tracks(similar)
    ours = among("track_key", wanted)
    tracks = lake.frame(TRACKS, columns=["track_key", "listeners"], filters=ours)
    listeners = tracks.drop_duplicates("track_key").set_index("track_key")["listeners"]
    columns = ["track_key", "source", "feature", "value", "low", "high"]
    tags = load_tags(lake, wanted.union(past.pool), without=unlearned_sources(settings))
    return PastTables.of(
        replace(past, tags=tags),
        similar,
        complete_listeners(lake, listeners),
        lake.frame(AUDIO_FEATURES, columns=columns, filters=ours),
        settings=settings,
    )


def own_adoptions(past: ListeningHistory, fold: Fold) -> set[str]:
    """Return the tracks that were adopted after a past day, without those that we recommended.

    These had a better chance to be adopted than others, by the ranking that is to be measured.
    """
    return adopted(past.plays, past.library, fold) - {*past.feedback["track_key"]}


def past_list(past_tables: PastTables, fold: Fold, rng: np.random.Generator) -> PastList:
    """Return the candidates of a past day, those that we recommended being no longer eligible."""
    past = past_tables.past
    before = replace(
        past,
        plays=past.plays[past.plays["played_at"] < fold.cut],
        library=past.library[signal_starts(past.library) < fold.cut],
    )
    votes, weights = past_votes(past_tables, before, fold.cut)
    tracks = pd.Index(sorted(votes["track_key"].unique()))
    left_out = known_at(past.plays, past.library, fold.cut) | {*past.feedback["track_key"]}
    eligible = np.array([key not in left_out for key in tracks], dtype=bool)
    truth = own_adoptions(past, fold)
    found = np.array([key in truth for key in tracks], dtype=bool)
    signals = past_signals(past_tables, before, fold.cut, votes, weights, tracks, rng)
    return PastList(signals, eligible, found)


def past_signals(
    past_tables: PastTables,
    past: ListeningHistory,
    cut: dt.datetime,
    votes: pd.DataFrame,
    weights: pd.Series,
    tracks: pd.Index,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the signals of some tracks as of a past day.

    Args:
        past_tables: The tables.
        past: What the listener had done by then.
        cut: That day.
        votes: Of `past_votes`.
        weights: Of `past_votes`.
        tracks: The tracks to score.
        rng: Random generator.
    """
    graph = past_tables.graph_known_to(past)
    seen = candidate_signals(
        tracks,
        votes=votes,
        weights=weights,
        artists=artist_weights(weights),
        listeners=past_tables.listeners,
        vectors=past_tables.vectors,
        graph=graph,
        features=past_tables.features,
        rng=rng,
    )
    seen[P_LIKE] = _p_like(past_tables, past, cut, tracks, rng)
    picks = graded_picks(feedback_before(past.feedback, cut))
    seen[RECEPTION] = reception(past_tables.vectors, graph, picks, tracks)
    return seen[list(PAST_SIGNALS)]


def past_votes(
    past_tables: PastTables, past: ListeningHistory, cut: dt.datetime
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the candidates of a day with their votes, and the weights of the listener's tracks."""
    standing = past.library[past.library["signal"] != Signal.DISLIKED]
    weights = track_weights(past.plays, standing, night=cut.date())
    artists = artist_weights(weights)
    limits = past_tables.settings.catalog
    votes = gather(
        past_tables.similar,
        tracks=weights.head(limits.seed_tracks),
        artists=artists.head(limits.seed_artists),
        tags=tag_weights(artists, _artist_tags(past, artists)).head(limits.seed_tags),
        foreign_tags=frozenset(),
        night=cut.date(),
    )
    return votes[votes["route"] != Route.BACKGROUND], weights


def _own_tracks(past: ListeningHistory) -> set[str]:
    return {*past.plays["track_key"].unique(), *past.library["track_key"].unique()}


def _artists(past: ListeningHistory) -> set[str]:
    return {artist_key_in(key) for key in _own_tracks(past)}


def _listed_tracks(similar: pd.DataFrame) -> set[str]:
    """Return the tracks that lists of tracks name."""
    return {*similar.loc[similar["kind"].isin(_LISTS_OF_TRACKS), "neighbour_key"].unique()}


def _artist_tags(past: ListeningHistory, artists: pd.Series) -> pd.DataFrame:
    tags = past.tags
    rows = [
        (artist, tag, count, tags.name(tag))
        for artist in artists.index
        for tag, count in tags.artist.get(artist, {}).items()
    ]
    return pd.DataFrame(rows, columns=["artist_key", "tag", "count", "name"]).astype(
        {"artist_key": "str", "tag": "str", "count": float, "name": "str"}
    )


def _p_like(
    past_tables: PastTables,
    past: ListeningHistory,
    cut: dt.datetime,
    tracks: pd.Index,
    rng: np.random.Generator,
) -> pd.Series:
    """Return uncalibrated P(like) by a model of that day; NaN with too little to learn from."""
    rows = training_rows_at(past, cut, weights=past_tables.settings.training.evidence, rng=rng)
    try:
        model = fit_taste_model(past, rows)
    except NotEnoughData:
        return pd.Series(np.nan, index=tracks)
    return pd.Series(model.p_like(past.tags, list(tracks)), index=tracks)
