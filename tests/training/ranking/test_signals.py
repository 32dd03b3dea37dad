"""The single signals of the ranking."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from smallhours.training.ranking import signals
from smallhours.training.ranking.tag_vectors import taste_centres

TRACKS = pd.Index(["a · 1", "b · 2", "c · 3"])


def features(rows: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return predicted energy of tracks: value, and half of its 80 % interval."""
    return pd.DataFrame(
        [
            (key, "predicted", "energy", value, value - half, value + half)
            for key, (value, half) in rows.items()
        ],
        columns=["track_key", "source", "feature", "value", "low", "high"],
    )


def test_a_seed_that_came_by_two_routes_counts_once() -> None:
    votes = pd.DataFrame(
        {"track_key": ["a · 1", "a · 1", "b · 2"], "seed_key": ["s", "s", "t"], "strength": 0.5}
    )
    assert signals.seed_support(votes, TRACKS).tolist() == [1.0, 1.0, 0.0]


def test_an_artist_that_is_played_speaks_for_their_other_tracks() -> None:
    weights = pd.Series({"a": 0.7})
    assert signals.artist_affinity(weights, TRACKS).tolist() == [0.7, 0.0, 0.0]


def test_newness_halves_in_a_month() -> None:
    night = dt.date(2026, 11, 21)
    seen = pd.Series([night, night - dt.timedelta(days=30), None], index=TRACKS)
    found = signals.freshness(seen, night)
    assert found.iloc[:2].tolist() == [1.0, 0.5]
    assert np.isnan(found.iloc[2])


def test_what_sounds_like_the_rest_fits() -> None:
    own = {f"own · {n}": (0.5, 0.1) for n in range(5)}
    rows = features({**own, "a · 1": (0.5, 0.1), "b · 2": (0.9, 0.1)})
    fit = signals.audio_fit(rows, pd.Series(1.0, index=list(own)), TRACKS)
    assert fit["a · 1"] > fit["b · 2"]
    assert np.isnan(fit["c · 3"])


def test_an_unsure_prediction_speaks_less_against_a_track() -> None:
    own = {f"own · {n}": (0.5, 0.1) for n in range(5)}
    rows = features({**own, "a · 1": (0.9, 0.02), "b · 2": (0.9, 0.4)})
    fit = signals.audio_fit(rows, pd.Series(1.0, index=list(own)), TRACKS)
    assert fit["b · 2"] > fit["a · 1"]


def test_nothing_known_of_the_listeners_sound_says_nothing() -> None:
    fit = signals.audio_fit(features({"a · 1": (0.5, 0.1)}), pd.Series(dtype=float), TRACKS)
    assert fit.isna().all()


def test_a_track_without_tags_is_neither_close_nor_far() -> None:
    vectors = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert np.isnan(signals.max_similarity(vectors, np.array([[1.0, 0.0]]))[1])
    assert np.isnan(signals.distance_from(vectors, sparse.csr_matrix([[0.0, 1.0]]))[1])


def test_centres_are_the_same_in_every_run() -> None:
    rows = sparse.random_array((80, 12), density=0.3, rng=np.random.default_rng(5), format="csr")
    weights = np.ones(80)
    first, again = (taste_centres(rows, weights, np.random.default_rng(7)) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert np.linalg.norm(first, axis=1) == pytest.approx(1.0)


def test_a_listener_of_nothing_has_no_centre() -> None:
    rows = sparse.csr_matrix(np.eye(3))
    assert len(taste_centres(rows, np.zeros(3), np.random.default_rng(1))) == 0
