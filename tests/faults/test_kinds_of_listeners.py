"""Whole nights of listeners who have other services than Last.fm and Spotify, or none but files."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smallhours.lake.tables import ARTIST_TAGS, PLAYS, SIMILAR, TRACKS
from smallhours.listening import import_history
from smallhours.run_context import RunContext
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from tests.faults.nights import LISTENER, Keys, Nights, nights

pytestmark = pytest.mark.slow(seconds=7)


@pytest.fixture(scope="module")
def home() -> Iterator[Nights]:
    """A listener who has ListenBrainz, and Spotify for the list."""
    with nights() as home:
        home.keys = Keys(token=listenbrainz_token("ada"))
        home.me = {"lastfm": "", "listenbrainz": "ada"}
        yield home


def lastfm_calls(home: Nights) -> int:
    return sum(n for (service, _), n in home.server.state.calls.items() if service == "lastfm")


def test_listenbrainz_alone_makes_a_list(home: Nights) -> None:
    told = home.next()
    assert told["publish_playlist"]["outcome"] == "verified"
    assert told["publish_playlist"]["tracks"] == 10
    assert told["resolve_tracks"]["told_by_listenbrainz"] > 0
    assert lastfm_calls(home) == 0
    assert {"listenbrainz"} <= {s for each in home.lake.frame(PLAYS)["sources"] for s in each}
    assert set(home.lake.frame(SIMILAR)["source"]) == {"listenbrainz"}


def test_without_listenbrainz_the_night_after_is_made_from_the_lake(home: Nights) -> None:
    home.misbehave(kind="refused", service="listenbrainz")
    home.misbehave(kind="refused", service="labs")
    told = home.next()
    assert told["publish_playlist"]["outcome"] == "verified"
    assert "set_aside" in told["fetch_neighbours"]


def test_files_alone_make_a_list(home: Nights, tmp_path: Path) -> None:
    """Whoever has no history but a file names a contact, and gets a token that costs nothing."""
    with nights(home.server.state.world) as other:
        other.date, other.keys = home.date, home.keys
        other.me = {"lastfm": "", "listenbrainz": "", "spotify": False}
        other.services = {"listenbrainz": {"contact": "me@example.org"}}
        rows: list[dict[str, Any]] = [
            {"artist": row["artist"], "album": row["album"] or "", "title": row["title"],
             "date": f"{row['played_at']:%d %b %Y %H:%M}"}
            for row in home.lake.read(PLAYS).to_pylist()
        ]  # fmt: skip
        file = tmp_path / "history.csv"
        with file.open("w", encoding="utf-8", newline="") as written:
            csv.DictWriter(written, ["artist", "album", "title", "date"]).writerows(rows)
        settings = other.settings
        night = settings.night(LISTENER, str(other.date))
        with RunContext(LISTENER, night, settings, other.keys) as run:
            import_history(run, paths=[file])
        told = other.next()
        assert told["fetch_neighbours"]["asked"] > 0
        assert not other.lake.frame(ARTIST_TAGS).empty
        assert len(other.lake.frame(TRACKS)) > len({row["title"] for row in rows})
        assert told["publish_playlist"]["outcome"] in {"verified", "written"}
