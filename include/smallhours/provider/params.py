"""The DAGs' params, which Airflow shows as a form when a DAG is triggered by hand.

All of them have defaults.
"""

import logging
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Param

from smallhours.errors import SettingsError
from smallhours.schedule import ScheduleSettings
from smallhours.settings import Settings, load_settings
from smallhours.training.study.grid import (
    FEATURES,
    FORMATS,
    GPT2_WEIGHTS,
    LIMITS,
    MODELS,
    SEED,
    SPLITS,
)

LOG = logging.getLogger(__name__)

DagParams = dict[str, Param]


def settings_at_parse_time() -> Settings | None:
    """Return the settings when Airflow parses a DAG; None when they can't be read.

    A DAG with unreadable settings must still exist: its tasks fail and say what is wrong, whereas a
    DAG that can't be imported would disappear.
    """
    try:
        return load_settings()
    except SettingsError as error:
        LOG.warning("The DAGs take default schedules and forms: %s", error)
        return None


def nightly_schedule(settings: Settings | None) -> ScheduleSettings:
    """Return the schedule of the nightly run."""
    return settings.schedule if settings else ScheduleSettings()


def night_params(settings: Settings | None) -> DagParams:
    """Return the params for a listener and a night."""
    return {"listener": _listener(settings), "night": _night()}


def listeners_params(settings: Settings | None) -> DagParams:
    """Return the params for one listener or all of them, and a night."""
    return {"listener": _listener(settings, everyone=True), "night": _night()}


def playlist_params(settings: Settings | None) -> DagParams:
    """Return the params for a listener, a night, and options for this one list."""
    return {
        **night_params(settings),
        "size": Param(
            None,
            title="Tracks",
            description="How many tracks the playlist gets; empty: as in the settings.",
            type=["null", "integer"],
            minimum=1,
            maximum=500,
        ),
        "exploration": Param(
            None,
            title="Exploration",
            description="The share, 0 to 1, of less certain picks; empty: as in the settings.",
            type=["null", "number"],
            minimum=0,
            maximum=1,
        ),
        "dry_run": Param(
            default=False,
            title="Dry run",
            description="Plan the playlist and record the plan, but leave Spotify as it is.",
            type="boolean",
        ),
    }


def rollback_params(settings: Settings | None) -> DagParams:
    """Return the params for the list to put back: listener, night and playlist."""
    return {
        "listener": _listener(settings),
        "night": _night("The night whose list comes back."),
        "intent": Param(
            "main",
            title="Playlist",
            description="`main`, or the name that another playlist has in the settings.",
            type="string",
        ),
    }


def export_params(settings: Settings | None) -> DagParams:
    """Return the params for an export: listener and files."""
    return {
        "listener": _listener(settings),
        "paths": Param(
            [],
            title="Files",
            description="Zips, folders or JSON files on the machine that Airflow runs on, one a "
            "line.",
            type="array",
            items={"type": "string"},
        ),
    }


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
        "listener": _listener(settings),
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


def _listener(settings: Settings | None, *, everyone: bool = False) -> Param:
    names = list(settings.listeners) if settings else []
    first = None if everyone or not names else names[0]
    known: dict[str, Any] = {"enum": [None, *names] if everyone else names} if names else {}
    whom = "; empty: every listener." if everyone else ", of those in the settings."
    return Param(
        first,
        title="Listener",
        description=f"Whose night it is{whom}",
        type=["null", "string"] if everyone or not names else "string",
        **known,
    )


def _night(
    description: str = "The date of the night, in the listener's time zone; empty: tonight.",
) -> Param:
    return Param(
        None,
        title="Night",
        description=description,
        type=["null", "string"],
        format="date",
    )
