from pathlib import Path

import pandas as pd

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours_sandbox.simulation.caching_lake import CachingLake

MONTH = {"month": "2026-11"}


def a_metric(value: float) -> pd.DataFrame:
    night = pd.Timestamp("2026-11-22").date()
    row = {"listener": "ada", "night": night, "subject": "taste", "metric": "auc"}
    return pd.DataFrame(
        [{**row, "value": value, "low": 0.1, "high": 0.9, "baseline": 0.5, "n": 10}]
    )


def test_what_was_read_is_answered_from_memory_until_it_is_written(tmp_path: Path) -> None:
    lake = CachingLake(tmp_path)
    lake.merge(METRICS, a_metric(0.7), partition=MONTH)

    first = lake.read(METRICS, where=MONTH)
    assert lake.read(METRICS, where=MONTH) is first

    lake.merge(METRICS, a_metric(0.8), partition=MONTH)
    assert lake.read(METRICS, where=MONTH)["value"].to_pylist() == [0.8]


def test_a_frame_that_a_stage_changes_is_read_unchanged_by_the_next(tmp_path: Path) -> None:
    lake = CachingLake(tmp_path)
    lake.merge(METRICS, a_metric(0.7), partition=MONTH)

    mine = lake.frame(METRICS)
    mine["value"] = 0.1
    mine.loc[0, "n"] = 99

    assert lake.frame(METRICS)["value"].tolist() == [0.7]
    assert lake.frame(METRICS)["n"].tolist() == [10]


def test_the_files_are_those_of_any_lake(tmp_path: Path) -> None:
    CachingLake(tmp_path).merge(METRICS, a_metric(0.7), partition=MONTH)

    assert Lake(str(tmp_path)).frame(METRICS)["value"].tolist() == [0.7]


def test_other_columns_are_another_question(tmp_path: Path) -> None:
    lake = CachingLake(tmp_path)
    lake.merge(METRICS, a_metric(0.7), partition=MONTH)

    lake.read(METRICS, columns=["value"])

    assert lake.read(METRICS, columns=["n"]).column_names == ["n"]
