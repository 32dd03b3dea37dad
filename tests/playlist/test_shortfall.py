"""Tests of the explanation of short lists."""

import datetime as dt

import pandas as pd
import pytest

from smallhours.playlist.select.exclusion import explain_shortfall
from smallhours.playlist_settings import PlaylistSettings

NIGHT = dt.date(2026, 11, 5)
THREE = PlaylistSettings(size=3, shortest=3, not_again_nights=30)


def recommended(chosen: int, *why_not: str) -> pd.DataFrame:
    positions = [*range(1, chosen + 1), *[None] * len(why_not)]
    return pd.DataFrame({"position": positions, "why_not": [*[""] * chosen, *why_not]})


def test_a_full_list_needs_no_explanation() -> None:
    assert explain_shortfall(recommended(3, "known"), THREE, NIGHT) == ""


def test_a_list_that_its_own_picks_starve_says_when_the_first_returns() -> None:
    rows = recommended(
        1, "recommended 1 night ago", "recommended 3 nights ago", "none of these tags", "known"
    )

    told = explain_shortfall(rows, THREE, NIGHT)

    assert "Of the 4 tracks that came closest: 2 recommended recently; 1 known;" in told
    # Shown on 2 November, it rests 30 nights, up to 2 December.
    assert "The first may come again on 2026-12-03." in told


def test_new_releases_wait_for_release_dates() -> None:
    rows = recommended(0, *["when it came out is not known"] * 3, "not new")

    told = explain_shortfall(rows, THREE, NIGHT)

    assert "3 when it came out is not known; 1 not new." in told
    assert "Each night asks when more of them came out" in told


@pytest.mark.parametrize("chosen", [0, 2])
def test_where_nothing_was_left_out_nothing_more_is_known(chosen: int) -> None:
    assert "known yet" in explain_shortfall(recommended(chosen), THREE, NIGHT)
