"""Tests that each sentence of a letter is true of the lake."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from smallhours.cli import app
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYS
from smallhours.listening.plays import month_of, plays_frame
from smallhours.playlist.explain.letter import (
    heading,
    letter_facts,
    sentences,
    week_before,
    year_of,
)
from smallhours.playlist.explain.names_in_words import number
from tests.web.lists import ME, NIGHT, add_list, add_reactions

DUBLIN = ZoneInfo("Europe/Dublin")
NAMES = [(f"Artist {at}", f"Title {at}") for at in range(8)]
DAYS = [NIGHT - dt.timedelta(days=ago) for ago in (7, 4, 1)]
IN_PROSE = {number(n): n for n in range(1, 40)}


def add_plays(lake: Lake, *rows: tuple[dt.datetime, str, int]) -> None:
    """Add plays: the first one's moment, the artist, and how many follow each other."""
    told = [
        {"played_at": at + dt.timedelta(minutes=5 * n), "artist": artist, "title": f"Song {n}"}
        for at, artist, times in rows
        for n in range(times)
    ]
    plays = plays_frame(told, source="lastfm")
    plays["month"] = month_of(plays["played_at"])
    lake.merge(PLAYS, plays, partition={"listener": ME})


def moment(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


def think(lake: Lake, night: dt.date, p_like: float) -> None:
    """Let the taste model say how probable it is that each pick of a night is liked."""
    where = {"listener": ME, "night": night.isoformat()}
    rows = lake.frame(RECOMMENDATIONS, where=where)
    rows["p_like"] = [p_like, *[0.5] * (len(rows) - 1)]
    lake.merge(RECOMMENDATIONS, rows.drop(columns=list(where)), partition=where)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return three lists of a week, which overlap, what was said of them, and plays around."""
    lake = Lake(str(tmp_path / "lake"))
    for at, day in enumerate(DAYS):
        keys = add_list(lake, day, NAMES[at : at + 5])
        add_reactions(lake, day, {keys[-1]: "played"})
    first = [f"{artist.casefold()} · {title.casefold()}" for artist, title in NAMES]
    add_reactions(lake, DAYS[0], {first[0]: "played", first[1]: "skipped", first[3]: "removed"})
    add_reactions(lake, DAYS[2], {first[6]: "saved"})
    think(lake, DAYS[0], 0.2)
    think(lake, DAYS[2], 0.9)
    add_plays(
        lake,
        (moment(NIGHT - dt.timedelta(days=300), 12), "Old Friend", 3),
        (moment(DAYS[0], 12), "Old Friend", 4),
        (moment(DAYS[1], 12), "Stranger", 2),
        (moment(DAYS[1], 18), "Passer-by", 1),
        (moment(NIGHT, 12), "Tomorrow's", 9),
    )
    return lake


def test_every_number_is_the_lakes(lake: Lake) -> None:
    first, last = week_before(NIGHT)
    told = " ".join(sentences(letter_facts(lake, ME, DUBLIN, first, last)))

    feedback = lake.frame(FEEDBACK)
    plays = lake.frame(PLAYS)
    days = plays["played_at"].dt.tz_convert(DUBLIN).dt.date
    mine = plays[(days >= first) & (days <= last)]
    said = feedback.groupby("reaction")["track_key"].nunique()
    expected = {
        r"heard out (\w+) of": said["played"],
        r"of the three lists' (\w+)": 7,
        r"saved (\w+),": said["saved"],
        r"skipped (\w+)": said["skipped"],
        r"removed (\w+)": said["removed"],
        r"You played (\w+) tracks": mine["track_key"].nunique(),
        r"tracks by (\w+) artists": mine["artist"].nunique(),
        r"artists: (\w+) plays": len(mine),
        r"(\w+) of them of Old Friend": (mine["artist"] == "Old Friend").sum(),
        r"Stranger \((\w+) plays\)": (mine["artist"] == "Stranger").sum(),
    }
    for pattern, count in expected.items():
        found = re.search(pattern, told)
        assert found, (pattern, told)
        assert IN_PROSE[found[1]] == count, (pattern, told)
    assert "You saved Artist 6 – Title 6." in told
    assert "Passer-by" not in told  # one play is no news
    assert "Tomorrow's" not in told


def test_a_change_of_the_models_mind_is_that_of_its_nights(lake: Lake) -> None:
    keys = {name: f"{name[0].casefold()} · {name[1].casefold()}" for name in NAMES}
    changed = letter_facts(lake, ME, DUBLIN, *week_before(NIGHT)).opinions

    for opinion in changed:
        key = keys[tuple(opinion.name.split(" – "))]  # type: ignore[index]
        for night, said in ((DAYS[0], opinion.before), (DAYS[2], opinion.now)):
            rows = lake.frame(RECOMMENDATIONS, where={"listener": ME, "night": str(night)})
            (p_like,) = rows.loc[rows["track_key"] == key, "p_like"]
            assert said == pytest.approx(p_like)
    assert [each.now > each.before for each in changed] == [True]


def test_a_year_counts_what_its_weeks_do_not(lake: Lake) -> None:
    facts = letter_facts(lake, ME, DUBLIN, *year_of(2026))

    assert heading(facts) == "Your year 2026"
    assert facts.plays == len(lake.frame(PLAYS))
    assert facts.new_artists == {}  # nothing was played before


def test_without_anything_the_letter_says_so(tmp_path: Path) -> None:
    facts = letter_facts(Lake(str(tmp_path)), ME, DUBLIN, *week_before(NIGHT))

    assert sentences(facts) == ["Nothing was played, and there was no list."]


def test_the_command_prints_it_or_writes_a_file(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "smallhours.toml"
    settings.write_text(f'[listeners.{ME}]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n')
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(settings))
    monkeypatch.setenv("SMALLHOURS_LAKE", lake.url)
    facts = letter_facts(lake, ME, DUBLIN, *week_before(NIGHT))

    printed = CliRunner().invoke(app, ["letter", "--night", str(NIGHT)])
    CliRunner().invoke(app, ["letter", "--year", "2026", "--out", str(tmp_path / "year.txt")])

    assert printed.exit_code == 0, printed.output
    assert " ".join(printed.output.split()) == " ".join([heading(facts), *sentences(facts)])
    assert CliRunner().invoke(app, ["letter"]).output.startswith("Your week, ")
    assert max(map(len, printed.output.splitlines())) <= 80
    assert (tmp_path / "year.txt").read_text().startswith("Your year 2026\n")
