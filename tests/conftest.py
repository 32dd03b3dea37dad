"""Set-up of all tests: no network but loopback, and the sandbox as the outside world."""

# Before all else: where temporary files go.
import tests.memory_folder  # noqa: I001

# Before Airflow: skops looks into every module that is loaded, and Airflow's deprecated ones warn.
import skops.io  # noqa: F401
from hypothesis import HealthCheck, settings

# Before Airflow, too: it sets what Airflow reads when it is imported.
import tests.airflow_home  # noqa: F401

pytest_plugins = [
    "tests.postgres_fixture",
    "tests.run_order",
    "tests.skip_report",
    "tests.sandbox_fixtures",
    "tests.service_fixtures",
    "tests.postgres_fixture",
]

# No test may fail because the machine is slow.
settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any_machine")
