"""Tests that nothing a person reads says what the glossary has as words that we don't say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
GLOSSARY = CHECKOUT / "docs" / "glossary.md"
HEADING = "## Words that we don't say"


def unwanted() -> list[str]:
    """Return the words of the glossary's table."""
    part = GLOSSARY.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| ")]
    return [word for row in rows[1:] for word in row.split(", ")]


def read_by_people() -> Iterator[tuple[str, str]]:
    """Yield each text that people read, and where it is."""
    documents = [
        *CHECKOUT.glob("*.md"),
        *CHECKOUT.glob("docs/*.md"),
        *CHECKOUT.glob("*.toml"),
        CHECKOUT / "Makefile",
    ]
    for path in documents:
        if path != GLOSSARY and path.name != "pyproject.toml":
            yield path.name, path.read_text(encoding="utf-8")
    for path in (CHECKOUT / "include/smallhours/web/templates").glob("*.html"):
        # Without tags and what the template computes.
        yield path.name, re.sub(r"<[^>]*>|{[{%].*?[}%]}", " ", path.read_text(encoding="utf-8"))
    for path in [*CHECKOUT.glob("include/**/*.py"), *CHECKOUT.glob("dags/*.py")]:
        yield from sentences_in(path)


def sentences_in(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the texts of a program: errors, help, notices, a DAG's description."""
    # The docstring of a DAG is its page, that of a command its help.
    shown = path.parent.name in ("dags", "cli", "commands")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    for node in constants:
        if isinstance(node.value, str) and (shown or node not in docs):
            yield f"{path.name}:{node.lineno}", node.value


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    return [(where, " ".join(text.split())) for where, text in read_by_people()]


@pytest.mark.parametrize("word", unwanted())
def test_it_is_not_said(word: str, texts: list[tuple[str, str]]) -> None:
    pattern = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    found = [
        f"{where}: {text[max(0, at.start() - 40) : at.end() + 40]}"
        for where, text in texts
        for at in pattern.finditer(text)
    ]
    assert not found, "\n".join(found)
