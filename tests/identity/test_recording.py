"""Tests of the track key: names that it must join and names that it must keep apart."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smallhours.identity import SEPARATOR, identify, normalise, song_key_of
from tests.identity.golden import GOLDEN

NAMES = st.text(alphabet=st.characters(categories=("L", "N", "Zs")), min_size=1).filter(str.strip)
# Titles out of the words that matter, where random text would seldom meet one.
TELLING = """
    a the no little feat feat. ft. with With you live Live at remix mix dub acoustic demo edit
    version remaster 2011 mono from soundtrack cover pt. part ii two ( ) [ ] - – / ; & ! $ ' "
    Raven Sigur Rós 丸の内 Кино (live) (feat. you) (with Raven)
"""
WORDS = st.sampled_from(TELLING.split())
TITLES = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
VERSIONS = st.sampled_from(
    [
        "Live",
        "Live at the Roxy",
        "Four Tet Remix",
        "Acoustic",
        "Instrumental",
        "Demo",
        "Sped Up",
        "Slowed",
        "A Cappella",
        "Karaoke Version",
        "Re-Recorded",
        "Extended Mix",
        "Taylor's Version",
    ]
)
FORMS = st.sampled_from(["{} - {}", "{} ({})", "{} [{}]", "{} – {}", "{}（{}）"])
EDITIONS = st.sampled_from(
    ["2011 Remaster", "Remastered", "Mono", "Radio Edit", "Deluxe Edition", "Bonus Track"]
)


@pytest.mark.parametrize(("artist", "title", "key"), GOLDEN)
def test_real_titles_get_the_key_a_person_would_give(artist: str, title: str, key: str) -> None:
    assert identify(artist, title).track_key == key


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(set(GOLDEN)) == len(GOLDEN) >= 150


@given(st.text())
def test_a_normalised_name_is_stable_and_never_empty(name: str) -> None:
    once = normalise(name)
    assert once
    assert normalise(once) == once


@given(st.text() | TITLES, st.text() | TITLES)
def test_every_track_has_a_key_with_both_its_parts(artist: str, title: str) -> None:
    identity = identify(artist, title)
    parts = identity.track_key.split(SEPARATOR)
    assert len(parts) == (3 if identity.version else 2)
    assert all(parts)
    assert bool(identity.version) == bool(identity.label)
    assert song_key_of(identity.track_key) == SEPARATOR.join(parts[:2])


@given(NAMES | TITLES, NAMES | TITLES)
@example("Little Feat", "A (Feat) b")
def test_the_parts_of_a_key_mean_the_same_key(artist: str, title: str) -> None:
    identity = identify(artist, title)
    again = identify(identity.artist_key, identity.title_key)
    assert again.track_key == song_key_of(identity.track_key)


@given(NAMES, VERSIONS, FORMS)
def test_a_version_spelt_plainly_means_the_same_key(title: str, version: str, form: str) -> None:
    identity = identify("Someone", form.format(title, version))
    again = identify("someone", f"{identity.title_key} - {identity.version}")
    assert again.track_key == identity.track_key


@given(NAMES, VERSIONS, FORMS)
def test_another_recording_never_gets_the_studio_ones_key(
    title: str, version: str, form: str
) -> None:
    studio = identify("Someone", title)
    other = identify("Someone", form.format(title, version))
    assert other.track_key != studio.track_key
    assert other.label


@given(NAMES, VERSIONS, EDITIONS, FORMS, FORMS)
def test_an_edition_changes_nothing(
    title: str, version: str, edition: str, form: str, outer: str
) -> None:
    for name in (title, form.format(title, version)):
        assert identify("X", outer.format(name, edition)).track_key == identify("X", name).track_key


@given(TITLES, TITLES)
def test_case_is_no_difference(artist: str, title: str) -> None:
    key = identify(artist, title).track_key
    assert identify(artist.upper(), title.upper()).track_key == key
    assert identify(artist.lower(), title.lower()).track_key == key


@given(NAMES | TITLES, NAMES | TITLES, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_the_unicode_form_is_no_difference(artist: str, title: str, form: str) -> None:
    def written(name: str) -> str:
        return unicodedata.normalize(form, name)  # type: ignore[arg-type]

    key = identify(artist, title).track_key
    assert identify(written(artist), written(title)).track_key == key


@given(TITLES, TITLES, st.sampled_from([" ", "  ", "\t", "\u00a0", "\u3000"]))
def test_blanks_are_no_difference(artist: str, title: str, blank: str) -> None:
    key = identify(artist, title).track_key
    wide = identify(f" {artist.replace(' ', blank)}{blank}", title.replace(" ", blank))
    assert wide.track_key == key
