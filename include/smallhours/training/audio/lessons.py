"""Training of an audio model: fit, compare, save, and put in use if it passes the gate."""

import logging
from dataclasses import dataclass, replace

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.training.audio import predictor as audio_predictor
from smallhours.training.audio.card import Lesson, card_of, metrics_of
from smallhours.training.audio.figures import bayesian_ridge_r2
from smallhours.training.audio.gate import Verdict, judge, judge_own
from smallhours.training.audio.model import AudioModel, kind_for, learn
from smallhours.training.audio.rows import AudioRows
from smallhours.training.metrics import note_metrics
from smallhours.training.model_card import package_versions
from smallhours.training.persistence import UnreadableModel
from smallhours.training.registry import SHARED, Registry, SavedModel

LOG = logging.getLogger(__name__)

# Versions that are kept beside the one in use, to inspect or to go back to.
KEPT_VERSIONS = 3


@dataclass(frozen=True)
class NothingNew:
    """A skipped training: rows, settings and libraries are those of an earlier one.

    Attributes:
        version: The version that the earlier training saved.
        why: The reason, for people.
    """

    version: str
    why: str


def teach(
    owner: str, rows: AudioRows, lake: Lake, *, settings: Settings, night: Night
) -> Lesson | NothingNew:
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
    rivals = _rivals(owner, registry)
    against = ", ".join(saved.version for saved in rivals.values())
    before = _same_lesson(owner, rows, registry, settings, against)
    if before is not None:
        return NothingNew(before.version, "nothing has changed since it was learned and judged")
    training = settings.training
    kind = kind_for(training.audio_model, rows)
    model, figures = learn(rows, kind=kind, top_tags=training.top_tags, threads=training.threads)
    fold = model.models[0].regressor.fold_
    lesson = Lesson(
        owner,
        rows,
        model,
        figures,
        bayesian_ridge_r2(rows, fold, training.top_tags),
        _verdict(owner, model, rivals, rows),
        against,
    )
    saved = registry.save(
        card_of(lesson, settings, night),
        audio_predictor.files_of(model),
        use=lesson.verdict.promoted,
    )
    if owner != SHARED and not lesson.verdict.promoted:
        _retire_if_beaten(owner, rivals, rows, registry)
    registry.forget_old(owner, audio_predictor.NAME, keep=KEPT_VERSIONS)
    whose = "" if owner == SHARED else owner
    note_metrics(lake, metrics_of(lesson), listener=whose, night=night)
    return replace(lesson, version=saved.version)


def _rivals(owner: str, registry: Registry) -> dict[str, SavedModel]:
    """Return the models in use to compare a new one with: the shared and the listener's own."""
    found = {name: registry.current(name, audio_predictor.NAME) for name in (SHARED, owner)}
    return {
        name: saved
        for name, saved in found.items()
        if saved is not None and not audio_predictor.of_earlier_format(saved)
    }


def _same_lesson(
    owner: str, rows: AudioRows, registry: Registry, settings: Settings, against: str
) -> SavedModel | None:
    """Return the newest version or the one in use, if tonight's training data are the same."""
    name = audio_predictor.NAME
    saved = [registry.open(owner, name, v) for v in registry.versions(owner, name)[-1:]]
    current = registry.current(owner, name)
    if current is not None:
        saved.append(current)
    for each in saved:
        card = each.card
        same = (
            card.data.get("digest") == rows.digest
            and card.settings.get("audio_model") == settings.training.audio_model
            and card.settings.get("top_tags") == settings.training.top_tags
            and dict(card.packages) == package_versions()
            and not audio_predictor.of_earlier_format(each)
        )
        in_use = current is not None and each.version == current.version
        refused = card.settings.get("promoted") == "no"
        if same and (in_use or (refused and card.settings.get("judged_against") == against)):
            return each
    return None


def _verdict(
    owner: str, model: AudioModel, rivals: dict[str, SavedModel], rows: AudioRows
) -> Verdict:
    """Compare the model with each of those in use."""
    verdict = Verdict(True, "the first model")
    for name, saved in rivals.items():
        try:
            old = audio_predictor.read_model(saved)
        except UnreadableModel as error:
            LOG.warning("tonight's model is not compared: %s", error)
            verdict = Verdict(True, f"the one in use can't be read: {error.what}")
            continue
        verdict = judge(model, old, rows) if name == owner else judge_own(model, old, rows)
        if not verdict.promoted:
            return verdict
    return verdict


def _retire_if_beaten(
    owner: str, rivals: dict[str, SavedModel], rows: AudioRows, registry: Registry
) -> None:
    """Put a listener's own model out of use if the shared one does better on their tracks."""
    if not {owner, SHARED} <= rivals.keys():
        return
    own, shared = (audio_predictor.read_model(rivals[name]) for name in (owner, SHARED))
    if not judge_own(own, shared, rows).promoted:
        registry.retire(owner, audio_predictor.NAME)
