"""The night's choice, from a real lake to a real lake."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.tables import FEEDBACK, PLAYLISTS
from smallhours.playlist import ledger
from smallhours.playlist.choose import rank_candidates, score
from smallhours.playlist.evidence import read_evidence
from smallhours.playlist.grounds import Taste
from smallhours.playlist.tagspace import TagSpace, weighted_tags
from smallhours.summary import Summary
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
    assert summary == {
        "considered": 121,
        "eligible": 120,
        "chosen": 10,
        "explored": 2,
        "reserve": 10,
        "model": "none yet",
    }
    assert len(evening.listed()) == 10


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
        assert f"lose to {evening.names[seeds[0]]} (1 play)" in reason


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
    assert evening.listed() == evening.listed("2026-11-03")


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


class LovesJazz:
    """A taste that is easy to tell."""

    def p_like(self, tags: Sequence[Sequence[str]]) -> npt.NDArray[np.float64]:
        return np.array([0.9 if "jazz" in of_track else 0.1 for of_track in tags])

    def top_tags(self, tags: Sequence[str], n: int) -> list[tuple[str, float]]:
        return [("jazz", 2.0)][:n] if "jazz" in tags else []


def test_what_the_taste_model_likes_rises(evening: Evening) -> None:
    night = evening.night()
    evidence = read_evidence(evening.lake, "default", night=night)
    space = TagSpace.of(weighted_tags(evidence.tags, evidence.tracks.index))
    wishes = evening.settings.listener("default").playlist
    jazz = [key for key in evidence.tracks.index if "jazz" in evidence.tags.of(key)]

    def mean_rank(taste: Taste | None) -> float:
        scored = score(evidence, wishes, space, pd.Series(dtype=float), taste, night)
        return float(scored.loc[jazz, "rank"].mean())

    assert mean_rank(LovesJazz()) < mean_rank(None) - 10
