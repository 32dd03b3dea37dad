"""Tests of the history at ListenBrainz: crawl, verification, loves and hates."""

import datetime as dt
from collections.abc import Iterator

import pytest

from smallhours.errors import NotFound
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.library import read_library
from smallhours.listening.listens import sync_listenbrainz, verify_listens
from smallhours.listening.plays import LISTENBRAINZ, reported_by
from smallhours.listening.stages import sync_library, sync_scrobbles
from smallhours.listening.verification import unread_plays
from smallhours.services.listenbrainz import ListenBrainzClient
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.listenbrainz_state import WrittenFeedback
from smallhours_sandbox.simulation.installation import FAST
from tests.service_fixtures import ServiceFixture

pytestmark = pytest.mark.slow(seconds=3)


@pytest.fixture
def settings(household: ServiceFixture) -> Settings:
    me = household.settings.listener("default").model_copy(update={"listenbrainz": "ada"})
    return household.settings.model_copy(update={"listeners": {"default": me}})


@pytest.fixture
def client(settings: Settings) -> Iterator[ListenBrainzClient]:
    made = ListenBrainzClient(
        settings=settings.services.listenbrainz,
        contact=settings.contact("default"),
        rate_limit=TokenBucket(FAST, burst=100),
        labs_rate_limit=TokenBucket(FAST, burst=100),
        retry_policy=RetryPolicy(initial_wait_s=0.01, rate_limit_s=60, sleep=lambda _s: None),
    )
    with made:
        yield made


def sync(household: ServiceFixture, client: ListenBrainzClient, settings: Settings) -> Summary:
    night = household.night()
    return sync_listenbrainz("default", household.lake, client, settings=settings, night=night)


def test_of_a_long_history_the_last_year_is_read_first(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    who, night = ("default", household.lake, client), household.night()
    there = client.listen_count("ada")
    sync_listenbrainz(*who, settings=settings, night=night, most=there - 1)
    since = household.lake.frame(PLAYS)["played_at"].min()
    assert night.as_of - since <= dt.timedelta(days=366)
    assert 0 < listens_here(household) < there

    verify_listens(*who, settings=settings, night=night, most=1)
    left = unread_plays(household.lake, "default", night)
    assert left == there - listens_here(household) > 0
    verify_listens(*who, settings=settings, night=night)

    assert listens_here(household) == there


def listens_here(household: ServiceFixture) -> int:
    plays = household.lake.frame(PLAYS, where={"listener": "default"})
    return int(reported_by(plays, LISTENBRAINZ).sum())


def test_the_whole_history_is_read_once(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    first = sync(household, client, settings)
    there = client.listen_count("ada")
    assert first["listens_read"] == listens_here(household) == there > 1000
    again = sync(household, client, settings)
    assert (again["plays_added"], again["plays_removed"]) == (0, 0)
    assert again["listens_read"] < there / 2


def test_a_play_that_lastfm_has_too_is_one_row(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    about = {"settings": settings, "night": household.night()}
    sync_scrobbles("default", household.lake, household.lastfm, **about)  # type: ignore[arg-type]
    scrobbles = household.lake.frame(PLAYS, where={"listener": "default"})
    told = sync(household, client, settings)
    plays = household.lake.frame(PLAYS, where={"listener": "default"})
    assert told["plays_joined"] > 0.95 * told["listens_read"]
    assert len(plays) == len(scrobbles) + told["plays_added"]
    assert listens_here(household) == told["listens_read"]


def test_a_month_that_was_lost_is_found_by_the_count(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    sync(household, client, settings)
    there = listens_here(household)
    month = min(part["month"] for part in household.lake.partitions(PLAYS))
    lost = household.lake.frame(PLAYS, where={"listener": "default", "month": month})
    household.lake.merge(PLAYS, lost[:0], partition={"listener": "default"}, delete=lost)
    about = {"settings": settings, "night": household.night()}
    mended = verify_listens("default", household.lake, client, **about)  # type: ignore[arg-type]
    assert mended["listens_added"] == len(lost)
    assert listens_here(household) == there
    again = verify_listens("default", household.lake, client, **about)  # type: ignore[arg-type]
    assert "skipped" in again


def test_an_unknown_user_is_told_where_to_correct_the_name(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    nobody = settings.listener("default").model_copy(update={"listenbrainz": "nobody-here"})
    wrong = settings.model_copy(update={"listeners": {"default": nobody}})
    with pytest.raises(NotFound, match="`listenbrainz`"):
        sync(household, client, wrong)


def test_pages_that_fail_once_lose_nothing(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    rules = fault_rules_of(household.sandbox.state)
    rules.add(
        Fault("server_error", match="listens", service="listenbrainz", status=500, after=1, times=4)
    )
    first = sync(household, client, settings)
    assert first["listens_read"] == client.listen_count("ada")
    assert first["failed"] == 0


def test_loves_and_hates_are_signals_of_their_own_source(
    household: ServiceFixture, client: ListenBrainzClient, settings: Settings
) -> None:
    about = {"settings": settings, "night": household.night()}
    lake, state = household.lake, household.sandbox.state
    loved, hated = [mbid for mbid in state.world.track_mbid if mbid][:2]
    given = state.listenbrainz.feedback.setdefault("ada", {})
    created = int(dt.datetime(2026, 10, 1, tzinfo=dt.UTC).timestamp())
    given |= {loved: WrittenFeedback(1, created), hated: WrittenFeedback(-1, created)}
    told = sync_library("default", lake, None, household.lastfm, client, **about)  # type: ignore[arg-type]
    library = lake.frame(LIBRARY, where={"listener": "default"})
    counts = library.groupby(["signal", "source"]).size().to_dict()
    assert counts[("disliked", "listenbrainz")] >= 1
    assert counts[("loved", "listenbrainz")] >= 1
    assert counts[("loved", "lastfm")] > 1
    assert told["loved_tracks"] == counts[("loved", "listenbrainz")] + counts[("loved", "lastfm")]
    merged = read_library(lake, "default")
    assert not merged.duplicated(["signal", "time_range", "track_key"]).any()
    assert set(merged["track_key"]) == set(library["track_key"])
