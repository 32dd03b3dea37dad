"""Lets the scheduler read back the timetable of `sync_listening`."""

from airflow.plugins_manager import AirflowPlugin

from smallhours.provider.timetables import NightlyTimetable


class SmallhoursTimetables(AirflowPlugin):
    """Registers Smallhours' timetable."""

    name = "smallhours_timetables"
    timetables = [NightlyTimetable]  # noqa: RUF012 - as Airflow declares it
