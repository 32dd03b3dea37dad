"""Tests of the stage `rank_candidates`, from a real lake to a real lake."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYS
from smallhours.playlist.explain.track_evidence import TasteScorer
from smallhours.playlist.publish import ledger
from smallhours.playlist.rank.evidence import read_evidence, read_features
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.summary import Summary
from smallhours.training.ranking.fusion import DEFAULT
from smallhours.training.tags import Tags
from smallhours.vocabulary import Outcome
from tests.playlist.ranked_lake import RankedLake, write_candidates
from tests.service_fixtures import settings_for


def rank(
    ranked_lake: RankedLake,
    date: str = "2026-11-02",
    size: int = 10,
    exploration: float | None = 0.2,
) -> Summary:
    return rank_candidates(
        "default",
        ranked_lake.lake,
        settings=ranked_lake.settings,
        night=ranked_lake.night(date),
        size=size,
        exploration=exploration,
    )


def test_a_night_has_its_list_and_a_reserve(ranked_lake: RankedLake) -> None:
    summary = rank(ranked_lake)
    counts = {name: summary[name] for name in ("considered", "eligible", "chosen", "explored")}
    assert counts == {"considered": 121, "eligible": 120, "chosen": 10, "explored": 2}
    assert summary["reserve"] == 10
    assert summary["excluded"] == "known 1"
    assert summary["artists"] == len(set(map(artist_key_in, ranked_lake.listed())))
    assert 0 < summary["diversity"] < 1
    assert summary["calibration_kl"] >= 0
    assert len(ranked_lake.listed()) == 10


def test_a_young_history_is_told_what_it_lacks(ranked_lake: RankedLake) -> None:
    missing = rank(ranked_lake)["missing"]
    assert "plays (40 so far" in missing
    assert "a taste model" in missing


def test_the_settings_decide_where_nothing_else_is_said(ranked_lake: RankedLake) -> None:
    rank_candidates(
        "default", ranked_lake.lake, settings=ranked_lake.settings, night=ranked_lake.night()
    )
    rows = ranked_lake.recommendations()
    assert rows["position"].notna().sum() == 30
    assert (rows["slot"] == "explore").sum() == 3


def test_the_same_lake_and_night_give_the_same_bytes(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    first = ranked_lake.recommendations()
    rank(ranked_lake)
    pd.testing.assert_frame_equal(ranked_lake.recommendations(), first)


def test_another_night_explores_elsewhere(ranked_lake: RankedLake) -> None:
    rank(ranked_lake, exploration=0.5)
    rank(ranked_lake, "2026-11-03", exploration=0.5)
    assert set(ranked_lake.listed()) != set(ranked_lake.listed("2026-11-03"))


def test_every_considered_track_is_recorded_with_why_not(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    rows = ranked_lake.recommendations()
    assert len(rows) == 121
    assert rows["rank"].dropna().tolist() == list(range(1, 121))
    assert rows["rank"].isna()[ranked_lake.known[0]]
    assert rows.loc[ranked_lake.known[0], "why_not"] == "known"
    assert ((rows["why_not"] == "") == rows["position"].notna()).all()


def test_discoveries_come_from_below_the_last_sure_pick(ranked_lake: RankedLake) -> None:
    rank(ranked_lake, exploration=0.4)

    chosen = ranked_lake.recommendations().dropna(subset=["position"])
    ranks = chosen.groupby("slot")["rank"]
    assert ranks.min()["explore"] > ranks.max()["exploit"]
    reasons = chosen.loc[chosen["slot"] == "explore", "reason"]
    assert reasons.str.match(r"(Something to try, drawn by lot|Also drawn by lot, to try): ").all()


def test_every_chosen_track_says_why(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    rows = ranked_lake.recommendations()
    named = rows[rows["position"].notna() | (rows["why_not"] == "reserve")]
    assert len(named) == 20
    for reason, seeds in zip(named["reason"], named["seeds"], strict=True):
        seed = f"{ranked_lake.names[seeds[0]]} (1 play)"
        assert seed in reason or "of whom you know" in reason or "not this one yet" in reason
    assert set(named["reason_kind"]) <= {"similar_track", "known_artist"}


def test_what_each_signal_added_sums_to_the_score(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    rows = ranked_lake.recommendations()
    added = [{name: float(value) for name, value in map(str.split, row)} for row in rows["added"]]
    assert {*chain.from_iterable(added)} <= set(DEFAULT.weights)
    for parts, score in zip(added, rows["score"], strict=True):
        assert sum(parts.values()) == pytest.approx(score, abs=0.0005 * len(DEFAULT.weights))


def test_yesterdays_picks_do_not_come_back(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    yesterday = ranked_lake.listed()
    row = ledger.entry(
        night=dt.date(2026, 11, 2),
        name="Smallhours",
        playlist_id="id",
        outcome=Outcome.VERIFIED,
        note="",
        track_keys=yesterday,
        uris=[],
    )
    ranked_lake.lake.merge(PLAYLISTS, row, partition={"listener": "default"})
    rank(ranked_lake, "2026-11-03")
    assert not set(yesterday) & set(ranked_lake.listed("2026-11-03"))
    why = ranked_lake.recommendations("2026-11-03").loc[yesterday, "why_not"]
    assert set(why) == {"recommended 1 night ago"}


def test_a_list_that_was_never_shown_may_come_back(ranked_lake: RankedLake) -> None:
    rank(ranked_lake, exploration=0)
    rank(ranked_lake, "2026-11-03", exploration=0)
    assert set(ranked_lake.listed()) & set(ranked_lake.listed("2026-11-03"))


def test_what_the_listener_removed_is_disliked(ranked_lake: RankedLake) -> None:
    removed = ranked_lake.candidates[0]
    frame = pd.DataFrame(
        [
            {
                "night": dt.date(2026, 10, 1),
                "intent": "main",
                "track_key": removed,
                "reaction": "removed",
                "at": pd.Timestamp("2026-10-02", tz="UTC"),
                "month": "2026-10",
            }
        ]
    )
    ranked_lake.lake.merge(FEEDBACK, frame, partition={"listener": "default"})
    rank(ranked_lake)
    assert ranked_lake.recommendations().loc[removed, "why_not"] == "disliked"


def test_a_blocked_artist_is_never_chosen(ranked_lake: RankedLake) -> None:
    rank(ranked_lake)
    blocked = artist_key_in(ranked_lake.listed()[0])
    settings = settings_for(
        "http://127.0.0.1:9",
        listeners={
            "default": {
                "lastfm_user": "ada",
                "timezone": "Europe/Dublin",
                "playlist": {"blocked_artists": [blocked.upper()]},
            }
        },
    )
    rank_candidates("default", ranked_lake.lake, settings=settings, night=ranked_lake.night())
    assert blocked not in map(artist_key_in, ranked_lake.listed())


def test_background_candidates_are_for_training_only(ranked_lake: RankedLake) -> None:
    keys = ranked_lake.candidates
    write_candidates(
        ranked_lake.lake,
        [(keys[0], "background", "polka", 0.0), (keys[1], "tag", "shoegaze", 0.5)],
    )
    rank(ranked_lake)
    assert ranked_lake.recommendations().index.tolist() == [keys[1]]


def test_without_candidates_it_says_what_to_do(ranked_lake: RankedLake) -> None:
    write_candidates(ranked_lake.lake, [])
    with pytest.raises(NotEnoughData, match="refresh_catalog"):
        rank(ranked_lake)


def test_without_a_single_play_it_says_how_to_begin(
    ranked_lake: RankedLake, tmp_path: Path
) -> None:
    bare = dataclasses.replace(ranked_lake, lake=Lake(str(tmp_path / "bare")))
    with pytest.raises(NotEnoughData, match=r"no plays, nothing saved or loved.*Name some artists"):
        rank(bare)


@pytest.mark.parametrize("plays", [10, 40])
def test_with_few_plays_there_is_a_list_all_the_same(ranked_lake: RankedLake, plays: int) -> None:
    kept = ranked_lake.lake.frame(PLAYS, where={"listener": "default"}).head(plays)
    ranked_lake.lake.replace(PLAYS, kept, partition={"listener": "default"})
    summary = rank(ranked_lake)
    assert summary["chosen"] == 10
    assert f"plays ({plays} so far" in summary["missing"]


@dataclasses.dataclass
class LovesJazz:
    """A taste model that likes jazz."""

    name: str = "taste"

    def p_like(self, tags: Tags, tracks: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.array([0.9 if "jazz" in tags.of(key) else 0.1 for key in tracks])

    def top_tags(self, tags: Tags, track_key: str, n: int) -> list[tuple[str, float]]:
        return [("jazz", 2.0)][:n] if "jazz" in tags.of(track_key) else []


def test_what_the_taste_model_likes_rises(ranked_lake: RankedLake) -> None:
    night = ranked_lake.night()
    evidence = read_evidence(ranked_lake.lake, "default", night=night)
    jazz = [key for key in evidence.tracks.index if "jazz" in evidence.tags.of(key)]
    everything = pd.Series(data=True, index=evidence.tracks.index)

    def mean_rank(taste: TasteScorer | None) -> float:
        listener_context = ListenerContext.of(
            evidence,
            taste=taste,
            features=read_features(ranked_lake.lake, []),
            night=night,
            zone=ZoneInfo("UTC"),
        )
        scored = listener_context.score(everything, DEFAULT, night.rng("default", "a test"))
        return float(scored.loc[jazz, "rank"].mean())

    assert mean_rank(LovesJazz()) < mean_rank(None) - 5
