"""A backup holds all of an installation, and a restore brings it back or leaves all as it was."""

import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from smallhours.catalog.features import LENGTHS_NOTE
from smallhours.lake.delta import Delta, path_of_delta, with_prefix
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS, TRACKS
from smallhours.local.airflow import AirflowHome, LocalAirflow
from smallhours.local.archive import BackupError, unpack
from smallhours.local.running import hold_home
from smallhours.private_files import open_to_others
from tests.command_line import run_here

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=2)]

# Made by an earlier version: see tests/e2e/test_upgrade.py.
OLD = Path(__file__).parents[1] / "e2e" / "installation_7924c24.tar.gz"
CLIENT_SECRET = b"sandbox-secret"


def run(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Run the command line in a folder, and return its code and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "smallhours", *arguments],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def environment(**more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    return {**ours, **more}


def prepare(folder: Path) -> list[str]:
    """Bring Airflow's database up to date, as `up` does."""
    home = AirflowHome(folder / ".airflow", 8080, folder / "smallhours.toml")
    with LocalAirflow(home, home.environment()) as airflow:
        return airflow.prepare()


def state(folder: Path) -> dict[str, bytes]:
    """Every file of an installation, with its checksum; the locks aside."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".locks" not in path.parts and path.name != "up.lock"
    }


def data(folder: Path) -> dict[str, bytes]:
    return {name: digest for name, digest in state(folder / "data").items() if name[0] != "."}


def connections(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / ".airflow" / "airflow.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT conn_id, password, extra FROM connection").fetchall()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation of an earlier version, as it was left."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD) as archive:
        archive.extractall(folder, filter="data")
    settings = folder / "smallhours.toml"
    text = settings.read_text().replace("{url}", "http://127.0.0.1:1")
    settings.write_text(text.replace("timezone", 'listenbrainz = "Ada"\ntimezone', 1))
    return folder


@pytest.fixture(scope="module")
def original(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, upgraded: its connections are encrypted."""
    folder = tmp_path_factory.mktemp("original") / "home"
    shutil.copytree(old, folder)
    prepare(folder)
    files = Lake(str(folder / "data")).files
    files.replace(LENGTHS_NOTE, b"{}")
    delta = Delta(TRACKS, with_prefix(TRACKS).schema.empty_table())
    files.replace(path_of_delta(TRACKS), delta.encoded())
    return folder


@pytest.fixture(scope="module")
def archive(original: Path) -> Path:
    """A backup of it."""
    target = original.parent / "backup.tar.gz"
    code, said = run(original, "backup", str(target))
    assert code == 0, said
    return target


@pytest.fixture
def there(original: Path, tmp_path: Path) -> Path:
    """A copy of the upgraded installation, over which something is restored."""
    folder = tmp_path / "there"
    shutil.copytree(original, folder)
    return folder


@pytest.fixture(scope="module")
def untouched(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another copy, for restores that are refused: it stays as it is."""
    folder = tmp_path_factory.mktemp("untouched") / "there"
    shutil.copytree(original, folder)
    return folder


def test_what_was_backed_up_comes_back_in_an_empty_folder(
    original: Path, archive: Path, tmp_path: Path
) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in archive.parent.iterdir()) == ["backup.tar.gz", "home"]
    assert not (original / "data" / ".backup").exists()

    code, said = run_here(tmp_path, "restore", str(archive))

    assert code == 0, said
    assert data(tmp_path) == data(original)
    for hidden in (LENGTHS_NOTE, path_of_delta(TRACKS)):
        assert (tmp_path / "data" / hidden).exists()
    assert connections(tmp_path) == connections(original) != []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".airflow",
        "data",
        "smallhours.toml",
    ]
    assert open_to_others(tmp_path / ".airflow") + open_to_others(tmp_path / "data") == []
    assert str(original) not in (tmp_path / ".airflow" / "airflow.cfg").read_text()
    assert prepare(tmp_path) == []


def test_a_backup_of_an_earlier_version_is_restored_and_upgraded(old: Path, tmp_path: Path) -> None:
    code, said = run(old, "backup", str(tmp_path / "old.tar.gz"))
    assert code == 0, said
    new = tmp_path / "new"
    new.mkdir()

    code, said = run_here(new, "restore", str(tmp_path / "old.tar.gz"))

    assert code == 0, said
    assert "now they are encrypted" in " ".join(prepare(new))
    assert CLIENT_SECRET not in (new / ".airflow" / "airflow.db").read_bytes()
    assert len(Lake(str(new / "data")).frame(PLAYS)) == len(Lake(str(old / "data")).frame(PLAYS))


def test_over_a_crashed_home_no_left_log_is_applied(
    original: Path, archive: Path, there: Path
) -> None:
    # A process that dies while it writes leaves its write-ahead log, of a newer database.
    crash = (
        "import os, sqlite3; d = sqlite3.connect('.airflow/airflow.db');"
        "d.execute('PRAGMA journal_mode = WAL');"
        "d.execute('DELETE FROM connection'); d.commit(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", crash], cwd=there, check=False)
    assert (there / ".airflow" / "airflow.db-wal").stat().st_size > 0
    (there / "data" / "new.parquet").write_bytes(b"of later")

    code, said = run_here(there, "restore", str(archive))

    assert code == 0, said
    assert connections(there) == connections(original)
    assert data(there) == data(original)
    assert (there / "data.before-1" / "new.parquet").read_bytes() == b"of later"
    assert f"What was in {there / 'data'} is kept in {there / 'data.before-1'}" in said


def rewritten(archive: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Another archive with a change, and checksums that fit."""
    with tarfile.open(archive) as tar:
        names = [member.name for member in tar if member.name != "checksums.json"]
        content = {}
        for name in names:
            file = tar.extractfile(name)
            assert file is not None
            content[name] = file.read()
    change(content)
    sums = {name: hashlib.sha256(text).hexdigest() for name, text in content.items()}
    content["checksums.json"] = json.dumps(sums).encode()
    with tarfile.open(target, "w:gz") as tar:
        for name, text in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return target


def manifest_with(**fields: object) -> Callable[[dict[str, bytes]], None]:
    def change(content: dict[str, bytes]) -> None:
        manifest = {**json.loads(content["manifest.json"]), **fields}
        content["manifest.json"] = json.dumps(manifest).encode()

    return change


def add(name: str, text: bytes = b"") -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({name: text})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (manifest_with(format=99, smallhours="9.0"), "newer version of Smallhours (9.0)"),
        (manifest_with(airflow="9.0.0"), "holds a database of Airflow 9.0.0"),
        (add("lake/.format", b'{"version": 99}'), "has format 99"),
        (manifest_with(listeners={"bob": "bob"}), "data of the listener `me`, and the backup none"),
        (manifest_with(listeners={"me": "bob"}), "`me` is ada at Last.fm here, and bob in"),
        (manifest_with(listenbrainz={"me": "bob"}), "`me` is Ada at ListenBrainz here, and bob in"),
        (manifest_with(encrypted=["gAAAAA"]), "doesn't open the connections"),
        (manifest_with(database="oracle"), "is not a whole backup"),
        (add("../outside"), "holds '../outside', which is no part of a backup"),
        (add("lake/../../outside"), "which is no part of a backup"),
        (add("/tmp/outside"), "which is no part of a backup"),  # noqa: S108 - never written
        (add("airflow/plugins.py"), "which is no part of a backup"),
        (lambda content: content.pop("manifest.json"), "is not a whole backup"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    change: Callable[[dict[str, bytes]], None],
    says: str,
    archive: Path,
    untouched: Path,
    tmp_path: Path,
) -> None:
    before = state(untouched)
    wrong = rewritten(archive, tmp_path / "wrong.tar.gz", change)

    code, said = run_here(untouched, "restore", str(wrong))

    assert code == 1
    assert says in said
    assert "Nothing was changed" in said
    assert state(untouched) == before
    assert [path.name for path in untouched.parent.iterdir()] == ["there"]
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.tar.gz"]


def test_a_key_of_ones_own_that_opens_nothing_is_refused(archive: Path, untouched: Path) -> None:
    before = state(untouched)
    code, said = run_here(
        untouched, "restore", str(archive), AIRFLOW__CORE__FERNET_KEY="B" * 43 + "="
    )

    assert code == 1
    assert "The key in the variable AIRFLOW__CORE__FERNET_KEY doesn't open" in said
    assert state(untouched) == before


def test_a_dump_of_postgresql_is_refused_where_there_is_none(
    archive: Path, untouched: Path, tmp_path: Path
) -> None:
    wrong = rewritten(archive, tmp_path / "wrong.tar.gz", manifest_with(database="postgresql"))
    before = state(untouched)

    code, said = run(untouched, "restore", str(wrong))  # it asks Airflow for its database

    assert code == 1
    assert "holds a PostgreSQL database, and there is none here" in said
    assert state(untouched) == before


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_cut_archive_is_refused(share: float, archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(BackupError, match="is not a whole backup"):
        unpack(cut, tmp_path / "into")


def test_a_damaged_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    damaged = tmp_path / "damaged.tar.gz"
    for place in range(1000, len(content), len(content) // 7):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with pytest.raises(BackupError, match="Nothing was changed"):
            unpack(damaged, tmp_path / f"into-{place}")


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as tar:
        link = tarfile.TarInfo("lake/link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(link)

    with pytest.raises(BackupError, match="no part of a backup"):
        unpack(evil, tmp_path / "into")


def test_it_is_refused_while_airflow_runs(archive: Path, untouched: Path) -> None:
    with hold_home(untouched / ".airflow"):
        code, said = run_here(untouched, "restore", str(archive))

    assert code == 1
    assert "runs in" in said
    assert f"process {os.getpid()}" in said


def kill_while(folder: Path, *arguments: str, seen: Callable[[], bool]) -> None:
    """Kill a command as soon as something is seen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smallhours", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not seen():
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_backup_leaves_no_archive_and_the_next_one_is_whole(
    there: Path,
) -> None:
    target = there.parent / "new.tar.gz"
    unfinished = target.with_name("new.tar.gz.part")
    before = data(there)

    kill_while(there, "backup", str(target), seen=unfinished.exists)

    assert not target.exists()
    assert data(there) == before
    code, said = run(there, "backup", str(target))
    assert code == 0, said
    unpack(target, there.parent / "into")
    assert data(there) == before
    assert not (there / "data" / ".backup").exists()
    assert sorted(path.name for path in there.parent.glob("new*")) == ["new.tar.gz"]


@pytest.mark.parametrize("moment", ["unpacking", "moved", "swapping"])
def test_a_killed_restore_leaves_the_old_or_the_new_whole(
    moment: str, archive: Path, there: Path, original: Path
) -> None:
    (there / "data" / "mark").write_bytes(b"old")
    stage = there / ".airflow.restoring"
    seen = {
        "unpacking": (stage / "lake").exists,
        "moved": (there / "smallhours.toml.restored").exists,
        "swapping": (stage / "renames.json").exists,
    }

    kill_while(there, "restore", str(archive), seen=seen[moment])
    decided = (stage / "renames.json").exists() or (there / "data.before-1").exists()
    code, said = run_here(there, "--version")

    assert code == 0, said
    assert (there / "data" / "mark").exists() is not decided
    assert data(there).keys() - {"mark"} == data(original).keys()
    assert connections(there) == connections(original)
    code, said = run_here(there, "restore", str(archive))
    assert code == 0, said
    assert data(there) == data(original)


# Dies as by `kill -9`, before its n-th rename: that of airflow.cfg, that of the list,
# and then two for each place.
DIE = """
import os, sys
from pathlib import Path

left, rename = int(sys.argv.pop(1)), Path.rename

def rename_or_die(self, target):
    global left
    left -= 1
    return rename(self, target) if left else os._exit(9)

Path.rename = rename_or_die
from smallhours import cli
cli.main()
"""


@pytest.mark.parametrize("before", [2, 3, 4, 6, 8])
def test_what_a_killed_restore_left_to_do_is_done_by_the_next_command(
    before: int, archive: Path, there: Path, original: Path
) -> None:
    mark = there / "data" / "mark"
    mark.write_bytes(b"old")
    command = [sys.executable, "-c", DIE, str(before), "restore", str(archive)]
    died = subprocess.run(
        command, cwd=there, env=environment(), capture_output=True, text=True, check=False
    )
    assert died.returncode == 9, died.stdout + died.stderr

    code, said = run_here(there, "--version")

    assert code == 0, said
    assert mark.exists() is (before == 2)
    assert data(there).keys() - {"mark"} == data(original).keys()
    assert connections(there) == connections(original)
    assert (there / ".airflow.restoring").exists() is (before == 2)


def test_a_backup_while_the_lake_is_written_is_of_one_moment(there: Path) -> None:
    # A writer that replaces two files, one after the other, with the same number.
    writer = (
        "import itertools, pathlib, os\n"
        "for n in itertools.count():\n"
        "    for name in ('a', 'b'):\n"
        "        p = pathlib.Path('data', name); t = p.with_name('.part.tmp')\n"
        "        t.write_text(str(n)); t.rename(p)\n"
        "    import time; time.sleep(0.3)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", writer], cwd=there)
    try:
        while not (there / "data" / "b").exists():
            time.sleep(0.01)
        code, said = run(there, "backup", str(there.parent / "busy.tar.gz"))
    finally:
        process.kill()
        process.wait()

    assert code == 0, said
    unpack(there.parent / "busy.tar.gz", there.parent / "into")
    a, b = ((there.parent / "into" / "lake" / name).read_text() for name in ("a", "b"))
    assert int(a) - int(b) in {0, 1}
