"""The study's report: results, missing results, and the paper's figures beside them."""

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from smallhours.errors import SettingsError
from smallhours_study.execution import run_study
from smallhours_study.figures import row_name
from smallhours_study.fits import FitResources
from smallhours_study.gpt2_fits import note
from smallhours_study.grid import FEATURES, Grid, Setting
from smallhours_study.references import BASE, key_of, read_published, read_reference
from smallhours_study.report import ComparisonFigures, write_report
from smallhours_study.results import FittedSetting
from tests.shared_data import shared_path
from tests.study.rows_by_hand import a_folder, some_rows, write_tables

GRID = Grid.of(models=["bayes", "linear"], limits=[10], formats=["tags", "apart", "hours"])
PAPER = f"""model,input,{",".join(FEATURES)}
Base,,.28,.44,.33,.40,.54
Bayes,10 tags ,.159,.261,.197,.243,.307
"""


@pytest.fixture
def studied(tmp_path: Path) -> Path:
    """Build a study's folder with its report, the paper's figures and a reference in it."""
    rows = dataclasses.replace(some_rows(), origin="<b>hostile</b> origin")
    folder = a_folder(tmp_path / "study")
    folder.open(rows, GRID.seed)
    run_study(folder, rows, GRID, FitResources(), lambda *_: None)
    (tmp_path / "paper.csv").write_text(PAPER)
    comparison = ComparisonFigures.read(tmp_path / "paper.csv", write_tables(tmp_path)[0])
    write_report(folder, rows, GRID, comparison)
    return tmp_path / "study"


def lines_with(text: str, *parts: str) -> list[str]:
    return [line for line in text.splitlines() if all(part in line for part in parts)]


def test_the_table_has_both_baselines_and_a_row_per_setting(studied: Path) -> None:
    text = (studied / "study.md").read_text()

    assert lines_with(text, "random draw", "Base")
    assert lines_with(text, "mean", "of the training rows")
    assert lines_with(text, "Bayesian ridge", "10 tags")
    assert lines_with(text, "linear (ours)")


def test_a_small_network_is_not_called_gpt2() -> None:
    setting = Setting("gpt2", "ordered", None, "by_artist")

    def name(weights: str) -> str:
        return row_name(FittedSetting(setting, {}, notes=(note(weights),)))

    assert name("small") == "small network, not GPT-2, string O"
    assert name("gpt2") == "GPT-2, string O"


def test_the_papers_figures_stand_beside_ours_with_the_reasons(studied: Path) -> None:
    text = (studied / "study.md").read_text()
    published = text.partition("## Results: as published")[2]

    # Its RMSE of danceability; and the R² that follows, 1 - 2 (.159 / .28)².
    assert " .159 |" in lines_with(published, "Bayesian ridge", "10 tags")[0]
    assert " .355 |" in lines_with(published, "Bayesian ridge", "10 tags")[1]
    assert "## Why the paper's figures differ" in text
    assert "random draw" in text


def test_what_was_skipped_is_told_with_its_reason(studied: Path) -> None:
    text = (studied / "study.md").read_text()

    assert lines_with(text, "skipped: nothing is known of when these tracks were played")


def test_the_page_needs_nothing_else_and_holds_no_markup_of_strangers(studied: Path) -> None:
    page = (studied / "study.html").read_text()

    assert "<script" not in page
    assert "src=" not in page
    assert "&lt;b&gt;hostile" in page
    assert page.count("<svg") == len(list((studied / "figures").glob("*.svg")))


def test_every_figure_is_a_picture_and_named_in_the_markdown(studied: Path) -> None:
    text = (studied / "study.md").read_text()

    pictures = list((studied / "figures").glob("*.svg"))
    assert {picture.stem for picture in pictures} == {
        *(f"distribution-{feature}" for feature in FEATURES),
        "means",
        "rmse-by-limit",
        "rmse-by-feature",
        "r2-by-input",
        "r2-by-split",
    }
    for picture in pictures:
        ET.parse(picture)  # noqa: S314
        assert f"figures/{picture.name}" in text


def test_a_report_of_nothing_fitted_says_what_is_missing(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)

    summary = write_report(folder, some_rows(), GRID, ComparisonFigures({}, None))

    assert summary["missing"] == len(GRID.settings())
    assert "Not fitted yet" in (tmp_path / "study.md").read_text()


def test_the_summary_names_the_best_of_the_strictest_split(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    run_study(folder, some_rows(), GRID, FitResources(), lambda *_: None)

    summary = write_report(folder, some_rows(), GRID, ComparisonFigures({}, None))

    assert summary["split"] == "new artists (grouped by artist)"
    assert summary["best_r2"] > 0.3
    assert (summary["skipped"], summary["missing"]) == (3, 0)


@pytest.mark.parametrize(
    ("content", "says"),
    [("model,input\nBase,\n", "lacks the columns danceability"), (None, "There is no file")],
)
def test_a_wrong_paper_or_reference_is_told(content: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    if content:
        path.write_text(content)

    for read in (read_published, read_reference):
        with pytest.raises(SettingsError, match=says):
            read(path)


def test_every_row_of_the_papers_table_has_its_setting() -> None:
    published = read_published(shared_path("data/paper/table9_rmse.csv"))

    ours = {key_of(setting) for setting in Grid.of().settings()}
    assert set(published) - {BASE, ("mean", "")} == ours - {None}
