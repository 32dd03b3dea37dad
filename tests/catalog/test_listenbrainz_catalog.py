"""Tests of what ListenBrainz and MusicBrainz bring into the catalog, against the sandbox."""

import datetime as dt
from collections.abc import Iterator

import pandas as pd
import pytest

from smallhours.catalog import fetch_neighbours, fetch_tags, gather_candidates, update_tracks
from smallhours.catalog.recordings import ABSENT_DAYS, MISS, NOT_EXACT, lookups_on
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    RECORDINGS,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening import sync_scrobbles
from smallhours.summary import Summary
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from tests.faults.nights import FIRST, Keys, Nights, nights

pytestmark = pytest.mark.slow(seconds=4)

ALONE = {"lastfm": "", "listenbrainz": "ada"}
REFRESH = (update_tracks, fetch_neighbours, fetch_tags, gather_candidates)


def refresh(home: Nights) -> dict[str, Summary]:
    return {stage.__name__: home.run(stage) for stage in REFRESH}


@pytest.fixture(scope="module")
def home() -> Iterator[Nights]:
    """A listener whose history came from Last.fm once, and who has ListenBrainz alone now."""
    with nights() as home:
        home.date, home.keys = FIRST, Keys(token=listenbrainz_token("ada"))
        home.run(sync_scrobbles)
        home.me = ALONE
        yield home


@pytest.fixture(scope="module")
def told(home: Nights) -> dict[str, Summary]:
    return refresh(home)


def test_all_rows_say_who_told_them(home: Nights, told: dict[str, Summary]) -> None:
    assert told["fetch_tags"]["failed"] == 0
    assert set(home.lake.frame(SIMILAR)["source"]) == {"listenbrainz"}
    for table in (TRACK_TAGS, ARTIST_TAGS):
        rows = home.lake.frame(table)
        assert set(rows["source"]) == {"musicbrainz"}
        tagged = rows[rows["tag"] != ""]
        assert len(tagged) > 50
        assert tagged["count"].between(1, 100).all()
        assert (tagged.groupby(table.key[0])["count"].max() == 100).all()


def test_candidates_come_by_every_route(home: Nights, told: dict[str, Summary]) -> None:
    assert told["gather_candidates"]["candidates"] > 100
    routes = set(home.lake.frame(CANDIDATES)["route"])
    assert {"similar_track", "two_steps", "similar_artist", "known_artist", "tag"} <= routes


@pytest.mark.usefixtures("told")
def test_tracks_get_lengths_isrcs_and_popularity(home: Nights) -> None:
    known = home.lake.frame(RECORDINGS)
    known = known[known["mbid"].notna() & (known["absent"] == False)]  # noqa: E712
    assert known["listeners"].notna().mean() > 0.8
    assert known["artist_mbid"].notna().mean() > 0.9
    tracks = home.lake.frame(TRACKS).set_index("track_key").loc[known["track_key"]]
    assert tracks["duration_ms"].notna().mean() > 0.5
    assert tracks["isrc"].notna().mean() > 0.3
    features = home.lake.frame(AUDIO_FEATURES)
    lengths = features[features["source"] == "musicbrainz"].set_index("track_key")["value"]
    assert len(lengths) > 0.5 * len(tracks)
    assert lengths.between(30_000, 3_600_000).all()


def test_few_requests_suffice(home: Nights, told: dict[str, Summary]) -> None:
    tracks = len(home.lake.frame(TRACKS))
    assert told["fetch_tags"]["listenbrainz_calls"] < 0.2 * tracks


def test_what_is_fresh_is_not_asked_again(home: Nights, told: dict[str, Summary]) -> None:
    # Which tags are foreign is known only when the tags of the first night are.
    first = told["fetch_neighbours"]["listenbrainz_calls"]
    assert refresh(home)["fetch_neighbours"]["listenbrainz_calls"] < first / 5
    before = {table.name: home.lake.frame(table) for table in (TRACK_TAGS, RECORDINGS)}
    again = refresh(home)
    assert again["fetch_neighbours"]["listenbrainz_calls"] == 0
    assert again["fetch_tags"]["listenbrainz_calls"] == 0
    for table in (TRACK_TAGS, RECORDINGS):
        pd.testing.assert_frame_equal(home.lake.frame(table), before[table.name])


@pytest.mark.usefixtures("told")
def test_a_miss_is_kept_and_tried_again_after_a_month(home: Nights) -> None:
    rows = home.lake.frame(RECORDINGS)
    one = rows[rows["mbid"].notna()].iloc[[0]]
    long_ago = home.date - pd.Timedelta(days=ABSENT_DAYS + 1).to_pytimedelta()
    home.lake.merge(RECORDINGS, one.assign(mbid=None, method=MISS, looked_up=long_ago))
    home.lake.merge(
        TRACKS,
        home.lake.frame(TRACKS)
        .set_index("track_key", drop=False)
        .loc[one["track_key"]]
        .assign(mbid=None),
    )
    refresh(home)
    again = home.lake.frame(RECORDINGS).set_index("track_key").loc[one["track_key"].iloc[0]]
    assert again["looked_up"] == home.date
    assert again["method"] in {"exact", "fuzzy", MISS}


@pytest.mark.usefixtures("told")
def test_names_that_are_not_found_exactly_take_several_nights(home: Nights) -> None:
    def waiting() -> int:
        return int((home.lake.frame(RECORDINGS)["method"] == NOT_EXACT).sum())

    rows = home.lake.frame(RECORDINGS)
    some = rows[rows["mbid"].notna()].head(6)
    home.lake.merge(RECORDINGS, some.assign(mbid=None, method=NOT_EXACT))
    home.catalog = {"name_lookups_per_night": lookups_on(home.lake, home.date) + 4}
    for _ in range(2):  # another run of the same night asks no more
        refresh(home)
        assert waiting() == 2
    home.date += dt.timedelta(days=1)
    home.catalog = {"name_lookups_per_night": 4}
    refresh(home)
    assert waiting() == 0


@pytest.mark.usefixtures("told")
def test_both_services_are_asked(home: Nights) -> None:
    home.me = {"lastfm": "ada", "listenbrainz": "ada"}
    try:
        both = home.run(fetch_neighbours)
    finally:
        home.me = ALONE
    assert both["lastfm_calls"] > 50
    assert set(home.lake.frame(SIMILAR)["source"]) == {"lastfm", "listenbrainz"}
    # What both tell of one seed stands once among the candidates.
    home.run(gather_candidates)
    rows = home.lake.frame(CANDIDATES)
    assert not rows.duplicated(["track_key", "route", "seed_key"]).any()
