"""Nobody else on the machine can read a key or a login, whichever command came first."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from smallhours.local.airflow import AirflowHome, LocalAirflow
from smallhours.local.home_files import make_home, own_fernet_key
from smallhours.private_files import open_to_others
from tests.airflow_home import AirflowInstall, airflow_install
from tests.cli.test_login import Terminal, address_shown

__all__ = ["airflow_install"]

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

KEY = "5a4d" * 8
CLIENT_SECRET = "sandbox-secret"
REFRESH_TOKEN = "refresh-token-from-before"
TYPED = "typed-into-airflows-page"
RENEWED = "renewed-refresh-token"
SECRETS = (KEY, CLIENT_SECRET, TYPED, RENEWED, REFRESH_TOKEN)

# An earlier version: Airflow has no key yet, and a first login is replaced by a second.
STORE_IN_CLEAR = f"""
import json

from airflow.models.connection import Connection
from airflow.models.variable import Variable
from airflow.settings import get_engine
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from sqlalchemy import delete, event, update


@event.listens_for(get_engine(), "connect")
def leave_what_is_deleted(connection, _record):
    connection.execute("PRAGMA secure_delete = OFF")


upgradedb()
with create_session() as session:
    for number in range(20):
        session.add(Connection(conn_id=f"old{{number}}", conn_type="x", password="{TYPED}" * 99))
    extra = json.dumps({{"refresh_token": "{REFRESH_TOKEN}"}})
    session.add(Connection(
        "spotify_ada", "spotify", login="app", password="{CLIENT_SECRET}", extra=extra
    ))
    session.add(Connection("lastfm_ada", "lastfm", password="{KEY}"))
    session.add(Connection("not_json", "http"))
    session.flush()
    rows = update(Connection).where(Connection.conn_id == "not_json")
    session.execute(rows.values(extra="{RENEWED}"))
with create_session() as session:
    session.execute(delete(Connection).where(Connection.conn_type == "x"))
Variable.set("smallhours_spotify_token_ada", {{"refresh_token": "{RENEWED}"}}, serialize_json=True)
"""
READ = """
from smallhours.orchestration.connections import AirflowSecrets
from smallhours.orchestration.connections import read_variable

found = AirflowSecrets()
kept = read_variable("smallhours_spotify_token_ada") or {}
told = found.lastfm("ada").api_key, found.spotify("ada").refresh_token, kept.get("refresh_token")
"""
TELL = "print(*told)"

READ_LASTFM = """
from smallhours.orchestration.connections import AirflowSecrets

print(AirflowSecrets().lastfm("ada").api_key)
"""


@pytest.fixture
def person(
    airflow_install: AirflowInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """Who has just written `smallhours.toml`: nothing of Airflow's is set, and no home is there."""
    del airflow_install
    for name in [each for each in os.environ if each.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SMALLHOURS_LAKE")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    made = Terminal(tmp_path)
    yield made
    os.umask(before)
    made.end()


def airflow_of(person: Terminal) -> LocalAirflow:
    """The Airflow that `up` runs; whoever asks gets in without a password."""
    home = AirflowHome(
        person.home / ".airflow", 8080, person.home / "smallhours.toml", open_to_all=True
    )
    return LocalAirflow(home, home.environment())


def run(program: str, airflow: LocalAirflow, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**airflow.env, **env},
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1] if done.stdout else ""


@pytest.fixture(scope="module")
def earlier_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Airflow home of an earlier version, which stored logins in clear; tests copy it."""
    folder = tmp_path_factory.mktemp("earlier")
    home = AirflowHome(folder / ".airflow", 8080, folder / "smallhours.toml", open_to_all=True)
    home.folder.mkdir(mode=0o755)
    run(STORE_IN_CLEAR, LocalAirflow(home, home.environment()))
    return home.folder


def content(folder: Path) -> bytes:
    """What all files below a folder hold."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def in_clear(folder: Path) -> set[str]:
    """The secrets that some file below a folder holds as they are."""
    held = content(folder)
    return {secret for secret in SECRETS if secret.encode() in held}


def log_in_to_spotify(person: Terminal) -> None:
    process = person.start("login", "spotify", "--paste")
    assert process.stdin is not None
    process.stdin.write(f"sandbox-client\n{CLIENT_SECRET}\n")
    process.stdin.flush()
    reply = requests.get(address_shown(process), timeout=10, allow_redirects=False)
    shown, _ = process.communicate(f"{reply.headers['location']}\n", timeout=120)
    assert process.returncode == 0, shown
    assert "Logged in as" in shown


def table(person: Terminal, name: str) -> list[dict[str, object]]:
    with sqlite3.connect(person.home / ".airflow" / "airflow.db") as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(f"select * from {name}")]  # noqa: S608
    database.close()
    return rows


def test_logins_before_the_first_start_are_encrypted_and_private(person: Terminal) -> None:
    code, shown = person.run("login", "lastfm", answers=f"{KEY}\n")
    assert code == 0, shown
    assert "[info" not in shown.lower(), shown  # the database is made without a word
    log_in_to_spotify(person)
    code, shown = person.run("sync-scrobbles")
    assert code == 0, shown
    home, lake = person.home / ".airflow", person.home / "data"
    assert in_clear(home) | in_clear(lake) == set()
    assert open_to_others(home) + open_to_others(lake) == []

    with airflow_of(person) as airflow:
        assert airflow.prepare() == []  # nothing was in clear
        before = content(home)
        renew = f"found.store_refresh_token('ada', '{RENEWED}')\n"
        key, token, _ = run(READ + renew + TELL, airflow).split()
        assert token.encode() not in before

    assert key == KEY
    assert {row["conn_id"] for row in table(person, "connection")} == {"lastfm_ada", "spotify_ada"}
    assert all(row["is_encrypted"] for row in table(person, "variable"))
    assert in_clear(home) | in_clear(lake) == set()
    assert token.encode() not in content(home)
    code, shown = person.run("doctor", "--offline")
    assert "stored connection and variable is encrypted" in " ".join(shown.split())
    assert "yours alone:" in " ".join(shown.split())


def test_what_an_earlier_version_stored_in_clear_is_encrypted_and_erased(
    person: Terminal, earlier_home: Path
) -> None:
    airflow = airflow_of(person)
    home = person.home / ".airflow"
    shutil.copytree(earlier_home, home)
    assert in_clear(home) == set(SECRETS)
    code, shown = person.run("doctor", "--offline")
    said = " ".join(shown.split())
    assert code == 1
    assert "stored in clear in Airflow's database: connection lastfm_ada" in said
    assert "Run `make up`" in said
    assert "may be read by others on this machine" in said

    with airflow:
        told = airflow.prepare()

    assert told == ["4 keys and logins were stored in clear; now they are encrypted."]
    assert in_clear(home) == set()
    assert open_to_others(home) == []
    assert run(READ + TELL, airflow).split() == [KEY, REFRESH_TOKEN, RENEWED]


def test_a_database_in_use_is_encrypted_now_and_erased_at_the_next_start(
    person: Terminal, earlier_home: Path
) -> None:
    airflow = airflow_of(person)
    home = person.home / ".airflow"
    shutil.copytree(earlier_home, home)
    reader = sqlite3.connect(home / "airflow.db", isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from connection").fetchall()

    with airflow:
        told = airflow.prepare()
        reader.close()
        assert len(told) == 2
        assert "the next start tries again" in told[1]
        assert {row["is_encrypted"] for row in table(person, "variable")} == {1}
        assert airflow.prepare() == []

    assert in_clear(home) == set()


def test_without_a_key_of_ones_own_airflow_nothing_is_stored(
    person: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = person.home / "own"
    own.mkdir()
    (own / "airflow.cfg").write_text("[core]\nfernet_key =\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW_HOME", str(own))

    code, shown = person.run("login", "lastfm", answers=f"{KEY}\n")

    assert code == 1
    assert "error: Airflow has no Fernet key" in shown
    assert in_clear(own) == set()
    assert not (person.home / ".airflow").exists()


def test_a_key_of_ones_own_is_used_by_the_login_and_by_up(
    person: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with airflow_of(person) as airflow:
        airflow.prepare()  # with a key in the home
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "B" * 43 + "=")
    code, shown = person.run("login", "lastfm", answers=f"{KEY}\n")
    assert code == 0, shown

    assert run(READ_LASTFM, airflow_of(person), **own_fernet_key()) == KEY


def test_a_look_at_a_restored_home_makes_nothing_that_others_may_read(person: Terminal) -> None:
    home = person.home / ".airflow"
    make_home(home, {})

    person.run("doctor", "--offline")

    assert (home / "logs").is_dir()  # Airflow makes it when it is imported
    assert open_to_others(home) == []


def test_a_look_makes_no_home(person: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    login = json.dumps({"conn_type": "lastfm", "password": KEY})
    monkeypatch.setenv("AIRFLOW_CONN_LASTFM_ADA", login)

    _, shown = person.run("doctor", "--offline")

    said = " ".join(shown.split())
    assert "`lastfm_ada` is complete" in said
    assert "There is no Airflow connection `spotify_ada`" in said
    assert not (person.home / ".airflow").exists()
