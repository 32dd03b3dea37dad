"""Tests of the data dictionary: it states what the schemas state."""

from pathlib import Path

import pytest

from smallhours.lake.dictionary import PAGE, main, render
from smallhours.lake.tables import TABLES

ROOT = Path(__file__).parents[2]


def test_the_page_has_not_drifted_from_the_schemas() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render()


def test_every_column_is_explained() -> None:
    page = render()
    for table in TABLES.values():
        section = page.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
        for column in table.columns:
            assert f"| {column.name} | " in section
            assert column.doc.replace("|", r"\|") in section
        for name in table.partition:
            assert f"| {name} (in the path) | text | no | " in section


def test_checking_fails_when_the_page_says_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    assert main(["--check"]) == 1
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0
    PAGE.write_text("# Another page", encoding="utf-8")
    assert main(["--check"]) == 1
    assert "--write" in capsys.readouterr().err


def test_the_page_is_printed_when_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == render()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_keys_are_never_null_and_partitions_never_stored(table: object) -> None:
    from smallhours.lake.schema import Table

    assert isinstance(table, Table)
    columns = {c.name: c for c in table.columns}
    assert not any(columns[name].nullable for name in table.key)
    assert not columns.keys() & set(table.partition)
