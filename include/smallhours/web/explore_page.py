"""The Explore page: the predicted sound of typed tags, its causes, P(like) and nearby tracks.

Opening the models takes a second, so the opened ones are cached until a night replaces them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from smallhours.errors import NotEnoughData
from smallhours.playlist.explain.names_in_words import listed
from smallhours.training import audio
from smallhours.training.registry import SHARED, Registry
from smallhours.training.tag_exploration import Exploration, Explorer, PredictedFeature, UnknownTags
from smallhours.training.taste import model as taste
from smallhours.training.taste.backtest import OTHERS_PER_LIKE
from smallhours.web.charts.bars import horizontal_bars
from smallhours.web.page_context import PageContext

# Length of the completion list; a browser shows a few of its entries at a time.
TAGS_OFFERED = 1_500
# The share of liked tracks among those that P(like) is about.
AVERAGE = 1 / (1 + OTHERS_PER_LIKE)
_LOCK = Lock()
_EXPLORERS: dict[str, tuple[str, Explorer]] = {}


@dataclass(frozen=True)
class QueryTag:
    """One tag of the query.

    Attributes:
        text: The tag as typed, `dream pop:60`.
        without: The query without it.
    """

    text: str
    without: str


@dataclass(frozen=True)
class ExplorePage:
    """The data of the Explore page.

    Attributes:
        query: The query: tags as typed.
        query_tags: The tags of the query, one by one.
        tags: Tags offered for completion.
        answer: Features, P(like) and neighbours; None without a query.
        problem: Why there is no answer, and what to do.
        pushes: By feature, a chart of each tag's contribution.
        liking, sound: What P(like) and the features mean, a sentence each; empty without an answer.
        ready: Whether there is a model.
        average: P(like) of the average track.
    """

    query: str
    query_tags: Sequence[QueryTag]
    tags: Sequence[str]
    answer: Exploration | None
    problem: str
    pushes: Mapping[str, str]
    liking: str = ""
    sound: str = ""
    ready: bool = True
    average: float = AVERAGE


def explore(page_context: PageContext, query: str) -> ExplorePage:
    """Answer a query such as `shoegaze, dream pop:60`; an empty one returns the form."""
    query_tags = _query_tags(query)
    try:
        explorer = _cached_explorer(page_context)
    except NotEnoughData as error:
        return ExplorePage(query, query_tags, (), None, str(error), {}, ready=False)
    offered = explorer.known[:TAGS_OFFERED]
    if not query:
        return ExplorePage(query, query_tags, offered, None, "", {})
    try:
        answer = explorer.explore(query)
    except UnknownTags as error:
        return ExplorePage(query, query_tags, offered, None, str(error), {})
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
    liking, sound = liking_in_words(answer.p_like), sound_in_words(answer.features)
    return ExplorePage(query, query_tags, offered, answer, "", pushes, liking, sound)


# How far a feature has to be from the average track's for a word, and the words for more and less.
WORDS: Mapping[str, tuple[float, str, str]] = {
    "energy": (0.1, "more energetic", "calmer"),
    "valence": (0.1, "brighter", "darker"),
    "danceability": (0.1, "easier to dance to", "harder to dance to"),
    "acousticness": (0.1, "more acoustic", "less acoustic"),
    "instrumentalness": (0.1, "more instrumental", "more often sung"),
    "tempo": (8.0, "faster", "slower"),
    "loudness": (2.0, "louder", "quieter"),
}


def liking_in_words(p_like: float | None) -> str:
    """Return whether the listener would like it, in words.

    >>> liking_in_words(0.46)
    'Perhaps: it is more likely to be to your taste than the average track.'
    """
    if p_like is None:
        return "No taste was learned yet."
    if p_like >= 0.5:
        return "Probably: it is like what you play."
    if p_like >= AVERAGE:
        return "Perhaps: it is more likely to be to your taste than the average track."
    return "Rather not: it is less likely to be to your taste than the average track."


def sound_in_words(features: Sequence[PredictedFeature]) -> str:
    """Return how it would sound beside a track without tags, in words."""
    by_name = {each.name: each.value - each.baseline for each in features}
    told = [
        more if by_name[name] > 0 else less
        for name, (enough, more, less) in WORDS.items()
        if abs(by_name.get(name, 0.0)) >= enough
    ]
    if not told:
        return "It would sound much like the average track."
    return f"It would be {listed(told)} than the average track."


def with_tag(query: str, tag: str, weight: int) -> str:
    """Return the query with one more tag.

    >>> with_tag("shoegaze", "dream pop", 60)
    'shoegaze, dream pop:60'
    """
    added = tag.strip().strip(",")
    if not added:
        return query
    told = added if weight == 100 else f"{added}:{weight}"
    return f"{query}, {told}" if query.strip() else told


def _query_tags(query: str) -> list[QueryTag]:
    parts = [part.strip() for part in query.split(",") if part.strip()]
    return [
        QueryTag(part, ", ".join(parts[:at] + parts[at + 1 :])) for at, part in enumerate(parts)
    ]


def _cached_explorer(page_context: PageContext) -> Explorer:
    """Return the models in use, reopened when a new version came into use."""
    registry = Registry.of(page_context.lake)
    versions = []
    for owner, name in (
        (page_context.listener, audio.NAME),
        (SHARED, audio.NAME),
        (page_context.listener, taste.NAME),
    ):
        versions.append(registry.version_in_use(owner, name) or "")
    stamp, home = "/".join(versions), f"{page_context.lake.url}#{page_context.listener}"
    with _LOCK:
        if home not in _EXPLORERS or _EXPLORERS[home][0] != stamp:
            _EXPLORERS[home] = stamp, Explorer.open(page_context.lake, page_context.listener)
        return _EXPLORERS[home][1]
