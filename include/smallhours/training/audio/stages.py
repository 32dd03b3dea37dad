"""The stages that train audio models and predict features that nobody measured."""

import datetime as dt
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_pandas_object

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    FEATURES,
    LIBRARY,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening.edits import own_plays
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.audio import NAME as MODEL
from smallhours.training.audio.measured_tracks import (
    AudioRows,
    lengths_of,
    measured_by_anyone,
    measured_rows,
)
from smallhours.training.audio.prediction_inputs import PredictionChanges, PredictionInputs
from smallhours.training.audio.saved import Unchanged, earlier_training
from smallhours.training.evaluation.folds import ARTISTS_PER_FOLD
from smallhours.training.registry import SHARED, Registry
from smallhours.training.tags import load_tags, unlearned_sources
from smallhours.vocabulary import Provenance, Signal

if TYPE_CHECKING:
    from smallhours.training.audio.model import AudioPredictor
    from smallhours.training.audio.train import AudioTrainingResult

LOG = logging.getLogger(__name__)

Frame = pd.DataFrame

# With fewer tracks, or artists to hold out, signal cannot be separated from noise.
MIN_TRACKS = 200
FOLDS = 5
MIN_ARTISTS = ARTISTS_PER_FOLD * FOLDS
# Tracks that are predicted in one go: more would only take more memory.
MAX_PREDICTED_AT_ONCE = 10_000
# If more of the measured tracks are the listener's, the shared model serves them.
MAX_OWN_SHARE = 0.9


def train_audio_features(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train audio models on tags: a shared one and, with enough tracks, one for this listener.

    A new model is put in use only if it is not worse than the one in use on artists that neither
    has seen; both stay in the registry. With too few measured tracks nothing is trained and
    `skipped` says why: a playlist does not need audio features.
    """
    rows = measured_rows(lake, settings.training.sources, without=unlearned_sources(settings))
    if why := _too_few(rows, settings):
        LOG.warning("no audio regressors: %s", why)
        return {"skipped": why, "tracks": len(rows), "artists": rows.artists}
    summary: Summary = {"tracks": len(rows), "artists": rows.artists}
    summary |= _summary_of(_train(SHARED, rows, lake, settings=settings, night=night))
    own = rows.subset(_listened_tracks(lake, listener))
    min_artists = settings.training.own_audio_artists
    if own.artists >= max(min_artists, MIN_ARTISTS) and len(own) < MAX_OWN_SHARE * len(rows):
        result = _train(listener, own, lake, settings=settings, night=night)
        summary |= {f"own_{name}": value for name, value in _summary_of(result).items()}
    else:
        Registry.of(lake).retire(listener, MODEL)
    registry = Registry.of(lake)
    for owner in (SHARED, listener):  # the listener's own last: it is used where there is one
        if version := registry.version_in_use(owner, MODEL):
            summary |= {"in_use": version, "learned_from": owner}
    return summary


def _train(
    owner: str, rows: AudioRows, lake: Lake, *, settings: Settings, night: Night
) -> "AudioTrainingResult | Unchanged":
    """Train a model, unless an earlier training had nearly the same rows."""
    before = earlier_training(owner, rows, Registry.of(lake), settings=settings, night=night)
    if before is not None:
        return before
    from smallhours.training.audio.train import train_and_register

    return train_and_register(owner, rows, lake, settings=settings, night=night)


def predict_audio_features(
    listener: str, lake: Lake, *, settings: Settings, night: Night
) -> Summary:
    """Predict the features that nobody measured, for every tagged track.

    The listener's own model is used where there is one, else the shared one. Predictions by another
    listener's own model stay while that model is in use, so that two listeners with a track in
    common do not rewrite it in turn. Partitions in which nothing has changed since they were
    predicted by the same model are not read.
    """
    inputs = PredictionInputs.of(lake, listener, settings)
    changes = inputs.changed(night.date)
    if inputs.version is not None and not changes.prefixes:
        return {"tracks": 0, "model": inputs.version, "values_written": 0}
    predictor = None if inputs.version is None else _load(lake, listener)
    if inputs.version != (predictor and predictor.version):
        _retire_unreadable(lake, listener)
    if predictor is None:
        return {"skipped": "no regressor was trained yet", "tracks": 0}
    by_prefix = defaultdict(set)
    for key in _candidates(lake, listener):
        by_prefix[_prefix(key)].add(key)
    predicting = Predicting(lake, predictor, inputs, changes, settings, night)
    counts: Counter[str] = Counter()
    written: set[str] = set()
    waiting: list[str] = []
    # Where nothing differs, tonight's rows are those that an earlier prediction of tonight saw.
    fetched = dict(changes.fetched) if changes.since == night.date else {}
    for prefix in changes.prefixes:
        news = predicting.news(prefix)
        fetched[prefix] = news.tonight
        found, measured = predicting.lacking(prefix, by_prefix[prefix], news)
        waiting += found
        counts["measured"] += measured
        if len(waiting) >= MAX_PREDICTED_AT_ONCE or prefix == changes.prefixes[-1]:
            tagged, changed = predicting.predict(waiting)
            if not changed.empty:
                lake.merge(AUDIO_FEATURES, changed)
            counts.update(
                tracks=tagged, untagged=len(waiting) - tagged, values_written=len(changed)
            )
            written |= set(changed["prefix"])
            waiting = []
    inputs.note_predicted(predictor.version, night.date, besides=written, fetched=fetched)
    return {**counts, "model": predictor.version}


def _load(lake: Lake, listener: str) -> "AudioPredictor | None":
    from smallhours.training.audio.model import load_audio_predictor

    return load_audio_predictor(lake, listener)


def _retire_unreadable(lake: Lake, listener: str) -> None:
    """Put models out of use that can't be read, so that the next training learns new ones."""
    from smallhours.training.audio.model import AudioPredictor

    registry = Registry.of(lake)
    for owner in (listener, SHARED):
        in_use = registry.version_in_use(owner, MODEL)
        if in_use and registry.load(owner, MODEL, AudioPredictor.of) is None:
            registry.retire(owner, MODEL)


@dataclass(frozen=True)
class FetchedNews:
    """What was fetched in a partition that was not predicted from yet.

    Attributes:
        tracks: Tracks of which tags or features were fetched.
        artists: Artists of whom tags were fetched.
        tonight: A fingerprint of all that was fetched tonight; empty when nothing was.
    """

    tracks: frozenset[str]
    artists: frozenset[str]
    tonight: str


@dataclass(frozen=True)
class Predicting:
    """A night's prediction by one model.

    Attributes:
        lake: The lake.
        predictor: The model.
        inputs: What predictions follow from.
        changes: What differs from the last prediction.
        settings: For the sources of lengths.
        night: Tonight.
    """

    lake: Lake
    predictor: "AudioPredictor"
    inputs: PredictionInputs
    changes: PredictionChanges
    settings: Settings
    night: Night

    @property
    def since(self) -> dt.date | None:
        """The night of the last prediction; None where all has to be predicted."""
        return self.changes.since

    def predict(self, lacking: list[str]) -> tuple[int, Frame]:
        """Return how many of some tracks have tags, and the predictions that the lake lacks."""
        tags = load_tags(self.lake, lacking, normalised=True)
        tagged = [key for key in lacking if tags.of(key)]
        prefixes = sorted({_prefix(key) for key in tagged})
        told = self.lake.frame(
            AUDIO_FEATURES,
            columns=["track_key", "source", "feature", "value", "low", "high", "model"],
            where={"prefix": prefixes},
            filters=among("track_key", tagged),
        )
        if not tagged:
            return 0, told.assign(prefix="")
        model = self.predictor.model
        artists = [artist_key_in(key) for key in tagged]
        ends = model.predict(
            [tags.own.get(key, {}) for key in tagged],
            [tags.artist.get(key, {}) for key in artists],
            artists,
            lengths_of(told, tagged, self.settings.training.sources),
        )
        rows = _rows(tagged, self.predictor, ends)
        known = measured_by_anyone(told).reindex(
            index=tagged, columns=list(model.features), fill_value=False
        )
        rows = rows[~known.to_numpy(dtype=bool).ravel()]
        rows = rows.assign(
            source=Provenance.PREDICTED,
            model=self.predictor.version,
            fetched_at=self.night.date,
        )
        return len(tagged), _changed(told[told["source"] == Provenance.PREDICTED], rows)

    def news(self, prefix: str) -> FetchedNews:
        """Return what was fetched in a partition since the last prediction."""
        fresh = pc.field("fetched_at") >= pa.scalar(self.since or self.night.date, pa.date32())
        measured = fresh & (pc.field("source") != Provenance.PREDICTED)
        told = [
            self.lake.read(table, columns=columns, where={"prefix": prefix}, filters=filters)
            for table, columns, filters in (
                (TRACK_TAGS, ["track_key", "tag", "count", "fetched_at"], fresh),
                (AUDIO_FEATURES, ["track_key", "feature", "value", "fetched_at"], measured),
                (ARTIST_TAGS, ["artist_key", "tag", "count", "fetched_at"], fresh),
            )
        ]
        tonight = _fingerprint(told, self.night.date)
        if self.since and _fingerprint(told, self.since) == self.changes.fetched.get(prefix, ""):
            told = [rows.filter(pc.not_equal(rows["fetched_at"], self.since)) for rows in told]
        own, features, artists = (set(rows.column(0).to_pylist()) for rows in told)
        return FetchedNews(frozenset(own | features), frozenset(artists), tonight)

    def lacking(
        self, prefix: str, candidates: set[str], news: FetchedNews
    ) -> tuple[list[str], int]:
        """Return the tracks to predict of a partition, and how many were found wholly measured.

        All of the partition's are looked at when nothing was predicted from the same inputs; else
        the candidates, new tracks, and those of which something was fetched since then.
        """
        where = {"prefix": prefix}
        fetched = set() if self.since is None else self._told_of(prefix, candidates, news)
        new = self.since and pc.field("first_seen") >= pa.scalar(self.since, pa.date32())
        keys = candidates | fetched | self._tracks(prefix, new)
        told = self.lake.read(
            AUDIO_FEATURES,
            columns=["track_key", "source", "feature", "value", "model"],
            where=where,
            filters=None if self.since is None else among("track_key", keys),
        )
        predicted = pc.equal(told["source"], Provenance.PREDICTED)
        names = pa.array(self.predictor.model.features)
        known = pc.and_(pc.is_in(told["feature"], value_set=names), pc.is_valid(told["value"]))
        counted = (
            told.filter(pc.and_not(known, predicted))
            .group_by("track_key")
            .aggregate([("feature", "count_distinct")])
        )
        whole = pc.equal(counted["feature_count_distinct"], len(names))
        measured = set(counted.filter(whole)["track_key"].to_pylist())
        told = told.filter(predicted)
        # Those that another listener's own model in use has predicted.
        others = pc.is_in(told["model"], value_set=pa.array(self.inputs.others, pa.string()))
        lacking = keys - measured - set(told.filter(others)["track_key"].to_pylist())
        if self.since is not None:
            ours = told.filter(pc.equal(told["model"], self.predictor.version))
            lacking -= set(ours["track_key"].to_pylist()) - fetched
        return sorted(lacking), len(keys & measured)

    def _tracks(self, prefix: str, filters: pc.Expression | None = None) -> set[str]:
        rows = self.lake.read(
            TRACKS, columns=["track_key"], where={"prefix": prefix}, filters=filters
        )
        return set(rows["track_key"].to_pylist())

    def _told_of(self, prefix: str, candidates: set[str], news: FetchedNews) -> set[str]:
        """Return the tracks and candidates that the news are about."""
        of_candidates = {
            key for key in candidates if key in news.tracks or artist_key_in(key) in news.artists
        }
        either = among("artist_key", news.artists) | among("track_key", news.tracks)
        return of_candidates | self._tracks(prefix, either)


def _fingerprint(tables: Sequence[pa.Table], day: dt.date) -> str:
    """Return what differs when other rows were fetched on a day; empty when none were."""
    found = [rows.filter(pc.equal(rows["fetched_at"], day)) for rows in tables]
    if not any(map(len, found)):
        return ""
    # Sums do not depend on the order of rows.
    sums = (hash_pandas_object(rows.to_pandas(), index=False).sum() for rows in found)
    return " ".join(f"{int(each):x}" for each in sums)


def _too_few(rows: AudioRows, settings: Settings) -> str:
    """Return why the rows are too few to learn from, and what to do; empty if they are enough."""
    if len(rows) >= MIN_TRACKS and rows.artists >= MIN_ARTISTS:
        return ""
    return (
        f"{len(rows)} tracks by {rows.artists} artists have measured features and tags "
        f"({rows.untagged} more have features but no tags); {MIN_TRACKS} tracks by "
        f"{MIN_ARTISTS} artists are the least. Allow more of `training.sources` (now "
        f"{', '.join(settings.training.sources) or 'none'}), let ReccoBeats be asked, or name a "
        "file with tags and features in `catalog.features_file`."
    )


def _summary_of(result: "AudioTrainingResult | Unchanged") -> Summary:
    """Return the summary of a training for people."""
    if isinstance(result, Unchanged):
        return {"promoted": f"no: {result.why}", "model": result.version}
    known = result.mean_known_r2()
    return {
        "kind": result.model.kind,
        "tags": len(result.model.inputs.names()),
        "features": len(result.model.features),
        "r2_new_artists": round(result.mean_r2(), 4),
        **({} if known is None else {"r2_known_artists": round(known, 4)}),
        "r2_bayesian_ridge": round(result.baseline_r2, 4),
        "promoted": f"{'yes' if result.verdict.promoted else 'no'}: {result.verdict.why}",
        "model": result.version,
    }


def _listened_tracks(lake: Lake, listener: str) -> set[str]:
    """Return the tracks that the listener played, saved, loved or played most."""
    whose = {"listener": listener}
    played = own_plays(lake, listener, ["track_key"])["track_key"]
    library = lake.frame(LIBRARY, columns=["track_key", "signal"], where=whose)
    return set(played) | set(library.loc[library["signal"] != Signal.DISLIKED, "track_key"])


def _candidates(lake: Lake, listener: str) -> set[str]:
    rows = lake.frame(CANDIDATES, columns=["track_key"], where={"listener": listener})
    return set(rows["track_key"])


def _prefix(track_key: str) -> str:
    return prefix_of(artist_key_in(track_key))


def _rows(keys: list[str], predictor: "AudioPredictor", ends: tuple[np.ndarray, ...]) -> Frame:
    """Return one row per track and feature, with what 16 bits hold: more is noise, and bytes.

    Three digits are left: an energy of 0.734, a tempo of 123.5.
    """
    features = [name for name in FEATURES if name in predictor.model.features]
    prefixes = [_prefix(key) for key in keys]
    return pd.DataFrame(
        {
            "track_key": np.repeat(np.array(keys, dtype=object), len(features)),
            "feature": np.tile(np.array(features, dtype=object), len(keys)),
            **{
                name: end.ravel().astype(np.float16).astype(np.float64)
                for name, end in zip(("value", "low", "high"), ends, strict=True)
            },
            "prefix": np.repeat(np.array(prefixes, dtype=object), len(features)),
        }
    )


def _changed(stored: Frame, rows: Frame) -> Frame:
    """Return the rows that differ from the lake; an unchanged prediction keeps its night."""
    same = ["track_key", "feature", "value", "low", "high", "model"]
    joined = rows.merge(stored[same], on=same, how="left", indicator=True)
    return joined.loc[joined["_merge"] == "left_only", rows.columns].reset_index(drop=True)
