import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.audio_features import main
from benchmarks.harness import peak_mb, record_cost
from tests.benchmarks.test_set_b import artist_tags, tracks


def test_a_report_holds_seconds_and_memory(tmp_path: Path) -> None:
    assert record_cost(lambda: "done", tmp_path / "cost.json") == "done"

    cost = json.loads((tmp_path / "cost.json").read_text())
    assert cost["wall_s"] >= 0
    assert 10 < cost["peak_mb"] < 100_000


def test_memory_that_was_held_is_counted() -> None:
    held = np.ones(30_000_000)

    assert peak_mb() > held.nbytes / 2**20


def test_tables_that_do_not_fit_are_an_error_and_not_a_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks(2).to_csv(tmp_path / "tracks.csv", index=False)
    artist_tags(2).to_csv(tmp_path / "tags.csv", index=False)

    assert main(["--data", str(tmp_path / "tracks.csv"), str(tmp_path / "tags.csv")]) == 2
    assert "of 2 artists" in capsys.readouterr().err


@pytest.mark.slow(seconds=30)
def test_the_last_line_holds_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks(60).to_csv(tmp_path / "tracks.csv", index=False)
    artist_tags(60).to_csv(tmp_path / "tags.csv", index=False)

    data = [str(tmp_path / "tracks.csv"), str(tmp_path / "tags.csv")]
    assert main(["--quick", "--data", *data]) == 0

    assert set(json.loads(capsys.readouterr().out.splitlines()[-1])) == {
        "r2_grouped",
        "r2_random",
        "r2_random_tags",
        "rmse_grouped",
        "paper_best_rmse_grouped",
        "wall_s",
        "peak_mb",
        "paper_wall_s",
        "paper_peak_mb",
        "coverage80",
        "worst_quintile_coverage",
        "linear",
        "bayes_speedup_k1000",
        "bayes_peak_mb_k10000",
    }
