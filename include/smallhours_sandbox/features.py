"""Generation of audio features that depend on genre, artist and track.

Every track has five hidden standard scores, a weighted sum of a part from its genres, a part from
its artist, and a part of its own. Their ranks are then mapped onto fixed distributions, so that
every world, however small, has the same means and spreads.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours_sandbox.genres import GenreTree
from smallhours_sandbox.ragged import Doubles, Floats, Ints

# The five features that are predicted from tags, in the order of `world.FEATURES`.
TARGETS = ("danceability", "acousticness", "energy", "valence", "instrumentalness")

# Quantiles of the five at these ranks. The spreads are the errors of a mean predictor on
# the listening data of the paper that predicts audio features from tags (.195, .310, .232, .279,
# .383); the shapes, bell or U, and about the means are those of large public collections.
QUANTILE_AT = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
QUANTILES = {
    "danceability": (0.07, 0.175, 0.235, 0.35, 0.495, 0.632, 0.745, 0.8, 0.97),
    "acousticness": (0.0, 0.0002, 0.0008, 0.008, 0.085, 0.47, 0.82, 0.93, 0.996),
    "energy": (0.01, 0.22, 0.325, 0.51, 0.70, 0.855, 0.935, 0.965, 1.0),
    "valence": (0.01, 0.055, 0.09, 0.195, 0.4, 0.655, 0.85, 0.93, 0.99),
    "instrumentalness": (0.0, 0.0, 0.0, 0.0003, 0.02, 0.79, 0.92, 0.95, 0.99),
}

# Shares of variance in a track's scores. With tags that show the genres and, roughly, the moods,
# linear models reach an R2 of about .35 to .45 on unseen artists, as they do on real data.
GENRE_SHARE, ARTIST_SHARE, TRACK_SHARE = 0.39, 0.16, 0.45

# Correlation of the five features within a genre (same order).
_RESIDUAL_CORRELATION = np.array(
    [
        [1.00, -0.05, 0.05, 0.50, -0.10],
        [-0.05, 1.00, -0.60, -0.08, 0.05],
        [0.05, -0.60, 1.00, 0.25, -0.10],
        [0.50, -0.08, 0.25, 1.00, -0.20],
        [-0.10, 0.05, -0.10, -0.20, 1.00],
    ]
)

# Shift of the scores of a version against the original recording, by kind.
VERSION_SHIFT = {
    "live": (-0.2, -0.1, 0.35, 0.0, 0.0),
    "remix": (0.9, -0.5, 0.3, 0.0, 0.5),
    "acoustic": (0.1, 1.6, -1.1, -0.1, 0.0),
    "instrumental": (0.0, 0.0, 0.0, 0.0, 1.9),
    "demo": (0.0, 0.5, -0.3, 0.0, 0.1),
    "sped up": (0.3, -0.3, 0.5, 0.4, 0.0),
}


@dataclass(slots=True)
class SoundProfiles:
    """Hidden scores and the audio features that the services return.

    Attributes:
        artist_scores: float64 (artists, 5), the mean of an artist's tracks.
        track_scores: float64 (tracks, 5), standard normal over the tracks.
        features: float32 (tracks, 12) in the order of `world.FEATURES`.
    """

    artist_scores: Doubles
    track_scores: Doubles
    features: Floats


def draw_residuals(rng: np.random.Generator, count: int) -> Doubles:
    """Draw standard scores with the correlations of the five features, shape (count, 5)."""
    factor = np.linalg.cholesky(_RESIDUAL_CORRELATION)
    drawn: Doubles = rng.standard_normal((count, 5)) @ factor.T
    return drawn


def draw_sound(
    rng: np.random.Generator,
    tree: GenreTree,
    artist_genres: Doubles,
    track_artist: Ints,
    track_base: Ints,
    track_version: list[str],
) -> SoundProfiles:
    """Draw the sound of every track.

    Args:
        rng: source of randomness.
        tree: the genres.
        artist_genres: (artists, leaves), rows summing to 1.
        track_artist: (tracks,).
        track_base: (tracks,) the track whose song this is; itself for originals.
        track_version: (tracks,) from `world.VERSIONS`.
    """
    genre = _standard(artist_genres @ tree.sound())
    artist = np.sqrt(GENRE_SHARE) * genre
    artist = artist + np.sqrt(ARTIST_SHARE) * draw_residuals(rng, len(genre))
    own = draw_residuals(rng, len(track_artist))[track_base]
    raw = artist[track_artist] + np.sqrt(TRACK_SHARE) * own
    shift = np.zeros_like(raw)
    for index, version in enumerate(track_version):
        if version in VERSION_SHIFT:
            shift[index] = VERSION_SHIFT[version]
    changed = shift.any(axis=1)
    raw[changed] += shift[changed] + 0.25 * rng.standard_normal((int(changed.sum()), 5))
    scores = _standard(raw)
    features = np.empty((len(track_artist), 12), dtype=np.float32)
    for column, name in enumerate(TARGETS):
        features[:, column] = np.interp(_ranks(scores[:, column]), QUANTILE_AT, QUANTILES[name])
    versions = np.asarray(track_version, dtype=np.str_)
    _other_features(rng, tree, artist_genres, track_artist, track_base, versions, scores, features)
    return SoundProfiles(artist, scores, features)


def _other_features(
    rng: np.random.Generator,
    tree: GenreTree,
    artist_genres: Doubles,
    track_artist: Ints,
    track_base: Ints,
    version: npt.NDArray[np.str_],
    scores: Doubles,
    features: Floats,
) -> None:
    count = len(track_artist)
    speech = (artist_genres @ tree.speech)[track_artist]
    spoken = 0.022 + speech * np.exp(0.55 * rng.standard_normal(count)) * 0.8
    features[:, 5] = np.clip(spoken, 0.022, 0.96)
    room = 0.13 * np.exp(0.6 * rng.standard_normal(count))
    on_stage = version == "live"
    room[on_stage] = 0.55 + 0.4 * rng.random(int(on_stage.sum()))
    features[:, 6] = np.clip(room, 0.02, 0.99)
    loud = -8.1 + 3.5 * scores[:, 2] - 0.9 * scores[:, 4] + 1.6 * rng.standard_normal(count)
    features[:, 7] = np.clip(loud, -45.0, 0.5)
    tempo = (artist_genres @ tree.tempo)[track_artist] + 24 * rng.standard_normal(count)[track_base]
    features[:, 8] = np.clip(np.where(version == "sped up", tempo * 1.2, tempo), 45, 220)
    keys = np.array([12, 10, 11, 3, 9, 8, 6, 12, 5, 11, 5, 8], dtype=np.float64)
    features[:, 9] = rng.choice(12, count, p=keys / keys.sum())[track_base]
    features[:, 10] = (rng.random(count) < 0.62)[track_base]
    beats = rng.choice([1, 3, 4, 5], count, p=[0.01, 0.08, 0.89, 0.02])
    features[:, 11] = beats[track_base]


def _standard(values: Doubles) -> Doubles:
    spread = values.std(axis=0)
    scaled: Doubles = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled


def _ranks(values: Doubles) -> Doubles:
    order = np.empty(len(values))
    order[np.argsort(values, kind="stable")] = np.arange(len(values))
    ranks: Doubles = (order + 0.5) / len(values)
    return ranks
