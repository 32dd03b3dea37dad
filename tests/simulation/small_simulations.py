"""Simulations that take seconds: one listener in a small world."""

from dataclasses import replace

from smallhours_sandbox.simulation.ground_truth import WorldSize
from smallhours_sandbox.simulation.listener import SimulationSpec
from smallhours_sandbox.simulation.rankers import OURS

ADA = "ada"
SMALL = WorldSize(artists=120, tracks=1_000, scrobbles=400)
SPEC = SimulationSpec(
    ADA, OURS, nights=2, seed=1983, size=SMALL, listeners=(ADA,), catalog_every=1, training_every=1
)


def spec_with(ranker: str, nights: int) -> SimulationSpec:
    """Return the same simulation with another ranker, and a catalog from the first night only."""
    return replace(SPEC, ranker=ranker, nights=nights, catalog_every=10, training_every=10)
