"""Airflow plugin that lets the scheduler deserialise the timetable of `sync_listening`."""

from airflow.plugins_manager import AirflowPlugin

from smallhours.orchestration.scheduling import NightlyTimetable


class SmallhoursTimetables(AirflowPlugin):
    """The plugin that registers the timetable."""

    name = "smallhours_timetables"
    timetables = [NightlyTimetable]  # noqa: RUF012 - as Airflow declares it
