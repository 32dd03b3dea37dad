"""A local Airflow: its four processes, and a client of its API."""
