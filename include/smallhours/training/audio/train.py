"""Training of an audio model: fit, compare, save, and put in use if it passes the gate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from smallhours.lake.store import Lake
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.training.audio import NAME
from smallhours.training.audio.figures import (
    AudioGateDecision,
    FeatureFigures,
    bayesian_ridge_r2,
    compare_with_current,
    compare_with_shared,
)
from smallhours.training.audio.measured_tracks import OTHER_FEATURES, AudioRows
from smallhours.training.audio.model import (
    AudioModel,
    AudioPredictor,
    files_of,
    fit_audio_model,
    kind_for,
)
from smallhours.training.audio.saved import LENGTHS, against, enough_new, models_in_use
from smallhours.training.evaluation.metrics import Metric, store_metrics
from smallhours.training.model_card import ModelCard, Value
from smallhours.training.new_evidence import MAX_AGE
from smallhours.training.registry import SHARED, Registry

NOT_PREDICTABLE = "not predictable from tags"
BASELINE = "bayesian_ridge"
# Versions that are kept beside the one in use, to inspect or to go back to.
KEPT_VERSIONS = 3


@dataclass(frozen=True)
class AudioTrainingResult:
    """The result of training an audio model.

    Attributes:
        owner: The listener whose tracks it learned from, or `_shared`.
        rows: The training tracks.
        model: The model.
        figures: By feature, on artists that the model has not seen.
        baseline_r2: Mean R² of Bayesian ridge on the same artists.
        verdict: The gate's decision.
        against: The versions that it was compared with.
        version: Version under which it was saved; empty before.
    """

    owner: str
    rows: AudioRows
    model: AudioModel
    figures: Mapping[str, FeatureFigures]
    baseline_r2: float
    verdict: AudioGateDecision
    against: str = ""
    version: str = ""

    def mean_r2(self) -> float:
        """Return the mean R² over the five features."""
        return sum(self.figures[name].r2 for name in PREDICTED_FEATURES) / len(PREDICTED_FEATURES)

    def mean_known_r2(self) -> float | None:
        """Return the mean R² for artists with other known tracks; None without such tracks."""
        known = [self.figures[name].r2_known for name in PREDICTED_FEATURES]
        found = [r2 for r2 in known if r2 is not None]
        return sum(found) / len(found) if found else None


def audio_card(result: AudioTrainingResult, settings: Settings, night: Night) -> ModelCard:
    """Return the card of a model."""
    rows, model = result.rows, result.model
    own = 0 if model.inputs.own is None else len(model.inputs.own.tags_)
    artist = 0 if model.inputs.artist is None else len(model.inputs.artist.tags_)
    return ModelCard(
        name=NAME,
        owner=result.owner,
        night=night.date.isoformat(),
        purpose=f"{', '.join(model.features).capitalize()} of a track from its tags, "
        "with 80 % intervals.",
        limits="tracks without tags, and telling the tracks of one artist apart where they have "
        "no tags of their own.",
        features=[
            f"the {own:,} strongest tags of tracks, with counts",
            f"the {artist:,} strongest tags of artists, with counts",
            "how far off it was for the artist's other tracks, where some were measured",
            "the track's length, where a source tells it that may be learned from",
        ],
        data={
            "digest": rows.digest,
            "tracks": len(rows),
            "artists": rows.artists,
            LENGTHS: int(np.isfinite(rows.lengths).sum()),
            "measured_without_tags": rows.untagged,
            "measured_in_part": rows.incomplete,
            "learned_from": _whose(result.owner),
            **{f"tracks_from_{source}": n for source, n in rows.sources.items()},
            **feature_status(result),
        },
        settings={
            "kind": model.kind,
            "audio_model": settings.training.audio_model,
            "top_tags": settings.training.top_tags,
            "sources": ", ".join(settings.training.sources),
            "promoted": "yes" if result.verdict.promoted else "no",
            "why": result.verdict.why,
            "judged_against": result.against,
            "learned_again": f"when {enough_new(len(rows)):,} more tracks are measured, or on "
            f"{night.date + MAX_AGE}",
        },
        seeds={"folds": "by hash of the artist", "models": 0},
        metrics=_figures(result),
    )


def feature_status(result: AudioTrainingResult) -> dict[str, Value]:
    """Return, for each feature that is not always predicted, if and how well tags predict it."""
    said: dict[str, Value] = {}
    for name in OTHER_FEATURES:
        found = _of(result.figures, name)
        if found is None:
            said[name] = "too few measured"
        elif name in result.model.features:
            said[name] = f"predicted (R² {found.r2:.3f}, at least {found.r2_low:.3f})"
        else:
            said[name] = f"{NOT_PREDICTABLE} (R² {found.r2:.3f}, down to {found.r2_low:.3f})"
    return said


def audio_metrics(result: AudioTrainingResult) -> list[Metric]:
    """Return the figures for `metrics`; R² is against the mean of the training rows."""
    n = len(result.rows)
    noted = [Metric(f"audio_{BASELINE}", "r2_new_artists", result.baseline_r2, n, 0.0)]
    for name, found in result.figures.items():
        rmse, r2 = f"rmse_{name}_new_artists", f"r2_{name}_new_artists"
        noted += [
            Metric(NAME, rmse, found.rmse, found.n, found.rmse_of_mean),
            Metric(NAME, r2, found.r2, found.n, 0.0),
            Metric(NAME, f"coverage80_{name}", found.coverage, found.n, 0.8),
        ]
        if found.r2_known is not None:
            known = f"r2_{name}_known_artists"
            noted.append(Metric(NAME, known, found.r2_known, found.n, 0.0))
    return noted


def _figures(result: AudioTrainingResult) -> dict[str, float]:
    metrics = {f"{m.subject}_{m.name}": m.value for m in audio_metrics(result)}
    metrics |= {
        f"{NAME}_rmse_{name}_of_the_mean": found.rmse_of_mean
        for name, found in result.figures.items()
    }
    metrics["mean_r2_new_artists"] = result.mean_r2()
    known, verdict = result.mean_known_r2(), result.verdict
    if known is not None:
        metrics["mean_r2_known_artists"] = known
    if verdict.old_r2 is not None and verdict.new_r2 is not None:
        metrics["judged_r2"] = verdict.new_r2
        metrics["judged_r2_of_the_model_in_use"] = verdict.old_r2
    return metrics


def _whose(owner: str) -> str:
    if owner == SHARED:
        return "all measured tracks of the catalog"
    return f"the measured tracks that {owner} played or saved"


def _of(figures: Mapping[str, FeatureFigures], name: str) -> FeatureFigures | None:
    """Return the figures of a feature; for the key, those of its better predicted coordinate."""
    if name != "key":
        return figures.get(name)
    both = [figures[part] for part in ("key_cos", "key_sin") if part in figures]
    return max(both, key=lambda found: found.r2) if both else None


def train_and_register(
    owner: str, rows: AudioRows, lake: Lake, *, settings: Settings, night: Night
) -> AudioTrainingResult:
    """Train on measured tracks, and put the model in use if it passes the gate.

    A listener's own model must do better on their tracks than the shared model, which has learned
    from them too; an own model that no longer does is put out of use.

    Args:
        owner: The listener whose rows they are, or `_shared`.
        rows: The measured tracks.
        lake: The lake.
        settings: The settings.
        night: The night.
    """
    registry = Registry.of(lake)
    versions = registry.versions(owner, NAME)
    in_use_models = models_in_use(owner, registry, AudioPredictor.of)
    training = settings.training
    kind = kind_for(training.audio_model, rows)
    model, figures = fit_audio_model(
        rows, kind=kind, top_tags=training.top_tags, threads=training.threads
    )
    fold = model.models[0].regressor.fold_
    result = AudioTrainingResult(
        owner,
        rows,
        model,
        figures,
        bayesian_ridge_r2(rows, fold, training.top_tags),
        _verdict(owner, model, in_use_models, rows, trained_before=bool(versions)),
        against(owner, registry),
    )
    saved = registry.save(
        audio_card(result, settings, night),
        files_of(model),
        use=result.verdict.promoted,
    )
    if owner != SHARED and not result.verdict.promoted:
        _retire_if_beaten(owner, in_use_models, rows, registry)
    registry.remove_old_versions(owner, NAME, keep=KEPT_VERSIONS)
    whose = "" if owner == SHARED else owner
    store_metrics(lake, audio_metrics(result), listener=whose, night=night)
    return replace(result, version=saved.version)


def _verdict(
    owner: str,
    model: AudioModel,
    in_use_models: dict[str, AudioPredictor],
    rows: AudioRows,
    *,
    trained_before: bool,
) -> AudioGateDecision:
    """Compare the model with each of those in use."""
    why = "there is none in use that can be read" if trained_before else "the first model"
    verdict = AudioGateDecision(True, why)
    for name, old in in_use_models.items():
        compare = compare_with_current if name == owner else compare_with_shared
        verdict = compare(model, old.model, rows)
        if not verdict.promoted:
            return verdict
    return verdict


def _retire_if_beaten(
    owner: str, in_use_models: dict[str, AudioPredictor], rows: AudioRows, registry: Registry
) -> None:
    """Put a listener's own model out of use if the shared one does better on their tracks."""
    if not {owner, SHARED} <= in_use_models.keys():
        return
    own, shared = (in_use_models[name].model for name in (owner, SHARED))
    if not compare_with_shared(own, shared, rows).promoted:
        registry.retire(owner, NAME)
