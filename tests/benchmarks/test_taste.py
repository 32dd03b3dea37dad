"""The taste benchmark on a made-up log: its input, and its line of JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import taste


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    """Write tables of a listener who adopts thirty artists of one of two kinds each year."""
    rng = np.random.default_rng(4)
    good = [f"indie {at}" for at in range(160)]
    other = [f"polka {at}" for at in range(160)]
    start = pd.Timestamp("2022-01-01", tz="UTC")
    plays = [
        (start + pd.Timedelta(days=365 * (at // 32) + 5 * (at % 32) + day), artist)
        for at, artist in enumerate(good[:128])
        for day in range(3)
    ]
    log = pd.DataFrame(plays, columns=["played_at", "artist"]).sort_values("played_at")
    log["played_at"] = log["played_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    tags = [(a, tag, 100) for a in good for tag in ("indie", f"mood {rng.integers(5)}")]
    tags += [(a, tag, 100) for a in other for tag in ("polka", f"mood {rng.integers(5)}")]
    fans = [
        (who, a, 10)
        for who in range(40)
        for a in rng.choice(good if who % 2 else other, 40, replace=False)
    ]
    paths = []
    for name, frame in {
        "scrobbles": log,
        "tags": pd.DataFrame(tags, columns=["artist", "tag", "count"]),
        "others": pd.DataFrame(fans, columns=["listener", "artist", "plays"]),
    }.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        paths += [f"--{name}", str(tmp_path / f"{name}.csv")]
    return [*paths, "--features", str(tmp_path / "none.csv")]


@pytest.mark.slow
def test_it_ends_with_its_figures_as_one_line_of_json(
    tables: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert taste.main(tables) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["folds"] >= 2
    assert found["ours"]["auc"] > 0.8  # indie that is never adopted is like what is
    assert {"popularity", "first_seed", "p_like"} <= set(found["baselines"])
    assert "XGBoost" in found["ablation"]


@pytest.mark.slow
def test_a_year_before_which_nothing_tagged_was_liked_is_left_out_and_said_so(
    tables: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert taste.main(tables) == 0
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    log = pd.read_csv(tables[1])
    before = pd.DataFrame(
        {"played_at": [f"2021-01-{day:02}T00:00:00Z" for day in range(1, 29)], "artist": "untagged"}
    )
    pd.concat([before, log]).to_csv(tables[1], index=False)

    assert taste.main(tables) == 0
    lines = capsys.readouterr().out.splitlines()
    # Once with all tags, and once with genres alone.
    with_all_tags, _ = [line for line in lines if "is left out" in line]
    assert with_all_tags.endswith(
        "0 liked tracks have tags; 10 are the least to learn a taste from."
    )
    assert json.loads(lines[-1])["folds"] == whole["folds"]


def test_a_table_without_its_columns_is_refused(
    tables: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tables[1] = tables[3]
    assert taste.main(tables) == 2
    assert "no column played_at" in capsys.readouterr().err


def test_without_data_it_says_what_to_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taste.main(["--scrobbles", str(tmp_path / "none.csv")]) == 0
    assert "--scrobbles FILE" in capsys.readouterr().out
