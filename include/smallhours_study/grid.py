"""The grid of a study: every model on every input that it takes, at every limit and split.

A *setting* is one row of the table at one split; its cells are the features. All features of a
setting are fitted in one go.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.errors import SettingsError

# As `lake.tables.PREDICTED_FEATURES` (a test holds them together); that module loads pyarrow.
FEATURES = ("danceability", "acousticness", "energy", "valence", "instrumentalness")

BAYES, XGBOOST, GPT2, LINEAR, NIGHTLY = "bayes", "xgboost", "gpt2", "linear", "nightly"
MODELS = (BAYES, XGBOOST, GPT2, LINEAR, NIGHTLY)

TAGS, ORDERED, TAGS_COUNTS, DUPLICATED = "tags", "ordered", "tags_counts", "duplicated"
APART, HOURS = "apart", "hours"
STRINGS = (ORDERED, TAGS_COUNTS, DUPLICATED)
FORMATS = (TAGS, *STRINGS, APART, HOURS)

PUBLISHED, BY_TRACK, BY_ARTIST = "published", "by_track", "by_artist"
SPLITS = (PUBLISHED, BY_TRACK, BY_ARTIST)

LIMITS = (100, 1000, 10_000)
SEED = 1983
GPT2_WEIGHTS = "openai-community/gpt2"

# Inputs of each model. Strings are columns of tokens for the first two, and text for GPT-2.
_TABULAR = (TAGS, *STRINGS, HOURS)
TAKES = {
    BAYES: _TABULAR,
    XGBOOST: _TABULAR,
    GPT2: STRINGS,
    LINEAR: (APART,),
    NIGHTLY: (APART,),
}
LIMITED = (BAYES, XGBOOST)

# Models that use all columns take about as long as the others with this many.
_COST_OF_ALL = 2000

_NAME = re.compile(r"(?P<model>\w+)-(?P<format>\w+)-(?P<limit>\d+|all)-(?P<split>\w+)")


@dataclass(frozen=True)
class Setting:
    """One row of the table at one split.

    Attributes:
        model: One of MODELS.
        format: One of FORMATS that the model takes.
        limit: Maximum number of columns; None where the model uses all.
        split: One of SPLITS. `published` is the paper's protocol, its flaws included.
    """

    model: str
    format: str
    limit: int | None
    split: str

    @property
    def name(self) -> str:
        """Its name in file names, tasks and log lines: `xgboost-tags-1000-by_artist`."""
        limit = "all" if self.limit is None else str(self.limit)
        return f"{self.model}-{self.format}-{limit}-{self.split}"

    @classmethod
    def parse(cls, name: str) -> "Setting":
        """Parse a setting's name.

        Raises:
            SettingsError: when it is no setting's name.
        """
        found = _NAME.fullmatch(name)
        if not found or found["model"] not in MODELS or found["format"] not in FORMATS:
            raise SettingsError(
                f"{name!r} is not a setting of the study.",
                remedy="Name one as <model>-<format>-<limit>-<split>.",
            )
        limit = None if found["limit"] == "all" else int(found["limit"])
        return cls(found["model"], found["format"], limit, found["split"])


@dataclass(frozen=True)
class Grid:
    """The requested combinations of models, inputs, limits and splits.

    Attributes:
        features, models, formats, limits, splits: Each in the order of the constants above.
        seed: Seed of the splits and the models.
    """

    features: tuple[str, ...] = FEATURES
    models: tuple[str, ...] = MODELS
    formats: tuple[str, ...] = FORMATS
    limits: tuple[int, ...] = LIMITS
    splits: tuple[str, ...] = SPLITS
    seed: int = SEED

    @classmethod
    def of(
        cls,
        *,
        features: Sequence[str] = (),
        models: Sequence[str] = (),
        formats: Sequence[str] = (),
        limits: Sequence[int] = (),
        splits: Sequence[str] = (),
        seed: int = SEED,
    ) -> "Grid":
        """Build a grid from a person's choices; an empty choice means all.

        Raises:
            SettingsError: when one is unknown, or nothing is left to fit.
        """
        if any(limit < 1 for limit in limits):
            raise SettingsError("K must be at least 1.", remedy="Ask for 100, 1000 or 10000.")
        grid = cls(
            _chosen("feature", features, FEATURES),
            _chosen("model", models, MODELS),
            _chosen("format", formats, FORMATS),
            tuple(sorted(set(limits))) or LIMITS,
            _chosen("split", splits, SPLITS),
            seed,
        )
        if not grid.settings():
            raise SettingsError(
                f"None of the models {', '.join(grid.models)} takes {', '.join(grid.formats)}.",
                remedy="; ".join(f"{model} takes {', '.join(TAKES[model])}" for model in MODELS)
                + ".",
            )
        return grid

    def settings(self) -> list[Setting]:
        """Return every setting, cheap ones first, so that an interrupted study has most rows."""
        limits: list[int | None] = [None, *self.limits]
        limits.sort(key=lambda limit: _COST_OF_ALL if limit is None else limit)
        return [
            Setting(model, form, limit, split)
            for limit in limits
            for form, model, split in itertools.product(self.formats, self.models, self.splits)
            if form in TAKES[model] and (limit is not None) == (model in LIMITED)
        ]


def _chosen(what: str, given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the given names in the order of the known ones; all when none are given."""
    strange = sorted(set(given) - set(known))
    if strange:
        raise SettingsError(
            f"There is no {what} {', '.join(map(repr, strange))}.",
            remedy=f"Choose of: {', '.join(known)}.",
        )
    return tuple(name for name in known if not given or name in given)
