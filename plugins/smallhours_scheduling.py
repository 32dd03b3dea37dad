"""Airflow plugin that lets the scheduler deserialise when the DAGs start."""

from airflow.plugins_manager import AirflowPlugin

from smallhours.orchestration.scheduling import NightlyTimetable, NightMapper


class SmallhoursScheduling(AirflowPlugin):
    """The plugin that registers the timetable and the partition mapper."""

    name = "smallhours_scheduling"
    timetables = [NightlyTimetable]  # noqa: RUF012 - as Airflow declares it
    partition_mappers = [NightMapper]  # noqa: RUF012
