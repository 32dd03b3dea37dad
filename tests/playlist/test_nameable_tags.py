"""Tests of which tags a reason may name."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.support.tag_verdicts import verdict_on
from smallhours.catalog import tag_names
from smallhours.catalog.normalisation import default_pipeline
from smallhours.lake.store import Lake
from smallhours.playlist.explain.names_in_words import NameableTags
from tests.shared_data import shared_path
from tests.training.lakes import add_artist_tags


def nameable(**carriers: int) -> NameableTags:
    """Return what may be named of tags that so many of 1,000 artists have; `_` for a space."""
    use = {name.replace("_", " "): count for name, count in carriers.items()}
    return NameableTags.of({"music": 1_000, **use}, [f"artist {at}" for at in range(1_000)])


def test_a_tag_that_three_artists_in_a_hundred_have_may_be_named() -> None:
    assert nameable(happy=30).names == {"music", "happy"}
    assert nameable(recos=29).names == {"music"}
    assert nameable(beautiful=500).names == {"music"}


def test_a_genre_that_the_aliases_know_needs_more_than_a_few_artists() -> None:
    assert "shoegaze" in nameable(shoegaze=4).names
    assert "shoegaze" not in nameable(shoegaze=3).names


def test_what_is_made_of_well_known_words_needs_more_than_a_few_artists() -> None:
    known = {"swedish": 40, "death_metal": 30, "swedish_metal": 4, "metal_recos": 4}
    assert "swedish metal" in nameable(**known).names
    assert "metal recos" not in nameable(**known).names
    assert "swedish metal" not in nameable(**{**known, "swedish_metal": 3}).names


def test_the_use_of_a_name_is_counted_in_artists_whatever_they_call_it(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path))
    spelled = ["Hip-Hop", "hiphop", "hip hop", "Hip Hop"]
    tags = {f"artist {at}": dict.fromkeys(spelled[: 1 + at % 2], 50) for at in range(4)}
    add_artist_tags(lake, {**tags, "other": {"Hip-Hop": 0}, "another": {"rare one": 100}})

    assert NameableTags.read(lake).names == {"hip-hop"}

    add_artist_tags(lake, {key: {"seen live": 100} for key in tags})
    assert NameableTags.read(lake).names == {"hip-hop"}


def test_of_a_large_lake_some_artists_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    add_artist_tags(lake, {f"artist {at}": {"jazz": 100} for at in range(400)})
    assert len(tag_names.sampled_artist_tags(lake)) == 400

    monkeypatch.setattr(tag_names, "MAX_ARTISTS", 100)
    assert 50 <= len(tag_names.sampled_artist_tags(lake)) <= 200


def test_without_tags_nothing_is_named(tmp_path: Path) -> None:
    assert NameableTags.read(Lake(str(tmp_path))).names == frozenset()


def test_a_sentence_is_not_named_however_many_artists_have_it() -> None:
    assert nameable(songs_to_play_while_asleep=500).names == {"music"}


def test_the_name_of_an_artist_is_named_only_where_it_is_a_genre_as_well() -> None:
    assert "artist 7" not in nameable(artist_7=59).names
    assert "artist 7" in nameable(artist_7=60).names


@pytest.mark.parametrize(
    ("name", "track", "may"),
    [
        ("shoegaze", "slowdive · alison", True),
        ("shoegaze", "shoegaze · alison", False),
        ("dream pop", "slowdive · dream pop", False),
        ("recos", "slowdive · alison", False),
    ],
)
def test_an_artist_and_a_title_do_not_describe_themselves(name: str, track: str, may: bool) -> None:
    told = NameableTags(frozenset({"shoegaze", "dream pop"}))
    assert told.describes(name, track) == may


def test_hardly_a_tag_that_was_judged_to_mean_nothing_is_named() -> None:
    rows = pd.read_csv(shared_path("data/listeners-2k/artist_tags.csv.gz"), keep_default_na=False)
    names = {tag: default_pipeline().name(tag) for tag in rows["tag"].unique()}
    named = rows.assign(tag=rows["tag"].map(names)).query("tag != ''")
    use = {str(name): len(set(own)) for name, own in named.groupby("tag")["artist"]}
    told = NameableTags.of(use, named["artist"].unique()).names

    verdicts = [verdict_on(tag) for tag, name in names.items() if name in told]
    assert verdicts.count(True) > 100
    assert verdicts.count(False) <= verdicts.count(True) / 30
