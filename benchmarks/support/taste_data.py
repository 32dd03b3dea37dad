"""Data of the taste benchmark, their state on a past day, and the single signals of that day.

One listener's whole log, and other listeners' plays and tags. The other tables have no track
titles, so the items are artists: an artist's tags describe them, and "similar artists" are those
that other listeners play together, as for the real service.

A signal is one number per artist, (catalog,), higher is likelier, from the plays before the cut
alone: those that the product ranks by, and the first seed's classifier.
"""

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from benchmarks.harness import SHARED, BadTable
from benchmarks.support.installation import SINGLES as INSTALLED
from benchmarks.support.installation import Installation, score_among, signals_at
from benchmarks.support.ranking_data import Crowd, no_feedback, no_library
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_of
from smallhours.settings import EvidenceWeights
from smallhours.training import first_seed
from smallhours.training.evaluation.folds import PLAYS_TO_ADOPT, Fold, adopted, plays_before
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.ranking.fusion import P_LIKE
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import Tags
from smallhours.training.taste.model import FirstSeedTaste, fit_taste_model
from smallhours.training.taste.training_rows import (
    TrainingRows,
    training_rows_at,
)
from smallhours_sandbox.genres import load_genres

SCROBBLES = SHARED / "listener-a" / "scrobbles.csv.gz"
TAGS = SHARED / "listeners-2k" / "artist_tags.csv.gz"
OTHERS = SHARED / "listeners-2k" / "plays.csv.gz"

WEEKS_PER_FOLD = 52
# Minimum number of adopted artists with tags for a year to be used.
MIN_ADOPTED = 20
ADOPTED_MEANS = f"new at the cut, then played {PLAYS_TO_ADOPT} times or more"

Floats = npt.NDArray[np.float64]

FIRST_SEED, TASTE = "first_seed", P_LIKE
SINGLES = (*INSTALLED, FIRST_SEED)
# The first seed used 200 dislikes, its maximum, for 337 likes.
DISLIKES_PER_LIKE = 200 / 337
STRONGEST_TAGS = (100, 10)
MIN_DISLIKES = 20


@dataclass(frozen=True)
class TasteWorld:
    """The data of the benchmark.

    Attributes:
        plays: The log: `track_key` (here an artist's key), `played_at`, and null columns for the
            values that this log lacks.
        tags: Tags of every artist in the catalog.
        catalog: Keys of all artists with tags, sorted.
        fans: (listeners, catalog) 1 where another listener plays the artist.
    """

    plays: pd.DataFrame
    tags: Tags
    catalog: tuple[str, ...]
    fans: sparse.csr_matrix

    @cached_property
    def popularity(self) -> Floats:
        """The number of other listeners of each artist, (catalog,)."""
        return np.asarray(self.fans.sum(axis=0)).ravel().astype(np.float64)

    @cached_property
    def installation(self) -> Installation:
        """The product beside the other listeners."""
        return Installation.of(
            Crowd(pd.Index(self.catalog, dtype="str"), self.fans, self.popularity, self.tags)
        )

    def with_genres_only(self) -> "TasteWorld":
        """Return the same world with nothing but genres for tags, as MusicBrainz has them.

        A genre is what the sandbox's tree of genres names: some three an artist, and none for a
        quarter of them.
        """
        tree = load_genres()
        genres = {*tree.families, *tree.leaves, *chain.from_iterable(tree.spellings)}
        named = {
            artist: {tag: count for tag, count in tags.items() if tag.lower() in genres}
            for artist, tags in self.tags.artist.items()
        }
        return replace(self, tags=Tags({}, named))

    def yearly_folds(self) -> list[Fold]:
        """Return years that do not overlap, oldest first, the newest ending with the log."""
        end = self.plays["played_at"].max().to_pydatetime() + dt.timedelta(seconds=1)
        start = self.plays["played_at"].min()
        folds: list[Fold] = []
        while (cut := end - dt.timedelta(weeks=WEEKS_PER_FOLD)) > start:
            folds.insert(0, Fold(cut, end))
            end = cut
        return [fold for fold in folds if len(self.truth(fold)) >= MIN_ADOPTED]

    def truth(self, fold: Fold) -> set[str]:
        """Return artists of the catalog that were adopted in a fold: new then, and played twice."""
        return adopted(self.plays, no_library(), fold) & set(self.catalog)

    def all_adopted(self, fold: Fold) -> set[str]:
        """Return all artists that were adopted in a fold, in the catalog or not."""
        return adopted(self.plays, no_library(), fold)


def load_world(scrobbles: Path, tags: Path, others: Path) -> TasteWorld:
    """Read the three tables.

    Raises:
        BadTable: when one lacks a column.
    """
    log = _read(scrobbles, ("played_at", "artist"))
    tagged = _read(tags, ("artist", "tag", "count"))
    listeners = _read(others, ("listener", "artist", "plays"))
    names = {*log["artist"], *tagged["artist"], *listeners["artist"]}
    keys = {name: artist_key_of(name) for name in names}

    of_artist: dict[str, dict[str, int]] = {}
    rows = tagged.assign(count=pd.to_numeric(tagged["count"]).astype(int))
    rows = rows[rows["count"] > 0].sort_values("count", ascending=False, kind="stable")
    for artist, tag, count in zip(rows["artist"], rows["tag"], rows["count"], strict=True):
        of_artist.setdefault(keys[artist], {}).setdefault(tag, count)
    catalog = tuple(sorted(of_artist))

    column = {key: at for at, key in enumerate(catalog)}
    at = listeners["artist"].map(keys).map(column)
    kept = at.notna()
    people, _ = pd.factorize(listeners["listener"], sort=True)
    fans = sparse.csr_matrix(
        (np.ones(int(kept.sum())), (people[kept], at[kept].astype(int))),
        shape=(people.max() + 1, len(catalog)),
    )
    fans.data[:] = 1.0
    plays = pd.DataFrame(
        {
            "track_key": log["artist"].map(keys),
            "played_at": pd.to_datetime(log["played_at"], utc=True),
            "ms_played": np.nan,
            "skipped": pd.Series(pd.NA, index=log.index, dtype=pd.BooleanDtype()),
            "reason_end": None,
        }
    )
    plays = plays.sort_values("played_at", kind="stable", ignore_index=True)
    return TasteWorld(plays, Tags({}, of_artist), catalog, fans)


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if lacking := [name for name in columns if name not in table]:
        raise BadTable(f"{path.name} has no column {', '.join(lacking)}")
    return table


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


def singles(world: TasteWorld, day: PastDay, *, seed: int) -> pd.DataFrame:
    """Return the product's signals and the first seed's scores, indexed by the catalog.

    A signal that knows nothing of any artist here, such as audio features, is 0.
    """
    cut = day.fold.cut
    past = past_of(world)
    past = replace(past, plays=past.plays[past.plays["played_at"] < cut])
    found = signals_at(world.installation, past, cut, [seed, cut.toordinal()])
    if found[TASTE].isna().all():
        # Say why, as the training does.
        fit_taste_model(past, day.rows)
    seed_scores = first_seed_scores(world, day, seed=seed)
    found[FIRST_SEED] = 0.0 if seed_scores is None else seed_scores
    return found.fillna(found.mean()).fillna(0.0)


def ours(world: TasteWorld, signals: pd.DataFrame, day: PastDay) -> Floats:
    """Score artists by the product's signals and the weights that ship."""
    return score_among(world.installation, signals, day.new)


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
