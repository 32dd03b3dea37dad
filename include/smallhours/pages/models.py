"""Models: how good are they, since when, who won, and what did the study find?"""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.pages.measured import Measured, measured
from smallhours.pages.place import Place
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import SHARED, Registry
from smallhours.training.study.asked import FOLDER, FoundStudy, studies_in

# Of each model, so many of its newest versions are opened to tell what was decided.
DECISIONS_READ = 14


@dataclass(frozen=True)
class Card:
    """A model in use."""

    card: ModelCard
    versions: Sequence[str]


@dataclass(frozen=True)
class Decision:
    """What became of a version when it was learned.

    Attributes:
        night: Which learned it, as an ISO date.
        model: Its name.
        shared: Whether it is all listeners' model.
        version: It.
        promoted: Whether it went into use.
        why: The sentence of the promotion gate.
        in_use: Whether it is what is in use now.
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
    """The whole page.

    Attributes:
        measured: Figures of the nights.
        cards: The models in use.
        decisions: Which new models went into use and why, newest first.
        studies: The studies in the lake, newest first.
        studies_at: Where they are.
    """

    measured: Measured
    cards: Sequence[Card]
    decisions: Sequence[Decision]
    studies: Sequence[FoundStudy]
    studies_at: str

    @property
    def known(self) -> bool:
        """Whether any model was learned or measured yet."""
        return bool(self.cards) or self.measured.night is not None


def models(place: Place) -> Models:
    """Read the page."""
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
    """Owner and name of every model in the lake that concerns the listener."""
    found = []
    for owner in (place.listener, SHARED):
        folder = f"models/{owner}"
        paths = place.lake.files.list(folder)
        names = {path.removeprefix(f"{folder}/").partition("/")[0] for path in paths}
        found += [(owner, name) for name in sorted(names)]
    return found


def _decision(card: ModelCard, in_use: str) -> Decision:
    """What the gate noted in a card's settings; a model without a gate notes nothing."""
    return Decision(
        card.night,
        card.name,
        card.owner == SHARED,
        card.version,
        card.settings["promoted"] == "yes",
        str(card.settings.get("why", "")),
        # A ranking that lost was saved with the default weights, which then are in use.
        card.version == in_use and card.settings["promoted"] == "yes",
    )
