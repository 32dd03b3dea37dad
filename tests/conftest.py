"""Set-up of all tests: no network but loopback, and the sandbox as the outside world."""

# First of all: it sets what Airflow reads when it is imported.
import tests.airflow_home  # noqa: F401

pytest_plugins = ["tests.sandbox_fixtures", "tests.service_fixtures"]
