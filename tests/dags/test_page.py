"""Tests that `docs/dags.md` is up to date."""

import pytest

from smallhours.orchestration.dag_docs import PAGE, render
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, load_dags

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
    pytest.mark.usefixtures("airflow_install"),
]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(load_dags()), "run `make docs`"
