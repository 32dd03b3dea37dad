"""Airflow on the listener's own machine: its four parts as processes, and its API."""
