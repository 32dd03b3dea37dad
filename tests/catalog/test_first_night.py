"""Tests of the limits of a first night."""

from pathlib import Path

import pytest

from smallhours.catalog.seeds import settings_tonight
from smallhours.lake.store import Lake
from smallhours.settings import Settings


@pytest.mark.parametrize(
    ("accounts", "calls", "near", "tracks"),
    [
        ({"lastfm": "ada"}, 1_000, 150, 1_000),
        ({"lastfm": "ada", "listenbrainz": "ada"}, 400, 60, 1_000),
        ({"listenbrainz": "ada"}, 400, 150, 3_000),
    ],
    ids=["Last.fm", "both", "ListenBrainz"],
)
def test_a_first_night_asks_for_what_the_time_allows(
    tmp_path: Path, accounts: dict[str, str], calls: int, near: int, tracks: int
) -> None:
    me = {"timezone": "UTC", **accounts}
    settings = Settings.model_validate({"listeners": {"default": me}})

    night = settings.night("default", "2026-11-02")
    tonight = settings_tonight(Lake(str(tmp_path)), "default", settings, night).catalog

    limits = tonight.lastfm_calls_per_night, tonight.near_artists, tonight.tracks_per_night
    assert limits == (calls, near, tracks)
