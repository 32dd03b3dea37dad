"""Tests that whatever stands in a settings file is taken, or refused in one short error."""

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from smallhours.catalog.overrides import read_overrides
from smallhours.errors import SettingsError
from smallhours.listener_settings import ListenerSettings
from smallhours.settings import Settings, parse_settings

ME = ("listeners", "me")
ODD = [
    None, "", " ", "x" * 100_000, "\x00", "a\nb", "{", "%", "☾", "://", "http://[", "http://a:b",
    "@hourly", 0, -1, 1.5, float("nan"), float("inf"), 10**30, True, [], ["a"], [1], {}, {"a": 1},
    dt.date(2026, 1, 1), dt.time(3, 30),
]  # fmt: skip


def keys_of(section: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        yield (*path, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, (*path, name))


def parsed(key: tuple[str, ...], value: object) -> Settings:
    content: dict[str, Any] = {"listeners": {"me": {"lastfm": "ada", "timezone": "UTC"}}}
    section = content
    for part in key[:-1]:
        section = section.setdefault(part, {})
    section[key[-1]] = value
    return parse_settings(content, origin="smallhours.toml")


KEYS = [*keys_of(Settings), *keys_of(ListenerSettings, ME)]


def refusal(key: tuple[str, ...], value: object) -> str:
    try:
        parsed(key, value)
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_odd_values_are_taken_or_refused_in_a_few_words(key: tuple[str, ...]) -> None:
    for value in ODD:
        if said := refusal(key, value):
            assert key[-1] in said, value
            assert len(said) < 1_000, value
            assert "pattern" not in said, value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("services.lastfm.timeout_s", "inf"),  # no socket waits so long
        ("services.spotify.timeout_s", "1e6"),
        ("services.spotify.api_url", "'http://['"),
        ("services.lastfm.api_url", "'http://a:b/'"),
        ("catalog.fresh_days", "99999999"),  # no date is so long ago
        ("catalog.seed_tracks", "99999999999999999999"),
        ("catalog.overrides_file", "''"),
        ("lake.url", "' '"),
        ("listeners.me.timezone", "['UTC']"),
        ("listeners.me.playlist.name", '"two\\nlines"'),
        ("listeners.me.playlist.not_again_nights", "99999999"),
    ],
)
def test_what_can_not_be_worked_with_is_refused(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=key.rpartition(".")[2]):
        parsed(tuple(key.split(".")), tomllib.loads(f"value = {value}")["value"])


def test_blanks_around_a_value_do_not_count() -> None:
    assert parsed((*ME, "lastfm"), " ada ").listener("me").lastfm == "ada"


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada lovelace")
    settings = parsed(("catalog", "overrides_file"), "~/mine.toml")
    assert settings.catalog.overrides_file == "/home/ada lovelace/mine.toml"


def test_overrides_that_are_a_folder_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't be read: Is a directory\."):
        read_overrides(tmp_path)
