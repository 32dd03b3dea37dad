"""Tests of changes to smallhours.toml: they keep its comments, are checked, and are whole."""

import tomllib
from pathlib import Path

import pytest

from smallhours.errors import SettingsError
from smallhours.settings import load_settings
from smallhours.settings_file import change_settings, load_usable_settings

WRITTEN = {
    "sections": '# mine\n[listeners.me]\ntimezone = "UTC"  # here\n'
    "[listeners.me.playlist]\nsize = 20\n",
    "inline": '# mine\n[listeners]\nme = { timezone = "UTC", playlist = { size = 20 } }\n',
    "dotted": '# mine\nlisteners.me.timezone = "UTC"\nlisteners.me.playlist.size = 20\n',
    "scattered": '# mine\n[listeners.me]\ntimezone = "UTC"\n[review]\nhours = 3\n'
    '[listeners.you]\ntimezone = "UTC"\n[listeners.me.playlist]\nsize = 20\n',
}
SIZE = ("listeners", "me", "playlist", "size")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "smallhours.toml"
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(path))
    return path


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
def test_keys_are_set_and_removed_however_the_file_is_written(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")

    change_settings({SIZE: 40, ("review", "hours"): 2, ("notices", "connection"): "phone"})
    assert load_settings().listener("me").playlist.size == 40
    change_settings({SIZE: None, ("review", "hours"): None, ("notices", "connection"): None})

    assert load_settings().listener("me").playlist.size == 30
    assert file.read_text(encoding="utf-8").startswith("# mine\n")


def test_comments_stay_where_they_are(file: Path) -> None:
    file.write_text(WRITTEN["sections"], encoding="utf-8")

    change_settings({SIZE: 40})

    changed = WRITTEN["sections"].replace("20", "40")
    assert file.read_text(encoding="utf-8") == changed


def test_a_wrong_value_is_refused_and_the_file_stays(file: Path) -> None:
    file.write_text(WRITTEN["sections"], encoding="utf-8")

    with pytest.raises(SettingsError, match=r"listeners\.me\.playlist\.size"):
        change_settings({SIZE: 0})

    assert file.read_text(encoding="utf-8") == WRITTEN["sections"]


@pytest.mark.parametrize(
    ("wrong", "key", "value"),
    [
        ("[listeners.me.playlist]\nsize = 0", SIZE, 0),
        ("[listeners.me.playlist]\nsize = 5", SIZE, 5),  # `shortest` is 10
        (
            "[listeners.me.intents.Calm]\nkind = 'mood'",
            ("listeners", "me", "intents", "Calm"),
            None,
        ),
        ("[listeners.me.publishing]\nplaces = ['listenbrainz']", None, None),
        ("[listeners.me.playlist]\nlenght = 3", ("listeners", "me", "playlist", "lenght"), 3),
        ("[schedule]\ncron = 'at night'", ("schedule", "cron"), "at night"),
        ("[shedule]\ncron = '@daily'", ("shedule", "cron"), "@daily"),
        ("[listeners.you]\ntimezone = 'Dublin'", ("listeners", "you", "timezone"), "Dublin"),
    ],
)
def test_what_is_right_in_a_wrong_file_can_be_used(
    wrong: str, key: tuple[str, ...] | None, value: object, file: Path
) -> None:
    file.write_text(f'[listeners.me]\ntimezone = "Asia/Tokyo"\n{wrong}\n', encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        load_settings()

    usable = load_usable_settings()

    assert usable.settings.listener("me").timezone == "Asia/Tokyo"
    assert usable.settings.listener("me").playlist.size == 30
    assert str(usable.error) == str(told.value)
    if value is not None:
        assert usable.wrong == {key: value}


@pytest.mark.parametrize(
    "text",
    [
        "listeners = 3",
        "[listeners]\nme = 3",
        "",
        '[lake]\nurl = 3\n[listeners.me]\ntimezone = "UTC"',
    ],
)
def test_a_file_that_names_no_listener_or_no_lake_is_not_used(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError):
        load_usable_settings()


def test_a_file_that_cannot_be_written_gives_the_lines_to_paste(file: Path) -> None:
    file.write_text(WRITTEN["sections"], encoding="utf-8")
    file.with_name(f".{file.name}.part").mkdir()  # not even root can write a file there

    with pytest.raises(SettingsError) as caught:
        change_settings({SIZE: 40, ("schedule", "cron"): "0 4 * * *"})

    lines = caught.value.remedy.partition("\n\n")[2]
    assert tomllib.loads(lines)["listeners"]["me"]["playlist"] == {"size": 40}
    assert file.read_text(encoding="utf-8") == WRITTEN["sections"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('favourite_artists = "Ride"', "favourite_artists`: write a list in square brackets, such"),
        ('spotify = "nope"', "spotify`: write true or false"),
        ("playlist.size = 12.5", "playlist.size`: write a whole number"),
        ("playlist.name = 7", "playlist.name`: write a text in quotes"),
        ("timezone = Europe/Dublin", 'a text stands in quotes, such as timezone = "Europe/Dublin"'),
    ],
)
def test_a_value_of_another_kind_is_told_what_to_write(
    line: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "smallhours.toml"
    path.write_text(f"[listeners.me]\n{line}\n")
    with pytest.raises(SettingsError) as refused:
        load_settings(path)
    assert told in str(refused.value)
