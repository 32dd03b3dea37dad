"""What does the form ask that a person sees who triggers a DAG by hand?

Airflow shows a DAG's params as a form. All of them may be left as they are.
"""

import logging
from typing import Any

from airflow.sdk import Param

from smallhours.errors import SettingsError
from smallhours.settings import Schedule, Settings, load_settings

LOG = logging.getLogger(__name__)

Form = dict[str, Param]


def parsed_settings() -> Settings | None:
    """The settings as they are when Airflow parses a DAG; None when they can't be read.

    A DAG with unreadable settings still has to be there: its tasks fail and say what is wrong,
    where a DAG that can't be imported would only vanish.
    """
    try:
        return load_settings()
    except SettingsError as error:
        LOG.warning("The DAGs take default schedules and forms: %s", error)
        return None


def nightly(settings: Settings | None) -> Schedule:
    """When the nightly run starts."""
    return settings.schedule if settings else Schedule()


def night_form(settings: Settings | None) -> Form:
    """Which listener, and which night."""
    return {"listener": _listener(settings), "night": _night()}


def everyone_form(settings: Settings | None) -> Form:
    """Which listener or all of them, and which night."""
    return {"listener": _listener(settings, everyone=True), "night": _night()}


def playlist_form(settings: Settings | None) -> Form:
    """Which listener and night, and wishes for this one list."""
    return {
        **night_form(settings),
        "size": Param(
            None,
            title="Tracks",
            description="How many tracks the playlist gets; empty: as in the settings.",
            type=["null", "integer"],
            minimum=1,
            maximum=100,
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


def export_form(settings: Settings | None) -> Form:
    """Whose export it is, and where it lies."""
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


def _night() -> Param:
    return Param(
        None,
        title="Night",
        description="The date of the night, in the listener's time zone; empty: tonight.",
        type=["null", "string"],
        format="date",
    )
