"""A test that reads the sentences of a whole night back against the lake."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from benchmarks.support.reason_claims import Claims, clauses_of
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.playlist import rank_candidates
from smallhours.training import train_taste
from tests.faults.nights import LISTENER, nights


@pytest.mark.slow(seconds=15)
def test_every_claim_of_a_night_is_true_and_none_stands_twice_in_a_row() -> None:
    with nights() as home:
        home.me = {"intents": {"evening": {"kind": "time_of_day", "hours": [18, 24]}}}
        home.next()
        for stage in (train_taste, rank_candidates):
            home.run(stage)
        night = home.settings.night(LISTENER, str(home.date))
        claims = Claims(home.lake, LISTENER, night, ZoneInfo("Europe/Dublin"))
        rows = home.lake.frame(RECOMMENDATIONS).dropna(subset=["position"])

        for _, listed in rows.sort_values("position").groupby("intent"):
            for key, sentence in zip(listed["track_key"], listed["reason"], strict=True):
                assert claims.untrue(key, sentence) == [], sentence
            for before, after in pairwise(listed["reason"]):
                assert not set(clauses_of(before.lower())) & set(clauses_of(after.lower())), after
