"""Tests that `smallhours init` turns three answers into a working settings file."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from smallhours.cli import app
from smallhours.errors import SettingsError
from smallhours.settings import load_settings


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "smallhours.toml"
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(place))
    monkeypatch.delenv("SMALLHOURS_LAKE", raising=False)
    return place


def test_three_answers_make_a_valid_file(path: Path) -> None:
    ended = CliRunner().invoke(app, ["init"], input='od"d\n\nEurope/Lisbon\nn\n')

    assert ended.exit_code == 0, ended.output
    found = load_settings(path).listener("me")
    assert (found.lastfm, found.timezone, found.spotify) == ('od"d', "Europe/Lisbon", False)
    assert "smallhours login lastfm" in ended.output
    assert "login spotify" not in ended.output


def test_listenbrainz_alone_and_no_account_at_all_are_histories_too(path: Path) -> None:
    ended = CliRunner().invoke(app, ["init"], input="\nada\nEurope/Lisbon\nn\n")

    found = load_settings(path).listener("me")
    assert (found.lastfm, found.listenbrainz) == ("", "ada")
    assert "login listenbrainz" in ended.output
    assert "login lastfm" not in ended.output
    path.unlink()

    ended = CliRunner().invoke(app, ["init"], input="\n\nEurope/Lisbon\ny\nLow, Slowdive\n")

    found = load_settings(path).listener("me")
    assert (found.spotify, found.favourite_artists) == (True, ("Low", "Slowdive"))
    assert "smallhours import-history" in ended.output


def test_options_answer_without_asking(path: Path) -> None:
    arguments = ["--lastfm-user", "ada", "--timezone", "Europe/Dublin", "--spotify"]

    assert CliRunner().invoke(app, ["init", *arguments]).exit_code == 0
    assert load_settings(path).listener("me").spotify


def test_artists_are_named_by_an_option_too(path: Path) -> None:
    arguments = ["--timezone", "UTC", "--no-spotify", "--artists", 'Earth, Wind & Fire; "Low"']

    ended = CliRunner().invoke(app, ["init", *arguments], input="\n\n")

    assert ended.exit_code == 0, ended.output
    assert load_settings(path).listener("me").favourite_artists == ("Earth, Wind & Fire", '"Low"')


@pytest.mark.parametrize(
    "address", ["https://www.last.fm/user/ada", "www.last.fm/user/ada/", "last.fm/user/ada"]
)
def test_the_address_of_a_profile_is_no_name(path: Path, address: str) -> None:
    answers = f"{address}\nada\n\nEurope/Dublin\ny\n"
    ended = CliRunner().invoke(app, ["init"], input=answers)

    assert "write the name in it, such as 'ada'" in " ".join(ended.output.split())
    assert load_settings(path).listener("me").lastfm == "ada"


def test_a_wrong_option_is_noticed_before_anything_is_asked(path: Path) -> None:
    ended = CliRunner().invoke(app, ["init", "--name", "Bob Smith"], input="ada\n\nUTC\ny\n")

    assert isinstance(ended.exception, SettingsError)
    assert ended.output == ""
    assert not path.exists()


def test_a_wrong_answer_is_asked_for_again(path: Path) -> None:
    answers = "ada\nada\nEurope/Dubln\nEurope/Dublin\ny\n"
    ended = CliRunner().invoke(app, ["init"], input=answers)

    assert "did you mean 'Europe/Dublin'?" in ended.output
    assert load_settings(path).listener("me").timezone == "Europe/Dublin"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--name", "my self"),
        ("--name", ""),
        ("--name", "a]\nb"),
        ("--timezone", "Europe/Dubln"),
        ("--lastfm-user", "a\nb"),
    ],
)
def test_a_wrong_option_writes_nothing(path: Path, option: str, value: str) -> None:
    right = {"--lastfm-user": "ada", "--timezone": "UTC", option: value}
    arguments = [text for pair in right.items() for text in pair]
    ended = CliRunner().invoke(app, ["init", "--spotify", *arguments])

    assert isinstance(ended.exception, SettingsError)
    assert not path.exists()


@pytest.mark.parametrize("user", ['od"d', "back\\slash", "Ünï ☾"])
def test_whatever_somebody_is_called_comes_back_from_the_file(path: Path, user: str) -> None:
    arguments = ["--lastfm-user", user, "--timezone", "UTC", "--no-spotify"]

    assert CliRunner().invoke(app, ["init", *arguments]).exit_code == 0
    assert load_settings(path).listener("me").lastfm == user


def test_an_existing_file_stays(path: Path) -> None:
    text = '[listeners.me]\nlastfm_user = "ada"\ntimezone = "UTC"\n'
    path.write_text(text, encoding="utf-8")

    ended = CliRunner().invoke(app, ["init"])

    assert "nothing was changed" in ended.output
    assert path.read_text(encoding="utf-8") == text
