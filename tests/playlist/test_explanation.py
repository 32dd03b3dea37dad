"""Tests of the explanation of a track: chosen, beaten, left out, or never considered."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.catalog.tracks import add_tracks
from smallhours.errors import NotEnoughData
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import CANDIDATES, FEEDBACK, PLAYS, TRACKS
from smallhours.playlist.explain.explanation import TrackExplanation, explain_track
from tests.lake.samples import play

NIGHT = dt.date(2026, 11, 2)
ME = "ada"
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with one night: Ride chosen, Lush explored, Moby beaten, Can in reserve."""
    made = Lake(str(tmp_path))
    rows = [
        recommended("Ride", "Leave", rank=1, score=0.9, position=1, slot="exploit"),
        recommended("Lush", "Light", rank=50, score=0.3, position=2, slot="explore"),
        recommended("Can", "Vitamin", rank=2, score=0.8, why_not="reserve"),
        recommended("Moby", "Porcelain", rank=3, score=0.7),
        recommended("Björk", "Jóga", rank=4, score=0.95, why_not="known"),
        recommended("Pulp", "Babies", score=0.9, why_not="known"),
    ]
    made.merge(RECOMMENDATIONS, pd.DataFrame(rows), partition={"listener": ME, "night": str(NIGHT)})
    return made


def recommended(artist: str, title: str, **told: Any) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: None for column in RECOMMENDATIONS.columns}
    key = f"{artist} · {title}".casefold().replace("ö", "o").replace("ó", "o")
    row |= {"intent": "main", "track_key": key, "artist": artist, "title": title}
    row |= {"consensus": 0.4, "tag_affinity": 0.6, "popularity": 0.5, "slot": "", "why_not": ""}
    reason = "Close to Slowdive – Alison." if told.get("position") else ""
    return row | {"reason": reason, "seeds": ["slowdive · alison"]} | told


def asked(lake: Lake, artist: str, title: str) -> TrackExplanation:
    return explain_track(lake, ME, artist, title, night=None, intent="main", zone=TOKYO)


@pytest.mark.parametrize(
    ("artist", "title", "says"),
    [
        ("Ride", "Leave", "It was chosen, as number 1: rank 1 of 50"),
        ("ride", "leave (2001 Remaster)", "It was chosen, as number 1"),
        ("Lush", "Light", "as number 2: a discovery, drawn from rank"),
        ("Can", "Vitamin", "It stood in reserve"),
        ("Moby", "Porcelain", "Its score was 0.700, 0.200 below the last that made it."),
        ("Björk", "Jóga", "It was left out: known"),
        ("Pulp", "Babies", "It could not be chosen: known."),
        ("Nobody", "Nothing", "It was never heard of"),
    ],
)
def test_the_verdict_says_where_and_by_how_much(
    artist: str, title: str, says: str, lake: Lake
) -> None:
    assert says in asked(lake, artist, title).verdict


def test_a_misspelt_track_is_asked_about(lake: Lake) -> None:
    add_tracks(lake, pd.DataFrame([{"artist": "Slowdive", "title": "Alison"}]), night=NIGHT)
    told = asked(lake, "Slowdiv", "Allison")
    assert "Did you mean Slowdive – Alison?" in told.details
    assert not any("Did you mean" in each for each in asked(lake, "Nobody", "Nothing").details)


def test_another_version_of_the_song_answers_for_it(lake: Lake) -> None:
    assert asked(lake, "Moby", "Porcelain - Live").track_key == "moby · porcelain"


def test_what_led_to_it_and_its_signals_are_told(lake: Lake) -> None:
    details = " ".join(asked(lake, "Moby", "Porcelain").details)

    assert "slowdive · alison" in details
    assert "closeness to your tags 0.60" in details


def test_what_the_listener_did_with_it_is_told(lake: Lake) -> None:
    at = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    row = {"night": NIGHT, "intent": "main", "track_key": "ride · leave", "at": at}
    lake.merge(
        FEEDBACK,
        pd.DataFrame([{**row, "reaction": "thumbs_up"}]),
        partition={"listener": ME, "month": "2026-11"},
    )

    assert "thumbs up (2026-11-02)" in " ".join(asked(lake, "Ride", "Leave").details)


def test_a_candidate_that_was_not_recorded_is_told_from_a_stranger(lake: Lake) -> None:
    row = {"track_key": "pulp · mis-shapes", "route": "similar_track", "seed_key": "suede · trash"}
    lake.merge(
        CANDIDATES,
        pd.DataFrame([{**row, "strength": 0.1, "seen": NIGHT}]).assign(
            track_key="pulp · mis shapes"
        ),
        partition={"listener": ME},
    )
    answer = asked(lake, "Pulp", "Mis-Shapes")

    assert "ranked below all that were recorded" in answer.verdict
    assert "suede · trash" in " ".join(answer.details)


def test_a_track_of_the_catalog_without_a_way_to_it_and_what_is_known_of_it(lake: Lake) -> None:
    track: dict[str, Any] = {column.name: None for column in TRACKS.columns}
    track |= {"track_key": "abba · sos", "artist_key": "abba", "artist": "ABBA", "title": "SOS"}
    track |= {"version": "", "first_seen": NIGHT, "prefix": prefix_of("abba")}
    lake.merge(TRACKS, pd.DataFrame([track]))
    heard = play(track_key="abba · sos", artist="ABBA", title="SOS", month="2026-10", listener=ME)
    heard["played_at"] = dt.datetime(2026, 10, 3, 20, tzinfo=dt.UTC)
    lake.merge(PLAYS, pd.DataFrame([heard]))

    answer = asked(lake, "ABBA", "S.O.S.")

    assert "nothing that you play led to it" in answer.verdict or "never heard" in answer.verdict
    known = asked(lake, "ABBA", "SOS")
    assert "nothing that you play led to it" in known.verdict
    assert "You know it: 1 plays, the last on 2026-10-04" in " ".join(known.details)


def test_a_night_without_a_list_is_an_error_that_says_where_to_look(lake: Lake) -> None:
    with pytest.raises(NotEnoughData, match="smallhours history"):
        explain_track(
            lake, ME, "Ride", "Leave", night=dt.date(2020, 1, 1), intent="main", zone=TOKYO
        )
