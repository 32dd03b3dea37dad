"""The params of the DAG `regression_study`, which Airflow shows as a form."""

from collections.abc import Sequence

from airflow.sdk import Param

from smallhours.orchestration.params import DagParams, listener_param
from smallhours.settings import Settings
from smallhours_study.grid import (
    FEATURES,
    FORMATS,
    GPT2_WEIGHTS,
    LIMITS,
    MODELS,
    SEED,
    SPLITS,
)


def study_params(settings: Settings | None) -> DagParams:
    """Return the params for the study: its grid, and its rows."""
    return {
        "features": _several("Features", FEATURES, "Audio features to predict"),
        "formats": _several("Formats", FORMATS, "What the models are given of a track's tags"),
        "models": _several("Models", MODELS, "Models"),
        "limits": Param(
            list(LIMITS),
            title="K",
            description="Columns at most, one number a line; the models that take all, take all.",
            type="array",
            items={"type": "integer", "minimum": 1},
            minItems=1,
        ),
        "splits": _several("Splits", SPLITS, "How rows are held out"),
        "seed": Param(
            SEED, title="Seed", description="Of the splits and the models.", type="integer"
        ),
        "gpt2_weights": Param(
            GPT2_WEIGHTS,
            title="GPT-2's weights",
            description="A folder, a name of the hub, or `small`: a small network of its shape "
            "that learns from the strings alone.",
            type="string",
            minLength=1,
        ),
        "listener": listener_param(settings),
        "data": Param(
            [],
            title="Tables",
            description="Tables of tracks and of artists' tags on the machine that Airflow runs "
            "on, one a line; empty: the lake.",
            type="array",
            items={"type": "string"},
        ),
        "paper": _file("The paper's table", "The paper's own RMSEs, a CSV; empty: none."),
        "reference": _file("Reference", "A data set to compare the features with; empty: none."),
    }


def _several(title: str, known: Sequence[str], what: str) -> Param:
    """Return a param for some values of a list, all by default."""
    return Param(
        list(known),
        title=title,
        description=f"{what}; at least one.",
        type="array",
        items={"type": "string", "enum": list(known)},
        examples=list(known),
        minItems=1,
    )


def _file(title: str, what: str) -> Param:
    return Param(None, title=title, description=what, type=["null", "string"])
