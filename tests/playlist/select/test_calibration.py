"""Tests of calibration: the mix of tags that a list should have."""

import numpy as np
import pandas as pd
import pytest

from smallhours.playlist.select.shortlist import (
    TagMix,
    divergence,
    divergence_of,
    recent_weights,
)
from smallhours.training.ranking.tag_vectors import TagVectors

SPACE = TagVectors.of_weights(
    pd.DataFrame(
        [("a", "jazz", 1.0), ("b", "dub", 1.0), ("c", "dub", 1.0)],
        columns=["track_key", "tag", "weight"],
    )
)


def test_a_mix_sums_to_one_and_keeps_the_strongest_first() -> None:
    mix = TagMix.of(SPACE, pd.Series({"a": 1.0, "b": 2.0, "c": 2.0, "unknown": 9.0}))
    assert mix.shares.sum() == pytest.approx(1)
    assert list(mix.tags) == ["dub", "jazz"]


def test_a_track_without_tags_adds_nothing() -> None:
    mix = TagMix.of(SPACE, pd.Series({"a": 1.0}))
    shares = mix.shares_of(SPACE, pd.Index(["a", "b", "nobody"]))
    assert shares.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_without_tags_at_all_every_list_fits() -> None:
    empty = TagVectors.of_weights(pd.DataFrame(columns=["track_key", "tag", "weight"]))
    mix = TagMix.of(empty, pd.Series({"a": 1.0}))
    assert mix.shares_of(empty, pd.Index(["a"])).sum() == 0
    assert np.isnan(divergence_of(mix.shares, mix.shares_of(empty, pd.Index(["a"]))))


def test_a_list_of_one_taste_diverges_more_than_one_of_both() -> None:
    mix = np.array([0.6, 0.4])
    assert divergence(mix, mix) == pytest.approx(0)
    assert divergence(mix, np.array([1.0, 0.0])) > divergence(mix, np.array([0.8, 0.2])) > 0


def test_many_recent_plays_decide_and_few_are_helped_by_older_ones() -> None:
    overall = pd.Series({"old": 1.0})
    few = recent_weights(pd.Series({"new": 5.0}), overall)
    many = recent_weights(pd.Series({"new": 500.0}), overall)
    assert few["old"] > few["new"]
    assert many["new"] > many["old"]


def test_the_mix_does_not_follow_what_our_lists_brought() -> None:
    plays = pd.Series({"own": 2.0, "picked": 200.0})
    weights = recent_weights(plays, plays, brought={"picked"})
    assert list(weights.index) == ["own"]
