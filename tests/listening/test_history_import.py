"""Tests of the import of Spotify's export over scrobbles: nothing is lost or doubled."""

import datetime as dt
import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smallhours.errors import LakeUnwritable, SettingsError
from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.history_import import import_history
from smallhours.listening.history_merge import unify
from smallhours.listening.plays import LASTFM, heard, load_plays_around, plays_frame, store
from smallhours.listening.stages import sync_recent_plays, sync_scrobbles
from smallhours.summary import Summary
from smallhours_sandbox.world import PlayLog
from tests.listening.formats.export_files import (
    FOLDER,
    SECRETS,
    extended_row,
    rows_of,
    write_json,
    write_zip,
)
from tests.service_fixtures import ServiceFixture

NOON = dt.datetime(2026, 10, 1, 12, 0, 0, tzinfo=dt.UTC)


def lived(household: ServiceFixture) -> PlayLog:
    """Return every play of the listener, skips too."""
    return household.sandbox.state.play_log("ada")


def lately(household: ServiceFixture) -> PlayLog:
    """Return the last of these plays, to keep the tests quick."""
    plays = lived(household)
    return plays.where(np.arange(len(plays)) >= len(plays) - 500)


def scrobbled_lately(household: ServiceFixture) -> PlayLog:
    return household.sandbox.state.world.scrobbled(lately(household))


def export_zip(household: ServiceFixture, folder: Path, plays: PlayLog, files: int = 3) -> Path:
    """Return the zip that Spotify would send, with podcasts, videos and private sessions."""
    rows = rows_of(household.sandbox.state.world, plays)
    size = len(rows) // files + 1
    others = [
        extended_row(NOON, 90_000, incognito_mode=True),
        extended_row(NOON, 90_000, master_metadata_track_name=None, episode_name="Four"),
    ]
    histories: dict[str, Any] = {
        f"{FOLDER}/Streaming_History_Audio_2026_{number}.json": rows[at : at + size]
        for number, at in enumerate(range(0, len(rows), size))
    }
    histories[f"{FOLDER}/Streaming_History_Audio_2026_{files}.json"] = others
    histories[f"{FOLDER}/Streaming_History_Video_2026.json"] = others
    return write_zip(folder / "my_spotify_data.zip", {**histories, f"{FOLDER}/ReadMe.pdf": b"%PDF"})


def imported(household: ServiceFixture, *paths: Path, **options: Any) -> Summary:
    return import_history(
        "default",
        household.lake,
        paths,
        settings=household.settings,
        night=household.night(),
        **options,
    )


def scrobbled(household: ServiceFixture, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store scrobbles in the lake without Last.fm."""
    plays = plays_frame(rows, source=LASTFM)
    since, until = plays["played_at"].min(), plays["played_at"].max() + dt.timedelta(seconds=1)
    stored = load_plays_around(household.lake, "default", since, until)
    unified = unify(stored, plays, source=LASTFM, since=since, until=until)
    store(household.lake, "default", stored, unified)


def scrobble_lately(household: ServiceFixture) -> None:
    world, log = household.sandbox.state.world, scrobbled_lately(household)
    rows = [
        {
            "played_at": dt.datetime.fromtimestamp(at, dt.UTC),
            "artist": world.artist_name[world.track_artist[track]],
            "title": world.lastfm_title(track),
        }
        for at, track in zip(log.at.tolist(), log.track.tolist(), strict=True)
    ]
    scrobbled(household, rows)


def synced(household: ServiceFixture) -> None:
    sync_scrobbles(
        "default",
        household.lake,
        household.lastfm,
        settings=household.settings,
        night=household.night(),
    )


def plays_of(household: ServiceFixture) -> pd.DataFrame:
    plays = household.lake.frame(PLAYS)
    return plays.assign(sources=plays["sources"].map(tuple))


def bytes_of(household: ServiceFixture) -> dict[str, bytes]:
    root = Path(household.lake.url)
    return {str(path): path.read_bytes() for path in root.rglob("*.parquet")}


def test_every_scrobble_is_joined_and_every_skip_is_added(
    household: ServiceFixture, tmp_path: Path
) -> None:
    synced(household)
    summary = imported(household, export_zip(household, tmp_path, lived(household)))
    truth, plays = lived(household), plays_of(household)
    scrobbled = household.sandbox.state.scrobbles("ada")
    assert len(plays) == len(truth) > len(scrobbled)
    assert plays["ms_played"].tolist() == truth.ms.tolist()
    assert plays["skipped"].tolist() == truth.skipped.tolist()
    assert (
        plays["played_at"]
        .dt.round("s")
        .astype("datetime64[s, UTC]")
        .astype("int64")
        .sub(truth.at)
        .abs()
        .max()
        <= 1
    )
    joined = plays[plays["sources"] == ("export", "lastfm")]
    assert joined["played_at"].astype("datetime64[s, UTC]").astype("int64").tolist() == (
        scrobbled.at.tolist()
    )
    assert set(plays["sources"]) == {("export", "lastfm"), ("export",)}
    assert plays["spotify_id"].notna().all()
    assert summary == {
        "files_read": 5,
        "plays_read": len(truth),
        "plays_added": len(truth) - len(scrobbled),
        "plays_joined": len(scrobbled),
        "private_sessions": 1,
        "podcasts": 1,
        "audiobooks": 0,
        "videos": 2,
        "unusable_rows": 0,
        "after_the_night": 0,
    }


def test_importing_again_writes_nothing(household: ServiceFixture, tmp_path: Path) -> None:
    scrobble_lately(household)
    archive = export_zip(household, tmp_path, lately(household))
    imported(household, archive)
    before = bytes_of(household)
    summary = imported(household, archive, archive)
    assert (summary["plays_added"], summary["plays_joined"]) == (0, 0)
    # The same rows, but cut into other files.
    imported(household, export_zip(household, tmp_path, lately(household), files=2))
    assert bytes_of(household) == before


def test_who_comes_first_makes_no_difference(household: ServiceFixture, tmp_path: Path) -> None:
    archive = export_zip(household, tmp_path, lately(household))
    scrobble_lately(household)
    imported(household, archive)
    one = plays_of(household)
    for part in household.lake.partitions(PLAYS):
        household.lake.replace(PLAYS, pd.DataFrame(), partition=part)
    assert plays_of(household).empty
    imported(household, archive)
    scrobble_lately(household)
    pd.testing.assert_frame_equal(plays_of(household), one)


def test_the_recent_plays_join_too(household: ServiceFixture, tmp_path: Path) -> None:
    imported(household, export_zip(household, tmp_path, lately(household)))
    sync_recent_plays(
        "default",
        household.lake,
        household.spotify,
        settings=household.settings,
        night=household.night(),
    )
    scrobble_lately(household)
    plays = plays_of(household)
    assert len(plays) == len(lately(household))
    assert sum("spotify" in names for names in plays["sources"]) == 50


def test_the_shorter_export_joins_and_gives_way_to_the_extended_one(
    household: ServiceFixture, tmp_path: Path
) -> None:
    rows = rows_of(household.sandbox.state.world, lately(household), account=True)
    account = write_json(tmp_path / "StreamingHistory_music_0.json", rows)
    scrobble_lately(household)
    imported(household, account)
    shorter = plays_of(household)
    scrobbled = scrobbled_lately(household)
    assert len(shorter) == len(lately(household))
    assert Counter(shorter["sources"])["export", "lastfm"] == len(scrobbled)
    archive = export_zip(household, tmp_path, lately(household))
    imported(household, archive)
    fuller = plays_of(household)
    assert fuller["reason_end"].notna().all()
    assert fuller["ms_played"].tolist() == lately(household).ms.tolist()
    before = bytes_of(household)
    imported(household, account)
    assert bytes_of(household) == before


@pytest.mark.parametrize(("apart_s", "month"), [(2, "2026-09"), (-2, "2026-10")])
@pytest.mark.parametrize("scrobble_first", [True, False])
def test_a_play_at_the_edge_of_a_month_is_one_in_the_month_of_its_scrobble(
    apart_s: int, month: str, scrobble_first: bool, household: ServiceFixture, tmp_path: Path
) -> None:
    midnight = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    at = midnight - dt.timedelta(seconds=apart_s / 2)
    ended_at = at + dt.timedelta(seconds=apart_s + 200)
    path = write_json(tmp_path / "endsong_0.json", [extended_row(ended_at, 200_000)])
    if scrobble_first:
        scrobbled(household, [{"played_at": at, "artist": "Slowdive", "title": "Alison"}])
    imported(household, path)
    if not scrobble_first:
        scrobbled(household, [{"played_at": at, "artist": "Slowdive", "title": "Alison"}])
    imported(household, path)
    plays = plays_of(household)
    assert plays["month"].tolist() == [month]
    assert plays["sources"].tolist() == [("export", "lastfm")]


class Unplugged(Disk):
    """A disk that fails from its n-th change of a partition on, counted from 0."""

    def __init__(self, before: int) -> None:
        self.left = before

    def rename(self, source: Path, target: Path) -> None:
        self._change()
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        if path.suffix == ".parquet":
            self._change()
        super().remove(path)

    def _change(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, "unplugged")


@pytest.mark.parametrize("cut_before", [0, 1])
@pytest.mark.parametrize("apart_s", [2, -2])
def test_a_write_that_is_cut_off_between_two_months_loses_and_doubles_nothing(
    cut_before: int, apart_s: int, household: ServiceFixture, tmp_path: Path
) -> None:
    midnight = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    at = midnight - dt.timedelta(seconds=apart_s / 2)
    ended_at = at + dt.timedelta(seconds=apart_s + 200)
    rows = [{"played_at": at, "artist": "Slowdive", "title": "Alison"}]
    imported(household, write_json(tmp_path / "endsong_0.json", [extended_row(ended_at, 200_000)]))
    whole = household.lake
    files = LocalFiles(Path(whole.url), disk=Unplugged(cut_before))
    household.lake = Lake(whole.url, files=files)
    with pytest.raises(LakeUnwritable):
        scrobbled(household, rows)
    household.lake = whole
    assert plays_of(household)["ms_played"].notna().any()
    scrobbled(household, rows)
    plays = plays_of(household)
    assert plays["sources"].tolist() == [("export", "lastfm")]
    assert plays["ms_played"].tolist() == [200_000]


def test_what_precedes_a_broken_file_is_kept(household: ServiceFixture, tmp_path: Path) -> None:
    rows = rows_of(household.sandbox.state.world, lately(household))[:300]
    good = write_json(tmp_path / "endsong_0.json", rows[:200])
    broken = write_json(tmp_path / "endsong_1.json", rows[200:])
    broken.write_text(broken.read_text()[:-20])
    with pytest.raises(SettingsError, match=r"endsong_1\.json"):
        imported(household, good, broken)
    assert len(plays_of(household)) == 299
    with pytest.raises(SettingsError, match=r"gone\.zip"):
        imported(household, write_json(broken, rows[200:]), tmp_path / "gone.zip")
    assert len(plays_of(household)) == 300


def test_nothing_about_the_person_is_stored_or_logged(
    household: ServiceFixture, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        imported(household, write_json(tmp_path / "endsong_0.json", [extended_row(NOON, 90_000)]))
    stored = b"".join(bytes_of(household).values())
    shown = plays_of(household).to_csv()
    assert not any(secret.encode() in stored for secret in SECRETS)
    assert not any(secret in caplog.text + shown for secret in SECRETS)


def test_what_ended_after_the_night_is_not_its_history(
    household: ServiceFixture, tmp_path: Path
) -> None:
    later = household.night().as_of + dt.timedelta(hours=1)
    path = write_json(tmp_path / "endsong_0.json", [extended_row(later, 90_000)])
    assert imported(household, path)["after_the_night"] == 1
    assert plays_of(household).empty


def test_a_glance_is_stored_but_is_not_heard(household: ServiceFixture, tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "endsong_0.json", [extended_row(NOON, 1_000), extended_row(NOON, 200_000)]
    )
    imported(household, path)
    plays = plays_of(household)
    assert plays["ms_played"].tolist() == [200_000, 1_000]
    assert heard(plays).tolist() == [True, False]


def test_a_stream_that_is_written_twice_is_one_play(
    household: ServiceFixture, tmp_path: Path
) -> None:
    seconds = dt.timedelta(seconds=1)
    rows = [
        extended_row(NOON, 200_000),
        extended_row(NOON + 2 * seconds, 200_000),
        extended_row(NOON + 200 * seconds, 200_000),  # heard again at once
        extended_row(NOON + 203 * seconds, 1_000),  # a glance, two seconds later
        extended_row(NOON + 205 * seconds, 1_000),
    ]
    imported(household, write_json(tmp_path / "endsong_0.json", rows))
    plays = plays_of(household)
    assert sorted(plays["ms_played"]) == [1_000, 1_000, 200_000, 200_000]
    again = write_json(tmp_path / "endsong_1.json", [extended_row(NOON + 3 * seconds, 200_000)])
    assert imported(household, again)["plays_added"] == 0


@pytest.mark.parametrize("unit", [1, 1000])
def test_what_was_heard_offline_and_sent_at_once_is_put_in_its_order(
    unit: int, household: ServiceFixture, tmp_path: Path
) -> None:
    def offline(title: str, minutes: int) -> dict[str, Any]:
        at = NOON - dt.timedelta(minutes=minutes)
        return extended_row(
            NOON, 200_000, master_metadata_track_name=title, offline=True,
            offline_timestamp=round(at.timestamp()) * unit, spotify_track_uri=None,
        )  # fmt: skip

    rows = [offline("Third", 60), offline("First", 90), offline("Second", 70)]
    path = write_json(tmp_path / "endsong_0.json", rows)
    imported(household, path)
    assert plays_of(household)["title"].tolist() == ["First", "Second", "Third"]
    assert plays_of(household)["played_at"].min() == NOON - dt.timedelta(minutes=90)
    assert imported(household, path)["plays_added"] == 0


def test_progress_ends_at_the_total(household: ServiceFixture, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    archive = export_zip(household, tmp_path, lately(household))
    imported(household, archive, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 0


def test_an_unknown_listener_is_refused_before_anything_is_read(
    household: ServiceFixture, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="no listener 'eve'"):
        import_history(
            "eve",
            household.lake,
            [tmp_path / "gone.zip"],
            settings=household.settings,
            night=household.night(),
        )
