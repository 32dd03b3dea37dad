"""Data of the taste benchmark, and their state on a past day.

One listener's whole log, and other listeners' plays and tags. The other tables have no track
titles, so the items are artists: an artist's tags describe them, and "similar artists" are those
that other listeners play together, as for the real service.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_of
from smallhours.training.evaluation.folds import PLAYS_TO_ADOPT, Fold, adopted
from smallhours.training.tags import Tags

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SCROBBLES = _SHARED / "listener-a" / "scrobbles.csv.gz"
TAGS = _SHARED / "listeners-2k" / "artist_tags.csv.gz"
OTHERS = _SHARED / "listeners-2k" / "plays.csv.gz"

WEEKS_PER_FOLD = 52
# Minimum number of adopted artists with tags for a year to be used.
MIN_ADOPTED = 20
SIMILAR = 100

Floats = npt.NDArray[np.float64]


class BadTasteTable(ValueError):
    """The error for a table that lacks a column."""


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
    def similar(self) -> sparse.csr_matrix:
        """Each artist's top 100 by co-listening, (catalog, catalog): the cosine of their fans."""
        unit = self.fans.astype(np.float64)
        length = np.sqrt(np.maximum(self.popularity, 1.0))
        unit = unit @ sparse.diags_array(1 / length)
        close = (unit.T @ unit).tocsr()
        close.setdiag(0)
        close.eliminate_zeros()
        return _top(close, SIMILAR)

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


def no_library() -> pd.DataFrame:
    """Return a library without saved tracks."""
    columns = ["track_key", "signal", "first_seen", "last_seen", "added_at"]
    return pd.DataFrame(columns=columns)


def no_feedback() -> pd.DataFrame:
    """Return feedback without any reaction."""
    return pd.DataFrame({"track_key": [], "reaction": [], "at": pd.to_datetime([], utc=True)})


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
        raise BadTasteTable(f"{path.name} has no column {', '.join(lacking)}")
    return table


def _top(matrix: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """Return the k largest of each row; equal ones in column order."""
    starts, columns, values = [0], [], []
    for row in range(matrix.shape[0]):
        mine = slice(matrix.indptr[row], matrix.indptr[row + 1])
        order = np.lexsort((matrix.indices[mine], -matrix.data[mine]))[:k]
        columns.append(matrix.indices[mine][order])
        values.append(matrix.data[mine][order])
        starts.append(starts[-1] + len(order))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.asarray(starts)), shape=matrix.shape
    )


ADOPTED_MEANS = f"new at the cut, then played {PLAYS_TO_ADOPT} times or more"
