"""Airflow's connections and variables, in a home of the tests' own."""

from tests.airflow_home import airflow_db, house

__all__ = ["airflow_db", "house"]
