"""The list of studies: their requests, and their progress."""

import datetime as dt
from pathlib import Path

import pytest

from smallhours.lake.files import open_files
from smallhours_study.execution import fit_setting
from smallhours_study.fits import FitResources
from smallhours_study.report import ComparisonFigures, write_report
from smallhours_study.results import StudyFolder
from smallhours_study.study_request import (
    StudyRequest,
    read_report,
    store_request,
    studies_in,
)
from tests.study.rows_by_hand import SMALL, some_rows

ROWS = some_rows()
MONDAY = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)


def begin(lake: Path, name: str, *, at: dt.datetime = MONDAY) -> StudyFolder:
    folder = StudyFolder(open_files(str(lake)), f"studies/{name}")
    folder.open(ROWS, SMALL.seed)
    store_request(folder, ROWS, SMALL, at=at)
    return folder


def test_what_was_asked_is_read_back() -> None:
    asked = StudyRequest(MONDAY, "the lake", 120, SMALL)

    assert StudyRequest.from_json(asked.to_json()) == asked


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b'{"grid": {"models": ["svm"]}}'])
def test_a_note_that_can_t_be_read_hides_no_study(tmp_path: Path, damaged: bytes) -> None:
    folder = begin(tmp_path, "one")
    folder.files.replace(folder.at("asked.json"), damaged)

    (study,) = studies_in(open_files(str(tmp_path)))

    assert (study.name, study.asked, study.of) == ("one", None, None)


def test_a_study_under_way_tells_how_far_it_is(tmp_path: Path) -> None:
    folder = begin(tmp_path, "one")
    for setting in SMALL.settings()[:2]:
        fit_setting(folder, ROWS, setting, SMALL, FitResources())

    (study,) = studies_in(open_files(str(tmp_path)))

    assert (study.done, study.of) == (2, len(SMALL.settings()))
    assert study.asked is not None
    assert study.asked.tracks == len(ROWS)
    assert not study.reported
    assert read_report(open_files(str(tmp_path)), "one") is None


def test_the_one_asked_for_last_comes_first_and_one_without_a_note_last(tmp_path: Path) -> None:
    begin(tmp_path, "a", at=MONDAY)
    begin(tmp_path, "b", at=MONDAY + dt.timedelta(days=1))
    folder = StudyFolder(open_files(str(tmp_path)), "studies/older")
    folder.open(ROWS, SMALL.seed)
    fit_setting(folder, ROWS, SMALL.settings()[0], SMALL, FitResources())

    found = studies_in(open_files(str(tmp_path)))

    assert [each.name for each in found] == ["b", "a", "older"]
    assert (found[-1].done, found[-1].of) == (1, None)


@pytest.mark.parametrize("name", ["", "..", "../studies/one", "one/", "two"])
def test_only_a_study_s_own_name_opens_its_report(tmp_path: Path, name: str) -> None:
    files = open_files(str(tmp_path))
    write_report(begin(tmp_path, "one"), ROWS, SMALL, ComparisonFigures({}, None))

    assert (read_report(files, "one") or b"").startswith(b"<!doctype html>")
    assert read_report(files, name) is None


def test_a_lake_without_studies_has_none(tmp_path: Path) -> None:
    assert studies_in(open_files(str(tmp_path))) == []
