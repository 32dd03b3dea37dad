"""What publishing does at every place: the list, the listener's edits, rollback, reading back."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import requests

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.stages import collect_feedback
from smallhours.playlist.publish.rollback import rollback
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.summary import Summary
from smallhours.vocabulary import PlaceName
from smallhours_sandbox.server import SandboxServer
from tests.places.every_place import KINDS, HandledPlace, place_at
from tests.playlist.ranked_lake import RankedLake, write_choice
from tests.service_fixtures import NIGHT

pytestmark = pytest.mark.slow(seconds=0.8)

NEXT, THIRD = "2026-11-03", "2026-11-04"


@dataclass
class PlacePublisher:
    """One listener's lake and place."""

    ranked_lake: RankedLake
    at: HandledPlace

    def choose(self, start: int, stop: int, date: str = NIGHT) -> None:
        write_choice(self.ranked_lake, self.ranked_lake.candidates[start:stop], date)

    def publish(self, date: str = NIGHT, *, dry_run: bool = False) -> Summary:
        return publish_playlist(
            "default",
            self.ranked_lake.lake,
            self.at.open(),
            settings=self.ranked_lake.settings,
            night=self.ranked_lake.night(date),
            dry_run=dry_run,
        )

    def roll_back(self, date: str) -> Summary:
        return rollback(
            "default",
            self.ranked_lake.lake,
            self.at.open(),
            settings=self.ranked_lake.settings,
            night=self.ranked_lake.night(date),
        )

    def row(self, date: str) -> pd.Series:
        """The ledger's row of a night."""
        rows = self.ranked_lake.lake.frame(PLAYLISTS, where={"listener": "default"})
        (row,) = (row for _, row in rows.iterrows() if str(row["night"]) == date)
        return row

    def listed(self, date: str) -> list[str]:
        return list(self.row(date)["uris"])

    def own(self) -> str:
        """A track that is in no list."""
        world = self.at.sandbox.state.world
        wanted = {*self.listed(NIGHT), *self.at.rows()}
        tracks = (track for track in range(world.n_tracks - 1, 0, -1) if world.track_mbid[track])
        return next(uri for uri in map(self.at.uri, tracks) if uri not in wanted)


@pytest.fixture(params=KINDS)
def publisher(
    request: pytest.FixtureRequest, found: RankedLake, sandbox: SandboxServer, tmp_path: Path
) -> PlacePublisher:
    at = place_at(request.param, sandbox, tmp_path / "lists")
    return PlacePublisher(found, at)


def test_a_list_takes_the_place_of_the_last_and_the_listeners_tracks_stay(
    publisher: PlacePublisher,
) -> None:
    publisher.choose(0, 12)
    summary = publisher.publish()
    first = publisher.listed(NIGHT)
    assert summary["outcome"] == "verified"
    assert publisher.at.rows() == first
    assert len(first) >= 6
    own = publisher.own()
    publisher.at.put(own, 2)
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    second = publisher.listed(NEXT)
    assert publisher.at.rows() == [*second, own]
    assert not set(second) & set(first)
    before = publisher.at.rows()
    assert publisher.publish(NEXT)["added"] == 0
    assert publisher.at.rows() == before


def test_what_the_listener_took_out_stays_out_and_counts_as_removed(
    publisher: PlacePublisher,
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    gone = publisher.at.rows()[3]
    publisher.at.take(gone)
    publisher.publish()
    assert gone not in publisher.at.rows()
    place = publisher.at.open()
    collect_feedback(
        "default",
        publisher.ranked_lake.lake,
        {place.name: lambda: place},
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(NEXT),
    )
    noted = publisher.ranked_lake.lake.frame(FEEDBACK, where={"listener": "default"})
    keys = dict(zip(publisher.listed(NIGHT), publisher.row(NIGHT)["track_keys"], strict=True))
    assert noted.loc[noted["reaction"] == "removed", "track_key"].tolist() == [keys[gone]]


def test_an_earlier_list_is_put_back(publisher: PlacePublisher) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    publisher.roll_back(NIGHT)
    assert publisher.at.rows() == publisher.listed(NIGHT)
    assert publisher.row(NEXT)["outcome"] == "withdrawn"


def test_a_dry_run_writes_nothing(publisher: PlacePublisher) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    before = publisher.at.rows()
    publisher.choose(12, 24, NEXT)
    summary = publisher.publish(NEXT, dry_run=True)
    assert summary["outcome"] == "dry_run"
    assert publisher.at.rows() == before


def test_a_list_of_tracks_is_ordered_anew(publisher: PlacePublisher) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    keys = publisher.ranked_lake.candidates
    write_choice(publisher.ranked_lake, [*keys[11:5:-1], *keys[12:18]], NIGHT)
    publisher.publish()
    assert publisher.at.rows() == publisher.listed(NIGHT)


def test_the_covers_that_the_ledger_names_are_pictures(publisher: PlacePublisher) -> None:
    publisher.choose(0, 20)
    publisher.publish()

    covers = [cover for cover in publisher.row(NIGHT)["covers"] if cover]

    place = publisher.at.open().name
    assert bool(covers) == (place in (PlaceName.SPOTIFY, PlaceName.LISTENBRAINZ))
    for cover in covers:
        kind = requests.get(cover, timeout=10).headers["content-type"]
        assert kind.startswith("image/"), cover


def test_a_playlist_that_lost_its_marker_is_not_written(publisher: PlacePublisher) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    place = publisher.at.open()
    playlist = str(publisher.row(NIGHT)["playlist_id"])
    place.change_details(playlist, description="Mine now.")
    before = publisher.at.rows()
    publisher.choose(12, 24, NEXT)
    with pytest.raises(Exception, match="no longer says"):
        publisher.publish(NEXT)
    assert publisher.at.rows() == before
