"""A local Airflow: its processes, and a client of its API."""
