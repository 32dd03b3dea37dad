"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

INCLUDE = Path(__file__).parents[1] / "include"
# GPT-2's modules need an extra that may not be installed.
EXAMPLES = sorted(
    ".".join(file.relative_to(INCLUDE).with_suffix("").parts).removesuffix(".__init__")
    for file in INCLUDE.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8") and "gpt2" not in file.name
)


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_of_a_module_give_what_they_say(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))

    assert results.attempted
    assert not results.failed
