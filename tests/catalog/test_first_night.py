"""Tests of the limits of a first night."""

from pathlib import Path

import pytest

from smallhours.catalog.seeds import settings_tonight
from smallhours.lake.store import Lake
from smallhours.settings import Settings


@pytest.mark.parametrize(("other", "calls"), [({}, 1_000), ({"listenbrainz": "ada"}, 400)])
def test_a_first_night_asks_for_what_the_time_allows(
    tmp_path: Path, other: dict[str, str], calls: int
) -> None:
    me = {"lastfm": "ada", "timezone": "UTC", **other}
    settings = Settings.model_validate({"listeners": {"default": me}})

    night = settings.night("default", "2026-11-02")
    tonight = settings_tonight(Lake(str(tmp_path)), "default", settings, night)

    assert tonight.catalog.lastfm_calls_per_night == calls
