"""Rows of a study: which are accepted, and the errors for others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smallhours.errors import NotEnoughData, SettingsError
from smallhours.lake.store import Lake
from smallhours_study.row_sources import lake_rows, read_tables, rows_of
from smallhours_study.study_rows import StudyRows
from tests.study.rows_by_hand import some_rows, write_tables
from tests.training.lakes import ADA, add_plays, add_track_tags, measured_catalog


def test_rows_come_back_from_their_file_as_they_were() -> None:
    rows = some_rows(hours=[[0, 1, 1], [5]])

    again = StudyRows.from_bytes(rows.to_bytes())

    assert again.fingerprint() == rows.fingerprint()
    assert again.merged() == rows.merged()
    assert np.array_equal(again.targets, rows.targets)


def test_other_rows_have_another_fingerprint() -> None:
    assert some_rows().fingerprint() != some_rows(plays=[2] * 120).fingerprint()


@pytest.mark.parametrize("data", [b"", b"no gzip", some_rows().to_bytes()[:-40]])
def test_a_damaged_file_is_no_study(data: bytes) -> None:
    with pytest.raises(ValueError, match="no rows of a study"):
        StudyRows.from_bytes(data)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (some_rows(artists=1, each=1), "1 tracks .* too few .*left out: 2 tracks without tags"),
        (some_rows(raw=[{}] * 120), "No track has a tag"),
        (some_rows(targets=np.full((120, 5), np.nan)), "not a number"),
        (
            some_rows(targets=np.column_stack([np.full(120, 0.5), some_rows().targets[:, 1:]])),
            "the same danceability",
        ),
    ],
)
def test_rows_that_nothing_can_be_learned_from(rows: StudyRows, says: str) -> None:
    with pytest.raises(NotEnoughData, match=says):
        rows.check()


@pytest.mark.parametrize(
    ("artists", "says"),
    [([""] * 120, "120 tracks have no artist"), (["one"] * 120, "by 1 artists")],
)
def test_a_split_by_artist_needs_artists(artists: list[str], says: str) -> None:
    rows = some_rows(artists=30)
    with pytest.raises(NotEnoughData, match=says):
        StudyRows(**{**vars(rows), "artists": artists}).check_artists()


def test_tables_keep_tags_as_they_are_written_and_by_name(tmp_path: Path) -> None:
    rows = rows_of(read_tables(write_tables(tmp_path)))

    assert len(rows) == 90
    assert rows.own[:3] == [{"indie rock": 100, "sad": 100}, {}, {"hip-hop": 100}]
    # A tag may be called "null".
    assert rows.artist_tags[0] == {"hip-hop": 40, "null": 40}
    # Ours keeps the track's count; as published, the artist's overwrites it.
    assert rows.merged()[2]["hip-hop"] == 100
    assert rows.raw[2] == {"Hip-Hop": 40, "null": 40}


def test_tracks_that_lack_something_are_left_out_and_counted(tmp_path: Path) -> None:
    paths = write_tables(tmp_path)
    tracks = pd.read_csv(paths[0])
    tracks.loc[0, "artist"] = None
    tracks.loc[1, "energy"] = 7.0
    tracks.loc[3, "artist"] = "nobody tagged them"
    tracks.to_csv(paths[0], index=False)

    rows = rows_of(read_tables(paths))

    assert len(rows) == 87
    assert [text.split()[0] for text in rows.left_out] == ["1", "1", "1"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda paths: paths[0].unlink(), "There is no file"),
        (lambda paths: paths[1].write_bytes(b"PAR1"), "can't be read as a table"),
        (lambda paths: paths[0].write_text("x\n1\n"), "has neither the columns"),
        (lambda paths: paths.pop(), "A table of artists' tags is missing"),
        (
            lambda paths: pd.read_csv(paths[0]).assign(energy="loud").to_csv(paths[0], index=False),
            "not a number",
        ),
    ],
)  # fmt: skip
def test_a_wrong_table_is_named(spoil: object, says: str, tmp_path: Path) -> None:
    paths = write_tables(tmp_path)
    if "x\n1" in says or "neither" in says:
        paths[0] = tmp_path / "plain.csv"
    spoil(paths)  # type: ignore[operator]

    with pytest.raises(SettingsError, match=says):
        rows_of(read_tables(paths))


def test_the_lake_gives_its_measured_tracks_and_the_hours_of_a_listener(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    keys = measured_catalog(lake, artists=15, each=4)
    add_track_tags(lake, {keys[0]: {"Loud": 3}})
    add_plays(lake, {keys[0]: 2, keys[1]: 1, "someone · not measured": 5})

    rows = lake_rows(lake, ADA, ["dataset"])

    rows.check()
    first = rows.artists.index("artist 0")
    assert len(rows) == 60
    assert sorted(rows.plays, reverse=True)[:2] == [2, 1]
    assert sum(map(len, rows.hours)) == 3
    assert rows.own[first] == {"loud": 3}
    assert rows.merged()[first]["loud"] == 3
    assert rows.raw[first]["Loud"] > 3
