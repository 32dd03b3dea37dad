"""Making a backup: one archive of the lake, the settings, and Airflow's connections and key.

Nights may run meanwhile. The lake's files are replaced, never changed: links to all of them are
taken until nothing was replaced in between, and are then copied at leisure.
"""

import datetime as dt
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from smallhours import __version__
from smallhours.catalog.features import NOTES
from smallhours.lake.delta import FOLDER as DELTAS
from smallhours.lake.files import LocalFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import TABLES
from smallhours.local.airflow_database import opens, write_database
from smallhours.local.archive import (
    CONFIGURATION,
    FORMAT,
    PASSWORDS,
    SETTINGS,
    BackupError,
    Manifest,
    write_archive,
)
from smallhours.local.home_files import JWT_SECRET, home_as_it_is, make_home
from smallhours.private_files import make_private_folder, private_opener
from smallhours.settings import Settings, load_settings, settings_path

_SNAPSHOT = ".backup"
# Of what is hidden at the lake's top, this is data; the rest is locks, rate limits and the like.
_HIDDEN_DATA = frozenset({".format", ".migration", DELTAS, NOTES})
_UNFINISHED = ".part.tmp"
_MAX_ROUNDS = 20


def make_backup(target: Path, *, say: Callable[[str], None]) -> None:
    """Write a backup.

    Args:
        target: The archive, which must not exist yet.
        say: Takes what a person should know, in sentences.

    Raises:
        BackupError: when it can't be made.
        SmallhoursError: when the settings or the lake can't be read.
    """
    target = target.absolute()
    settings = load_settings()
    lake = Lake(settings.lake.url)
    _check_target(target, lake)
    make_private_folder(target.parent)
    with _scratch(target.with_name(f"{target.name}.airflow")) as airflow:
        files = {SETTINGS: settings_path()}
        home, database, encrypted = _copy_airflow(airflow, say)
        files |= {f"airflow/{path.name}": path for path in airflow.iterdir()}
        with _lake_snapshot(lake, say) as snapshot:
            if snapshot:
                files |= {f"lake/{path.relative_to(snapshot)}": path for path in _files(snapshot)}
            manifest = Manifest(
                format=FORMAT,
                made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                smallhours=__version__,
                airflow=version("apache-airflow"),
                home=str(home),
                database=database,
                lake=snapshot is not None,
                listeners=listeners_of(settings, lake),
                listenbrainz={k: each.listenbrainz for k, each in settings.listeners.items()},
                encrypted=encrypted,
            )
            try:
                write_archive(target, manifest, files)
            except OSError as error:
                raise BackupError(
                    f"{target} can't be written: {error.strerror}.",
                    remedy="Make room there, or name another file.",
                ) from None
    for name in _named_elsewhere(settings):
        say(f"Not in it: {name}, which the settings name. Keep a copy of it.")


def listeners_of(settings: Settings | None, lake: Lake) -> dict[str, str]:
    """Return the listeners in the settings and in the lake, each with their name at Last.fm."""
    found = {
        part["listener"]: ""
        for table in TABLES.values()
        if "listener" in table.partition
        for part in lake.partitions(table)
        if part["listener"]
    }
    known = settings.listeners if settings else {}
    return found | {name: each.lastfm for name, each in known.items()}


def _check_target(target: Path, lake: Lake) -> None:
    if target.exists():
        raise BackupError(
            f"{target} is there already.",
            remedy="Name a new file, such as one with today's date in its name.",
        )
    if isinstance(lake.files, LocalFiles) and lake.files.root in target.parents:
        raise BackupError(
            f"{target} is inside of the lake, which it should hold.", remedy="Name another folder."
        )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield a new folder, removed in the end; what a killed backup left is removed first."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make_private_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_airflow(folder: Path, say: Callable[[str], None]) -> tuple[Path, str | None, list[str]]:
    """Copy Airflow's database, configuration and passwords into a folder.

    Returns:
        The home, the kind of database, and the encrypted values in it.

    Raises:
        BackupError: when the database can't be copied.
    """
    with home_as_it_is() as home:  # before Airflow is imported
        if not home.is_dir():
            say("There is no Airflow here: the archive has only the lake and the settings.")
            return home, None, []
        from airflow.configuration import conf

        from smallhours.orchestration.database import database_engine, encrypted_values

        url = database_engine().url
        key = conf.get("core", "fernet_key", fallback="")
        found = write_database(url, folder)
        encrypted = encrypted_values() if found else []
        if encrypted and not opens(key, encrypted):
            say(
                "Airflow's key doesn't open all of its connections: those that it doesn't can't "
                "be restored. Log in again, and take another backup."
            )
            encrypted = []
        _copy_configuration(home, folder, key)
        for name in (PASSWORDS, JWT_SECRET):
            if (home / name).is_file():
                _copy(home / name, folder / name)
        return home, url.get_backend_name() if found else None, encrypted


def _copy_configuration(home: Path, folder: Path, key: str) -> None:
    """Copy Airflow's configuration, with the key that is in use, wherever that comes from."""
    source = Path(os.environ.get("AIRFLOW_CONFIG", home / CONFIGURATION))
    if not source.is_file():
        make_home(folder, {"AIRFLOW__CORE__FERNET_KEY": key})
        (folder / f"{CONFIGURATION}.lock").unlink()
        return
    text = source.read_text(encoding="utf-8")
    line = f"fernet_key = {key}"
    if not re.search(rf"(?m)^{re.escape(line)}\s*$", text):
        text, replaced = re.subn(r"(?m)^fernet_key\s*=.*$", lambda _: line, text, count=1)
        if not replaced:
            text += f"\n[core]\n{line}\n"
    with open(folder / CONFIGURATION, "x", encoding="utf-8", opener=private_opener) as file:
        file.write(text)


@contextmanager
def _lake_snapshot(lake: Lake, say: Callable[[str], None]) -> Iterator[Path | None]:
    """Yield a folder that has the lake's files as they all were at one moment.

    Yields:
        The folder; None for a lake on an object store.

    Raises:
        BackupError: when the lake changes all the time.
    """
    files = lake.files
    if not isinstance(files, LocalFiles):
        say("The lake is on an object store and not in the archive: use the store's own backups.")
        yield None
        return
    with files.lock(_SNAPSHOT), _scratch(files.root / _SNAPSHOT) as snapshot:
        _link_all(files.root, snapshot)
        yield snapshot


def _link_all(root: Path, snapshot: Path) -> None:
    linked: dict[Path, tuple[int, int, int]] = {}
    for _ in range(_MAX_ROUNDS):
        there = _states(root)
        if there == linked:
            return
        for path in linked.keys() - there.keys():
            (snapshot / path).unlink()
        linked = {path: state for path, state in linked.items() if there.get(path) == state}
        for path in there.keys() - linked.keys():
            if state := _link(root / path, snapshot / path):
                linked[path] = state
    raise BackupError(
        f"The lake at {root} changed all the time.", remedy="Try again when the night is over."
    )


def _link(source: Path, target: Path) -> tuple[int, int, int] | None:
    """Link or copy one file; return its state, or None when it is gone."""
    make_private_folder(target.parent)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return None
    except OSError:  # a file system without links
        state = _state(source)
        shutil.copy2(source, target)
        return state
    return _state(target)


def _states(root: Path) -> dict[Path, tuple[int, int, int]]:
    found = {}
    for path in _files(root):
        inside = path.relative_to(root)
        top = inside.parts[0]
        if (top.startswith(".") and top not in _HIDDEN_DATA) or path.name == _UNFINISHED:
            continue
        try:
            found[inside] = _state(path)
        except FileNotFoundError:
            continue
    return found


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _files(folder: Path) -> list[Path]:
    return [Path(at, name) for at, _, names in os.walk(folder) for name in names]


def _copy(source: Path, target: Path) -> None:
    with open(target, "xb", opener=private_opener) as file:
        file.write(source.read_bytes())


def _named_elsewhere(settings: Settings) -> list[str]:
    catalog = settings.catalog
    named = (catalog.overrides_file, catalog.tag_files, catalog.features_file)
    return [name for name in named if name]
