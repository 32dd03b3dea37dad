"""The rankers of a simulation: the product's own, variants of it, and baselines that it must beat.

A baseline is the same pipeline - the same catalog, windows, caps, exploration and re-ranking - with
one signal instead of all. So the comparison is about the ranking alone, at the same trade-off
between relevance and variety. A variant has all signals, and lacks a part of the learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smallhours.lake.store import Lake
from smallhours.runs import Stage
from smallhours.training import (
    predict_audio_features,
    train_audio_features,
    train_ranking,
    train_taste,
)
from smallhours.training.model_card import ModelCard
from smallhours.training.ranking import fusion
from smallhours.training.ranking.fusion import FILE, NAME, load_fusion
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste

OURS = "ours"
FROZEN = "frozen"
FIRST_SEED = "first_seed"
# The stages of `train_models` that a ranking needs; those for the pages alone are left out.
ALL_MODELS = (train_taste, train_ranking, train_audio_features, predict_audio_features)


@dataclass(frozen=True)
class Ranker:
    """A ranker.

    Attributes:
        name: Name of the ranker.
        signal: Its only signal; None for the product's ranker, which weighs all of them.
        training_stages: The training stages that it needs.
        train_once: Whether it is trained on the first night only. Later plays still make new seeds,
            and are not recommended again.
    """

    name: str
    signal: str | None
    training_stages: tuple[Stage, ...] = ()
    train_once: bool = False

    def install(self, lake: Lake, listener: str, night: str) -> None:
        """Save the baseline's signal in place of the learned weights, before a list is ranked."""
        if self.signal is None and not self.train_once:
            return
        registry = Registry.of(lake)
        if self.name == FIRST_SEED:
            # Retire the trained taste model: without it the first seed's classifier is used.
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
        # Leave out the reception of picks, which is learned every night without training.
        weights = fusion.DEFAULT_WEIGHTS.items()
        return fusion.Fusion({name: each for name, each in weights if name != fusion.RECEPTION})


RANKERS: Mapping[str, Ranker] = MappingProxyType(
    {
        ranker.name: ranker
        for ranker in (
            Ranker(OURS, None, ALL_MODELS),
            Ranker(FROZEN, None, ALL_MODELS, train_once=True),
            Ranker(
                "default_weights",
                None,
                tuple(each for each in ALL_MODELS if each is not train_ranking),
            ),
            Ranker(FIRST_SEED, fusion.P_LIKE, (train_taste,)),
            Ranker("similar_tracks", fusion.NEAR_TRACKS),
            Ranker("artist_affinity", fusion.ARTIST_AFFINITY),
            Ranker("popularity", fusion.POPULARITY),
        )
    }
)
