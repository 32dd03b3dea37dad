"""The DAGs' params, which Airflow shows as a form when a DAG is triggered by hand.

All of them have defaults.
"""

import logging
from typing import Any

from airflow.sdk import Param

from smallhours.errors import SettingsError
from smallhours.schedule import ScheduleSettings
from smallhours.settings import Settings, load_settings

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
    return {"listener": listener_param(settings), "night": _night()}


def listeners_params(settings: Settings | None) -> DagParams:
    """Return the params for one listener or all of them, and a night."""
    return {"listener": listener_param(settings, everyone=True), "night": _night()}


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
        "listener": listener_param(settings),
        "night": _night("The night whose list comes back."),
        "intent": Param(
            "main",
            title="Playlist",
            description="`main`, or the name that another playlist has in the settings.",
            type="string",
        ),
    }


def export_params(settings: Settings | None) -> DagParams:
    """Return the params for history files: listener, files, and how to read their times."""
    return {
        "listener": listener_param(settings),
        "paths": Param(
            [],
            title="Files",
            description="Zips, folders or files on the machine that Airflow runs on, one a line; "
            "their format is told by their content.",
            type="array",
            items={"type": "string"},
        ),
        "timezone": Param(
            None,
            title="Time zone",
            description="Of times without one, such as Europe/Dublin; the import says when it is "
            "needed.",
            type=["null", "string"],
        ),
        "day_first": Param(
            None,
            title="Day first",
            description="How dates such as 01/02/2024 begin; the import says when it is needed.",
            type=["null", "boolean"],
        ),
    }


def listener_param(settings: Settings | None, *, everyone: bool = False) -> Param:
    """Return the param for a listener, or for one or all of them."""
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
