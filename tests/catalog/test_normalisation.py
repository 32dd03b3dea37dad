"""Tests of each step of the normalisation of tags, and of tags that it must not change."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.catalog.normalisation import TagPipeline, back_off, default_pipeline, is_own_name
from smallhours.errors import SettingsError

NAMES = {
    # spelled apart, together, with signs
    "Hip-Hop": "hip-hop",
    "hip hop": "hip-hop",
    "hiphop": "hip-hop",
    "HIP_HOP": "hip-hop",
    "Swedish Hiphop": "swedish hip-hop",
    "r&b": "rnb",
    "R'n'B": "rnb",
    "contemporary r and b": "contemporary rnb",
    "d'n'b": "drum and bass",
    "Drum & Bass": "drum and bass",
    "drum n bass": "drum and bass",
    "drumnbass": "drum and bass",
    "dnb": "drum and bass",
    "rock 'n' roll": "rock and roll",
    "post rock": "post-rock",
    "postpunk": "post-punk",
    "lo fi": "lo-fi",
    "synth-pop": "synthpop",
    "Électronique": "electronique",
    # decades
    "1980s": "80s",
    "80's": "80s",
    "eighties": "80s",
    "the 80s": "80s",
    "80s rock": "80s rock",
    "2000s": "00s",
    "2010s": "10s",
    "1984": "1984",
    # American and British, plurals, misspellings
    "color": "colour",
    "gray": "grey",
    "ballads": "ballad",
    "covers": "cover",
    "female vocalist": "female vocalists",
    "psychadelic": "psychedelic",
    "shoegazing": "shoegaze",
    "house music": "house",
    # one line each
    "acapella": "a cappella",
    "A Capella": "a cappella",
    "psych rock": "psychedelic rock",
    "goth rock": "gothic rock",
    "prog": "progressive rock",
    "poppunk": "pop punk",
    "hardrock": "hard rock",
    "hard-core": "hardcore",
    "newwave": "new wave",
    "Música Popular Brasileira": "mpb",
    "Brasil": "brazilian",
    "intelligent dance music": "idm",
    "हिन्दी": "हिन्दी",
    "Moon\u200brise": "moonrise",
}
SAY_NOTHING = (
    "la " * 1_000,
    "seen live",
    "Favourites",
    "favorite songs",
    "albums I own",
    "songs i absolutely love",
    "my music",
    "My Gang 09",
    "5 stars",
    "★★★★★",
    "4/5",
    "10",
    "<3",
    "awesome",
    "fucking awesome",
    "love at first listen",
    "under 2000 listeners",
    "to listen",
    "check out later",
    "want to see live",
    "heard on Pandora",
    "best of 2005",
    "spotify",
    "guilty pleasure",
    "",
    "  ",
)
# Moods, and real words that patterns for stop words have been seen to swallow.
KEPT = (
    "sad", "happy", "chill", "dark", "epic", "sexy", "fun", "mellow", "dreamy", "uplifting",
    "beautiful", "calm", "angry", "catchy", "party", "downtempo", "doom", "doom metal", "doo wop",
    "mystic", "mythology", "ira", "heartbreak", "likeable", "old-school", "new-wave",
    "single-coil", "808", "8-bit", "2-tone", "bass", "brass", "blues", "oldies", "interpol",
    "topographic", "bestial", "rainy day", "library music", "love song", "тихий", "雨",
)  # fmt: skip


@pytest.mark.parametrize(("tag", "name"), NAMES.items())
def test_spellings_of_one_meaning_have_one_name(tag: str, name: str) -> None:
    assert default_pipeline().name(tag) == name


@pytest.mark.parametrize("tag", SAY_NOTHING)
def test_tags_about_the_tagger_say_nothing(tag: str) -> None:
    assert default_pipeline().name(tag) == ""


@pytest.mark.parametrize("tag", KEPT)
def test_moods_and_words_that_only_begin_like_stop_words_are_kept(tag: str) -> None:
    assert default_pipeline().name(tag) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pop", "pop punk"),
        ("house", "deep house"),
        ("punk", "post-punk"),
        ("80s", "80s rock"),
    ],
)
def test_a_genre_and_its_kinds_stay_apart(one: str, other: str) -> None:
    assert default_pipeline().name(one) != default_pipeline().name(other)


def test_it_says_which_step_decided() -> None:
    explain = default_pipeline().explain
    assert explain("Shoegaze").step == "folded"
    assert explain("hiphop").step == "alias"
    assert explain("seen live").step == "stop word"
    varied = TagPipeline(default_pipeline().rules, {"dreampop": "dream pop"})
    assert varied.explain("DreamPop") == ("dream pop", "variant")


def test_the_artists_own_name_goes_with_and_without_its_article() -> None:
    tags = [("The Beatles", 90), ("beatles", 80), ("rock", 70)]
    assert default_pipeline().normalise(tags, artist="The Beatles") == {"rock": 70}


def test_a_title_of_several_words_goes_but_one_of_a_single_word_may_be_a_mood() -> None:
    tags = [("space oddity", 100), ("Space", 20)]
    assert default_pipeline().normalise(tags, "David Bowie", "Space Oddity") == {"space": 20}
    assert default_pipeline().normalise([("happy", 100)], "Pharrell Williams", "Happy") == {
        "happy": 100
    }
    assert is_own_name("david bowie space oddity", "david bowie", "space oddity")


def test_merged_variants_take_the_largest_count_because_counts_are_relative() -> None:
    tags = [("Hip-Hop", 100), ("hip hop", 85), ("hiphop", 30), ("rap", 40)]
    assert default_pipeline().normalise(tags) == {"hip-hop": 100, "rap": 40}


def test_names_come_strongest_first_and_then_by_the_alphabet() -> None:
    found = default_pipeline().normalise([("jazz", 10), ("folk", 50), ("dub", 50)])
    assert list(found) == ["dub", "folk", "jazz"]


def test_a_track_without_tags_borrows_its_artists_at_half_the_weight_and_says_so() -> None:
    assert back_off({}, {"shoegaze": 80}) == [("shoegaze", 0.4, "artist")]
    assert back_off({"dream pop": 50}, {"shoegaze": 80}) == [("dream pop", 0.5, "track")]
    assert back_off({"dream pop": 0}, {"shoegaze": 80}) == [("shoegaze", 0.4, "artist")]


# The listener's own files


def test_a_listeners_own_rules_go_before_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "aliases.txt").write_text(
        "# mine\n[part]\nshoegaze? => gaze\n[whole]\nkraut(rock)? => motorik\n", encoding="utf-8"
    )
    own = TagPipeline.from_files(tmp_path)
    assert own.name("Shoegaze") == "gaze"
    assert own.name("kraut") == "motorik"
    assert own.name("hiphop") == "hip-hop"


def test_a_listener_may_stop_further_words_and_take_shipped_ones_back(tmp_path: Path) -> None:
    (tmp_path / "stop_words.txt").write_text("jazz.*\n!awesome\n", encoding="utf-8")
    own = TagPipeline.from_files(tmp_path)
    assert own.name("jazzy") == ""
    assert own.name("awesome") == "awesome"
    assert own.name("seen live") == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[part]\nhip hop\n", "line 2"),
        ("hip hop => hip-hop\n", "line 1"),
        ("[part]\n(hip => hop\n", "no regular expression"),
        ("[whole]\nhip => \\2\n", "filled in"),
    ],
)
def test_a_line_that_can_not_be_understood_is_named(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "aliases.txt").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=why):
        TagPipeline.from_files(tmp_path)


def test_a_folder_without_either_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="neither"):
        TagPipeline.from_files(tmp_path)


# Properties

tags = st.one_of(st.sampled_from([*NAMES, *SAY_NOTHING, *KEPT]), st.text(max_size=12))


@given(tags)
def test_naming_a_name_changes_nothing(tag: str) -> None:
    name = default_pipeline().name(tag)
    assert default_pipeline().name(name) == name


@given(tags)
def test_case_and_separators_never_matter(tag: str) -> None:
    assert default_pipeline().name(f" {tag.replace(' ', '_')} ") == default_pipeline().name(
        tag.replace("_", " ")
    )


@given(st.lists(st.tuples(tags, st.integers(0, 100)), max_size=12), st.sampled_from(["", "Low"]))
def test_counts_stay_in_range_and_the_order_of_tags_does_not_matter(
    given_tags: list[tuple[str, int]], artist: str
) -> None:
    found = default_pipeline().normalise(given_tags, artist)
    assert all(0 <= count <= 100 for count in found.values())
    assert found == default_pipeline().normalise(given_tags[::-1], artist)


@given(
    st.lists(
        st.tuples(st.sampled_from(["low", "the who", "乾"]), tags, st.integers(0, 100)),
        max_size=20,
    )
)
def test_a_frame_of_many_owners_gives_what_each_owner_alone_does(
    rows: list[tuple[str, str, int]],
) -> None:
    frame = pd.DataFrame(rows, columns=["artist_key", "tag", "count"])
    found = default_pipeline().frame(frame, owner="artist_key", artist_keys=frame["artist_key"])
    alone = {
        (owner, name): count
        for owner in set(frame["artist_key"])
        for name, count in default_pipeline()
        .normalise(((t, c) for o, t, c in rows if o == owner), artist=owner)
        .items()
    }
    keys = zip(found["artist_key"], found["tag"], strict=True)
    assert dict(zip(keys, found["count"], strict=True)) == alone
