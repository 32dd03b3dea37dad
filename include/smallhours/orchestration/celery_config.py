"""Celery's configuration: Airflow's own, with workers that look after their machine.

Airflow imports it by `AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS`, in deploy/airflow.env.
"""

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import worker_ready

CELERY_CONFIG = DEFAULT_CELERY_CONFIG


@worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def on_worker_ready(sender: Any, **_told: Any) -> None:
    """Begin to look after the machine of a worker; the scheduler reads this module, too."""
    from smallhours.orchestration.worker_health import watch_machine

    watch_machine(sender)
