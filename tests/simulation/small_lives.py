"""Simulations that take seconds: one listener in a small world."""

from dataclasses import replace

from smallhours.simulation.nights import Life
from smallhours.simulation.rivals import OURS
from smallhours.simulation.world import Size

ADA = "ada"
SMALL = Size(artists=120, tracks=1_000, scrobbles=400)
LIFE = Life(
    ADA, OURS, nights=2, seed=1983, size=SMALL, household=(ADA,), catalog_every=1, training_every=1
)


def life_by(rival: str, nights: int) -> Life:
    """Return the same simulation with another ranker, and a catalog from the first night only."""
    return replace(LIFE, rival=rival, nights=nights, catalog_every=10, training_every=10)
