"""Tests of the settings of the main playlist and of further ones."""

import re
from pathlib import Path
from typing import Any

import pytest

from smallhours.errors import SettingsError
from smallhours.listener_settings import EXAMPLE_NAMES, ListenerSettings
from smallhours.settings import parse_settings

SUNDAYS = {"kind": "time_of_day", "hours": [6, 11], "days": ["sunday"]}


def listener(intents: dict[str, Any], **playlist: Any) -> ListenerSettings:
    me = {"lastfm_user": "x", "timezone": "UTC", "intents": intents, "playlist": playlist}
    return parse_settings({"listeners": {"me": me}}, origin="smallhours.toml").listener("me")


def test_the_main_playlist_comes_first_and_the_others_as_in_the_file() -> None:
    me = listener({"z": {"kind": "deep_cuts"}, "a": {"kind": "forgotten"}})
    assert list(me.playlists) == ["main", "z", "a"]


def test_an_intent_has_the_main_wishes_but_for_its_own() -> None:
    playlist_settings = listener(
        {"sunday-mornings": {**SUNDAYS, "size": 5}}, artist_cap=1
    ).playlists
    assert playlist_settings["sunday-mornings"].name == "Smallhours: Sunday mornings"
    assert playlist_settings["sunday-mornings"].artist_cap == 1
    assert (
        playlist_settings["sunday-mornings"].size,
        playlist_settings["sunday-mornings"].shortest,
    ) == (5, 5)


def test_what_is_blocked_is_blocked_everywhere() -> None:
    me = listener({"a": {**SUNDAYS, "blocked_tags": ["polka"]}}, blocked_tags=["metal"])
    assert me.playlists["a"].blocked_tags == ("metal", "polka")


def test_only_what_plays_old_favourites_plays_what_was_heard() -> None:
    playlist_settings = listener({"old": {"kind": "forgotten"}, "a": SUNDAYS}).playlists
    assert [each.not_played_days for each in playlist_settings.values()] == [None, 180, None]


@pytest.mark.parametrize(
    ("intents", "said"),
    [
        ({"a": {}}, "`listeners.me.intents.a.kind` is missing"),
        ({"a": {"kind": "mod"}}, r"`listeners.me.intents.a.kind`: known here: 'mood'"),
        ({"a": {"kind": "mood", "sound": {"energy": [0.5, 0.2]}}}, r"lower end \(0.5\) is above"),
        ({"a": {**SUNDAYS, "diversty": 1}}, "did you mean `diversity`"),
        ({"a": {**SUNDAYS, "size": 4, "shortest": 5}}, r"`intents.a`: `shortest` \(5\) is more"),
        ({"a": {**SUNDAYS, "name": "x"}, "b": {**SUNDAYS, "name": "x"}}, "is called 'x'"),
        ({"main": SUNDAYS}, "`main` is the playlist itself"),
        ({"a": {**SUNDAYS, "blocked_tracks": ["Alison"]}}, "not of the form `Artist - Title`"),
    ],
)
def test_a_wrong_wish_is_named(intents: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        listener(intents)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {"size": 40},
            r"`listeners.me.size` is not a .* below the line `\[listeners.me.playlist\]`",
        ),
        ({"places": []}, r"below the line `\[listeners.me.publishing\]`"),
        (
            {"lastfm": "your-lastfm-name"},
            "'your-lastfm-name' is the example's; write your own name",
        ),
    ],
)
def test_a_slip_of_who_copied_the_example_is_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_settings(
            {"listeners": {"me": {"timezone": "UTC", **content}}}, origin="smallhours.toml"
        )


def test_the_examples_names_are_no_ones() -> None:
    root = Path(__file__).parents[1]
    for path in (root / "smallhours.example.toml", root / "docs" / "settings.md"):
        named = re.findall(r'(?:lastfm|listenbrainz) = "([^"]+)"', path.read_text(encoding="utf-8"))
        assert named
        assert set(named) <= EXAMPLE_NAMES
