"""Faults of one machine among several: its settings file, its mount of the lake, its disk.

Where Airflow has several machines, such a fault is not the task's end. The task gives its slot back
and is tried again after half a minute, without losing a try: a sound machine takes it sooner or
later. After an hour it fails as it does on a single machine.
"""

import datetime as dt

from airflow.configuration import conf

from smallhours.errors import CorruptFile, LakeError, SchemaMismatch, SettingsUnreadable
from smallhours.settings import Settings, load_settings

# Long enough for a sound machine to finish something and be free.
RETRY_ELSEWHERE = dt.timedelta(seconds=30)


def has_several_machines() -> bool:
    """Return whether Airflow's tasks run on machines of which one may be at fault alone."""
    return "LocalExecutor" not in conf.get("core", "executor")


def may_work_elsewhere(error: Exception) -> bool:
    """Return whether an error may be the fault of this machine alone."""
    if isinstance(error, CorruptFile | SchemaMismatch):
        return False  # all machines read the same file
    return isinstance(error, SettingsUnreadable | LakeError) and has_several_machines()


def load_settings_here() -> Settings:
    """Return the settings; where machines are several, see that this one has the lake, too.

    Raises:
        SettingsError: when the settings are missing or wrong.
        LakeError: when there is no lake where the settings say: a new one would be made in its
            place, on this machine alone.
    """
    from smallhours.lake.migrations import refuse_missing
    from smallhours.lake.store import Lake

    settings = load_settings()
    if has_several_machines():
        refuse_missing(Lake(settings.lake.url))
    return settings
