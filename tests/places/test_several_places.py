"""A listener with several places: one that fails does not hold back the others."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from smallhours.errors import Refused, RetryLater, SettingsError
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.places.spotify import SpotifyPlace
from smallhours.places.subsonic import SubsonicPlace
from smallhours.playlist import publish_playlist, rollback
from smallhours.run_context import RunContext
from smallhours.services.credentials import SubsonicCredentials
from smallhours.settings import parse_settings
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import SandboxCredentials, sandbox_settings
from tests.places.every_place import HandledPlace, place_at
from tests.playlist.ranked_lake import RankedLake, write_choice
from tests.service_fixtures import NIGHT

NEXT = "2026-11-03"


@pytest.fixture
def at(sandbox: SandboxServer, tmp_path: Path) -> dict[str, HandledPlace]:
    kinds = {"spotify": "spotify", "subsonic": "subsonic", "files": "m3u8"}
    return {name: place_at(kind, sandbox, tmp_path / "lists") for name, kind in kinds.items()}


class NoMusicServer(SandboxCredentials):
    """Credentials without a connection to a music server."""

    def subsonic(self, listener: str) -> SubsonicCredentials:
        """Raise an error."""
        del listener
        raise SettingsError("There is no Airflow connection.", remedy="Add it.")


def run_at(
    ranked_lake: RankedLake, at: Mapping[str, HandledPlace | None], date: str = NIGHT
) -> RunContext:
    """Return a run whose lists go to these places; a place that is None has no login."""
    files = at.get("files")
    me = {"publishing": {"places": [*at], "folder": str(files.folder) if files else ""}}
    settings = sandbox_settings(me)
    run = RunContext("default", settings.night("default", date), settings, NoMusicServer())
    run.lake = ranked_lake.lake
    for place in (each.open() for each in at.values() if each):
        if isinstance(place, SpotifyPlace):
            run.spotify = place.client
        if isinstance(place, SubsonicPlace):
            run.subsonic = place.client
    return run


def down(at: HandledPlace, kind: str = "refused") -> None:
    rule = Fault(kind, "spotify", "*", status=403 if kind == "refused" else 503, times=0)
    fault_rules_of(at.sandbox.state).add(rule)


def test_every_place_gets_the_list_and_the_summary_tells_of_each(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    summary = publish_playlist(run_at(found, at))
    assert (summary["place"], summary["tracks"]) == ("spotify", 12)
    assert "Not at Subsonic: " in str(summary["subsonic"])
    assert summary["files"].startswith("12 tracks, 12 added. ")
    assert [len(each.rows()) for each in (at["spotify"], at["files"])] == [12, 12]
    rows = found.lake.frame(PLAYLISTS, where={"listener": "default"})
    assert set(rows["place"]) == set(at)
    assert set(rows["outcome"]) == {"verified"}


def test_a_place_that_refuses_is_named_and_the_others_are_written(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    down(at["spotify"])
    summary = publish_playlist(run_at(found, at))
    assert summary["place"] == "subsonic"
    assert str(summary["spotify"]).startswith("not written: Spotify: ")
    assert len(at["files"].rows()) == 12
    rows = found.lake.frame(PLAYLISTS, where={"listener": "default"}).set_index("place")
    assert rows.loc["spotify", "outcome"] == "creating"
    assert "403" in str(rows.loc["spotify", "note"])
    fault_rules_of(at["spotify"].sandbox.state).clear()
    assert publish_playlist(run_at(found, at))["place"] == "spotify"
    assert len(at["spotify"].rows()) == 12


def test_a_place_that_can_not_be_opened_is_named(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    summary = publish_playlist(run_at(found, {"files": at["files"], "subsonic": None}))
    assert "There is no Airflow connection." in str(summary["subsonic"])
    rows = found.lake.frame(PLAYLISTS, where={"listener": "default"}).set_index("place")
    assert rows.loc["subsonic", "outcome"] == "not_written"
    with pytest.raises(SettingsError):
        publish_playlist(run_at(found, {"subsonic": None}))


def test_passing_trouble_of_the_main_place_is_raised_once_the_others_are_written(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    down(at["spotify"], "server_error")
    with pytest.raises(RetryLater):
        publish_playlist(run_at(found, at))
    assert len(at["files"].rows()) == 12


def test_no_place_that_works_is_an_error(found: RankedLake, at: dict[str, HandledPlace]) -> None:
    write_choice(found, found.candidates[:12])
    down(at["spotify"])
    with pytest.raises(Refused):
        publish_playlist(run_at(found, {"spotify": at["spotify"]}))


def test_an_earlier_list_comes_back_at_every_place(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    publish_playlist(run_at(found, at))
    before = {name: each.rows() for name, each in at.items()}
    write_choice(found, found.candidates[12:24], NEXT)
    publish_playlist(run_at(found, at, NEXT))
    rollback(run_at(found, at))
    assert {name: each.rows() for name, each in at.items()} == before


def test_a_listener_without_spotify_has_a_folder_beside_the_lake(
    found: RankedLake,
) -> None:
    settings = sandbox_settings({"spotify": False}, lake={"url": found.lake.url})
    run = RunContext("default", settings.night("default", NIGHT), settings, SandboxCredentials())
    write_choice(found, found.candidates[:12])
    (place,) = run.places
    assert place == "files"
    publish_playlist(run)
    folder = Path(found.lake.url).parent / "playlists"
    assert {path.suffix for path in folder.glob("smallhours-default-main.*")} == {".m3u8", ".jspf"}


@pytest.mark.parametrize(
    ("listener", "words"),
    [
        ({"spotify": False, "publishing": {"places": ["spotify"]}}, "`spotify` is false"),
        ({"publishing": {"places": ["listenbrainz"]}}, "no user name"),
        ({"publishing": {"places": ["files", "files"]}}, "`files` twice"),
        ({"publishing": {"places": ["tape"]}}, "places"),
    ],
)
def test_places_that_do_not_fit_the_listener_are_one_clear_error(
    listener: dict[str, object], words: str
) -> None:
    me = {"lastfm": "ada", "timezone": "Europe/Dublin", **listener}
    with pytest.raises(SettingsError, match=words):
        parse_settings({"listeners": {"default": me}}, origin="the test")
