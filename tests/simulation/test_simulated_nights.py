import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.simulation.nights import Living, begun, live, spend_evening
from smallhours.simulation.rivals import RIVALS
from smallhours.simulation.world import acceptance_of, truth_of, world_of
from smallhours.training.ranking.fusion import RECEPTION
from smallhours.training.ranking.saved import load_fusion
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste
from tests.simulation.small_lives import ADA, LIFE, SMALL, life_by


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with the results of the first evening."""
    folder = tmp_path_factory.mktemp("evening") / "lake"
    spend_evening(LIFE, folder)
    return folder


@pytest.fixture(scope="module")
def popular(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Yield a simulation of the popularity baseline after one night, before its day."""
    with first_night("popularity", evening, tmp_path_factory.mktemp("popular")) as living:
        assert truth_of(living.state, ADA) is None
        assert living.morning() is None
        living.night()
        yield living


@pytest.fixture(scope="module")
def first_seed(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Yield a simulation of the first seed's classifier after one night."""
    with first_night("first_seed", evening, tmp_path_factory.mktemp("first_seed")) as living:
        living.night()
        yield living


def first_night(rival: str, evening: Path, folder: Path) -> AbstractContextManager[Living]:
    shutil.copytree(evening, folder / "lake")
    return begun(life_by(rival, 1), folder / "lake")


def test_lives_that_share_their_first_evening_are_those_that_spent_it_alone(
    evening: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    life = life_by("similar_tracks", 2)
    shutil.copytree(evening, tmp_path / "shared")

    alone = live(life, tmp_path / "alone", told.append)
    shared = live(life, tmp_path / "shared")

    assert alone == shared
    assert told == [1, 2]
    assert [morning.truth.size for morning in alone] == [10, 10]


def test_what_is_true_of_a_list_is_read_from_the_hidden_taste(popular: Living) -> None:
    morning = popular.morning()
    (playlist,) = (each for each in popular.state.playlists.values() if each.by_app)
    tracks = [item.track for item in playlist.items if item.track is not None]
    liking = popular.state.world.listeners[ADA].taste.liking[tracks]

    assert morning is not None
    truth = morning.truth
    assert truth.acceptance == pytest.approx(float(np.mean(0.12 + 0.84 * liking)), abs=1e-6)
    assert truth.artists == len(set(popular.state.world.track_artist[tracks].tolist()))
    assert 0 < truth.diversity <= 1


def test_no_list_is_better_than_the_best_of_the_same_tracks(popular: Living) -> None:
    morning = popular.morning()

    assert morning is not None
    assert morning.offer is not None
    acceptance = acceptance_of(popular.state.world, ADA)
    assert acceptance.min() < morning.offer.chance < morning.offer.best <= acceptance.max()
    assert morning.truth.acceptance <= morning.offer.best
    assert morning.offer.tracks > morning.truth.size


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


def test_who_is_frozen_learns_on_the_first_night_and_never_again(
    evening: Path, tmp_path: Path
) -> None:
    with first_night("frozen", evening, tmp_path) as living:
        living.night()
        models = Registry.of(living.lake).versions(ADA, taste.NAME)
        living.day()
        living.night()

        assert len(models) == 1
        assert Registry.of(living.lake).versions(ADA, taste.NAME) == models
        assert RECEPTION not in load_fusion(living.lake, ADA).weights


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
