from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.harness import BadTable
from benchmarks.support.set_b import (
    TARGETS,
    artist_cv,
    join,
    load_set_b,
    random_split,
)

ARTISTS = 30


def tracks(artists: int = ARTISTS) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows: dict[str, object] = {
        "artist": [f"Artist {at // 2}" for at in range(2 * artists)],
        "tags": ["indie_rock,sad", ""] * artists,
    }
    return pd.DataFrame(rows | {target: rng.random(2 * artists) for target in TARGETS})


def artist_tags(artists: int = ARTISTS) -> pd.DataFrame:
    rows = [(f"artist {at}", tag, 50) for at in range(artists) for tag in ("sad", "Nan")]
    return pd.DataFrame(rows, columns=["artist", "tag", "count"])


def test_words_count_a_hundred_and_artist_tags_their_own_count() -> None:
    data = join(tracks(), artist_tags())

    assert data.track_tags == ["indie rock", "sad"]
    assert data.track[:2].toarray().tolist() == [[100, 100], [0, 0]]
    assert data.artist_tags == ["nan", "sad"]
    assert data.artist[0].toarray().tolist() == [[50, 50]]


def test_where_track_and_artist_share_a_tag_the_larger_count_stands() -> None:
    merged = join(tracks(), artist_tags()).merged()

    assert merged[:2].toarray().tolist() == [[100, 50, 100], [0, 50, 50]]


def test_rows_that_cannot_be_learned_from_are_left_out_and_counted() -> None:
    rows = tracks()
    rows.loc[0, "energy"] = np.nan
    rows.loc[1, "energy"] = 7.0
    rows.loc[2, "artist"] = ""
    rows.loc[4, "artist"] = "nobody tagged this one"

    data = join(rows, artist_tags())

    assert len(data) == len(rows) - 4
    assert [text.split()[0] for text in data.left_out] == ["1", "2", "1"]


@pytest.mark.parametrize("artists", [0, 1, 24])
def test_too_few_artists_are_refused(artists: int) -> None:
    with pytest.raises(BadTable, match=f"of {artists} artists"):
        join(tracks(artists), artist_tags())


def test_a_constant_target_is_refused() -> None:
    with pytest.raises(BadTable, match="one value only"):
        join(tracks().assign(valence=0.5), artist_tags())


def test_tables_are_told_apart_by_their_columns(tmp_path: Path) -> None:
    tracks().to_csv(tmp_path / "b.csv", index=False)
    artist_tags().to_csv(tmp_path / "a.csv.gz", index=False)

    assert load_set_b([tmp_path / "a.csv.gz", tmp_path / "b.csv"]).artist_tags == ["nan", "sad"]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    tracks().to_csv(tmp_path / "tracks.csv", index=False)

    with pytest.raises(BadTable, match="artists' tags is missing"):
        load_set_b([tmp_path / "tracks.csv"])


def test_a_table_of_other_columns_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_csv(tmp_path / "other.csv", index=False)

    with pytest.raises(BadTable, match=r"other\.csv has neither"):
        load_set_b([tmp_path / "other.csv"])


def test_folds_share_no_artist_and_cover_every_track() -> None:
    data = join(tracks(), artist_tags())
    folds = artist_cv(data.artists)

    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(data)))
    for train, test in folds:
        assert not set(data.artists[train]) & set(data.artists[test])


def test_the_random_split_keeps_sixteen_percent_aside() -> None:
    train, test = random_split(100)

    assert (len(train), len(test), len({*train, *test})) == (64, 20, 84)
