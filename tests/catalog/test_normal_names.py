"""Tests of the names of a lake's tags: stored beside the raw tags."""

from pathlib import Path

import pytest

from smallhours.catalog.tag_names import namer, refresh_names
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, TAG_NAMES
from smallhours.training.tags import load_tags
from tests.training.lakes import add_artist_tags, add_track_tags


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(f"memory://{tmp_path}")
    spelled = {"dream pop": 100, "dreampop": 60, "Shoegaze": 50, "seen live": 90}
    add_artist_tags(lake, {f"artist {at}": spelled for at in range(6)})
    add_track_tags(lake, {"artist 0 · song": {"hiphop": 40, "Hip-Hop": 70}})
    return lake


def names(lake: Lake) -> dict[str, tuple[str, str]]:
    rows = lake.read(TAG_NAMES, columns=["tag", "name", "step"]).to_pylist()
    return {row["tag"]: (row["name"], row["step"]) for row in rows}


def test_every_tag_has_a_name_and_the_step_that_gave_it(lake: Lake) -> None:
    assert refresh_names(lake) == {"tags": 6, "names": 3, "variants": 1, "stopped": 1}
    assert names(lake) == {
        "dream pop": ("dream pop", "folded"),
        "dreampop": ("dream pop", "variant"),
        "Shoegaze": ("shoegaze", "folded"),
        "seen live": ("", "stop word"),
        "hiphop": ("hip-hop", "alias"),
        "Hip-Hop": ("hip-hop", "alias"),
    }


def test_the_raw_tags_stay_as_they_were_written(lake: Lake) -> None:
    before = lake.frame(ARTIST_TAGS)
    refresh_names(lake)
    assert lake.frame(ARTIST_TAGS).equals(before)


def test_naming_again_writes_nothing(lake: Lake) -> None:
    refresh_names(lake)
    files = {path: lake.files.read(path) for path in lake.files.list("tag_names")}
    refresh_names(lake)
    assert {path: lake.files.read(path) for path in lake.files.list("tag_names")} == files


def test_a_listeners_rule_reaches_what_learns_from_tags(lake: Lake, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "aliases.txt").write_text("[whole]\ndream ?pop => gaze\n", encoding="utf-8")
    refresh_names(lake, own)
    tags = load_tags(lake, ["artist 0 · song"], normalised=True)
    assert tags.of("artist 0 · song") == {"gaze": 100, "shoegaze": 50, "hip-hop": 70}


def test_a_tag_that_came_later_goes_by_the_shipped_rules(lake: Lake) -> None:
    refresh_names(lake)
    assert namer(lake)("Post Rock") == "post-rock"
    assert namer(Lake("memory://nothing-here"))("seen live") == ""


def test_a_lake_without_tags_has_no_names() -> None:
    assert refresh_names(Lake("memory://empty"))["tags"] == 0
