"""A service that refuses the key, the account or the app is set aside; the night goes on."""

import datetime as dt
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from smallhours.errors import NotEnoughData, RetryLater, SourceRefused
from smallhours.lake.list_tables import SET_ASIDE
from smallhours.lake.tables import LIBRARY
from smallhours.listening import sync_library, sync_recent_plays, sync_scrobbles
from tests.faults.nights import LISTENER, Nights, nights
from tests.service_fixtures import LASTFM_KEY

pytestmark = pytest.mark.slow(seconds=4)

NO_PREMIUM = "Active premium subscription required for the owner of the app."
NOT_LISTED = "The user is not registered for this application. Check the Developer Dashboard"

LASTFM_REFUSALS: tuple[dict[str, Any], ...] = (
    {"kind": "lastfm_error", "code": 10},
    {"kind": "lastfm_error", "code": 26},
    {"kind": "html_body", "status": 403},
)


@pytest.fixture(scope="module")
def later() -> Iterator[Nights]:
    """A household after its first night, on which nothing went wrong."""
    with nights() as home:
        assert home.next()["publish_playlist"]["outcome"] == "verified"
        yield home


@pytest.fixture
def new() -> Iterator[Nights]:
    """A household before its first night."""
    with nights() as home:
        yield home


def last_seen(home: Nights, signal: str) -> object:
    library = home.lake.frame(LIBRARY, where={"listener": LISTENER})
    return library.loc[library["signal"] == signal, "last_seen"].max()


@pytest.mark.parametrize("rule", LASTFM_REFUSALS, ids=str)
def test_a_night_without_lastfm_publishes_from_the_lake(
    rule: dict[str, Any], later: Nights
) -> None:
    calls = later.server.state.calls
    later.misbehave(service="lastfm", **rule)
    before = sum(count for (service, _), count in calls.items() if service == "lastfm")

    told = later.next()

    assert told["publish_playlist"]["outcome"] == "verified"
    assert "Last.fm" in told["sync_scrobbles"]["set_aside"]
    assert "login lastfm --listener default`" in told["fetch_neighbours"]["set_aside"]
    after = sum(count for (service, _), count in calls.items() if service == "lastfm")
    assert after - before == 1
    rows = later.lake.frame(SET_ASIDE, where={"listener": LISTENER})
    assert list(rows.loc[rows["night"] == later.date, "service"]) == ["Last.fm"]


def test_what_could_not_be_read_is_not_taken_for_withdrawn(later: Nights) -> None:
    loved = last_seen(later, "loved")
    later.misbehave(kind="lastfm_error", code=10, service="lastfm")

    later.date += dt.timedelta(days=1)
    told = later.run(sync_library)
    later.forgive()

    assert told["saved_tracks"] > 0
    assert "loved_tracks" not in told
    assert last_seen(later, "saved") == later.date
    assert last_seen(later, "loved") == loved
    library = later.lake.frame(LIBRARY, where={"listener": LISTENER})
    newest = library.groupby("signal")["last_seen"].transform("max")
    assert (library["last_seen"] == newest).all()


@pytest.mark.parametrize(
    ("method", "table", "stage"),
    [
        ("user.getLovedTracks", None, "sync_library"),
        ("track.getSimilar", "similar", "fetch_neighbours"),
        ("track.getTopTags", "track_tags", "fetch_tags"),
    ],
)
def test_a_refusal_in_the_middle_of_the_night_leaves_what_was_answered(
    method: str, table: str | None, stage: str, later: Nights
) -> None:
    if table:
        for folder in sorted((later.folder / "lake" / table).glob("prefix=*"))[::3]:
            shutil.rmtree(folder)
    later.misbehave(kind="lastfm_error", code=26, match=method, after=0 if table is None else 2)

    told = later.next()

    assert "set_aside" not in told["sync_scrobbles"]
    assert "suspended" in told[stage]["set_aside"]
    assert told["publish_playlist"]["outcome"] == "verified"


def test_who_refuses_audio_features_is_set_aside(later: Nights) -> None:
    later.misbehave(kind="refused", service="reccobeats")
    later.misbehave(kind="html_body", status=403, service="acousticbrainz")
    shutil.rmtree(later.folder / "lake" / "audio_features")

    told = later.next()

    assert "ReccoBeats" in told["fetch_audio_features"]["set_aside"]
    assert "AcousticBrainz" in told["fetch_audio_features"]["set_aside"]
    assert told["publish_playlist"]["outcome"] == "verified"


@pytest.mark.parametrize("words", [NO_PREMIUM, NOT_LISTED])
def test_without_spotify_no_list_is_written_but_the_rest_is_kept(words: str, later: Nights) -> None:
    later.misbehave(kind="refused", service="spotify", words=words)

    with pytest.raises(SourceRefused) as ended:
        later.next()

    assert ended.value.service == "Spotify"
    assert last_seen(later, "loved") == later.date
    assert last_seen(later, "saved") != later.date


def test_who_refuses_is_asked_again_when_the_key_changes_or_on_the_next_night(
    later: Nights,
) -> None:
    def asked() -> int:
        calls = later.server.state.calls
        return sum(count for (service, _), count in calls.items() if service == "lastfm")

    later.keys.lastfm_key = "b" * 32
    later.date += dt.timedelta(days=1)
    assert "set_aside" in later.run(sync_scrobbles)
    before = asked()
    assert "set_aside" in later.run(sync_scrobbles)
    assert asked() == before
    later.keys.lastfm_key = LASTFM_KEY
    assert "set_aside" not in later.run(sync_scrobbles)
    assert "set_aside" not in later.run(sync_library)

    later.misbehave(kind="lastfm_error", code=26, service="lastfm")
    assert "set_aside" in later.run(sync_scrobbles)
    later.forgive()
    assert "set_aside" in later.run(sync_scrobbles)
    later.date += dt.timedelta(days=1)
    assert "set_aside" not in later.run(sync_scrobbles)


OUT_OF_REACH: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"kind": "server_error", "status": 503, "service": "lastfm"},),
    (
        {"kind": "drop_connection", "service": "lastfm"},
        {"kind": "refused", "service": "reccobeats"},
    ),
    ({"kind": "server_error", "match": "*recently-played*", "service": "spotify"},),
    ({"kind": "unauthorized_once", "match": "*recently-played*", "service": "spotify"},),
)


@pytest.mark.parametrize("rules", OUT_OF_REACH, ids=str)
def test_a_night_goes_on_without_who_is_out_of_reach(
    rules: tuple[dict[str, Any], ...], later: Nights
) -> None:
    for rule in rules:
        later.misbehave(**rule)
    later.waits = False
    try:
        told = later.next()
    finally:
        later.waits = True
    assert told["publish_playlist"]["outcome"] == "verified"
    lost = sync_recent_plays if rules[0]["service"] == "spotify" else sync_scrobbles
    assert "set_aside" in told[lost.__name__] or told[lost.__name__]["failed"] == 1
    # The next night asks again, and so does the next stage that reads news.
    assert "set_aside" not in later.run(sync_scrobbles)
    later.date += dt.timedelta(days=1)
    assert "set_aside" not in later.run(lost)


def test_who_is_out_of_reach_is_waited_for_first(later: Nights) -> None:
    later.misbehave(kind="server_error", status=503, service="lastfm")
    with pytest.raises(RetryLater):
        later.next()


def test_a_first_night_that_reaches_nobody_is_not_taken_for_one_without_news(new: Nights) -> None:
    new.waits = False
    new.misbehave(kind="server_error", status=503, service="lastfm")
    with pytest.raises(RetryLater):
        new.next()


def test_a_first_night_without_lastfm_says_what_is_missing(new: Nights) -> None:
    new.misbehave(kind="lastfm_error", code=10, service="lastfm")

    with pytest.raises(NotEnoughData) as ended:
        new.next()

    assert "no candidates" in ended.value.what
    assert "Invalid API key" in ended.value.what
    assert "login lastfm --listener default`" in ended.value.what
