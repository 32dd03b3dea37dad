"""What every test shares: no network but loopback, and the sandbox as the outside world."""

import os

# Read by Airflow when it is first imported, which may be while tests are collected.
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

pytest_plugins = ["tests.sandbox_fixtures", "tests.household"]
