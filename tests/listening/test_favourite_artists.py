"""Tests of the artists that a listener named, as stand-ins for a history."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

from smallhours.catalog.candidates import track_weights
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listener_settings import artists_in
from smallhours.listening.library import (
    MAX_PLAYS,
    TRACKS_PER_ARTIST,
    named_share,
    sync_favourite_artists,
)
from smallhours.listening.plays import LASTFM, LISTENBRAINZ, plays_frame, store
from smallhours.services.listenbrainz import ListenBrainzClient
from smallhours.services.musicbrainz import MusicBrainzClient
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.summary import Summary
from smallhours.vocabulary import Signal
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.simulation.installation import FAST
from tests.service_fixtures import NIGHT, ServiceFixture


def name_artists(household: ServiceFixture, *names: str) -> None:
    me = household.settings.listener("default").model_copy(update={"favourite_artists": names})
    household.settings = household.settings.model_copy(update={"listeners": {"default": me}})


def sync(
    household: ServiceFixture,
    date: str = NIGHT,
    *,
    lastfm: bool = True,
    metabrainz: tuple[ListenBrainzClient, MusicBrainzClient] | None = None,
) -> Summary:
    return sync_favourite_artists(
        "default",
        household.lake,
        None if metabrainz else household.spotify,
        household.lastfm if lastfm else None,
        metabrainz,
        settings=household.settings,
        night=household.night(date),
    )


@contextmanager
def metabrainz_of(
    household: ServiceFixture,
) -> Iterator[tuple[ListenBrainzClient, MusicBrainzClient]]:
    services, contact = household.settings.services, "ada@example.org"
    listenbrainz = ListenBrainzClient(
        listenbrainz_token("ada"),
        settings=services.listenbrainz,
        contact=contact,
        rate_limit=TokenBucket(FAST, burst=100),
        labs_rate_limit=TokenBucket(FAST, burst=100),
    )
    musicbrainz = MusicBrainzClient(
        settings=services.musicbrainz, contact=contact, rate_limit=TokenBucket(FAST, burst=100)
    )
    with listenbrainz, musicbrainz:
        yield listenbrainz, musicbrainz


def artists_in_library(household: ServiceFixture) -> dict[str, int]:
    library = household.lake.frame(LIBRARY)
    assert set(library["signal"]) <= {Signal.NAMED}
    return {str(name): int(count) for name, count in library["artist"].value_counts().items()}


def some_artists(household: ServiceFixture) -> tuple[str, str]:
    one, two = household.sandbox.state.world.artist_name[:2]
    return one, two


@pytest.mark.parametrize("lastfm", [True, False])
def test_named_artists_count_by_their_best_known_tracks(
    household: ServiceFixture, *, lastfm: bool
) -> None:
    one, two = some_artists(household)
    name_artists(household, one.upper(), two, "Nobody At All 17")

    summary = sync(household, lastfm=lastfm)

    assert summary["artists_not_found"] == "Nobody At All 17"
    found = artists_in_library(household)
    assert set(found) == {one, two}
    assert max(found.values()) <= TRACKS_PER_ARTIST


def test_listenbrainz_alone_tells_the_most_heard_tracks(
    household: ServiceFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = some_artists(household)
    world = household.sandbox.state.world
    monkeypatch.setattr(world, "artist_name", [*world.artist_name[:-1], one])
    name_artists(household, one.upper(), two, 'Nobody "At" All 17')

    with metabrainz_of(household) as (listenbrainz, musicbrainz):
        summary = sync(household, lastfm=False, metabrainz=(listenbrainz, musicbrainz))
        namesakes = musicbrainz.artists_named(one)
        heard = listenbrainz.artist_popularity(namesakes)
        best = max(namesakes, key=lambda each: heard[each].listeners or 0)
        tracks = listenbrainz.top_recordings(best, limit=TRACKS_PER_ARTIST)

    assert summary["artists_not_found"] == 'Nobody "At" All 17'
    assert len(namesakes) == 2
    library = household.lake.frame(LIBRARY)
    assert set(library["source"]) == {LISTENBRAINZ}
    assert set(library.loc[library["artist"] == one, "title"]) == {each.title for each in tracks}
    assert set(library["artist"]) == {one, two}


def test_who_is_named_no_longer_leaves_no_trace(household: ServiceFixture) -> None:
    one, two = some_artists(household)
    name_artists(household, one, two)
    sync(household)
    name_artists(household, two)
    sync(household, "2026-11-03")
    assert set(artists_in_library(household)) == {two}

    name_artists(household)
    sync(household, "2026-11-04")

    assert household.lake.frame(LIBRARY).empty
    assert sync(household, "2026-11-05") == {}


def test_a_long_history_makes_names_count_for_nothing(household: ServiceFixture) -> None:
    one, _ = some_artists(household)
    name_artists(household, one)
    sync(household)
    times = pd.date_range("2026-10-01", periods=MAX_PLAYS, freq="5min", tz="UTC")
    rows = [{"played_at": at, "artist": "Low", "title": "Lullaby"} for at in times]
    plays = plays_frame(rows, source=LASTFM)
    store(household.lake, "default", household.lake.frame(PLAYS), plays)
    calls = household.lastfm.calls.total()

    sync(household, "2026-11-03")

    assert household.lake.frame(LIBRARY).empty
    assert household.lastfm.calls.total() == calls


def test_a_named_artist_fades_beside_plays(household: ServiceFixture) -> None:
    one, _ = some_artists(household)
    name_artists(household, one)
    sync(household)
    library = household.lake.frame(LIBRARY)
    night = household.night().date
    times = pd.date_range("2026-10-01", periods=200, freq="5min", tz="UTC")
    plays = pd.DataFrame({"track_key": "low · lullaby", "played_at": times})

    shares = []
    for count in (0, 5, 200):
        weights = track_weights(plays.head(count), library, night=night)
        shares.append(weights[library["track_key"]].mean() / weights.max())

    assert shares[0] == 1.0
    assert shares[0] > shares[1] > shares[2] > 0
    assert named_share(MAX_PLAYS) == 0


def test_names_with_commas_are_parted_by_semicolons() -> None:
    assert artists_in(" Low ; Earth, Wind & Fire;;Low") == ["Low", "Earth, Wind & Fire"]
