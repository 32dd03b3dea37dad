"""Tests of the quality figures of a night's list, from a real lake."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import METRICS, PLAYLISTS
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.listening.feedback import store_feedback
from smallhours.playlist.publish import ledger
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.playlist_settings import MAIN
from smallhours.summary import Summary
from smallhours.training.evaluation.metrics import gini
from smallhours.training.evaluation.receptions import MIN_LISTS
from smallhours.vocabulary import Outcome, Reaction
from tests.playlist.ranked_lake import RankedLake
from tests.service_fixtures import settings_for

SIZE = 10


def rank(ranked_lake: RankedLake, **playlist_settings: float) -> Summary:
    """Choose tonight's list."""
    me = {"lastfm_user": "ada", "timezone": "Europe/Dublin", "playlist": playlist_settings}
    settings = settings_for("http://127.0.0.1:9", listeners={"default": me})
    return rank_candidates(
        "default", ranked_lake.lake, settings=settings, night=ranked_lake.night(), size=SIZE
    )


def noted(ranked_lake: RankedLake, column: str = "value") -> "pd.Series[float]":
    """Return the night's figures of its list, by name."""
    rows = ranked_lake.lake.frame(METRICS)
    rows = rows[(rows["subject"] == "playlist") & (rows["listener"] == "default")]
    return rows.set_index("metric")[column].astype(float)


def make_known(ranked_lake: RankedLake, listeners: dict[str, int]) -> None:
    """Set the number of listeners who know each track."""
    rows = ranked_lake.lake.frame(TRACKS)
    rows["listeners"] = rows["track_key"].map(listeners).astype("Int64")
    rows["prefix"] = [prefix_of(artist_key_in(key)) for key in rows["track_key"]]
    ranked_lake.lake.merge(TRACKS, rows)


def show(ranked_lake: RankedLake, night: dt.date, tracks: list[str], intent: str = MAIN) -> None:
    """Write to the ledger that a list stood in the playlist since a night."""
    row = ledger.entry(
        night=night,
        name="Smallhours",
        playlist_id="id",
        outcome=Outcome.VERIFIED,
        note="",
        track_keys=tracks,
        uris=[],
        intent=intent,
    )
    ranked_lake.lake.merge(PLAYLISTS, row, partition={"listener": "default"})


def test_each_night_notes_what_its_list_is_like(ranked_lake: RankedLake) -> None:
    make_known(ranked_lake, dict.fromkeys([*ranked_lake.known, *ranked_lake.candidates], 100))
    summary = rank(ranked_lake)
    figures = noted(ranked_lake)
    assert set(figures.index) == {
        "novelty", "diversity", "calibration_kl", "artist_gini", "popularity_lift"
    }  # fmt: skip
    assert set(noted(ranked_lake, "n")) == {SIZE}
    assert figures["diversity"] == pytest.approx(summary["diversity"], abs=5e-4)
    assert figures["calibration_kl"] == pytest.approx(summary["calibration_kl"], abs=5e-4)
    counts = np.unique(list(map(artist_key_in, ranked_lake.listed())), return_counts=True)[1]
    assert figures["artist_gini"] == pytest.approx(gini(counts))


def test_a_list_of_little_known_music_is_novel_and_less_popular(ranked_lake: RankedLake) -> None:
    make_known(
        ranked_lake,
        {**dict.fromkeys(ranked_lake.known, 1024), **dict.fromkeys(ranked_lake.candidates, 32)},
    )
    summary = rank(ranked_lake)
    # 32 of the 1,024 who know the best known track: one in 2^5.
    assert noted(ranked_lake)["novelty"] == 5.0
    assert noted(ranked_lake, "baseline")["novelty"] == 0.0
    assert noted(ranked_lake)["popularity_lift"] < 0
    assert "novelty 5.0 bits (yours 0.0)" in summary["quality"]


def test_where_nobody_says_how_well_known_tracks_are_nothing_is_made_up(
    ranked_lake: RankedLake,
) -> None:
    make_known(ranked_lake, {})
    summary = rank(ranked_lake)
    assert not {"novelty", "popularity_lift"} & set(noted(ranked_lake).index)
    assert "novelty" not in summary["quality"]


def test_what_stood_in_the_last_lists_is_told_once_there_were_so_many(
    ranked_lake: RankedLake,
) -> None:
    rank(ranked_lake, not_again_nights=0, exploration=0)
    tonight = ranked_lake.listed()
    for back in (1, 2, 3, 4):
        # Three of tonight's stood in the oldest of four lists, one in the last.
        tracks = {1: tonight[:1], 4: tonight[2:5]}.get(back, ranked_lake.known[:1])
        show(ranked_lake, ranked_lake.night().date - dt.timedelta(days=back), tracks)
    show(ranked_lake, ranked_lake.night().date - dt.timedelta(days=5), tonight, intent="calm")
    show(ranked_lake, ranked_lake.night().date, tonight)
    summary = rank(ranked_lake, not_again_nights=0, exploration=0)
    figures, same = noted(ranked_lake), set(ranked_lake.listed())
    assert figures["overlap_1"] == len(same & set(tonight[:1])) / SIZE
    assert figures["overlap_4"] == len(same & {tonight[0], *tonight[2:5]}) / SIZE
    assert "overlap_8" not in figures.index
    assert "of the last 4 lists" in summary["quality"]


def test_a_list_comes_with_a_promise_once_enough_lists_were_heard(ranked_lake: RankedLake) -> None:
    night = ranked_lake.night()
    rank(ranked_lake)
    assert "heard_out" not in noted(ranked_lake)
    for age in range(1, MIN_LISTS + 1):
        day = night.date - dt.timedelta(days=age)
        keys = [f"artist · title {age} {at}" for at in range(SIZE)]
        show(ranked_lake, day, keys)
        picks = {"night": day, "intent": MAIN, "track_key": keys[:6]}
        seen = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(3), dt.UTC)
        told = pd.DataFrame({**picks, "reaction": Reaction.PLAYED, "at": seen})
        store_feedback(ranked_lake.lake, "default", told)

    rank(ranked_lake)

    low, high = (noted(ranked_lake, end)["heard_out"] for end in ("low", "high"))
    assert 0 < low <= 6 <= high < SIZE
