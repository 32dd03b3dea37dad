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
from smallhours.training.ranking.saved import FILE, NAME, load_fusion
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste

OURS = "ours"
FROZEN = "frozen"
FIRST_SEED = "first_seed"
# What of `train_models` a ranking rests on; what is trained for the pages alone is left out.
ALL_MODELS = ("train_taste", "train_ranking", "train_audio_features", "predict_audio_features")


@dataclass(frozen=True)
class Rival:
    """One way to rank.

    Attributes:
        name: Of the way.
        signal: The one that decides; None for ours, which weighs them all.
        trained_by: The training stages that it rests on.
        once: Whether it learns on the first night alone. What was played since still makes new
            seeds, and is not offered again.
    """

    name: str
    signal: str | None
    trained_by: tuple[str, ...] = ()
    once: bool = False

    def settle(self, lake: Lake, listener: str, night: str) -> None:
        """Put what it ranks by in the place of the weights, before a list is ranked."""
        if self.signal is None and not self.once:
            return
        registry = Registry.of(lake)
        if self.name == FIRST_SEED:
            # Ours is trained beside it; without it the first seed's classifier is the one in use.
            registry.retire(listener, taste.NAME)
        only = self._fusion()
        if load_fusion(lake, listener).weights == only.weights:
            return
        card = ModelCard(
            name=NAME,
            owner=listener,
            night=night,
            purpose=f"Ranks by {', '.join(only.weights)} alone.",
            limits="anything else.",
            features=list(only.weights),
            data={},
            settings={},
            seeds={},
            metrics={},
        )
        registry.save(card, {FILE: only.to_json()})

    def _fusion(self) -> fusion.Fusion:
        if self.signal is not None:
            return fusion.Fusion({self.signal: (1.0, 0.0)}, share=1.0)
        # How picks were received is learned every night, by no training.
        weights = fusion.DEFAULT_WEIGHTS.items()
        return fusion.Fusion({name: each for name, each in weights if name != fusion.RECEPTION})


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {
        rival.name: rival
        for rival in (
            Rival(OURS, None, ALL_MODELS),
            Rival(FROZEN, None, ALL_MODELS, once=True),
            Rival(FIRST_SEED, fusion.P_LIKE, ("train_taste",)),
            Rival("similar_tracks", fusion.NEAR_TRACKS),
            Rival("artist_affinity", fusion.ARTIST_AFFINITY),
            Rival("popularity", fusion.POPULARITY),
        )
    }
)
