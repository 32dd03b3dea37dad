"""Training of an audio model: fit, compare, save, and put in use if it passes the gate."""

from dataclasses import dataclass, replace

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.training.audio.card import AudioTrainingResult, audio_card, audio_metrics
from smallhours.training.audio.figures import bayesian_ridge_r2
from smallhours.training.audio.gate import (
    AudioGateDecision,
    compare_with_current,
    compare_with_shared,
)
from smallhours.training.audio.measured_tracks import AudioRows
from smallhours.training.audio.model import AudioModel, fit_audio_model, kind_for
from smallhours.training.audio.predictor import NAME, AudioPredictor, files_of
from smallhours.training.metrics import store_metrics
from smallhours.training.model_card import package_versions
from smallhours.training.registry import SHARED, Registry

# Versions that are kept beside the one in use, to inspect or to go back to.
KEPT_VERSIONS = 3


@dataclass(frozen=True)
class Unchanged:
    """A skipped training: rows, settings and libraries are those of an earlier one.

    Attributes:
        version: The version that the earlier training saved.
        why: The reason, for people.
    """

    version: str
    why: str


def train_and_register(
    owner: str, rows: AudioRows, lake: Lake, *, settings: Settings, night: Night
) -> AudioTrainingResult | Unchanged:
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
    in_use_models = _models_in_use(owner, registry)
    versions = registry.versions(owner, NAME)
    against = ", ".join(each.version for each in in_use_models.values())
    before = _same_training(rows, registry, settings, against, owner, in_use_models.get(owner))
    if before is not None:
        return Unchanged(before, "nothing has changed since it was learned and judged")
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
        against,
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


def _models_in_use(owner: str, registry: Registry) -> dict[str, AudioPredictor]:
    """Return the models in use to compare a new one with: the shared and the listener's own."""
    found = {name: registry.load(name, NAME, AudioPredictor.of) for name in (SHARED, owner)}
    return {name: each for name, each in found.items() if each is not None}


def _same_training(
    rows: AudioRows,
    registry: Registry,
    settings: Settings,
    against: str,
    owner: str,
    in_use: AudioPredictor | None,
) -> str | None:
    """Return the newest version or the one in use, if tonight's training data are the same."""
    current = [] if in_use is None else [in_use.version]
    for version in (*registry.versions(owner, NAME)[-1:], *current):
        card = registry.load(owner, NAME, lambda saved: saved.card, version=version)
        if card is None:
            continue
        same = (
            card.data.get("digest") == rows.digest
            and card.settings.get("audio_model") == settings.training.audio_model
            and card.settings.get("top_tags") == settings.training.top_tags
            and dict(card.packages) == package_versions()
        )
        refused = card.settings.get("promoted") == "no"
        judged = refused and card.settings.get("judged_against") == against
        if same and (version in current or judged):
            return version
    return None


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
