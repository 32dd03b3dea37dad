"""Saved audio models: their index, which are in use, and whether there is something new to learn.

Nothing here imports what a model is made of: on most nights there is nothing to learn.
"""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.training.audio import NAME
from smallhours.training.audio.measured_tracks import AudioRows
from smallhours.training.model_card import ModelCard, package_versions
from smallhours.training.new_evidence import MAX_AGE, NEW_SHARE
from smallhours.training.registry import SHARED, Registry, SavedModel, raise_unreadable

T = TypeVar("T")
Kind = Literal["boosted", "linear"]

USE = "use.json"
LENGTHS = "tracks_of_known_length"


@dataclass(frozen=True)
class Unchanged:
    """A skipped training: an earlier one had the same settings and libraries, and nearly its rows.

    Attributes:
        version: The version that the earlier training saved.
        why: The reason, for people.
    """

    version: str
    why: str


def version_of(saved: SavedModel) -> str:
    """Return a saved model's version after reading its index alone, which is small.

    Raises:
        UnreadableModel: when the index is damaged, missing, or of an earlier format.
    """
    read_index(saved)
    return saved.version


class SavedRegressor(NamedTuple):
    """Where a regressor is: in a file of its own, or at a place among those of a file."""

    file: str
    at: int | None
    features: tuple[str, ...]
    predicted: tuple[str, ...]


def read_index(saved: SavedModel) -> tuple[Kind, list[SavedRegressor]]:
    """Return the kind, and where each regressor is."""
    try:
        use = json.loads(saved.read(USE))
        described = [
            SavedRegressor(r["file"], r.get("at"), tuple(r["features"]), tuple(r["told"]))
            for r in use["regressors"]
        ]
        return use["kind"], described
    except (ValueError, KeyError, TypeError) as error:
        raise_unreadable(saved.address(USE), f"it is damaged ({type(error).__name__})")


def models_in_use(owner: str, registry: Registry, read: Callable[[SavedModel], T]) -> dict[str, T]:
    """Return the models in use to compare a new one with: the shared and the listener's own."""
    found = {name: registry.load(name, NAME, read) for name in (SHARED, owner)}
    return {name: each for name, each in found.items() if each is not None}


def against(owner: str, registry: Registry) -> str:
    """Return the versions that a new model would be compared with, as a card names them."""
    return ", ".join(models_in_use(owner, registry, version_of).values())


def earlier_training(
    owner: str, rows: AudioRows, registry: Registry, *, settings: Settings, night: Night
) -> Unchanged | None:
    """Return the newest version or the one in use, if there is nothing to learn beyond it.

    The models themselves, which are large, are not read for this.
    """
    in_use = registry.load(owner, NAME, version_of)
    current = [] if in_use is None else [in_use]
    for version in (*registry.versions(owner, NAME)[-1:], *current):
        card = registry.load(owner, NAME, lambda saved: saved.card, version=version)
        if card is None or LENGTHS not in card.data:
            continue
        same = (
            card.settings.get("audio_model") == settings.training.audio_model
            and card.settings.get("top_tags") == settings.training.top_tags
            and card.settings.get("sources") == ", ".join(settings.training.sources)
            and dict(card.packages) == package_versions()
        )
        refused = card.settings.get("promoted") == "no"
        judged = refused and card.settings.get("judged_against") == against(owner, registry)
        why = _why_not_again(rows, card, night)
        if same and why and (version in current or judged):
            return Unchanged(version, why)
    return None


def _why_not_again(rows: AudioRows, card: ModelCard, night: Night) -> str:
    """Return why a model is not learned again tonight; empty where there is something to learn."""
    if card.data.get("digest") == rows.digest:
        return "nothing has changed since it was learned and judged"
    learned, tracks = dt.date.fromisoformat(card.night), int(card.data["tracks"])
    new, enough, until = abs(len(rows) - tracks), enough_new(tracks), learned + MAX_AGE
    if new >= enough or not learned <= night.date < until:
        return ""
    return (
        f"{new:,} tracks were measured since it was learned from {tracks:,} on {learned}; it is "
        f"learned again with {enough:,}, or on {until}"
    )


def enough_new(tracks: int) -> int:
    """Return how many more tracks have to be measured before a model is learned again."""
    return max(1, round(NEW_SHARE * tracks))
