"""The simpler rules that the taste model is compared with, and the training of the first seed."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.candidates import track_weights
from smallhours.catalog.stored_answers import complete_listeners, read_neighbours
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import TRACKS
from smallhours.nights import Night
from smallhours.summary import Summary
from smallhours.training import first_seed
from smallhours.training.evaluation.folds import library_before, plays_before
from smallhours.training.evaluation.metrics import Metric, store_metrics
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.model_card import ModelCard
from smallhours.training.ranking.signals import consensus
from smallhours.training.registry import Registry, dump_model
from smallhours.training.tags import SEED_ARTIST, SEED_OWN
from smallhours.training.taste.model import FILE, FIRST_SEED, FirstSeedTaste
from smallhours.training.taste.training_rows import (
    TrainingRows,
)

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


def train_first_seed(listener: str, lake: Lake, past: ListeningHistory, night: Night) -> Summary:
    """Train the first seed's classifier, and store it with its figures."""
    try:
        labelled = first_seed.label_tracks(past, listener, night=night)
        result = first_seed.train(labelled.frame)
    except NotEnoughData as error:
        return {"first_seed": f"skipped: {error}"}
    card = _first_seed_card(result, labelled, listener=listener, night=night)
    saved = Registry.of(lake).save(card, {FILE: dump_model(result.model)})
    n = result.counts["test"]
    noted = [Metric(FIRST_SEED, each, value, n=n) for each, value in result.metrics.items()]
    store_metrics(lake, noted, listener=listener, night=night)
    return {
        "first_seed": saved.version,
        "first_seed_f1_on_its_own_task": round(result.metrics["f1"], 4),
    }


def _first_seed_card(
    result: first_seed.FirstSeedResult,
    labelled: first_seed.LabelledSet,
    *,
    listener: str,
    night: Night,
) -> ModelCard:
    """Return the first seed's card."""
    return ModelCard(
        name=FIRST_SEED,
        owner=listener,
        night=night.date.isoformat(),
        purpose="P(like) of a track from its tags, as the first seed learned it.",
        limits="telling good from bad among music like the listener's own: its dislikes are "
        "strange music, which nobody disliked, and its figures are as good as that is easy.",
        features=[
            f"up to {SEED_OWN} strongest tags of the track, binary, case kept",
            f"up to {SEED_ARTIST} strongest tags of its artist, likewise",
        ],
        data={
            **result.counts,
            **{f"rows_{name}": n for name, n in labelled.counts.items()},
            "likes_from": labelled.likes_from,
            "dislikes_share_no_tag_with": labelled.dislikes_disjoint_from,
            "likes_without_tags": labelled.untagged,
        },
        settings={
            "C": result.chosen_c,
            "solver": "liblinear",
            "max_iter": first_seed.MAX_ITER,
            **{f"dev_f1_at_C={c:g}": f1 for c, f1 in result.dev_f1.items()},
        },
        seeds={"split": first_seed.SEED, "dislikes": str(night.seed(listener, "dislikes"))},
        metrics=result.metrics,
    )
