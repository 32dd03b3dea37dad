"""Tests that the README's claims about the project are true."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from smallhours.settings import ListenerSettings, Settings

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")


def keys_of(section: type[BaseModel]) -> set[str]:
    """Return every key of a section of the settings file, nested sections included."""
    keys: set[str] = set()
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys |= keys_of(inner)
        elif name != "listeners":
            keys.add(name)
    return keys


@pytest.mark.parametrize("key", sorted(keys_of(Settings) | keys_of(ListenerSettings)))
def test_every_setting_is_in_the_readme(key: str) -> None:
    assert f"`{key}`" in README


def test_the_make_targets_that_it_names_exist() -> None:
    for target in re.findall(r"(?:^|`)make ([a-z0-9]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
