"""Tests that the documentation's links and paths lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FILES = [
    f"/{path.relative_to(ROOT)}"
    for folder in ("include", "dags", "plugins", "tests", "benchmarks")
    for path in ROOT.glob(f"{folder}/**/*.py")
]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", ["docs/code-map.md", "CONTRIBUTING.md"])
def test_every_path_that_a_guide_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = {word for word in re.findall(r"`([^`\s]+)`", text) if "/" in word and "://" not in word}
    assert len(paths) > 20
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_file_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8")))
    assert sorted(name for name in named if not any(f.endswith(f"/{name}") for f in FILES)) == []


def test_the_code_map_has_a_line_for_every_package() -> None:
    text = (ROOT / "docs/code-map.md").read_text(encoding="utf-8")
    packages = {path.parent.relative_to(ROOT) for path in ROOT.glob("include/**/__init__.py")}
    assert sorted(str(each) for each in packages if f"\n| `{each}/` |" not in text) == []


def test_the_architecture_page_has_the_layers_that_are_checked() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    assert "\n".join(["```text", *contract["layers"], "```"]) in text
