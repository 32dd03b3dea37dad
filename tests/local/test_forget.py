"""Of a listener who is forgotten no file and no name of a file tells, and the others stay."""

import datetime as dt
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from smallhours.lake.list_tables import METRICS, RECOMMENDATIONS
from smallhours.lake.migrations import prepare as prepare_lake
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY
from smallhours.local.airflow import AirflowHome, LocalAirflow
from smallhours.local.forget import SERVICES, _names_of, _pattern_of, unnamed_listeners
from smallhours.local.running import hold_home
from smallhours.orchestration import get_provider_info
from smallhours.settings import load_settings

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=7)]

GONE, USER, SECRET = "ada", "Zeb_Fm", "key-0123456789"
SETTINGS = f"""\
# The family's.
[listeners.{GONE}]
lastfm_user = "{USER}"
listenbrainz = "Zeb_Lb"
timezone = "Europe/Dublin"

[listeners.{GONE}.playlist]
name = "Mornings"

[listeners.ada-2]
lastfm_user = "other_fm"
timezone = "Europe/Dublin"
"""
FILL = f"""
from airflow.models.connection import Connection
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.variable import Variable
from airflow.utils.session import create_session

with create_session() as session:
    for name in ("ada-2", "{GONE}"):
        for service in {SERVICES}:
            session.add(Connection(f"{{service}}_{{name}}", service, password="{SECRET}"))
        session.add(DagRun("write_playlist", run_id=f"night__{{name}}", run_type="manual",
                           conf={{"listener": name}}, partition_key=f"{{name}}@2026-11-02"))
        session.add(Log("trigger", extra='{{"conf": "' + name + '@2026-11-02"}}'))
    session.add(DagRun("sync_listening", run_id="night__all", run_type="manual", conf={{}}))
for name in ("ada-2", "{GONE}"):
    Variable.set(f"smallhours_spotify_token_{{name}}", {{"refresh_token": "{SECRET}"}},
                 serialize_json=True)
"""
# The name, but not in `ada-2`, who stays.
TOLD = re.compile(rb"ada(?![a-z0-9_-])|Zeb_Fm|Zeb_Lb")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with two listeners, of whom everything is stored; tests copy it."""
    tmp_path = tmp_path_factory.mktemp("filled")
    (tmp_path / "smallhours.toml").write_text(SETTINGS)
    lake = Lake(str(tmp_path / "data"))
    prepare_lake(lake)
    for name in ("ada-2", GONE):
        library = {
            "source": "lastfm", "signal": "loved", "time_range": "", "track_key": "k",
            "artist": "A", "title": "T",
            "rank": None, "spotify_id": None, "isrc": None, "added_at": None,
            "first_seen": dt.date(2026, 11, 1), "last_seen": dt.date(2026, 11, 2),
        }  # fmt: skip
        with lake.files.lock(f"publishing/{name}"):
            lake.merge(LIBRARY, pd.DataFrame([library]), partition={"listener": name})
        figure = {
            "night": dt.date(2026, 11, 2), "listener": name, "subject": "taste", "metric": "auc",
            "value": 0.5, "low": None, "high": None, "baseline": None, "n": None,
        }  # fmt: skip
        lake.merge(METRICS, pd.DataFrame([figure]), partition={"month": "2026-11"})
        lake.files.replace(f"models/{name}/taste/current.json", b"{}")
    logs = tmp_path / ".airflow" / "logs"
    for name in ("ada-2", GONE):
        log = logs / "dag_id=write_playlist" / f"run_id=night__{name}" / "attempt=1.log"
        log.parent.mkdir(parents=True)
        log.write_text(f"rank_candidates for {name}, night 2026-11-02\n")
    (logs / "parts.log").write_text(f"asked for {USER}\n")
    (logs / "listens.log").write_text("asked for Zeb_Lb\n")
    fill(tmp_path)
    return tmp_path


def fill(folder: Path) -> None:
    """Prepare Airflow's database as `up` does, and store all of both listeners in it."""
    home = AirflowHome(folder / ".airflow", 8080, folder / "smallhours.toml")
    with LocalAirflow(home, home.environment()) as airflow:
        airflow.prepare()
        subprocess.run([sys.executable, "-c", FILL], cwd=folder, env=airflow.env, check=True)


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


def left(folder: Path) -> list[str]:
    """The connections and the runs that Airflow's database holds."""
    with closing(sqlite3.connect(folder / ".airflow" / "airflow.db")) as database:
        return [
            name
            for table, column in (("connection", "conn_id"), ("dag_run", "run_id"))
            for (name,) in database.execute(f"SELECT {column} FROM {table} ORDER BY {column}")  # noqa: S608
        ]


def forget(folder: Path, *arguments: str, answer: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "smallhours", "forget", *arguments],
        cwd=folder,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "SMALLHOURS"))
        },
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def traces(folder: Path) -> list[str]:
    """Files and folders that tell of the listener, by name or by content."""
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if TOLD.search(str(path.relative_to(folder)).encode())
        or (path.is_file() and TOLD.search(path.read_bytes()))
    ]


def test_nothing_is_left_of_them_and_everything_of_the_others(folder: Path) -> None:
    assert len(traces(folder)) > 8
    ada = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "ada-2" in str(path) and ".locks" not in path.parts
    }

    # Asked first, and not while Airflow runs.
    code, said = forget(folder, GONE, answer="n\n")
    assert code == 1
    assert "can't be had back" in said
    with hold_home(folder / ".airflow"):
        code, said = forget(folder, GONE, "--yes")
    assert code == 1
    assert "runs in" in said
    assert len(traces(folder)) > 8

    code, said = forget(folder, GONE, "--yes")

    assert code == 0, said
    assert traces(folder) == []
    assert all(path.read_bytes() == content for path, content in ada.items())
    lake = Lake(str(folder / "data"))
    assert set(lake.frame(METRICS)["listener"]) == {"ada-2"}
    assert len(lake.frame(LIBRARY)) == 1
    assert lake.partitions(RECOMMENDATIONS) == []
    assert left(folder) == [
        *(f"{service}_ada-2" for service in SERVICES),
        "night__ada-2",
        "night__all",
    ]
    kept, _, rest = SETTINGS.partition("[listeners.ada]")
    assert (folder / "smallhours.toml").read_text() == kept + rest[
        rest.index("[listeners.ada-2]") :
    ]
    code, said = forget(folder, GONE, "--yes")
    assert code == 1
    assert "Known listeners: ada-2." in said


def test_a_new_name_for_a_section_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALLHOURS_LAKE", str(tmp_path / "data"))
    path = tmp_path / "smallhours.toml"
    path.write_text(SETTINGS)
    Lake(str(tmp_path / "data")).files.replace(f"library/listener={GONE}/part.parquet", b"")
    assert unnamed_listeners(load_settings(path)) is None

    path.write_text(SETTINGS.replace(f"listeners.{GONE}", "listeners.eve"))

    said = str(unnamed_listeners(load_settings(path)))
    assert f"The lake has data of {GONE}, and the settings name no such listener." in said
    assert "can't be renamed" in said
    assert f"smallhours forget {GONE}" in said


def test_who_has_no_account_at_a_service_is_told_from_everybody(tmp_path: Path) -> None:
    path = tmp_path / "smallhours.toml"
    path.write_text('[listeners.ada]\nlistenbrainz = "zeb"\ntimezone = "Europe/Dublin"\n')
    names = _names_of("ada", load_settings(path))

    assert names == ["ada", "zeb"]
    assert not _pattern_of(names).search("of nobody: lastfm_, spotify_")
    assert _pattern_of(names).search("the connection listenbrainz_ada")


def test_every_type_of_connection_is_forgotten() -> None:
    types = {each["connection-type"] for each in get_provider_info()["connection-types"]}
    assert types <= set(SERVICES)


def test_a_section_written_in_another_way_is_told(folder: Path) -> None:
    path = folder / "smallhours.toml"
    text = f"""\
listeners.ada-2 = {{ lastfm_user = "other_fm", timezone = "Europe/Dublin" }}
listeners.{GONE} = {{ lastfm = "{USER}", listenbrainz = "Zeb_Lb", timezone = "Europe/Dublin" }}
"""
    path.write_text(text)

    code, said = forget(folder, GONE, "--yes")

    assert code == 0, said
    assert f"still names {GONE}, on line 2: remove the section by hand" in said
    assert path.read_text() == text
    assert traces(folder) == [str(path)]
