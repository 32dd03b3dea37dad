"""Tests that Airflow knows the connection types."""

import importlib.metadata

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from smallhours.orchestration import get_provider_info

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


def test_the_distribution_announces_the_provider() -> None:
    (point,) = importlib.metadata.distribution("smallhours").entry_points.select(
        group="apache_airflow_provider"
    )

    assert point.load() is get_provider_info


@pytest.mark.parametrize("kind", ["spotify", "lastfm"])
def test_airflow_offers_the_connection_type(kind: str) -> None:
    hook = ProvidersManager().hooks[kind]  # type: ignore[no-untyped-call]

    assert hook is not None
    assert hook.package_name == "smallhours"


def test_secret_fields_are_shown_as_passwords() -> None:
    for kind in get_provider_info()["connection-types"]:
        for name, field in kind.get("conn-fields", {}).items():
            jsonschema.Draft7Validator.check_schema(field["schema"])
            secret = "token" in name or name == "api_key"
            assert secret == (field["schema"].get("format") == "password")
