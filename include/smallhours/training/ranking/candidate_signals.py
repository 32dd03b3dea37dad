"""The signals of candidates that need no trained model and no list of ours.

The nightly ranking, the lists of the past and the benchmarks all call this function, so that what
is measured is what ranks at night.
"""

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.training.ranking import signals
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.fusion import (
    ARTIST_AFFINITY,
    AUDIO_FIT,
    NEAR_ARTISTS,
    NEAR_TRACKS,
    POPULARITY,
    SEED_SUPPORT,
    TAG_AFFINITY,
)
from smallhours.training.ranking.tag_vectors import TagVectors, taste_centres
from smallhours.vocabulary import Route

# Routes that count for each signal. Candidates that came by a tag are scored by their tags.
TRACK_ROUTES = (Route.SIMILAR_TRACK, Route.TWO_STEPS)
ARTIST_ROUTES = (Route.SIMILAR_ARTIST, Route.KNOWN_ARTIST)


def candidate_signals(
    tracks: pd.Index,
    *,
    votes: pd.DataFrame,
    weights: pd.Series,
    artists: pd.Series,
    listeners: pd.Series,
    vectors: TagVectors,
    graph: ArtistGraph,
    features: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return one column a signal, indexed by the tracks; higher is better, NaN is unknown.

    Args:
        tracks: Keys of the tracks to score.
        votes: Rows of `candidates`: `track_key`, `route`, `seed_key`, `strength`.
        weights: Weights of the listener's tracks by key.
        artists: Weights of the listener's artists by key.
        listeners: How many people know each track, by key.
        vectors: Tags of all these tracks.
        graph: The similar artists of these tracks' artists.
        features: Rows of `audio_features` of all these tracks.
        rng: Draws the first taste centres, and what the lent tags are learned against.
    """
    own = weights.reindex(vectors.tracks).fillna(0.0).to_numpy(dtype=float)
    centres = taste_centres(vectors.vectors, own, rng)
    route = votes["route"]
    found = pd.DataFrame(
        {
            NEAR_TRACKS: signals.consensus(votes[route.isin(TRACK_ROUTES)], tracks),
            NEAR_ARTISTS: signals.consensus(votes[route.isin(ARTIST_ROUTES)], tracks),
            SEED_SUPPORT: signals.seed_support(votes[route != Route.TWO_STEPS], tracks),
            TAG_AFFINITY: signals.max_similarity(vectors.rows(tracks), centres),
            ARTIST_AFFINITY: signals.artist_affinity(artists, tracks),
            AUDIO_FIT: signals.audio_fit(features, weights, tracks),
            POPULARITY: signals.popularity(listeners.reindex(tracks)),
        },
        index=tracks,
    )
    of_artists = graph.signals(artists, rng)
    owners = pd.Index([artist_key_in(key) for key in tracks])
    return found.join(of_artists.reindex(owners).set_axis(tracks))
