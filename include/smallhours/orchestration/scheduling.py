"""When the DAGs start: the timetable of the first, and the assets that start the others.

Every asset stands for tables of the lake. Its events carry a partition key, `<listener>@<date>`:
this is how one listener's night passes from DAG to DAG, each in a run of its own. Airflow's UI
sorts such runs by their night.
"""

import datetime as dt
from typing import Any, NamedTuple

from airflow.partition_mappers.identity import IdentityMapper
from airflow.sdk import Asset, PartitionedAssetTimetable
from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

from smallhours.errors import SettingsError
from smallhours.schedule import ScheduleSettings
from smallhours.settings import Settings, settings_path

PLAYS = Asset("plays", uri="smallhours://lake/plays")
LIBRARY = Asset("library", uri="smallhours://lake/library")
FEEDBACK = Asset("feedback", uri="smallhours://lake/feedback")
TAGS = Asset("tags", uri="smallhours://lake/tags")
AUDIO_FEATURES = Asset("audio_features", uri="smallhours://lake/audio_features")
CANDIDATES = Asset("candidates", uri="smallhours://lake/candidates")
MODELS = Asset("models", uri="smallhours://lake/models")
PLAYLIST = Asset("playlist", uri="smallhours://lake/playlists")


class PartitionKey(NamedTuple):
    """One listener's night as a partition key: `ada@2026-11-02`."""

    listener: str
    date: str

    def __str__(self) -> str:
        return f"{self.listener}@{self.date}"

    @classmethod
    def parse(cls, key: str) -> "PartitionKey":
        """Parse a key.

        Raises:
            SettingsError: when it is not `<listener>@<date>`.
        """
        listener, found, date = key.partition("@")
        if not (listener and found and date):
            raise SettingsError(
                f"The partition key {key!r} is not <listener>@<date>.",
                remedy="Trigger the DAG without a partition key, and choose in the form.",
            )
        return cls(listener, date)


def night_of_task(context: Any, settings: Settings) -> PartitionKey:
    """Return the listener and night of a task.

    They are those that the task is mapped to, else those of the run's partition key, else those of
    its form. The default of an empty form is the first listener in the settings, and the night of
    the run's start in their time zone.
    """
    mapped = getattr(context["task"], "op_kwargs", {}).get("night")
    if key := mapped or context["dag_run"].partition_key:
        return PartitionKey.parse(key)
    listener = context["params"].get("listener") or next(iter(settings.listeners))
    return PartitionKey(listener, date_of_run(listener, context, settings))


def date_of_run(listener: str, context: Any, settings: Settings) -> str:
    """Return the date of a listener's night in a run without a partition key."""
    chosen, started = context["params"].get("night"), context["dag_run"].run_after
    if chosen:
        return str(settings.chosen_night(listener, chosen, started).date)
    return str(settings.tonight(listener, started).date)


class NightMapper(IdentityMapper):
    """A partition mapper that keeps the key, and dates the run that it starts by the key's night.

    Airflow's own mapper takes the date of the run that updated the asset, which has none when it
    was started by hand. Here every event of one key has the same date, whichever run it came from:
    events that differ in it can end in two runs that wait for each other's assets
    (apache/airflow#71070). `plugins/smallhours_scheduling.py` registers this one.
    """

    def to_partition_date(self, downstream_key: str) -> dt.datetime | None:
        """Return the start of the key's night; None for a key of another form."""
        try:
            night = dt.date.fromisoformat(PartitionKey.parse(downstream_key).date)
        except (SettingsError, ValueError):
            return None
        return dt.datetime(night.year, night.month, night.day, tzinfo=dt.UTC)

    def carry_partition_date(self, source_partition_date: dt.datetime | None) -> None:
        """Return None: the date is the key's."""
        del source_partition_date


def after(assets: Any) -> PartitionedAssetTimetable:
    """Return the timetable of a DAG that starts for a listener's night when assets are updated."""
    return PartitionedAssetTimetable(assets=assets, default_partition_mapper=NightMapper())  # type: ignore[arg-type]


class NightlyTimetable(CronTriggerTimetable):
    """Cron, for a DAG whose run names its asset partitions while it runs, one per listener.

    Airflow's own `PartitionedAtRuntime` never starts a run by itself, and its plain cron timetable
    takes no partition keys. `plugins/smallhours_scheduling.py` registers this one.

    Airflow's cron timetable also forgets the very first start when the machine sleeps through it:
    without an earlier run it looks only ahead. This one looks ahead from `since`.

    Args:
        cron: Five cron fields.
        timezone: The name of their time zone.
        since: From when on starts count, UTC; None: from now on.
    """

    partitioned_at_runtime = True

    def __init__(self, cron: str, *, timezone: Any, since: dt.datetime | None = None) -> None:
        super().__init__(cron, timezone=timezone)
        self._since = since

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """Return the next start: the newest that was missed, else the next one to come."""
        if last_automated_data_interval is None and restriction.earliest is None:
            earliest = coerce_datetime(self._since) if self._since else None
            restriction = restriction._replace(earliest=earliest)
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` needs, as JSON."""
        return {**super().serialize(), "since": self._since.isoformat() if self._since else None}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "NightlyTimetable":
        """Return the timetable that `serialize` was called on."""
        since = data.get("since")
        return cls(
            data["expression"],
            timezone=data["timezone"],
            since=dt.datetime.fromisoformat(since) if since else None,
        )


def nightly(schedule: ScheduleSettings) -> NightlyTimetable:
    """Return the timetable that the settings ask for."""
    return NightlyTimetable(schedule.cron, timezone=schedule.timezone, since=settings_changed_at())


def settings_changed_at() -> dt.datetime | None:
    """Return when the settings file was last written, UTC; None when there is none.

    Until the first night has run, it stands for when Smallhours was set up.
    """
    try:
        changed = settings_path().stat().st_mtime
    except OSError:
        return None
    return dt.datetime.fromtimestamp(int(changed), dt.UTC)
