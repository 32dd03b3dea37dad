"""The Models page: models in use, their measurements, promotions, and the study's reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.pages.measured import Measured, measured
from smallhours.pages.place import Place
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import SHARED, Registry
from smallhours.training.study.asked import FOLDER, FoundStudy, studies_in

# Number of newest versions of each model whose promotion decisions are read.
DECISIONS_READ = 14


@dataclass(frozen=True)
class Card:
    """A model in use, with its versions."""

    card: ModelCard
    versions: Sequence[str]


@dataclass(frozen=True)
class Decision:
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


@dataclass(frozen=True)
class Models:
    """The data of the Models page.

    Attributes:
        measured: Measurements of the nights.
        cards: The models in use.
        decisions: Promotion decisions, newest first.
        studies: The studies in the lake, newest first.
        studies_at: Address of the studies' folder.
    """

    measured: Measured
    cards: Sequence[Card]
    decisions: Sequence[Decision]
    studies: Sequence[FoundStudy]
    studies_at: str

    @property
    def known(self) -> bool:
        """Return whether any model was trained or measured yet."""
        return bool(self.cards) or self.measured.night is not None


def models(place: Place) -> Models:
    """Read the data of the page."""
    cards: list[Card] = []
    decisions: list[Decision] = []
    registry = Registry.of(place.lake)
    for owner, name in _kept(place):
        versions = registry.versions(owner, name)
        current = registry.current(owner, name)
        if current is not None:
            cards.append(Card(current.card, versions))
        in_use = "" if current is None else current.version
        opened = [registry.open(owner, name, each).card for each in versions[-DECISIONS_READ:]]
        decisions += [_decision(card, in_use) for card in opened if "promoted" in card.settings]
    decisions.sort(key=lambda each: (each.night, each.model, each.version), reverse=True)
    files = place.lake.files
    return Models(measured(place), cards, decisions, studies_in(files), files.address(FOLDER))


def _kept(place: Place) -> list[tuple[str, str]]:
    """Return (owner, name) of every model in the lake that concerns the listener."""
    found = []
    for owner in (place.listener, SHARED):
        folder = f"models/{owner}"
        paths = place.lake.files.list(folder)
        names = {path.removeprefix(f"{folder}/").partition("/")[0] for path in paths}
        found += [(owner, name) for name in sorted(names)]
    return found


def _decision(card: ModelCard, in_use: str) -> Decision:
    """Return the gate's decision from a card's settings; a model without a gate has none."""
    return Decision(
        card.night,
        card.name,
        card.owner == SHARED,
        card.version,
        card.settings["promoted"] == "yes",
        str(card.settings.get("why", "")),
        # A ranking that was not promoted is saved with the default weights, which are then in use.
        card.version == in_use and card.settings["promoted"] == "yes",
    )
