"""Tests of the letters of every script, and of the marks that make words or are left out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.support.script_words import SCRIPTS
from smallhours.identity import identify, is_named, is_typed_alike, normalise


@pytest.mark.parametrize("script", SCRIPTS)
def test_marks_belong_to_their_letters_and_optional_ones_go(script: str) -> None:
    (one, other), *spellings = SCRIPTS[script]
    assert normalise(one) != normalise(other)
    for written, plain in spellings:
        assert normalise(written) == normalise(plain)
        assert identify(written, written).track_key == identify(plain, plain).track_key


@given(st.text(st.characters(categories=("Lo", "Mn", "Mc", "Nd", "Zs")), min_size=1))
def test_every_script_is_stable_in_every_form(name: str) -> None:
    key = normalise(name)
    assert normalise(key) == key
    assert normalise(unicodedata.normalize("NFD", name)) == key


@given(
    st.text(st.characters(categories=["L"]), min_size=1),
    st.sampled_from("\u200b\u200d\u00ad\ufeff\u2060\ufe0f\u034f\x00"),
)
def test_what_has_no_shape_leaves_no_blank(name: str, invisible: str) -> None:
    assert normalise(name[:1] + invisible + name[1:]) == normalise(name)


@pytest.mark.parametrize("sign", "'’‘`´′ʹʻʼʽʾʿ‛\u2035\u055a\uff07")
def test_apostrophes_of_every_kind_are_one(sign: str) -> None:
    assert identify("Guns N' Roses", "Don't Cry") == identify(
        f"Guns N{sign} Roses", f"Don{sign}t Cry"
    )


def test_digits_of_every_script_are_the_same_numbers() -> None:
    assert normalise("٣") == normalise("३") == normalise("３") == "3"


@pytest.mark.parametrize("blank", ["\u200b", "\u3164", "\ufe0f", "\u00ad\u2060", " \t\u00a0"])
def test_a_name_without_a_shape_is_no_name(blank: str) -> None:
    assert not is_named(blank)


@pytest.mark.parametrize(
    "typed",
    ["Can’t stand", "CAN'T STAND", "Can't\u00a0stand", "Can&#39;t stand", " Can't  stand\ufe0f "],
)
def test_a_playlist_is_found_by_its_name_however_it_is_typed(typed: str) -> None:
    assert is_typed_alike("Can't stand", typed)
    assert is_typed_alike(
        "Café – R&B “no” ❤", unicodedata.normalize("NFD", 'Café - R&amp;B "no" ❤️')
    )


def test_another_playlists_name_is_not_typed_alike() -> None:
    assert not is_typed_alike("Can't stand", "Can't stand!")
    assert not is_typed_alike("👎", "👍")
    assert not is_typed_alike("Café", "Cafe")
