"""The simpler rules that the taste model is compared with, each on the tracks of a fold."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.candidates import track_weights
from smallhours.catalog.merged_sources import complete_listeners, read_neighbours
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import TRACKS
from smallhours.nights import Night
from smallhours.training import first_seed
from smallhours.training.evaluation.folds import library_before, plays_before
from smallhours.training.ranking.signals import consensus
from smallhours.training.taste.model import FIRST_SEED, FirstSeedTaste
from smallhours.training.taste.training_rows import ListeningHistory, TrainingRows

if TYPE_CHECKING:
    from smallhours.training.taste.backtest import BacktestFold

Floats = npt.NDArray[np.float64]


class Baselines:
    """The baselines of one listener's night, with the tables that they read from the lake.

    Args:
        lake: The lake.
        listener: The listener's name.
        past: Their history.
    """

    def __init__(self, lake: Lake, listener: str, past: ListeningHistory) -> None:
        self._listener, self._past = listener, past
        tracks = lake.frame(TRACKS, columns=["track_key", "listeners"])
        self._listeners = complete_listeners(lake, tracks.set_index("track_key")["listeners"])
        self._near = read_neighbours(lake, ["track"])

    def scores(self, backtest_fold: "BacktestFold", rows: TrainingRows) -> dict[str, Floats]:
        """Return the scores of the fold's tracks by baseline, without any that cannot be computed.

        Args:
            backtest_fold: The fold's tracks.
            rows: The rows that the taste model learned from at the same cut.
        """
        found: Mapping[str, Callable[[], Floats | None]] = {
            "popularity": lambda: self._popularity(backtest_fold),
            "artist_affinity": lambda: _artist_affinity(backtest_fold, rows),
            "similar_tracks": lambda: self._similar_tracks(backtest_fold),
            FIRST_SEED: lambda: self._first_seed(backtest_fold),
        }
        return {name: scores for name, score in found.items() if (scores := score()) is not None}

    def _popularity(self, backtest_fold: "BacktestFold") -> Floats | None:
        known = self._listeners.reindex(list(backtest_fold.tracks))
        if known.notna().sum() < 2:
            return None
        # An unknown number of listeners counts as the median.
        return np.asarray(known.rank(pct=True).fillna(0.5), dtype=np.float64)

    def _similar_tracks(self, backtest_fold: "BacktestFold") -> Floats | None:
        """Return 1 - prod(1 - match x the seed's weight) over the listener's seeds at the cut."""
        cut = backtest_fold.fold.cut
        plays = plays_before(self._past.plays, cut)
        library = library_before(self._past.library, cut)
        weights = track_weights(plays, library, night=cut.date())
        strength = self._near["match"] * self._near["seed_key"].map(weights).astype(float)
        votes = self._near.assign(track_key=self._near["neighbour_key"], strength=strength)
        votes = votes[strength.notna()]
        if votes.empty:
            return None
        return consensus(votes, pd.Index(backtest_fold.tracks)).to_numpy(dtype=np.float64)

    def _first_seed(self, backtest_fold: "BacktestFold") -> Floats | None:
        then = Night(backtest_fold.fold.cut.date(), backtest_fold.fold.cut)
        try:
            labelled = first_seed.label_tracks(self._past, self._listener, night=then)
            model = first_seed.train(labelled.frame).model
        except NotEnoughData:
            return None
        return FirstSeedTaste(model).p_like(self._past.tags, backtest_fold.tracks)


def _artist_affinity(backtest_fold: "BacktestFold", rows: TrainingRows) -> Floats:
    """Return the summed weight of the artist's liked tracks."""
    liked: dict[str, float] = {}
    for artist, y, weight in zip(rows.artists, rows.y, rows.weight, strict=True):
        if y:
            liked[artist] = liked.get(artist, 0.0) + float(weight)
    return np.array([liked.get(artist_key_in(key), 0.0) for key in backtest_fold.tracks])
