"""Spotify refuses a whole request for one track that it does not have any more."""

import datetime as dt

import pandas as pd
import pytest

from smallhours.errors import InvalidRequest
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.publish.rollback import rollback
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.playlist.ranked_lake import RankedLake
from tests.playlist.test_publish import NEXT, PublishFixture
from tests.playlist.test_publish_acknowledged import ADDS, THIRD, adds, reactions
from tests.service_fixtures import NIGHT, ServiceFixture

pytestmark = pytest.mark.slow(seconds=3)


@pytest.fixture
def publisher(found: RankedLake, household: ServiceFixture) -> PublishFixture:
    return PublishFixture(found, household)


def lose(publisher: PublishFixture, uris: list[str], found_on: dt.date) -> list[str]:
    """Let Spotify give these tracks other ids than those that we know; return their keys."""
    lake = publisher.ranked_lake.lake
    rows = lake.frame(TRACKS, columns=[column.name for column in TRACKS.columns])
    rows = rows[("spotify:track:" + rows["spotify_id"].astype(str)).isin(uris)].copy()
    rows["spotify_id"] = [each[::-1] for each in rows["spotify_id"]]
    rows["spotify_at"] = found_on
    rows["prefix"] = [prefix_of(key) for key in rows["artist_key"]]
    lake.merge(TRACKS, rows)
    return list(rows["track_key"])


def withdraw(publisher: PublishFixture, uri: str) -> None:
    """Let Spotify have no track of this id any more."""
    rule = Fault("withdrawn_tracks", "spotify", ADDS, words=uri.rpartition(":")[2], times=0)
    fault_rules_of(publisher.household.sandbox.state).add(rule)


def known(publisher: PublishFixture, keys: list[str]) -> pd.DataFrame:
    rows = publisher.ranked_lake.lake.frame(TRACKS)
    return rows.set_index("track_key").loc[keys]


@pytest.mark.parametrize("lost", [[0], [11], [4], [0, 1], [2, 7, 11]], ids=str)
def test_one_missing_track_is_left_out_and_the_others_are_written(
    publisher: PublishFixture, lost: list[int]
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 26, NEXT)
    gone = [uris[place] for place in lost]
    keys = lose(publisher, gone, dt.date(2026, 11, 1))
    left = [uri for uri in uris if uri not in gone]

    summary = publisher.publish(NEXT)

    assert publisher.uris() == left
    assert not set(before) & set(publisher.uris())
    assert (summary["outcome"], summary["tracks"]) == ("verified", len(left))
    row = publisher.ledger().loc[NEXT]
    assert list(row["uris"]) == left
    lists = publisher.ranked_lake.recommendations(NEXT)
    for key in keys:
        assert lists.loc[key, "title"] in row["note"]
        assert lists.loc[key, "why_not"] == "Spotify does not have it any more"
    assert sorted(lists["position"].dropna()) == list(range(1, len(left) + 1))
    assert known(publisher, keys)["spotify_id"].isna().all()
    assert known(publisher, keys)["spotify_method"].isna().all()

    requests = adds(publisher)
    assert publisher.publish(NEXT)["tracks"] == len(left)
    assert adds(publisher) == requests
    assert "removed" not in set(reactions(publisher, THIRD)["reaction"])


def test_an_id_that_tonights_search_found_is_a_miss(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    keys = lose(publisher, uris[3:4], dt.date.fromisoformat(NIGHT))
    publisher.publish()
    assert publisher.uris() == [*uris[:3], *uris[4:]]
    assert set(known(publisher, keys)["spotify_method"]) == {"miss"}


def test_a_list_of_which_too_much_is_missing_keeps_yesterdays(publisher: PublishFixture) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    lose(publisher, uris[:7], dt.date(2026, 11, 1))
    with pytest.raises(InvalidRequest):
        publisher.publish(NEXT)
    assert publisher.uris() == before


@pytest.mark.parametrize(
    "words", ["Payload contains a non-existing ID", "Invalid base62 id", "Bad request"]
)
def test_a_service_that_refuses_every_add_keeps_yesterdays(
    publisher: PublishFixture, words: str
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    rule = Fault("refused", "spotify", ADDS, status=400, words=words, times=0)
    fault_rules_of(publisher.household.sandbox.state).add(rule)
    with pytest.raises(InvalidRequest):
        publisher.publish(NEXT)
    assert publisher.uris() == before


def test_a_missing_track_of_a_list_put_back_was_not_removed(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    withdraw(publisher, uris[5])
    rollback(
        "default",
        publisher.ranked_lake.lake,
        SpotifyPlace(publisher.household.spotify),
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(NIGHT),
    )
    assert publisher.uris() == [*uris[:5], *uris[6:]]
    assert "removed" not in set(reactions(publisher, THIRD)["reaction"])
