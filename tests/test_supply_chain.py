"""Tests of the locks and of the licences of what they name."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[1]
LOCKS = sorted(CHECKOUT.glob("requirements*.txt"))
PAGE = (CHECKOUT / "docs" / "licences.md").read_text(encoding="utf-8")
# The person may choose the Artistic License.
DUAL = {"text-unidecode"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert packages
    for line in packages:
        assert re.match(r"[a-z0-9-]+==[\w.+]+ ", line), line[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line[:80]
    assert "://" not in text


@cache
def licences() -> dict[str, str]:
    """The licences of what is installed, by package."""
    told = subprocess.run(
        [Path(sys.executable).parent / "pip-licenses", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {canonicalize_name(each["Name"]): each["License"] for each in json.loads(told.stdout)}


def listed() -> dict[str, str]:
    """The table of the page."""
    rows = re.findall(r"(?m)^\| (\S+) +\| (\S.*?) +\|$", PAGE)
    return {canonicalize_name(name): licence for name, licence in rows if name != "Name"}


def locked(*locks: str) -> set[str]:
    text = "\n".join((CHECKOUT / lock).read_text(encoding="utf-8") for lock in locks)
    return set(re.findall(r"(?m)^([a-z0-9-]+)==", text))


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the page is written by Python 3.11, of its packages"
)
def test_the_page_lists_the_licence_of_all_that_is_installed() -> None:
    wanted = {
        name: licence
        for name, licence in licences().items()
        if name in locked("requirements.txt", "requirements-dev.txt")
    }

    table = listed()
    assert {name: table.get(name) for name in wanted} == wanted


def test_a_copyleft_or_unknown_licence_is_named_above_the_table() -> None:
    prose = PAGE.partition("\n| Name")[0]
    for name, licence in listed().items():
        if re.search(r"GPL|MPL|Mozilla|EUPL|UNKNOWN", licence):
            assert f"`{name}`" in prose, (name, licence)


def needed_by_the_core() -> set[str]:
    """Everything that `smallhours` needs without extras, directly or not."""
    found: set[str] = set()
    waiting = {canonicalize_name("smallhours")}
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # of another platform
        parsed = [Requirement(each) for each in needs]
        waiting |= {
            canonicalize_name(each.name)
            for each in parsed
            if not each.marker or each.marker.evaluate({"extra": ""})
        } - found
    return found


def imported_by_the_product() -> set[str]:
    """The packages that a module in include/ imports, wherever in it."""
    names = set()
    for path in (CHECKOUT / "include").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    packages = packages_distributions()
    return {canonicalize_name(each) for name in names for each in packages.get(name, [])}


def test_the_core_needs_and_imports_nothing_under_the_gpl_lgpl_or_agpl() -> None:
    core = needed_by_the_core() | imported_by_the_product()

    assert {"apache-airflow-core", "pandas", "requests", "scikit-learn"} <= core
    gpl = {name for name in core if "GPL" in licences().get(name, "")}
    assert gpl <= DUAL
    assert all("Artistic License" in licences()[name] for name in gpl)
