"""Validation of replies against the machine-readable description of the Web API."""

from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tests.shared_data import shared_path

# Required by the description, but no longer sent to new apps.
GONE = {"album_group", "available_markets", "label", "popularity"}

# Null in live replies, though the description does not say so.
LIVE_NULLS = {"context", "cursors", "next", "added_by"}


def check_contract(method: str, path: str, status: int, body: Any) -> None:
    """Assert that a reply matches the description of that operation and status."""
    document = _document()
    answer = document["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    schema = answer["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    errors = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]
    assert not errors, errors


@cache
def _document() -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with shared_path("contracts/spotify-openapi.yaml").open("rb") as file:
        return _as_json_schema(yaml.load(file, loader))  # noqa: S506 - a safe loader, but in C


def _as_json_schema(node: Any) -> Any:
    """Convert OpenAPI 3.0's `nullable` to JSON Schema and drop removed fields."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _as_json_schema(value) for key, value in node.items()}
    if isinstance(made.get("required"), list):
        made["required"] = [name for name in made["required"] if name not in GONE]
    if isinstance(made.get("properties"), dict):
        for name in LIVE_NULLS & set(made["properties"]):
            made["properties"][name] = _or_null(made["properties"][name])
    if made.pop("nullable", False) is True:
        return _or_null(made)
    return made


def _or_null(schema: Any) -> Any:
    return {"anyOf": [schema, {"type": "null"}]}
