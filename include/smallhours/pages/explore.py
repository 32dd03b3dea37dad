"""The Explore page: the predicted sound of typed tags, its causes, P(like) and nearby tracks.

Opening the models takes a second, so the opened ones are cached until a night replaces them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from smallhours.charts.bars import horizontal_bars
from smallhours.errors import NotEnoughData
from smallhours.pages.place import Place
from smallhours.training.audio import predictor as audio_predictor
from smallhours.training.explore import Exploration, Explorer, UnknownTags
from smallhours.training.registry import SHARED, Registry
from smallhours.training.taste import model as taste

# Length of the completion list; a browser shows a few of its entries at a time.
TAGS_OFFERED = 1_500
_LOCK = Lock()
_OPENED: dict[str, tuple[str, Explorer]] = {}


@dataclass(frozen=True)
class Chip:
    """One tag of the query.

    Attributes:
        text: The tag as typed, `dream pop:60`.
        without: The query without it.
    """

    text: str
    without: str


@dataclass(frozen=True)
class Explore:
    """The data of the Explore page.

    Attributes:
        question: The query: tags as typed.
        chips: The tags of the query, one by one.
        tags: Tags offered for completion.
        answer: Features, P(like) and neighbours; None without a query.
        trouble: Why there is no answer, and what to do.
        pushes: By feature, a chart of each tag's contribution.
        ready: Whether there is a model.
    """

    question: str
    chips: Sequence[Chip]
    tags: Sequence[str]
    answer: Exploration | None
    trouble: str
    pushes: Mapping[str, str]
    ready: bool = True


def explore(place: Place, question: str) -> Explore:
    """Answer a query such as `shoegaze, dream pop:60`; an empty one returns the form."""
    chips = _chips(question)
    try:
        explorer = _opened(place)
    except NotEnoughData as error:
        return Explore(question, chips, (), None, str(error), {}, ready=False)
    offered = explorer.known[:TAGS_OFFERED]
    if not question:
        return Explore(question, chips, offered, None, "", {})
    try:
        answer = explorer.explore(question)
    except UnknownTags as error:
        return Explore(question, chips, offered, None, str(error), {})
    pushes = {
        told.name: horizontal_bars(
            f"What moves {told.name}",
            {push.tag: push.amount for push in told.pushes},
            desc=f"From {told.baseline:.2f}, without tags, to {told.value:.2f}.",
            x_label="added to the prediction",
            width=420,
        )
        for told in answer.features
    }
    return Explore(question, chips, offered, answer, "", pushes)


def joined(question: str, tag: str, weight: int) -> str:
    """Return the query with one more tag.

    >>> joined("shoegaze", "dream pop", 60)
    'shoegaze, dream pop:60'
    """
    added = tag.strip().strip(",")
    if not added:
        return question
    told = added if weight == 100 else f"{added}:{weight}"
    return f"{question}, {told}" if question.strip() else told


def _chips(question: str) -> list[Chip]:
    parts = [part.strip() for part in question.split(",") if part.strip()]
    return [Chip(part, ", ".join(parts[:at] + parts[at + 1 :])) for at, part in enumerate(parts)]


def _opened(place: Place) -> Explorer:
    """Return the models in use, reopened when a new version came into use."""
    registry = Registry.of(place.lake)
    versions = []
    for owner, name in (
        (place.listener, audio_predictor.NAME),
        (SHARED, audio_predictor.NAME),
        (place.listener, taste.NAME),
    ):
        saved = registry.current(owner, name)
        versions.append("" if saved is None else saved.version)
    stamp, home = "/".join(versions), f"{place.lake.url}#{place.listener}"
    with _LOCK:
        if home not in _OPENED or _OPENED[home][0] != stamp:
            _OPENED[home] = stamp, Explorer.open(place.lake, place.listener)
        return _OPENED[home][1]
