"""The benchmark of playlists by time of day, on a made-up log."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import time_of_day
from benchmarks.time_of_day import Moments
from smallhours.training.tags import Tags
from smallhours_study.grid import FEATURES
from smallhours_study.paper.tabular_models import paper_bayesian_ridge

LOUD, CALM = [0.9, 0.1, 0.9, 0.8, 0.0], [0.2, 0.8, 0.1, 0.3, 0.9]
FEATURES_OF = pd.DataFrame([LOUD, CALM], index=["beat", "hum"], columns=list(FEATURES))
TAGS = Tags({}, {"beat": {"techno": 100}, "hum": {"drone": 50}, "ash": {"polka": 100}})


def plays(*rows: tuple[str, str]) -> pd.DataFrame:
    times, keys = zip(*rows, strict=True)
    return pd.DataFrame({"played_at": pd.to_datetime(list(times), utc=True), "track_key": keys})


def test_a_moment_is_the_mean_of_an_hours_tags_and_features() -> None:
    heard = plays(
        ("2026-10-01 08:05", "beat · loud"),
        ("2026-10-01 08:55", "hum · quiet"),
        ("2026-10-01 08:58", "ash · of unknown sound"),
        ("2026-10-01 21:00", "hum · quiet"),
    )
    found = Moments.of(heard, TAGS, FEATURES_OF)
    assert [at.hour for at in found.at] == [8, 21]
    assert found.tags.toarray().tolist() == [[25.0, 50.0], [50.0, 0.0]]  # drone is the strongest
    np.testing.assert_allclose(found.features, [np.mean([LOUD, CALM], axis=0), CALM])


def test_what_fits_a_quarter_follows_from_the_tags_that_are_heard_then() -> None:
    days = [f"2026-10-{day:02}" for day in range(1, 31)]
    heard = plays(
        *[(f"{day} 08:00", "beat · loud") for day in days],
        *[(f"{day} 21:00", "hum · quiet") for day in days],
    )
    found = Moments.of(heard, TAGS, FEATURES_OF).predictions(paper_bayesian_ridge, FEATURES[:1])
    assert set(found) == {"morning", "evening"}
    np.testing.assert_allclose([found["morning"][0], found["evening"][0]], [0.9, 0.2], atol=0.01)


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    """Write tables of a listener who plays techno in the morning and drone in the evening."""
    rng = np.random.default_rng(4)
    artists = [f"{kind} {at}" for kind in ("techno", "drone") for at in range(30)]
    log = [
        (f"{day.date()}T{hour:02}:{minute:02}:00Z", f"{kind} {rng.integers(6)}", f"song {song}")
        for day in pd.date_range("2023-11-01", "2026-10-31", freq="3D")
        for kind, hour in (("techno", 8), ("drone", 21))
        for minute, song in ((0, rng.integers(6)), (10, rng.integers(6)))
    ]
    fans = [
        (who, artist, 10)
        for who in range(40)
        for artist in rng.choice(artists[:30] if who % 2 else artists[30:], 12, replace=False)
    ]
    tags = [(name, name.split()[0], 100) for name in artists]
    sound = [(name, *(LOUD if name.startswith("techno") else CALM)) for name in artists]
    arguments = []
    for name, columns, rows in (
        ("scrobbles", ["played_at", "artist", "title"], log),
        ("tags", ["artist", "tag", "count"], tags),
        ("others", ["listener", "artist", "plays"], fans),
        ("features", ["artist", *FEATURES], sound),
    ):
        path = tmp_path / f"{name}.csv"
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
        arguments += [f"--{name}", str(path)]
    return arguments


@pytest.mark.slow
def test_it_ends_with_its_figures_as_one_line_of_json(
    tables: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    time_of_day.main([*tables, "--quick"])
    known = json.loads(capsys.readouterr().out.splitlines()[-1])["known"]
    assert known["lists"] == 8  # a morning and an evening after each cut
    assert known["most played then"]["ndcg30"] > known["most played"]["ndcg30"]
    assert known["ours"]["ndcg30"] > known["ours without hours"]["ndcg30"]
    assert known["moments, Bayesian ridge"]["ndcg30"] > 0.9  # all of one kind sound alike


def test_a_table_without_a_column_is_named(tables: list[str], tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("artist,energy\na,0.5\n")
    with pytest.raises(SystemExit, match=r"features.csv has no column danceability"):
        time_of_day.main(tables)
