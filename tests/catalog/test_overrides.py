"""Tests of the listener's own file of Spotify tracks."""

from pathlib import Path

import pytest

from smallhours.catalog.overrides import Overrides, read_overrides
from smallhours.errors import SettingsError

ID = "2NnMuUpPFyRMPT4fVpnYPU"


def written(folder: Path, text: str) -> Path:
    path = folder / "overrides.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_nothing_is_decided() -> None:
    assert read_overrides(None) == Overrides()


@pytest.mark.parametrize(
    "value",
    [
        ID,
        f"spotify:track:{ID}",
        f"https://open.spotify.com/track/{ID}",
        f"https://open.spotify.com/intl-de/track/{ID}?si=0123456789abcdef",
    ],
)
def test_a_track_is_named_as_spotify_shares_it(value: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'# mine\n["Slowdive"]\n"Alison" = "{value}"\n')
    assert read_overrides(path).ids == {"slowdive · alison": ID}


def test_none_means_never(tmp_path: Path) -> None:
    overrides = read_overrides(written(tmp_path, '["Slowdive"]\n"Alison (Live)" = "None"\n'))
    assert overrides == Overrides(never=frozenset({"slowdive · alison · live"}))


def test_any_spelling_of_the_names_is_understood(tmp_path: Path) -> None:
    path = written(tmp_path, f'["sigur ros"]\n"SÆGLÓPUR - 2011 Remaster" = "{ID}"\n')
    assert read_overrides(path).ids == {"sigur ros · saeglopur": ID}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["Slowdive"]\n"Alison" = "spotify:album:2NnMuUpPFyRMPT4fVpnYPU"', "Slowdive – Alison"),
        ('["Slowdive"]\n"Alison" = 7', "no track of Spotify's"),
        ('"Alison" = "none"', "outside of any artist's table"),
        (f'["A"]\n"B" = "{ID}"\n"B (Remastered)" = "none"', "otherwise"),
        ('["A"', "not valid TOML"),
    ],
)
def test_a_mistake_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        read_overrides(written(tmp_path, text))


def test_a_missing_file_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no file of overrides"):
        read_overrides(tmp_path / "elsewhere.toml")
