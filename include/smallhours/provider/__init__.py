"""Airflow's side: connections, hooks, timetables. The only folder that imports airflow."""
