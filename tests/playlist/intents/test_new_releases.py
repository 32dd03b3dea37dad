"""Tests of the intent `new_releases`."""

import datetime as dt

import pandas as pd
import pytest

from smallhours.playlist.intents.tracks import latest_of, new_releases
from smallhours.playlist_settings import NewReleasesIntent
from tests.playlist.intents.scenes import NIGHT, context

NEW = NewReleasesIntent(kind="new_releases", within_days=60)
SONG, OTHER = "low · song", "low · other"


def why(released: str | None, first_seen: dt.date | None = None) -> str:
    found = new_releases(
        NEW,
        context(
            [SONG],
            released={} if released is None else {SONG: released},
            first_seen={} if first_seen is None else {SONG: first_seen},
        ),
    )
    return str(found.why_not[SONG])


@pytest.mark.parametrize(
    ("released", "expected"),
    [
        ("2026-10-12", ""),
        ("2026-10", ""),
        ("2026-09-02", "not new"),
        ("1994", "not new"),
        ("2026-11-20", "not out yet"),
        ("2026", "not out yet"),  # it may still come, for all that is said
        ("0000", "when it came out is not known"),
        (None, "when it came out is not known"),
    ],
)
def test_what_came_out_within_the_window_serves(released: str | None, expected: str) -> None:
    assert why(released) == expected


def test_without_a_date_what_the_catalog_met_lately_serves() -> None:
    assert why(None, NIGHT - dt.timedelta(days=5)) == ""


def test_but_not_while_everything_was_new_to_the_catalog() -> None:
    began = NIGHT - dt.timedelta(days=6)
    found = new_releases(NEW, context([SONG], first_seen={SONG: began}, catalog_from=began))
    assert found.why_not[SONG] == "when it came out is not known"
    assert found.missing_data == "the release dates of 1 of 1 tracks"


def test_the_newer_the_better() -> None:
    found = new_releases(
        NEW, context([SONG, OTHER], released={SONG: "2026-11-01", OTHER: "2026-10"})
    )
    assert 0 < found.fits[OTHER] < found.fits[SONG] <= 1


@pytest.mark.parametrize(
    ("released", "text"),
    [
        ("2026-10-12", "out since 12 October 2026"),
        ("2026-10", "out since October 2026"),
        ("2026", "from 2026"),
        ("", "new in the catalog on 30 October 2026 (when it came out is not known)"),
    ],
)
def test_it_says_what_is_known_of_when_it_came_out(released: str, text: str) -> None:
    seen = {SONG: dt.date(2026, 10, 30)}
    found = new_releases(NEW, context([SONG], released={SONG: released}, first_seen=seen))
    assert found.intent_evidence(pd.Index([SONG]))[SONG].text == text


@pytest.mark.parametrize("released", ["2026-13", "2026-02-30", "9999-12-31x", None, 1994, "soon"])
def test_a_date_that_means_none_is_none(released: object) -> None:
    assert latest_of(released) is None
