"""The rankers of a simulation: the product's own, variants of it, and baselines that it must beat.

A baseline is the same pipeline - the same catalog, windows, caps, exploration and re-ranking - with
one signal instead of all. So the comparison is about the ranking alone, at the same trade-off
between relevance and variety. A variant has all signals, and lacks a part of the learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smallhours.playlist.rank.stage import rank_candidates
from smallhours.run_context import RunContext
from smallhours.runs import Stage
from smallhours.training import (
    evaluate_ranking,
    predict_audio_features,
    train_audio_features,
    train_taste,
)
from smallhours.training.ranking import fusion
from smallhours.training.ranking.fusion import DEFAULT_WEIGHTS, Fusion
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste

OURS = "ours"
FROZEN = "frozen"
FIRST_SEED = "first_seed"
# The stages of `train_models` that a list needs; those for the pages alone are left out.
ALL_MODELS = (train_taste, evaluate_ranking, train_audio_features, predict_audio_features)
# Without the reception of picks, which is learned every night without training.
WITHOUT_RECEPTION = Fusion(
    {name: pair for name, pair in DEFAULT_WEIGHTS.items() if name != fusion.RECEPTION}
)


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

    @property
    def fusion(self) -> Fusion | None:
        """Its weights of the signals; None for the product's."""
        if self.signal is not None:
            return Fusion({self.signal: (1.0, 0.0)})
        return WITHOUT_RECEPTION if self.train_once else None

    def rank(self, run: RunContext) -> None:
        """Rank the candidates of a night."""
        if self.name == FIRST_SEED:
            # Retire the trained taste model: without it the first seed's classifier is used.
            Registry.of(run.lake).retire(run.listener, taste.NAME)
        rank_candidates(
            run.listener, run.lake, settings=run.settings, night=run.night, fusion=self.fusion
        )


RANKERS: Mapping[str, Ranker] = MappingProxyType(
    {
        ranker.name: ranker
        for ranker in (
            Ranker(OURS, None, ALL_MODELS),
            Ranker(FROZEN, None, ALL_MODELS, train_once=True),
            Ranker(FIRST_SEED, fusion.P_LIKE, (train_taste,)),
            Ranker("similar_tracks", fusion.NEAR_TRACKS),
            Ranker("artist_affinity", fusion.ARTIST_AFFINITY),
            Ranker("popularity", fusion.POPULARITY),
        )
    }
)
