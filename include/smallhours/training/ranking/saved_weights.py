"""Loading of a listener's saved ranking weights."""

from smallhours.lake.store import Lake
from smallhours.training.persistence import raise_unreadable
from smallhours.training.ranking.fusion import DEFAULT, Fusion
from smallhours.training.registry import Registry, SavedModel

NAME = "ranking"
FILE = "weights.json"


def load_fusion(lake: Lake, listener: str) -> Fusion:
    """Load the listener's weights in use, or the default if theirs were never better.

    Damaged or missing weights count as none.
    """
    return Registry.of(lake).load(listener, NAME, _read) or DEFAULT


def _read(saved: SavedModel) -> Fusion:
    try:
        return Fusion.from_json(saved.read(FILE), version=saved.version)
    except ValueError as error:
        raise_unreadable(saved.address(FILE), f"it is damaged ({error})")
