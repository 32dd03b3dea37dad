"""Who ranks: ours, and the simple ways to rank that ours must beat.

A rival is the same pipeline - the same catalog, windows, caps, exploration and re-ranking - with
one signal in the place of all. So what is compared is the ranking, at the same settings of the
dials that trade how well a list fits for how varied it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smallhours.lake.store import Lake
from smallhours.training.model_card import ModelCard
from smallhours.training.ranking import fusion
from smallhours.training.ranking.saved import FILE, NAME
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste

OURS = "ours"
FIRST_SEED = "first_seed"


@dataclass(frozen=True)
class Rival:
    """One way to rank.

    Attributes:
        name: Of the way.
        signal: The one that decides; None for ours, which weighs them all.
    """

    name: str
    signal: str | None

    @property
    def trains(self) -> bool:
        """Whether anything is learned from the reactions."""
        return self.signal in (None, fusion.P_LIKE)

    def settle(self, lake: Lake, listener: str, night: str) -> None:
        """Put its one signal in the place of the weights, before a list is ranked."""
        if self.signal is None:
            return
        only = fusion.Fusion({self.signal: (1.0, 0.0)}, share=1.0)
        card = ModelCard(
            name=NAME,
            owner=listener,
            night=night,
            purpose=f"Ranks by {self.signal} alone.",
            limits="anything else.",
            features=[self.signal],
            data={},
            settings={},
            seeds={},
            metrics={},
        )
        registry = Registry.of(lake)
        registry.save(card, {FILE: only.to_json()})
        if self.name == FIRST_SEED:
            # Ours is trained beside it; without it the first seed's classifier is the one in use.
            registry.retire(listener, taste.NAME)


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {
        rival.name: rival
        for rival in (
            Rival(OURS, None),
            Rival(FIRST_SEED, fusion.P_LIKE),
            Rival("similar_tracks", fusion.NEAR_TRACKS),
            Rival("artist_affinity", fusion.ARTIST_AFFINITY),
            Rival("popularity", fusion.POPULARITY),
        )
    }
)
