from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from smallhours_sandbox.simulation import runner
from smallhours_sandbox.simulation.ground_truth import OracleBounds, PlaylistQuality
from smallhours_sandbox.simulation.listener import DailyOutcome, SimulationSpec
from smallhours_sandbox.simulation.runner import run_simulations, simulation_specs

MORNINGS = [
    DailyOutcome(PlaylistQuality(20, 0.5, 0.8, 15), OracleBounds(500, best=0.9, chance=0.3)),
    DailyOutcome(PlaylistQuality(20, 0.6, 0.8, 15), None),
]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the simulations by given mornings; return the listeners of those that were run."""
    ran: list[str] = []

    def pool(processes: int, *, mp_context: object) -> ThreadPoolExecutor:
        del mp_context
        return ThreadPoolExecutor(processes)

    def run(spec: SimulationSpec, _evening: Path) -> list[DailyOutcome]:
        ran.append(spec.listener)
        if spec.listener == "chiara":
            raise OSError("interrupted")
        return MORNINGS

    monkeypatch.setattr(runner, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(runner, "prepare_first_evening", lambda _spec, _folder: None)
    monkeypatch.setattr(runner, "_run_in_copy", run)
    return ran


def test_what_was_kept_is_not_simulated_again(ran: list[str], tmp_path: Path) -> None:
    specs = simulation_specs(["ours"], ["ada", "bruno", "chiara"], nights=2, seed=1)
    with pytest.raises(OSError, match="interrupted"):
        run_simulations(specs, processes=1, keep=tmp_path / "kept")
    assert ran == ["ada", "bruno", "chiara"]

    found = run_simulations(specs[:2], processes=1, keep=tmp_path / "kept")

    assert ran == ["ada", "bruno", "chiara"]
    assert found == {("ours", "ada"): MORNINGS, ("ours", "bruno"): MORNINGS}


def test_other_nights_or_seeds_are_other_simulations(ran: list[str], tmp_path: Path) -> None:
    for nights, seed in ((2, 1), (3, 1), (2, 2)):
        specs = simulation_specs(["ours"], ["ada"], nights=nights, seed=seed)
        run_simulations(specs, processes=1, keep=tmp_path)
    assert ran == ["ada"] * 3
