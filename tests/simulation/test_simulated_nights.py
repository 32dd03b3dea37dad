import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.training.ranking.fusion import RECEPTION
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste
from smallhours_sandbox.simulation.ground_truth import (
    acceptance_of,
    playlist_quality,
    simulated_world,
)
from smallhours_sandbox.simulation.listener import (
    ListenerSimulation,
    open_simulation,
    prepare_first_evening,
    run_simulation,
)
from smallhours_sandbox.simulation.rankers import RANKERS
from tests.simulation.small_simulations import ADA, SMALL, SPEC, spec_with

pytestmark = pytest.mark.slow(seconds=5)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with the results of the first evening."""
    folder = tmp_path_factory.mktemp("evening") / "lake"
    prepare_first_evening(SPEC, folder)
    return folder


@pytest.fixture(scope="module")
def popular(
    evening: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ListenerSimulation]:
    """Yield a simulation of the popularity baseline after one night, before its day."""
    with first_night("popularity", evening, tmp_path_factory.mktemp("popular")) as simulation:
        assert playlist_quality(simulation.state, ADA) is None
        assert simulation.measure() is None
        simulation.run_night()
        yield simulation


@pytest.fixture(scope="module")
def first_seed(
    evening: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ListenerSimulation]:
    """Yield a simulation of the first seed's classifier after one night."""
    with first_night("first_seed", evening, tmp_path_factory.mktemp("first_seed")) as simulation:
        simulation.run_night()
        yield simulation


def first_night(
    ranker: str, evening: Path, folder: Path
) -> AbstractContextManager[ListenerSimulation]:
    shutil.copytree(evening, folder / "lake")
    return open_simulation(spec_with(ranker, 1), folder / "lake")


def test_lives_that_share_their_first_evening_are_those_that_spent_it_alone(
    evening: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    spec = spec_with("similar_tracks", 2)
    shutil.copytree(evening, tmp_path / "shared")

    alone = run_simulation(spec, tmp_path / "alone", told.append)
    shared = run_simulation(spec, tmp_path / "shared")

    assert alone == shared
    assert told == [1, 2]
    assert [morning.quality.size for morning in alone] == [10, 10]


def test_what_is_true_of_a_list_is_read_from_the_hidden_taste(popular: ListenerSimulation) -> None:
    morning = popular.measure()
    (playlist,) = (each for each in popular.state.playlists.values() if each.by_app)
    tracks = [item.track for item in playlist.items if item.track is not None]
    liking = popular.state.world.listeners[ADA].taste.liking[tracks]

    assert morning is not None
    quality = morning.quality
    assert quality.acceptance == pytest.approx(float(np.mean(0.12 + 0.84 * liking)), abs=1e-6)
    assert quality.artists == len(set(popular.state.world.track_artist[tracks].tolist()))
    assert 0 < quality.diversity <= 1


def test_no_list_is_better_than_the_best_of_the_same_tracks(popular: ListenerSimulation) -> None:
    morning = popular.measure()

    assert morning is not None
    assert morning.oracle is not None
    acceptance = acceptance_of(popular.state.world, ADA)
    assert acceptance.min() < morning.oracle.chance < morning.oracle.best <= acceptance.max()
    assert morning.quality.acceptance <= morning.oracle.best
    assert morning.oracle.tracks > morning.quality.size


def test_a_rival_ranks_by_its_one_signal(popular: ListenerSimulation) -> None:
    ranked = popular.lake.frame(RECOMMENDATIONS).dropna(subset=["rank"]).sort_values("rank")

    assert {each.split()[0] for added in ranked["added"] for each in added} == {"popularity"}
    assert ranked["score"].is_monotonic_decreasing
    assert Registry.of(popular.lake).current(ADA, taste.NAME) is None


def test_the_first_seeds_classifier_answers_in_place_of_ours(
    first_seed: ListenerSimulation,
) -> None:
    model = taste.load_taste(first_seed.lake, ADA)

    assert model is not None
    assert model.name == taste.FIRST_SEED


def test_who_is_frozen_learns_on_the_first_night_and_never_again(
    evening: Path, tmp_path: Path
) -> None:
    with first_night("frozen", evening, tmp_path) as simulation:
        simulation.run_night()
        models = Registry.of(simulation.lake).versions(ADA, taste.NAME)
        simulation.run_day()
        simulation.run_night()

        assert len(models) == 1
        assert Registry.of(simulation.lake).versions(ADA, taste.NAME) == models
    fusion = RANKERS["frozen"].fusion
    assert fusion is not None
    assert RECEPTION not in fusion.weights


def test_every_rival_chooses_from_the_same_tracks(
    popular: ListenerSimulation, first_seed: ListenerSimulation
) -> None:
    considered = [
        set(simulation.lake.frame(RECOMMENDATIONS)["track_key"])
        for simulation in (popular, first_seed)
    ]

    assert considered[0] == considered[1]


def test_a_life_changes_nothing_of_the_world_that_others_live_in(
    popular: ListenerSimulation,
) -> None:
    world = simulated_world(SPEC.seed, SMALL, (ADA,))
    plays = len(world.listeners[ADA].play_at)

    popular.run_day()

    assert len(popular.state.world.listeners[ADA].play_at) > plays
    assert len(world.listeners[ADA].play_at) == plays
