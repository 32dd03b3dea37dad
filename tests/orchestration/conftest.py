"""Fixtures of Airflow's connections and variables, in a separate Airflow home."""

from tests.airflow_home import airflow_db, airflow_install

__all__ = ["airflow_db", "airflow_install"]
