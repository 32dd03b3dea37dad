"""A listener with several places: one that fails does not hold back the others."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from smallhours.errors import Refused, RetryLater, SettingsError
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.places.choice import places_of
from smallhours.places.place import Place
from smallhours.playlist.publish.everywhere import publish_everywhere
from smallhours.playlist.publish.rollback import rollback_everywhere
from smallhours.run_context import RunContext
from smallhours.settings import parse_settings
from smallhours.summary import Summary
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


def publish(
    ranked_lake: RankedLake, places: Mapping[str, Callable[[], Place]], date: str = NIGHT
) -> Summary:
    return publish_everywhere(
        "default",
        ranked_lake.lake,
        places,
        settings=ranked_lake.settings,
        night=ranked_lake.night(date),
    )


def down(at: HandledPlace, kind: str = "refused") -> None:
    rule = Fault(kind, "spotify", "*", status=403 if kind == "refused" else 503, times=0)
    fault_rules_of(at.sandbox.state).add(rule)


def test_every_place_gets_the_list_and_the_summary_tells_of_each(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    summary = publish(found, {name: each.open for name, each in at.items()})
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
    summary = publish(found, {name: each.open for name, each in at.items()})
    assert summary["place"] == "subsonic"
    assert str(summary["spotify"]).startswith("not written: Spotify: ")
    assert len(at["files"].rows()) == 12
    rows = found.lake.frame(PLAYLISTS, where={"listener": "default"}).set_index("place")
    assert rows.loc["spotify", "outcome"] == "creating"
    assert "403" in str(rows.loc["spotify", "note"])
    fault_rules_of(at["spotify"].sandbox.state).clear()
    assert publish(found, {name: each.open for name, each in at.items()})["place"] == "spotify"
    assert len(at["spotify"].rows()) == 12


def test_a_place_that_can_not_be_opened_is_named(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    def missing() -> Place:
        raise SettingsError("There is no Airflow connection.", remedy="Add it.")

    write_choice(found, found.candidates[:12])
    summary = publish(found, {"files": at["files"].open, "subsonic": missing})
    assert "There is no Airflow connection." in str(summary["subsonic"])
    rows = found.lake.frame(PLAYLISTS, where={"listener": "default"}).set_index("place")
    assert rows.loc["subsonic", "outcome"] == "not_written"
    with pytest.raises(SettingsError):
        publish(found, {"subsonic": missing})


def test_passing_trouble_of_the_main_place_is_raised_once_the_others_are_written(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    write_choice(found, found.candidates[:12])
    down(at["spotify"], "server_error")
    with pytest.raises(RetryLater):
        publish(found, {name: each.open for name, each in at.items()})
    assert len(at["files"].rows()) == 12


def test_no_place_that_works_is_an_error(found: RankedLake, at: dict[str, HandledPlace]) -> None:
    write_choice(found, found.candidates[:12])
    down(at["spotify"])
    with pytest.raises(Refused):
        publish(found, {"spotify": at["spotify"].open})


def test_an_earlier_list_comes_back_at_every_place(
    found: RankedLake, at: dict[str, HandledPlace]
) -> None:
    places = {name: each.open for name, each in at.items()}
    write_choice(found, found.candidates[:12])
    publish(found, places)
    before = {name: each.rows() for name, each in at.items()}
    write_choice(found, found.candidates[12:24], NEXT)
    publish(found, places, NEXT)
    rollback_everywhere(
        "default",
        found.lake,
        places,
        settings=found.settings,
        night=found.night(NIGHT),
    )
    assert {name: each.rows() for name, each in at.items()} == before


def test_a_listener_without_spotify_has_a_folder_beside_the_lake(
    found: RankedLake,
) -> None:
    settings = sandbox_settings({"spotify": False}, lake={"url": found.lake.url})
    run = RunContext("default", settings.night("default", NIGHT), settings, SandboxCredentials())
    write_choice(found, found.candidates[:12])
    (place,) = places_of(run)
    assert place == "files"
    publish(found, places_of(run))
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
