"""Fixtures of Airflow's connections and variables, in a separate Airflow home."""

from tests.airflow_home import airflow_db, house

__all__ = ["airflow_db", "house"]
