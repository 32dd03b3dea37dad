"""The Models page: models in use, their measurements, promotions, and the study's reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smallhours.extensions import REPORTS, load_extensions
from smallhours.lake.files import Files
from smallhours.training.audio import NAME as AUDIO
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import SHARED, Registry
from smallhours.training.taste.model import FIRST_SEED
from smallhours.training.taste.model import NAME as TASTE
from smallhours.web.model_metrics import ModelMetrics, model_metrics
from smallhours.web.page_context import PageContext

# Number of newest versions of each model whose promotion decisions are read.
DECISIONS_READ = 14


# What each model is for, in a listener's words; a card has the exact ones.
PURPOSES: Mapping[str, str] = {
    TASTE: "What you like: how likely a track is to be to your taste, by its tags.",
    FIRST_SEED: "What you like, until there is enough to learn your taste from.",
    AUDIO: "How a track sounds, by its tags: how calm, dark, acoustic or easy to dance to it is.",
}


@dataclass(frozen=True)
class ModelInUse:
    """A model in use, with its versions."""

    card: ModelCard
    versions: Sequence[str]


@dataclass(frozen=True)
class PromotionDecision:
    """The promotion decision about a trained version.

    Attributes:
        night: Night that trained it, as an ISO date.
        model: Name of the model.
        shared: Whether the model is shared by all listeners.
        version: The version.
        promoted: Whether it was promoted.
        why: The promotion gate's reason, in a sentence.
        in_use: Whether it is in use now.
    """

    night: str
    model: str
    shared: bool
    version: str
    promoted: bool
    why: str
    in_use: bool


class Report(Protocol):
    """One report, finished or under way."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def reported(self) -> bool:
        """Whether there is a page to show."""

    @property
    def progress(self) -> str:
        """How far it is, in a sentence."""

    @property
    def request(self) -> str:
        """What was asked of it, in a sentence."""


class Reports(Protocol):
    """The reports that another package writes into the lake."""

    @property
    def folder(self) -> str:
        """The folder in the lake that holds them."""

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of their pages."""

    def listed(self, files: Files) -> Sequence[Report]:
        """Return the reports of a lake, newest first."""

    def page(self, context: PageContext, name: str, *, back: str) -> str:
        """Return a report as HTML.

        Raises:
            SettingsError: when there is no such report.
        """


@dataclass(frozen=True)
class ModelsPage:
    """The data of the Models page.

    Attributes:
        model_metrics: Measurements of the nights.
        cards: The models in use.
        decisions: Promotion decisions, newest first.
        studies: The studies in the lake, newest first.
        studies_at: Address of the studies' folder; empty without the study's package.
    """

    model_metrics: ModelMetrics
    cards: Sequence[ModelInUse]
    decisions: Sequence[PromotionDecision]
    studies: Sequence[Report]
    studies_at: str

    @property
    def known(self) -> bool:
        """Return whether any model was trained or measured yet."""
        return bool(self.cards) or self.model_metrics.night is not None


def models(page_context: PageContext) -> ModelsPage:
    """Read the data of the page."""
    cards: list[ModelInUse] = []
    decisions: list[PromotionDecision] = []
    registry = Registry.of(page_context.lake)
    for owner, name in _stored_models(page_context):
        versions = registry.versions(owner, name)
        current = registry.load(owner, name, lambda saved: saved)
        if current is not None:
            cards.append(ModelInUse(current.card, versions))
        in_use = "" if current is None else current.version
        newest = versions[-DECISIONS_READ:]
        opened = [registry.load(owner, name, lambda saved: saved, version=each) for each in newest]
        decided = [each.card for each in opened if each and "promoted" in each.card.settings]
        decisions += [_decision(card, in_use) for card in decided]
    if any(each.card.name == TASTE for each in cards):
        # The first version's classifier stands in only where there is no taste model.
        cards = [each for each in cards if each.card.name != FIRST_SEED]
    decisions.sort(key=lambda each: (each.night, each.model, each.version), reverse=True)
    files, reports = page_context.lake.files, study_reports()
    return ModelsPage(
        model_metrics(page_context),
        cards,
        decisions,
        studies=reports.listed(files) if reports else [],
        studies_at=files.address(reports.folder) if reports else "",
    )


def study_reports() -> Reports | None:
    """Return the study's reports; None when the package is not installed."""
    found: list[Reports] = load_extensions(REPORTS)
    return found[0] if found else None


def _stored_models(page_context: PageContext) -> list[tuple[str, str]]:
    """Return (owner, name) of every model in the lake that concerns the listener."""
    found = []
    for owner in (page_context.listener, SHARED):
        folder = f"models/{owner}"
        paths = page_context.lake.files.list(folder)
        names = {path.removeprefix(f"{folder}/").partition("/")[0] for path in paths}
        found += [(owner, name) for name in sorted(names)]
    return found


def _decision(card: ModelCard, in_use: str) -> PromotionDecision:
    """Return the gate's decision from a card's settings; a model without a gate has none."""
    return PromotionDecision(
        card.night,
        card.name,
        card.owner == SHARED,
        card.version,
        card.settings["promoted"] == "yes",
        str(card.settings.get("why", "")),
        card.version == in_use,
    )
