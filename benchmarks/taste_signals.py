"""Single signals of every artist on a past day.

One number per artist, (catalog,), higher is likelier, from the plays before the cut alone. The
fusion is compared with these: popularity, artists that other listeners play with one's own, tags,
the first seed's classifier, and the nightly taste model.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.taste_data import TasteWorld, no_feedback, no_library
from smallhours.errors import NotEnoughData
from smallhours.settings import EvidenceWeights
from smallhours.training import first_seed
from smallhours.training.evaluation.folds import Fold, plays_before
from smallhours.training.ranking.fusion import DEFAULT
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.taste.fit import fit_taste_model
from smallhours.training.taste.model import FirstSeedTaste
from smallhours.training.taste.training_rows import ListeningHistory, TrainingRows, training_rows_at

Floats = npt.NDArray[np.float64]

POPULARITY, SUPPORT, CONSENSUS = "popularity", "seed_support", "near_artists"
AFFINITY, FIRST_SEED, TASTE = "tag_affinity", "first_seed", "p_like"
SINGLES = (POPULARITY, SUPPORT, CONSENSUS, AFFINITY, FIRST_SEED, TASTE)
# The first seed used 200 dislikes, its maximum, for 337 likes.
DISLIKES_PER_LIKE = 200 / 337
STRONGEST_TAGS = (100, 10)
MIN_DISLIKES = 20


@dataclass(frozen=True)
class PastDay:
    """A past day.

    Attributes:
        catalog: The artists' keys.
        fold: Its cut, and the year after.
        rows: The training rows.
        fond: (catalog,) weight of each liked artist, 0 for the others.
        new: (catalog,) True for artists that were not known at the cut: those that are ranked.
        truth: (catalog,) 1 for those adopted in the fold.
    """

    catalog: tuple[str, ...]
    fold: Fold
    rows: TrainingRows
    fond: Floats
    new: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.intp]

    @cached_property
    def column(self) -> dict[str, int]:
        """The index of each artist in the catalog."""
        return {key: at for at, key in enumerate(self.catalog)}


def past_of(world: TasteWorld) -> ListeningHistory:
    """Return the log as the training stage reads it; artists stand for tracks."""
    return ListeningHistory(world.plays, no_library(), no_feedback(), world.tags, world.catalog)


def day_of(world: TasteWorld, fold: Fold, *, seed: int) -> PastDay:
    """Return the state of a day, with the artists adopted afterwards."""
    weights = EvidenceWeights()
    rng = np.random.default_rng([seed, fold.cut.toordinal()])
    rows = training_rows_at(past_of(world), fold.cut, weights=weights, rng=rng)
    liked = {
        key: weight for key, y, weight in zip(rows.tracks, rows.y, rows.weight, strict=True) if y
    }
    known = set(plays_before(world.plays, fold.cut)["track_key"])
    adopted = world.truth(fold)
    return PastDay(
        world.catalog,
        fold,
        rows,
        np.array([liked.get(key, 0.0) for key in world.catalog]),
        np.array([key not in known for key in world.catalog], dtype=bool),
        np.array([key in adopted for key in world.catalog], dtype=np.intp),
    )


def singles(world: TasteWorld, day: PastDay, space: TagVectors, *, seed: int) -> pd.DataFrame:
    """Compute all single signals, indexed by the catalog."""
    listed = world.similar.sign()
    found = {
        POPULARITY: np.log1p(world.popularity),
        SUPPORT: listed.T @ (day.fond > 0).astype(float),
        CONSENSUS: world.similar.T @ day.fond,
        AFFINITY: _affinity(world, day, space),
        TASTE: fit_taste_model(past_of(world), day.rows).log_odds(world.tags, world.catalog),
    }
    seed_scores = first_seed_scores(world, day, seed=seed)
    found[FIRST_SEED] = np.zeros(len(world.catalog)) if seed_scores is None else seed_scores
    return pd.DataFrame(found, index=pd.Index(world.catalog))[list(SINGLES)]


def ours(signals: pd.DataFrame, day: PastDay) -> Floats:
    """Score artists by the fusion with default weights."""
    used = [name for name in signals if name in DEFAULT.weights]
    among = pd.Series(day.new, index=signals.index)
    return DEFAULT.score(signals[used], among).to_numpy(dtype=np.float64)


def tag_space(world: TasteWorld) -> TagVectors:
    """Return the catalog as vectors of its tags' names."""
    return TagVectors.of(world.tags, world.catalog)


def first_seed_scores(world: TasteWorld, day: PastDay, *, seed: int) -> Floats | None:
    """Score by the first seed's classifier; None with too few tracks of unheard tags."""
    tags_of = {key: world.tags.as_first_seed(key) for key in world.catalog}
    likes = [key for key, fond in zip(world.catalog, day.fond, strict=True) if fond > 0]
    strange = [key for key, new in zip(world.catalog, day.new, strict=True) if new]
    pool = _disjoint(likes, strange, tags_of)
    most = max(200, round(len(likes) * DISLIKES_PER_LIKE))
    rng = np.random.default_rng([seed, len(likes)])
    if len(pool) > most:
        pool = [pool[at] for at in sorted(rng.choice(len(pool), most, replace=False))]
    frame = pd.DataFrame({"track_key": [*likes, *pool]})
    frame["tags"] = [",".join(tags_of[key]) for key in frame["track_key"]]
    frame["label"] = [1] * len(likes) + [0] * len(pool)
    try:
        model = first_seed.train(frame).model
    except NotEnoughData:
        return None
    return FirstSeedTaste(model).p_like(world.tags, world.catalog)


def _disjoint(likes: list[str], strange: list[str], tags_of: dict[str, list[str]]) -> list[str]:
    """Return strange artists that share no tag with the likes, or with their strongest tags."""
    carried = pd.Series([tag for key in likes for tag in tags_of[key]], dtype=object)
    strongest = carried.value_counts(sort=True).index.tolist()
    for most in (len(strongest), *STRONGEST_TAGS):
        taken = set(strongest[:most])
        pool = [key for key in strange if not taken.intersection(tags_of[key])]
        if len(pool) >= MIN_DISLIKES:
            return pool
    return strange


def _affinity(world: TasteWorld, day: PastDay, space: TagVectors) -> Floats:
    liked = pd.Series(day.fond, index=pd.Index(world.catalog))
    profile = space.profile(liked[liked > 0])
    return space.affinity(profile, pd.Index(world.catalog)).to_numpy(dtype=np.float64)
