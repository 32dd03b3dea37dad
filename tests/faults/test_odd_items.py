"""One emptied row, or one artist that a service trips over, does not end the night."""

import datetime as dt
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from smallhours.catalog import fetch_neighbours, fetch_tags, gather_candidates
from smallhours.checkup.live import known_shapes
from smallhours.errors import RetryLater
from smallhours.identity import artist_key_of, identify, is_named
from smallhours.lake.list_tables import DEFERRED_QUESTIONS
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, LIBRARY, PLAYS, TRACKS
from smallhours.listening.library import library_frame
from smallhours.services.set_aside import deferred_on
from smallhours_sandbox.world import FEATURES as WORLD_FEATURES
from tests.faults.nights import LISTENER, ODD_REPLIES, Nights, nights

pytestmark = pytest.mark.slow(seconds=4)


@pytest.fixture(scope="module")
def later() -> Iterator[Nights]:
    """A household after its first night, on which Spotify showed emptied tracks everywhere."""
    with nights() as home:
        for match, count in (
            ("*/me/tracks", 3),
            ("*/me/top/tracks", 3),
            ("*/me/player/recently-played", 2),
        ):
            home.misbehave(kind="emptied_rows", match=match, count=count)
        home.misbehave(kind="emptied_rows", match="*/search", times=5)
        told = home.next()
        assert told["publish_playlist"]["outcome"] == "verified"
        assert told["sync_library"]["nameless_rows"] >= 3 * 3 + 3
        assert told["sync_recent_plays"]["nameless_rows"] == 2
        yield home


def test_the_live_check_knows_every_kind_of_question_that_a_night_asks(later: Nights) -> None:
    names = {
        "lastfm": "Last.fm",
        "spotify": "Spotify",
        "reccobeats": "ReccoBeats",
        "acousticbrainz": "AcousticBrainz",
    }
    asked = set()
    for service, route in later.server.state.calls:
        verb, _, path = route.rpartition(" ")
        path = path.removeprefix("/")
        if service in ("reccobeats", "acousticbrainz"):
            path = path.rpartition("/")[2]
        asked.add(f"{names[service]} {verb} {path}".replace("  ", " "))

    assert len(asked) > 15
    assert asked <= set(known_shapes())


def test_the_loudness_of_acousticbrainz_is_what_its_replay_gain_leaves(later: Nights) -> None:
    world = later.server.state.world
    rows = later.lake.frame(AUDIO_FEATURES)
    rows = rows[(rows["source"] == "acousticbrainz") & (rows["feature"] == "loudness")]
    mbids = later.lake.frame(TRACKS, columns=["track_key", "mbid"]).set_index("track_key")["mbid"]
    tracks = [world.lookup.track_mbid[mbids[key]] for key in rows["track_key"]]
    truth = world.track_features[tracks, WORLD_FEATURES.index("loudness")]

    assert world.generator > 1
    assert len(rows)
    # A track of -20 dB needs no gain.
    assert list(rows["value"]) == pytest.approx(list(truth), abs=1e-4)


@pytest.fixture(autouse=True)
def _forgiven(later: Nights) -> None:
    """Let no test meet the faults, or the failed questions, of those before it."""
    later.forgive()
    shutil.rmtree(later.folder / "lake" / DEFERRED_QUESTIONS.name, ignore_errors=True)


def heard_artist(home: Nights) -> str:
    """One of the listener's artists that has tags."""
    tags = home.lake.frame(ARTIST_TAGS)
    heard = set(home.lake.frame(PLAYS, where={"listener": LISTENER})["artist"])
    return str(min(set(tags.loc[tags["count"] > 0, "artist"]) & heard))


def test_no_table_holds_an_emptied_row(later: Nights) -> None:
    for table in (PLAYS, LIBRARY, TRACKS):
        rows = later.lake.frame(table, columns=["artist", "title"])
        assert len(rows)
        assert all(map(is_named, rows["artist"], rows["title"])), table.name


def forget_around(home: Nights, artist: str) -> None:
    """Let everything around an artist be asked anew."""
    for table in ("artist_tags", "similar"):
        folder = home.folder / "lake" / table / f"prefix={prefix_of(artist_key_of(artist))}"
        # An earlier test may have left out all that was there.
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("rule", ODD_REPLIES, ids=str)
def test_one_artist_is_left_out_and_counted(rule: dict[str, Any], later: Nights) -> None:
    artist = heard_artist(later)
    tagged = set(later.lake.frame(ARTIST_TAGS)["artist_key"])
    forget_around(later, artist)
    later.misbehave(service="lastfm", about=artist, **rule)

    told = later.run(fetch_neighbours)

    assert told["failed"] >= 1
    assert "set_aside" not in told
    assert later.run(fetch_tags)["failed"] == 1
    assert tagged - set(later.lake.frame(ARTIST_TAGS)["artist_key"]) == {artist_key_of(artist)}
    assert later.run(gather_candidates)["candidates"] > 0
    # What was left out is asked again.
    later.forgive()
    assert later.run(fetch_neighbours)["failed"] == 0
    assert tagged <= set(later.lake.frame(ARTIST_TAGS)["artist_key"])


@pytest.mark.parametrize("count", ["", "-3"])
def test_a_tag_with_an_odd_count_is_left_out_and_the_others_are_kept(
    count: str, later: Nights
) -> None:
    artist = heard_artist(later)
    forget_around(later, artist)
    assert later.run(fetch_neighbours)["failed"] == 0
    before = later.lake.frame(ARTIST_TAGS)
    forget_around(later, artist)
    later.misbehave(
        service="lastfm", about=artist, kind="odd_tag_count", words=count,
        match="artist.getTopTags",
    )  # fmt: skip

    assert later.run(fetch_neighbours)["failed"] == 0

    after = later.lake.frame(ARTIST_TAGS)
    mine = before["artist_key"] == artist_key_of(artist)
    lost = set(before.loc[mine, "tag"]) - set(after["tag"])
    assert len(before[mine]) - len(after[after["artist_key"] == artist_key_of(artist)]) == 1
    assert len(lost) <= 1


def test_a_night_with_an_odd_artist_ends_with_a_list(later: Nights) -> None:
    artist = heard_artist(later)
    forget_around(later, artist)
    later.misbehave(kind="server_error", service="lastfm", about=artist)

    assert later.next()["publish_playlist"]["outcome"] == "verified"


def test_a_question_that_keeps_failing_is_left_alone_for_some_nights(later: Nights) -> None:
    artist = heard_artist(later)
    forget_around(later, artist)
    question = f"tags of {artist}"
    asked = []
    # Of a night, what asks about artists.
    for _ in range(3):
        later.date += dt.timedelta(days=1)
        later.misbehave(kind="server_error", service="lastfm", about=artist)
        told = later.run(fetch_neighbours)
        later.run(fetch_tags)
        later.forgive()
        asked.append((told["failed"] > 0, told.get("waiting", 0) > 0))
        assert question in deferred_on(later.lake, LISTENER, later.date)["Last.fm"]
    assert asked == [(True, False), (True, False), (False, True)]
    for _ in range(2):
        later.date += dt.timedelta(days=1)
        later.run(fetch_neighbours)
        later.run(fetch_tags)
    assert artist_key_of(artist) in set(later.lake.frame(ARTIST_TAGS)["artist_key"])
    assert not deferred_on(later.lake, LISTENER, later.date)


def test_what_cannot_be_read_of_the_listener_does_not_end_the_night(later: Nights) -> None:
    library = later.lake.frame(LIBRARY, where={"listener": LISTENER})
    for match in ("*/me/tracks", "*/me/player/recently-played", "GET */playlists/*/items"):
        later.misbehave(kind="server_error", service="spotify", match=match, times=3)
    later.misbehave(kind="lastfm_error", code=8, match="user.getLovedTracks")

    told = later.next()

    assert told["publish_playlist"]["outcome"] == "verified"
    assert told["sync_recent_plays"]["failed"] == 1
    assert told["sync_library"]["failed"] == 2
    assert "saved_tracks" not in told["sync_library"]
    assert told["sync_library"]["top_tracks"] > 0
    assert told["collect_feedback"]["failed"] == 1
    assert "removed" not in told["collect_feedback"]
    now = later.lake.frame(LIBRARY, where={"listener": LISTENER})
    assert len(now) >= len(library)


def test_a_service_that_is_down_ends_the_stage_soon(later: Nights) -> None:
    for table in ("artist_tags", "similar"):
        shutil.rmtree(later.folder / "lake" / table)
    later.misbehave(kind="server_error", service="lastfm", match="*.get*")
    calls = later.server.state.calls
    before = calls.total()

    with pytest.raises(RetryLater):
        later.run(fetch_neighbours)

    assert calls.total() - before < 300
    later.forgive()
    later.run(fetch_neighbours)


def test_an_older_lake_with_emptied_rows_asks_nothing_for_them(later: Nights) -> None:
    key = identify("", "").track_key
    named = library_frame(
        [{"signal": "saved", "artist": "Somebody", "title": "Something"}],
        source="spotify",
        night=later.date,
    )
    later.lake.merge(
        LIBRARY, named.assign(artist="", title="", track_key=key), partition={"listener": LISTENER}
    )
    track = later.lake.frame(TRACKS).head(1)
    owner = artist_key_of("")
    later.lake.merge(
        TRACKS,
        track.assign(
            track_key=key, artist_key=owner, artist="", title="", spotify_id=None,
            prefix=prefix_of(owner),
        ),
    )  # fmt: skip
    later.misbehave(kind="lastfm_error", code=10, service="lastfm", about="")

    told = later.next()

    assert "set_aside" not in told["fetch_neighbours"]
    assert "set_aside" not in told["fetch_tags"]
    assert told["fetch_neighbours"]["failed"] == 0
    assert told["publish_playlist"]["outcome"] == "verified"
    assert owner not in set(later.lake.frame(ARTIST_TAGS)["artist_key"])
