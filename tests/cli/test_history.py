"""Tests of `smallhours why`, `history` and `export`, and of histories in files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smallhours.cli import app
from smallhours.lake.store import Lake
from tests.web.lists import BEFORE, NIGHT, add_list, add_reactions

RIDE, LUSH = ("Ride", "Vapour Trail"), ("Lush", "De-Luxe")


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    settings = tmp_path / "smallhours.toml"
    settings.write_text('[listeners.default]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n')
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(settings))
    monkeypatch.setenv("SMALLHOURS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("COLUMNS", "200")
    return Lake(str(tmp_path / "lake"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_history_shows_what_became_of_each_list(lake: Lake) -> None:
    ride, lush = add_list(lake, BEFORE, [RIDE, LUSH])
    add_reactions(lake, BEFORE, {ride: "played", lush: "removed"})
    add_list(lake, NIGHT, [RIDE])

    shown = run("history").output

    assert shown.index(str(NIGHT)) < shown.index(str(BEFORE))
    assert "1 (.50, .09-.91)" in shown


def test_history_fits_into_80_columns(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    add_list(lake, NIGHT, [RIDE, LUSH], outcome="kept_yesterday")
    assert run("history").exception is None
    keys = add_list(lake, BEFORE, [RIDE, LUSH])
    for reaction in ("kept", "played", "saved", "removed", "skipped", "passed"):
        add_reactions(lake, BEFORE, dict.fromkeys(keys, reaction))

    head, *rows = run("history").output.splitlines()

    assert head.split()[:4] == ["night", "tracks", "outcome", "kept"]
    assert [row.split() for row in rows] == [
        [str(NIGHT), "2", "kept", "yesterday"],
        [str(BEFORE), "2", "verified", *["2"] * 6],
    ]


def test_why_answers_for_the_newest_night(lake: Lake) -> None:
    add_list(lake, NIGHT, [RIDE])

    assert "It was chosen, as number 1" in run("why", "Ride - Vapour Trail").output


def test_export_writes_a_file_or_the_terminal(lake: Lake, tmp_path: Path) -> None:
    add_list(lake, NIGHT, [RIDE, LUSH])

    assert run("export").output.startswith("#EXTM3U\n")
    out = tmp_path / "night.jspf"
    assert "2 tracks of 2026-11-02" in run("export", "--format", "jspf", "-o", str(out)).output
    assert len(json.loads(out.read_text())["playlist"]["track"]) == 2


def test_a_history_goes_in_from_a_file_and_out_to_another(lake: Lake, tmp_path: Path) -> None:
    del lake
    file, out = tmp_path / "scrobbles.csv", tmp_path / "history.csv"
    file.write_text('"Ride","Vapour Trail","Nowhere","01/02/2026 15:04:05","","258"\n')

    asked = run("import-history", str(file), "--timezone", "Europe/Dublin")
    assert "--day-first or --month-first" in str(asked.exception)
    read = run("import-history", str(file), "--timezone", "Europe/Dublin", "--day-first")
    assert "plays added: 1" in read.output
    assert "1 plays of default" in run("export-history", str(out)).output
    assert out.read_text().splitlines()[1].startswith("2026-02-01T15:04:05+00:00,Ride,Nowhere")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("why", "Ride"), "is not of the form `Artist - Title`"),
        (("why", "Ride - Leave"), "No list was chosen"),
        (("history",), "has no past lists"),
        (("export", "--format", "xspf"), "There is no format 'xspf'"),
        (("export",), "has no past lists"),
    ],
)
def test_what_can_not_be_told_is_an_error_that_says_what_to_do(
    arguments: tuple[str, ...], says: str, lake: Lake
) -> None:
    del lake

    ended = run(*arguments)

    assert ended.exit_code != 0
    assert says in str(ended.exception)
