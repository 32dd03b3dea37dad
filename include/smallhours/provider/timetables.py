"""When does the first DAG start, and how can one run of it speak for several listeners?"""

from airflow.timetables.trigger import CronTriggerTimetable


class NightlyTimetable(CronTriggerTimetable):
    """Cron, for a DAG whose run names its asset partitions while it runs, one per listener.

    Airflow's own `PartitionedAtRuntime` never starts a run by itself, and its plain cron timetable
    takes no partition keys. `plugins/smallhours_timetables.py` registers this one.
    """

    partitioned_at_runtime = True
