"""Lives that are over in seconds: one listener, a small world."""

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
    """The same life with another way to rank, and a catalog of the first night."""
    return replace(LIFE, rival=rival, nights=nights, catalog_every=10, training_every=10)
