"""Tests that `docs/dags.md` is up to date."""

import pytest

from smallhours.provider.dag_docs import PAGE, render
from tests.dags.conftest import AIRFLOWS_OWN, load_dags

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings(AIRFLOWS_OWN),
    pytest.mark.usefixtures("house"),
]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(load_dags()), "run `make docs`"
