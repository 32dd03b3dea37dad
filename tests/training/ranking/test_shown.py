"""Past picks as lists, and the ranking weights learned from them."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.schema import TEXT
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.training.ranking.fusion import DEFAULT, TAG_AFFINITY, Fusion
from smallhours.training.ranking.impressions import (
    MAX_IMPORTANCE,
    ImpressionWeek,
    impression_weeks,
    read_propensities,
)
from smallhours.training.ranking.past_lists import PastTables, read_past_tables
from smallhours.training.ranking.stages import train_ranking
from smallhours.training.taste.training_rows import read_history
from tests.training.lakes import ADA, NIGHT, add_plays, some_settings
from tests.training.ranking.past_lake import artist, listener_who_explores_shoegaze, songs

NIGHTS = 40
# The listener knew the first artists of shoegaze; songs of the others were recommended.
MET = 12


def picks_of(night: int) -> list[tuple[str, str]]:
    """Return the picks of `night` nights ago, with their reactions."""
    shoegaze = artist("shoegaze", MET + night % 28)
    polka = artist("polka", night % 40)
    song = night // 28
    return [
        (songs(shoegaze)[song], "played"),
        (songs(shoegaze)[song + 2], "saved"),
        (songs(polka)[song], "skipped"),
        (songs(polka)[song + 2], "passed"),
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake whose listener welcomed shoegaze picks for forty nights, and no polka."""
    lake = Lake(str(tmp_path_factory.mktemp("shown")))
    listener_who_explores_shoegaze(lake, weeks=MET)
    # So that polka is among the candidates.
    add_plays(lake, dict.fromkeys(songs(artist("polka", 39))[3:], 2), days_ago=90)
    rows = [
        (NIGHT.date - dt.timedelta(days=night), key, reaction)
        for night in range(1, NIGHTS + 1)
        for key, reaction in picks_of(night)
    ]
    told = pd.DataFrame(rows, columns=["night", "track_key", "reaction"])
    at = pd.to_datetime(told["night"], utc=True) + pd.Timedelta(hours=27)
    told = told.assign(intent="main", at=at.dt.tz_convert("UTC"), listener=ADA)
    lake.merge(FEEDBACK, told.assign(month=[f"{day:%Y-%m}" for day in told["night"]]))
    return lake


@pytest.fixture(scope="module")
def past_tables(lake: Lake) -> PastTables:
    past = read_history(lake, ADA, night=NIGHT)
    return read_past_tables(lake, past, settings=some_settings())


@pytest.fixture(scope="module")
def weeks(past_tables: PastTables) -> list[ImpressionWeek]:
    return impression_weeks(past_tables, no_propensities(), np.random.default_rng(1), night=NIGHT)


def no_propensities(**drawn: float) -> pd.Series:
    nights = pd.MultiIndex.from_tuples(
        [(NIGHT.date - dt.timedelta(days=1), key.replace("_", " ")) for key in drawn],
        names=["night", "track_key"],
    )
    return pd.Series(list(drawn.values()), index=nights, dtype=float)


def test_picks_are_kept_by_the_week_with_what_became_of_them(weeks: list[ImpressionWeek]) -> None:
    assert 1 < len(weeks) <= 6
    for week in weeks:
        shoegaze = np.array([key.startswith("shoegaze") for key in week.tracks])
        assert (week.welcome == shoegaze).all()
        assert week.welcome.any()
        assert not week.welcome.all()


def test_each_welcome_pick_is_set_against_all_that_were_not(weeks: list[ImpressionWeek]) -> None:
    week = weeks[-1]
    training_lists = list(week.training_lists())

    assert len(training_lists) == week.welcome.sum()
    assert all(one_list.adopted.sum() == 1 for one_list in training_lists)
    assert all(len(one_list.adopted) == 1 + (~week.welcome).sum() for one_list in training_lists)


def test_an_explorer_that_was_not_welcome_stands_for_those_it_was_drawn_from(
    past_tables: PastTables,
) -> None:
    yesterday = [key for key, reaction in picks_of(1) if reaction in ("skipped", "passed")]
    nights = pd.MultiIndex.from_product([[NIGHT.date - dt.timedelta(days=1)], yesterday])
    propensities = pd.Series([0.5, 0.001], index=nights)

    week = impression_weeks(past_tables, propensities, np.random.default_rng(1), night=NIGHT)[-1]
    importance = dict(zip(week.tracks, week.importance.tolist(), strict=True))

    assert importance[yesterday[0]] == 2.0
    assert importance[yesterday[1]] == MAX_IMPORTANCE
    assert sum(each != 1.0 for each in importance.values()) == 2


def test_weights_by_which_the_welcome_picks_come_first_earn_more(
    weeks: list[ImpressionWeek],
) -> None:
    by_tags = Fusion({TAG_AFFINITY: (1.0, 0.0)})
    against_them = Fusion({TAG_AFFINITY: (-1.0, 0.0)})

    assert weeks[-1].win_rates(by_tags).mean() > weeks[-1].win_rates(against_them).mean()
    assert len(weeks[-1].win_rates(DEFAULT)) == weeks[-1].welcome.sum()


def test_the_chance_of_each_explorer_is_read_from_the_record(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    night = NIGHT.date - dt.timedelta(days=3)
    rows = pd.DataFrame({"track_key": ["a · x", "b · y"], "propensity": [None, 0.02]})
    rows = rows.assign(intent="main", rank=[1, 2], seeds=pd.Series([[], []]), added=None)
    for column in RECOMMENDATIONS.columns:
        if column.name not in rows:
            rows[column.name] = None if column.nullable else "" if column.type == TEXT else 0.5
    lake.merge(
        RECOMMENDATIONS,
        rows,
        partition={"listener": ADA, "night": night.isoformat()},
    )

    assert read_propensities(lake, ADA, night=NIGHT).to_dict() == {(night, "b · y"): 0.02}


def test_a_newcomer_of_whom_only_our_lists_are_known_gets_weights_of_their_own(lake: Lake) -> None:
    summary = train_ranking(ADA, lake, settings=some_settings(), night=NIGHT)

    assert int(summary["welcome_picks"]) >= 20
    assert "unwelcome picks" in str(summary["verdict"])
    assert train_ranking(ADA, lake, settings=some_settings(), night=NIGHT) == summary
