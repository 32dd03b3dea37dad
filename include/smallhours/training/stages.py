"""The training stage: learn the listener's taste and what tags sound like, then predict."""

import logging

import numpy as np
import pandas as pd

from smallhours.catalog.features import PREDICTED
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import AUDIO_FEATURES, CANDIDATES, PREDICTED_FEATURES, TRACKS
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import audio, audio_predictor, first_seed, taste
from smallhours.training.audio_rows import AudioRows, measured_by_anyone, measured_rows
from smallhours.training.labels import label_tracks
from smallhours.training.metrics import Metric, note_metrics
from smallhours.training.model_card import ModelCard
from smallhours.training.persistence import dump_model
from smallhours.training.registry import SHARED, Registry
from smallhours.training.splits import split_by
from smallhours.training.tags import SEED_ARTIST, SEED_OWN, load_tags

LOG = logging.getLogger(__name__)

# Fewer tracks, or fewer artists in the smallest part of the split, tell noise from noise.
FEWEST_ROWS = 200
FEWEST_ROWS_IN_A_PART = 20


def train_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train the first seed's classifier on the listener's labelled set and put it in use.

    With too little to learn from, the model in use stays; without any, ranking does without.
    """
    del settings
    try:
        labelled = label_tracks(listener, lake, night=night)
    except NotEnoughData as error:
        return {"skipped": str(error)}
    result = first_seed.train(labelled.frame)
    card = ModelCard(
        name=taste.NAME,
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
            "dislikes_share_no_tag_with": labelled.dislikes_share_no,
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
    saved = Registry.of(lake).save(card, {taste.FILE: dump_model(result.model)})
    note_metrics(
        lake,
        [
            Metric(taste.NAME, name, value, n=result.counts["test"])
            for name, value in result.metrics.items()
        ],
        listener=listener,
        night=night,
    )
    return {
        "likes": result.counts["likes"],
        "dislikes": result.counts["dislikes"],
        "likes_from": labelled.likes_from,
        "dislikes_share_no_tag_with": labelled.dislikes_share_no,
        "tags": result.counts["tags"],
        "C": result.chosen_c,
        "f1": round(result.metrics["f1"], 4),
        "auc": round(result.metrics["auc"], 4),
        "model": saved.version,
    }


def train_audio_features(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train the regressors from tags to audio features; all listeners share them.

    With too few measured tracks nothing is trained and `skipped` says why: a playlist needs no
    audio features.
    """
    del listener
    rows = measured_rows(lake, settings.training.sources)
    if why := _too_few(rows, settings):
        LOG.warning("no audio regressors: %s", why)
        return {"skipped": why, "tracks": len(rows), "artists": rows.artists}
    top_tags, threads = settings.training.top_tags, settings.training.threads
    study = audio.study(rows, top_tags=top_tags, threads=threads)
    vocabulary, models = audio.fit_on_everything(rows, top_tags=top_tags, threads=threads)
    files = audio_predictor.files_of(vocabulary, models, study.chosen, study.intervals)
    saved = Registry.of(lake).save(_audio_card(rows, study, len(vocabulary.tags_), night), files)
    note_metrics(lake, _audio_metrics(study), listener="", night=night)
    return {
        "tracks": len(rows),
        "artists": rows.artists,
        "tags": len(vocabulary.tags_),
        "chosen": study.chosen,
        **{
            f"r2_{split}_{model}": round(study.mean_r2(model, split), 4)
            for split in (audio.NEW_ARTISTS, audio.KNOWN_ARTISTS)
            for model in audio.MODELS
        },
        "model": saved.version,
    }


def predict_audio_features(
    listener: str, lake: Lake, *, settings: Settings, night: Night
) -> Summary:
    """Predict the five features of every tagged track that nobody measured."""
    del settings
    predictor = audio_predictor.load_audio_predictor(lake)
    if predictor is None:
        return {"skipped": "no regressor was trained yet", "tracks": 0}
    tracks = set(lake.frame(TRACKS, columns=["track_key"])["track_key"])
    tracks |= set(
        lake.frame(CANDIDATES, columns=["track_key"], where={"listener": listener})["track_key"]
    )
    measured = measured_by_anyone(lake)
    lacking = sorted(tracks - measured)
    tags = load_tags(lake, lacking, normalised=True)
    tagged = [(key, found) for key in lacking if (found := tags.of(key))]
    summary: Summary = {
        "tracks": len(tagged),
        "measured": len(tracks & measured),
        "untagged": len(lacking) - len(tagged),
        "model": predictor.version,
    }
    if not tagged:
        return {**summary, "values_written": 0}
    values, low, high = predictor.predict([found for _, found in tagged])
    rows = _predicted_rows([key for key, _ in tagged], values, low, high)
    rows = rows.assign(source=PREDICTED, model=predictor.version, fetched_at=night.date)
    changed = _changed(lake, rows)
    if not changed.empty:
        lake.merge(AUDIO_FEATURES, changed)
    return {**summary, "values_written": len(changed)}


def _too_few(rows: AudioRows, settings: Settings) -> str:
    """Why the rows are too few to learn from, and what to do; empty when they are enough."""
    smallest = min(
        split_by(rows.artist_keys).smallest(), split_by(list(rows.track_keys)).smallest()
    )
    if len(rows) >= FEWEST_ROWS and smallest >= FEWEST_ROWS_IN_A_PART:
        return ""
    return (
        f"{len(rows)} tracks by {rows.artists} artists have measured features and tags "
        f"({rows.untagged} more have features but no tags); {FEWEST_ROWS} tracks by some twenty "
        f"artists are the least. Allow more of `training.sources` (now "
        f"{', '.join(settings.training.sources) or 'none'}), let ReccoBeats be asked, or name a "
        "file with tags and features in `catalog.features_file`."
    )


def _audio_card(rows: AudioRows, study: audio.Study, tags: int, night: Night) -> ModelCard:
    metrics = {
        f"{model}_{split}_{name}_{feature}": value
        for (model, split, feature), figures in study.figures.items()
        for name, value in (
            ("rmse", figures.rmse),
            ("r2", figures.r2),
            ("rmse_of_train_mean", figures.rmse_of_mean),
        )
    }
    metrics |= {
        f"{model}_validation_r2_{audio.NEW_ARTISTS}": r2
        for model, r2 in study.validation_r2.items()
    }
    return ModelCard(
        name=audio_predictor.NAME,
        owner=SHARED,
        night=night.date.isoformat(),
        purpose="Danceability, acousticness, energy, valence and instrumentalness of a track "
        "from its tags, with 80 % intervals.",
        limits="tracks without tags, and telling the tracks of one artist apart where they have "
        "no tags of their own.",
        features=[f"counts of the {tags} strongest tags of track and artist, by name"],
        data={
            "tracks": len(rows),
            "artists": rows.artists,
            "measured_without_tags": rows.untagged,
            "measured_in_part": rows.incomplete,
            **{f"tracks_from_{source}": n for source, n in (rows.sources or {}).items()},
        },
        settings={"chosen": study.chosen, "top_tags": tags, "xgboost_trees": audio.TREES},
        seeds={"split": "by hash of artist or track key, 64/16/20"},
        metrics=metrics,
    )


def _audio_metrics(study: audio.Study) -> list[Metric]:
    noted = []
    for (model, split, feature), figures in study.figures.items():
        subject, where = f"audio_{model}", f"{feature}_{split}"
        noted += [
            Metric(subject, f"rmse_{where}", figures.rmse, figures.n, figures.rmse_of_mean),
            Metric(subject, f"r2_{where}", figures.r2, figures.n, 0.0),
        ]
    return noted


def _predicted_rows(
    keys: list[str],
    values: audio.Floats,
    low: audio.Floats,
    high: audio.Floats,
) -> pd.DataFrame:
    """One row per track and feature."""
    prefixes = [prefix_of(artist_key_in(key)) for key in keys]
    n = len(PREDICTED_FEATURES)
    return pd.DataFrame(
        {
            "track_key": np.repeat(np.array(keys, dtype=object), n),
            "feature": np.tile(np.array(PREDICTED_FEATURES, dtype=object), len(keys)),
            "value": values.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
            "prefix": np.repeat(np.array(prefixes, dtype=object), n),
        }
    )


def _changed(lake: Lake, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that say something else than the lake: an old prediction keeps its night."""
    same = ["track_key", "feature", "value", "low", "high", "model"]
    stored = lake.frame(AUDIO_FEATURES, columns=[*same, "source"])
    stored = stored.loc[stored["source"] == PREDICTED, same]
    joined = rows.merge(stored, on=same, how="left", indicator=True)
    return joined.loc[joined["_merge"] == "left_only", rows.columns].reset_index(drop=True)
