from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.simulation.nights import Living, begun, live
from smallhours.simulation.rivals import RIVALS
from smallhours.simulation.world import truth_of, world_of
from smallhours.training.ranking.saved import load_fusion
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste
from tests.simulation.small_lives import ADA, LIFE, SMALL, life_by


@pytest.fixture(scope="module")
def popular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """One night of the rival who ranks by popularity; the day has not begun."""
    with begun(life_by("popularity", 1), tmp_path_factory.mktemp("popular")) as living:
        assert truth_of(living.state, ADA) is None
        living.night()
        yield living


@pytest.fixture(scope="module")
def first_seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """One night of the rival who ranks by the first seed's classifier."""
    with begun(life_by("first_seed", 1), tmp_path_factory.mktemp("first_seed")) as living:
        living.night()
        yield living


def test_equal_lives_have_equal_truths(tmp_path: Path) -> None:
    told: list[int] = []
    life = replace(life_by("similar_tracks", 3), seldom=10)

    first = live(life, tmp_path / "first", told.append)
    again = live(life, tmp_path / "again")

    assert first == again
    assert told == [1, 2, 3]
    assert [truth.size for truth in first] == [10, 10, 10]


def test_what_is_true_of_a_list_is_read_from_the_hidden_taste(popular: Living) -> None:
    truth = truth_of(popular.state, ADA)
    (playlist,) = (each for each in popular.state.playlists.values() if each.by_app)
    tracks = [item.track for item in playlist.items if item.track is not None]
    liking = popular.state.world.listeners[ADA].taste.liking[tracks]

    assert truth is not None
    assert truth.acceptance == pytest.approx(float(np.mean(0.12 + 0.84 * liking)), abs=1e-6)
    assert truth.artists == len(set(popular.state.world.track_artist[tracks].tolist()))
    assert 0 < truth.diversity <= 1


def test_a_rival_ranks_by_its_one_signal(popular: Living) -> None:
    ranked = popular.lake.frame(RECOMMENDATIONS).sort_values("rank")

    signal = RIVALS["popularity"].signal
    assert load_fusion(popular.lake, ADA).weights == {signal: (1.0, 0.0)}
    assert ranked["score"].is_monotonic_decreasing
    assert Registry.of(popular.lake).current(ADA, taste.NAME) is None


def test_the_first_seeds_classifier_answers_in_place_of_ours(first_seed: Living) -> None:
    model = taste.load_taste(first_seed.lake, ADA)

    assert model is not None
    assert model.name == taste.FIRST_SEED


def test_every_rival_chooses_from_the_same_tracks(popular: Living, first_seed: Living) -> None:
    considered = [
        set(living.lake.frame(RECOMMENDATIONS)["track_key"]) for living in (popular, first_seed)
    ]

    assert considered[0] == considered[1]


def test_a_life_changes_nothing_of_the_world_that_others_live_in(popular: Living) -> None:
    world = world_of(LIFE.seed, SMALL, (ADA,))
    plays = len(world.listeners[ADA].play_at)

    popular.day()

    assert len(popular.state.world.listeners[ADA].play_at) > plays
    assert len(world.listeners[ADA].play_at) == plays
