"""Tests of the stage `rank_candidates`, from a real lake to a real lake."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYLISTS, PLAYS
from smallhours.playlist import ledger
from smallhours.playlist.choose import rank_candidates
from smallhours.playlist.evidence import read_evidence, read_features
from smallhours.playlist.grounds import Taste
from smallhours.playlist.scoring import Listening
from smallhours.summary import Summary
from smallhours.training.ranking.fusion import DEFAULT
from smallhours.training.tags import Tags
from tests.household import settings_for
from tests.playlist.evening import Evening, write_candidates


def rank(
    evening: Evening, date: str = "2026-11-02", size: int = 10, exploration: float | None = 0.2
) -> Summary:
    return rank_candidates(
        "default",
        evening.lake,
        settings=evening.settings,
        night=evening.night(date),
        size=size,
        exploration=exploration,
    )


def test_a_night_has_its_list_and_a_reserve(evening: Evening) -> None:
    summary = rank(evening)
    counts = {name: summary[name] for name in ("considered", "eligible", "chosen", "explored")}
    assert counts == {"considered": 121, "eligible": 120, "chosen": 10, "explored": 2}
    assert summary["reserve"] == 10
    assert summary["excluded"] == "known 1"
    assert summary["artists"] == len(set(map(artist_key_in, evening.listed())))
    assert 0 < summary["diversity"] < 1
    assert summary["calibration_kl"] >= 0
    assert len(evening.listed()) == 10


def test_a_young_history_is_told_what_it_lacks(evening: Evening) -> None:
    missing = rank(evening)["missing"]
    assert "plays (40 so far" in missing
    assert "a taste model" in missing


def test_the_settings_decide_where_nothing_else_is_said(evening: Evening) -> None:
    rank_candidates("default", evening.lake, settings=evening.settings, night=evening.night())
    rows = evening.recommendations()
    assert rows["position"].notna().sum() == 30
    assert (rows["slot"] == "explore").sum() == 3


def test_the_same_lake_and_night_give_the_same_bytes(evening: Evening) -> None:
    rank(evening)
    first = evening.recommendations()
    rank(evening)
    pd.testing.assert_frame_equal(evening.recommendations(), first)


def test_another_night_explores_elsewhere(evening: Evening) -> None:
    rank(evening, exploration=0.5)
    rank(evening, "2026-11-03", exploration=0.5)
    assert set(evening.listed()) != set(evening.listed("2026-11-03"))


def test_every_considered_track_is_recorded_with_why_not(evening: Evening) -> None:
    rank(evening)
    rows = evening.recommendations()
    assert rows["rank"].tolist() == list(range(1, 122))
    assert rows.loc[evening.known[0], "why_not"] == "known"
    assert ((rows["why_not"] == "") == rows["position"].notna()).all()


def test_every_chosen_track_says_why(evening: Evening) -> None:
    rank(evening)
    rows = evening.recommendations()
    named = rows[rows["position"].notna() | (rows["why_not"] == "reserve")]
    assert len(named) == 20
    for reason, seeds in zip(named["reason"], named["seeds"], strict=True):
        assert f"{evening.names[seeds[0]]} (1 play)" in reason
    assert set(named["reason_kind"]) <= {"similar_track", "known_artist"}


def test_yesterdays_picks_do_not_come_back(evening: Evening) -> None:
    rank(evening)
    yesterday = evening.listed()
    row = ledger.entry(
        night=dt.date(2026, 11, 2),
        name="Smallhours",
        playlist_id="id",
        outcome=ledger.VERIFIED,
        note="",
        track_keys=yesterday,
        uris=[],
    )
    evening.lake.merge(PLAYLISTS, row, partition={"listener": "default"})
    rank(evening, "2026-11-03")
    assert not set(yesterday) & set(evening.listed("2026-11-03"))
    why = evening.recommendations("2026-11-03").loc[yesterday, "why_not"]
    assert set(why) == {"recommended 1 night ago"}


def test_a_list_that_was_never_shown_may_come_back(evening: Evening) -> None:
    rank(evening, exploration=0)
    rank(evening, "2026-11-03", exploration=0)
    assert set(evening.listed()) & set(evening.listed("2026-11-03"))


def test_what_the_listener_removed_is_disliked(evening: Evening) -> None:
    removed = evening.candidates[0]
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
    evening.lake.merge(FEEDBACK, frame, partition={"listener": "default"})
    rank(evening)
    assert evening.recommendations().loc[removed, "why_not"] == "disliked"


def test_a_blocked_artist_is_never_chosen(evening: Evening) -> None:
    rank(evening)
    blocked = artist_key_in(evening.listed()[0])
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
    rank_candidates("default", evening.lake, settings=settings, night=evening.night())
    assert blocked not in map(artist_key_in, evening.listed())


def test_background_candidates_are_for_training_only(evening: Evening) -> None:
    keys = evening.candidates
    write_candidates(
        evening.lake,
        [(keys[0], "background", "polka", 0.0), (keys[1], "tag", "shoegaze", 0.5)],
    )
    rank(evening)
    assert evening.recommendations().index.tolist() == [keys[1]]


def test_without_candidates_it_says_what_to_do(evening: Evening) -> None:
    write_candidates(evening.lake, [])
    with pytest.raises(NotEnoughData, match="refresh_catalog"):
        rank(evening)


def test_without_a_single_play_it_says_how_to_begin(evening: Evening, tmp_path: Path) -> None:
    bare = dataclasses.replace(evening, lake=Lake(str(tmp_path / "bare")))
    with pytest.raises(NotEnoughData, match=r"no plays, nothing saved or loved.*Ten plays"):
        rank(bare)


@pytest.mark.parametrize("plays", [10, 40])
def test_with_few_plays_there_is_a_list_all_the_same(evening: Evening, plays: int) -> None:
    kept = evening.lake.frame(PLAYS, where={"listener": "default"}).head(plays)
    evening.lake.replace(PLAYS, kept, partition={"listener": "default"})
    summary = rank(evening)
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


def test_what_the_taste_model_likes_rises(evening: Evening) -> None:
    night = evening.night()
    evidence = read_evidence(evening.lake, "default", night=night)
    jazz = [key for key in evidence.tracks.index if "jazz" in evidence.tags.of(key)]
    everything = pd.Series(data=True, index=evidence.tracks.index)

    def mean_rank(taste: Taste | None) -> float:
        listening = Listening.of(
            evidence,
            taste=taste,
            features=read_features(evening.lake, []),
            night=night,
            zone=ZoneInfo("UTC"),
        )
        scored = listening.score(everything, DEFAULT, night.rng("default", "a test"))
        return float(scored.loc[jazz, "rank"].mean())

    assert mean_rank(LovesJazz()) < mean_rank(None) - 5
