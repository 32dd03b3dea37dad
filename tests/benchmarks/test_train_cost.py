"""The made-up catalog of the training benchmark: every table that training reads has rows."""

from pathlib import Path

import pytest

from benchmarks.train_cost import NIGHT, settings_of, write_catalog
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    PLAYS,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.training.audio.measured_tracks import measured_rows
from smallhours.training.listening_history import read_history
from smallhours_sandbox.simulation.installation import LISTENER


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a small lake."""
    folder = tmp_path_factory.mktemp("cost") / "lake"
    settings = settings_of(folder)
    lake = Lake(str(folder))
    night = settings.night(LISTENER, NIGHT)
    write_catalog(lake, tracks=600, plays=2_000, settings=settings, night=night)
    return lake


def test_every_table_that_training_reads_has_rows(lake: Lake) -> None:
    tables = (PLAYS, TRACKS, TRACK_TAGS, ARTIST_TAGS, AUDIO_FEATURES, SIMILAR, CANDIDATES)
    assert all(len(lake.read(table)) for table in tables)
    assert len(lake.read(PLAYS)) == 2_000


def test_training_finds_likes_a_background_and_measured_tracks(lake: Lake) -> None:
    night = settings_of(Path(lake.url)).night(LISTENER, NIGHT)
    past = read_history(lake, LISTENER, night=night)
    heard = set(past.plays["track_key"])
    assert len(heard) > 50
    assert len(set(past.pool) - heard) > 50
    assert len(measured_rows(lake, ("reccobeats",))) > 100
