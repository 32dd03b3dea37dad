"""Access to the stored credentials for commands that run outside of Airflow."""

from typing import TYPE_CHECKING, Any

from smallhours.local.home_files import use_home

if TYPE_CHECKING:
    from smallhours.orchestration.connections import AirflowSecrets


def open_secrets() -> "AirflowSecrets":
    """Return Airflow's connections; its home is made first, where there is none."""
    use_home()  # Airflow reads its configuration when it is imported
    from smallhours.orchestration.connections import AirflowSecrets

    return AirflowSecrets()


class LazySecrets:
    """Airflow's connections; Airflow is imported, which takes seconds, when one is asked for."""

    def __getattr__(self, name: str) -> Any:
        """Ask Airflow."""
        return getattr(open_secrets(), name)
