from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PREDICTED_FEATURES
from smallhours.training.audio.measured_tracks import (
    OTHER_FEATURES,
    measured_by_anyone,
    measured_rows,
)
from tests.training.lakes import add_artist_tags, add_features, add_track_tags

ALISON, SOUVLAKI = "slowdive · alison", "slowdive · souvlaki space station"
LOW, HIGH = [0.1] * 5, [0.9] * 5


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(f"memory://{tmp_path}")
    add_track_tags(lake, {ALISON: {"Shoegaze": 100}})
    add_artist_tags(lake, {"slowdive": {"dream pop": 60}})
    return lake


def test_a_row_has_the_tags_of_track_and_artist_and_the_five_features(lake: Lake) -> None:
    add_features(lake, {ALISON: [0.1, 0.2, 0.3, 0.4, 0.5]})
    rows = measured_rows(lake, ["dataset"])
    assert list(rows.track_keys) == [ALISON]
    assert rows.own == [{"shoegaze": 100}]
    assert rows.artist == [{"dream pop": 60}]
    assert rows.targets.tolist() == [[0.1, 0.2, 0.3, 0.4, 0.5]]
    assert rows.artist_keys == ["slowdive"]


def test_the_source_that_is_named_first_gives_the_value(lake: Lake) -> None:
    add_features(lake, {ALISON: LOW}, source="dataset")
    add_features(lake, {ALISON: HIGH}, source="reccobeats")
    assert measured_rows(lake, ["reccobeats", "dataset"]).targets[0].tolist() == HIGH
    assert measured_rows(lake, ["dataset", "reccobeats"]).targets[0].tolist() == LOW


def test_a_later_source_fills_the_gaps_of_the_first(lake: Lake) -> None:
    add_features(lake, {ALISON: [0.9, None, 0.9, 0.9, 0.9]}, source="reccobeats")
    add_features(lake, {ALISON: LOW}, source="dataset")
    rows = measured_rows(lake, ["reccobeats", "dataset"])
    assert rows.targets[0].tolist() == [0.9, 0.1, 0.9, 0.9, 0.9]
    assert rows.sources == {"reccobeats": 1, "dataset": 0}


def test_sources_that_are_not_allowed_are_not_learned_from(lake: Lake) -> None:
    add_features(lake, {ALISON: LOW}, source="spotify")
    add_features(lake, {SOUVLAKI: LOW}, source="predicted")
    assert len(measured_rows(lake, ["dataset"])) == 0


def test_untagged_incomplete_and_impossible_rows_are_left_out_and_counted(lake: Lake) -> None:
    add_features(
        lake,
        {
            ALISON: LOW,
            "nobody · knows": LOW,
            SOUVLAKI: [0.1, None, 0.1, 0.1, 0.1],
            "slowdive · 40 days": [0.1, 0.1, 7.0, 0.1, 0.1],
        },
    )
    rows = measured_rows(lake, ["dataset"])
    assert list(rows.track_keys) == [ALISON]
    assert (rows.untagged, rows.incomplete) == (1, 2)


def test_an_empty_lake_has_no_rows(tmp_path: Path) -> None:
    assert len(measured_rows(Lake(f"memory://{tmp_path}"), ["dataset"])) == 0


def test_measured_means_all_five_by_anyone_but_ourselves(lake: Lake) -> None:
    add_features(lake, {ALISON: LOW}, source="spotify")
    add_features(lake, {SOUVLAKI: LOW}, source="predicted")
    add_features(lake, {"slowdive · 40 days": [0.1, 0.1, None, 0.1, 0.1]})
    flags = measured_by_anyone(lake.frame(AUDIO_FEATURES))[list(PREDICTED_FEATURES)]
    assert set(flags.index[flags.all(axis=1)]) == {ALISON}


def test_other_features_come_along_where_they_are_plausible(lake: Lake) -> None:
    add_features(lake, {ALISON: LOW}, tempo=0.0, loudness=-7.5)
    others = dict(zip(OTHER_FEATURES, measured_rows(lake, ["dataset"]).others[0], strict=True))
    assert others["loudness"] == -7.5
    assert np.isnan([others["tempo"], others["key"]]).all()


def test_the_digest_tells_whether_there_is_anything_new_to_learn(lake: Lake) -> None:
    add_features(lake, {ALISON: LOW})
    before = measured_rows(lake, ["dataset"]).digest
    assert measured_rows(lake, ["dataset"]).digest == before
    add_track_tags(lake, {ALISON: {"noise": 40}})
    after = measured_rows(lake, ["dataset"]).digest
    assert after != before
    add_features(lake, {ALISON: LOW}, tempo=100.0)
    assert measured_rows(lake, ["dataset"]).digest not in (before, after)
