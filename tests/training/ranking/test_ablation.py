"""Ablation of the ranking: which signal contributes."""

import numpy as np
import pandas as pd
import pytest

from smallhours.training.ranking.ablation import ablate, gains
from smallhours.training.ranking.fusion import DEFAULT, NEAR_TRACKS, POPULARITY, Fusion
from smallhours.training.ranking.past_lists import PAST_SIGNALS, PastList

TRACKS, ADOPTED = 200, 30


def a_past(*, telling: str, seed: int) -> PastList:
    """Return a list in which the signal `telling` predicts adoption, and the others are noise."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"artist {at:03d} · song" for at in range(TRACKS)])
    signals = pd.DataFrame({name: rng.random(TRACKS) for name in PAST_SIGNALS}, index)
    adopted = np.zeros(TRACKS, dtype=bool)
    adopted[rng.choice(TRACKS, ADOPTED, replace=False)] = True
    signals.loc[adopted, telling] += 1
    return PastList(signals, np.ones(TRACKS, dtype=bool), adopted)


HELD = [a_past(telling=NEAR_TRACKS, seed=seed) for seed in (1, 2)]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_signal_that_knows_brings_most_and_the_others_nothing() -> None:
    parts = ablate(DEFAULT, HELD, rng())

    assert parts.adoptions == 2 * ADOPTED
    assert max(parts.alone, key=lambda name: parts.alone[name].value) == NEAR_TRACKS
    assert parts.adds[NEAR_TRACKS].low > 0
    assert all(parts.adds[name].low < 0.01 for name in PAST_SIGNALS if name != NEAR_TRACKS)


def test_a_signal_without_weight_adds_nothing_and_can_still_be_good_alone() -> None:
    without = {name: pair for name, pair in DEFAULT.weights.items() if name != NEAR_TRACKS}

    parts = ablate(Fusion(without), HELD, rng())

    assert parts.adds[NEAR_TRACKS].value == 0
    assert parts.alone[NEAR_TRACKS].value > parts.fused.value


def test_the_figures_for_the_lake_name_every_signal_twice() -> None:
    parts = ablate(DEFAULT, HELD, rng())

    told = {each.name: each for each in parts.metrics()}

    assert len(told) == 1 + 2 * len(PAST_SIGNALS)
    assert told[f"alone_{POPULARITY}"].baseline == told["fused"].value
    assert all(each.low is not None and each.high is not None for each in told.values())


@pytest.mark.parametrize(
    ("scores", "worth"),
    [([3.0, 2.0, 1.0], 1.0), ([1.0, 3.0, 2.0], 0.5), ([1.0, 1.0, 1.0], 1 / np.log2(3))],
)
def test_a_gain_falls_with_the_rank_and_equals_share_theirs(
    scores: list[float], worth: float
) -> None:
    index = pd.Index(["a · 1", "b · 2", "c · 3"])
    first = np.array([True, False, False])
    past = PastList(pd.DataFrame(index=index), np.ones(3, dtype=bool), first)

    assert gains(np.array(scores), past) == pytest.approx([worth])
