"""Restoring a backup: unpacked and checked beside what is there, then put in its place.

Until all is checked nothing is changed. Then a list of renames is written, and carried out; after a
kill, the next command carries out the rest. What was there before is kept beside it.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from smallhours.errors import SettingsError
from smallhours.lake.files import LocalFiles
from smallhours.lake.migrations import refuse_newer
from smallhours.lake.store import Lake
from smallhours.local.airflow_database import load_postgres, opens
from smallhours.local.archive import (
    CONFIGURATION,
    SETTINGS,
    SQL,
    BackupError,
    Manifest,
    unpack,
)
from smallhours.local.backup import listeners_of
from smallhours.local.home_files import home_as_it_is, home_folder, own_fernet_key
from smallhours.local.running import LOCK, hold_home, left_running
from smallhours.private_files import flush_folder, make_private_folder, write_private
from smallhours.settings import load_settings, settings_path

_LIST = "renames.json"
_KEPT = ".before"


def restore_backup(archive: Path, *, say: Callable[[str], None]) -> None:
    """Put a backup in the place of what is here.

    Args:
        archive: What `make_backup` wrote.
        say: Takes what a person should know, in sentences.

    Raises:
        BackupError: when it does not fit what is here; nothing was changed.
        SettingsError: when Airflow runs here, or its settings can't be read.
    """
    home = home_folder()
    with hold_home(home):
        if left := left_running(home):
            names = ", ".join(f"{part.name} (process {part.pid})" for part in left)
            raise BackupError(
                f"An Airflow in {home} was killed, and left these running: {names}.",
                remedy="Nothing was changed. Run `smallhours up --end-left`, stop it, and restore.",
            )
        stage = _stage(home)
        try:
            _restore(archive.absolute(), home, stage, say)
        finally:
            if not (stage / _LIST).exists():
                shutil.rmtree(stage, ignore_errors=True)


def finish_restore(home: Path, *, say: Callable[[str], None]) -> None:
    """Carry out what a killed restore left to do, if there was one.

    Args:
        home: Airflow's home, beside which the list is.
        say: As in `restore_backup`.
    """
    stage = _stage(home)
    try:
        renames = (stage / _LIST).open(encoding="utf-8")
    except FileNotFoundError:
        return
    with renames:
        fcntl.flock(renames, fcntl.LOCK_EX)  # another command may be doing it
        todo: Any = json.load(renames)
        for source, target in todo:
            if Path(source).name == SQL:
                _load(Path(source), say)
            else:
                _put(Path(source), Path(target), say)
        shutil.rmtree(stage, ignore_errors=True)


def _stage(home: Path) -> Path:
    return home.with_name(f"{home.name}.restoring")


def _restore(archive: Path, home: Path, stage: Path, say: Callable[[str], None]) -> None:
    shutil.rmtree(stage, ignore_errors=True)
    manifest = unpack(archive, stage)
    lake = Lake(load_settings(stage / SETTINGS).lake.url)
    _check_versions(archive, manifest, stage)
    _check_listeners(archive, manifest, lake)
    _check_key(archive, manifest, stage)
    places = _places(archive, manifest, stage, lake, home)
    for target in places.values():
        _check_place(target)
    if manifest.database:
        _move_paths(stage / "airflow" / CONFIGURATION, manifest.home, home)
    dump = stage / "airflow" / SQL if manifest.database == "postgresql" else None
    if dump:
        _database(archive)
    moved: list[tuple[str, str]] = []
    try:
        for source, target in places.items():
            beside = target.with_name(f"{target.name}.restored")
            moved.append((str(beside), str(target)))
            _move_beside(source, beside)
        # The dump is loaded first, and again after a kill: it replaces everything or nothing.
        first = [(str(dump), "")] if dump else []
        write_private(stage / _LIST, json.dumps([*first, *moved]))
        if dump:
            _load(dump, say)
    except BaseException:
        (stage / _LIST).unlink(missing_ok=True)
        for beside_target, _ in moved:
            _remove(Path(beside_target))
        raise
    say(f"This is the backup of {manifest.made_at}.")
    finish_restore(home, say=say)


def _places(
    archive: Path, manifest: Manifest, stage: Path, lake: Lake, home: Path
) -> dict[Path, Path]:
    """Return what was unpacked, and where it belongs."""
    places = {stage / SETTINGS: settings_path().absolute()}
    if manifest.lake:
        if not isinstance(lake.files, LocalFiles):
            raise BackupError(
                f"{archive} holds a lake, and the settings name one on an object store.",
                remedy="Nothing was changed. Set SMALLHOURS_LAKE to a folder.",
            )
        make_private_folder(stage / "lake")  # an empty one has no file
        places[stage / "lake"] = lake.files.root
    if manifest.database == "sqlite":
        places[stage / "airflow"] = home
    elif manifest.database == "postgresql":  # the database is elsewhere, and its key is here
        kept = [each for each in (stage / "airflow").iterdir() if each.name != SQL]
        places |= {each: home / each.name for each in kept}
    return places


def _check_versions(archive: Path, manifest: Manifest, stage: Path) -> None:
    here = version("apache-airflow")
    if manifest.database and _numbers(manifest.airflow) > _numbers(here):
        raise BackupError(
            f"{archive} holds a database of Airflow {manifest.airflow}; here is Airflow {here}, "
            "which can't read it.",
            remedy="Nothing was changed. Upgrade Smallhours here, then restore.",
        )
    refuse_newer(Lake(str(stage / "lake")))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)[:3]]


def _check_listeners(archive: Path, manifest: Manifest, lake: Lake) -> None:
    """Refuse a backup that lacks a listener who has data here, or means somebody else."""
    try:
        settings = load_settings()
    except SettingsError:
        settings = None  # none, or damaged: the lake alone says who is here
    here = listeners_of(settings, lake)
    if not listeners_of(None, lake):
        return
    for name, user in here.items():
        known = settings.listeners.get(name) if settings else None
        at = {
            "Last.fm": (user, manifest.listeners.get(name)),
            "ListenBrainz": (known.listenbrainz if known else "", manifest.listenbrainz.get(name)),
        }
        others = [
            f"{mine} at {service} here, and {theirs} in the backup"
            for service, (mine, theirs) in at.items()
            if mine and theirs and mine.casefold() != theirs.casefold()
        ]
        if name not in manifest.listeners:
            why = f"the lake at {lake.url} has data of the listener `{name}`, and the backup none"
        elif others:
            why = f"the listener `{name}` is {others[0]}"
        else:
            continue
        raise BackupError(
            f"{archive} is another listener's: {why}.",
            remedy="Nothing was changed. Restore in another folder, or move the lake and the "
            "settings that are here away first.",
        )


def _check_key(archive: Path, manifest: Manifest, stage: Path) -> None:
    """Refuse connections that the key which Airflow will have doesn't open."""
    if not manifest.encrypted:
        return
    own = own_fernet_key().get("AIRFLOW__CORE__FERNET_KEY")
    text = (stage / "airflow" / CONFIGURATION).read_text(encoding="utf-8")
    found = re.search(r"(?m)^fernet_key\s*=\s*(.*?)\s*$", text)
    if opens(own or (found[1] if found else ""), manifest.encrypted):
        return
    where = "the variable AIRFLOW__CORE__FERNET_KEY" if own else f"its {CONFIGURATION}"
    raise BackupError(
        f"The key in {where} doesn't open the connections in {archive}.",
        remedy="Nothing was changed. "
        + ("Unset it, or set it to the key of the backup." if own else "Take another backup."),
    )


def _check_place(target: Path) -> None:
    """Refuse a place in which nothing can be put."""
    folder = target.parent
    while not folder.is_dir():
        folder = folder.parent
    if target.is_mount() or target.is_symlink() or not os.access(folder, os.W_OK):
        raise BackupError(
            f"{target} can't be replaced: it is a mount point or a link, or {folder} is not yours "
            "to write.",
            remedy="Nothing was changed. Restore where it is an ordinary place of yours.",
        )


def _move_beside(source: Path, beside: Path) -> None:
    """Move something beside its target, so that it can be put there in one step."""
    make_private_folder(beside.parent)
    _remove(beside)  # of a killed restore
    shutil.move(source, beside)
    flush_folder(beside.parent)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move_paths(configuration: Path, old_home: str, home: Path) -> None:
    """Let a configuration name the home where it is now."""
    text = configuration.read_text(encoding="utf-8")
    if old_home != str(home):
        write_private(configuration, text.replace(old_home, str(home)))


def _database(dump: Path) -> URL:
    """Return the PostgreSQL database that Airflow's configuration names here."""
    with home_as_it_is():
        from smallhours.orchestration.database import database_engine

        url = database_engine().url
    if url.get_backend_name() != "postgresql":
        raise BackupError(
            f"{dump} holds a PostgreSQL database, and there is none here.",
            remedy="Nothing was changed. Name it in airflow.cfg, or set "
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to it.",
        )
    return url


def _load(dump: Path, say: Callable[[str], None]) -> None:
    """Load a dump, if that was not done before a kill."""
    if dump.exists():
        load_postgres(_database(dump), dump)
        dump.unlink()
        say("Airflow's PostgreSQL database is restored.")


def _put(source: Path, target: Path, say: Callable[[str], None]) -> None:
    """Put something in its place; what is there is kept beside it."""
    if not source.exists():
        return  # done, before a kill
    if target.is_dir() and {each.name for each in target.iterdir()} <= {LOCK}:
        shutil.rmtree(target)
    elif target.exists():
        kept = _free(target)
        target.rename(kept)
        say(f"What was in {target} is kept in {kept}: delete it when all is well.")
    source.rename(target)
    flush_folder(target.parent)
    say(f"{target} is restored.")


def _free(target: Path) -> Path:
    """Return a name for what is kept that nothing has yet."""
    number = 1
    while True:
        kept = target.with_name(f"{target.name}{_KEPT}-{number}")
        if not kept.exists():
            return kept
        number += 1
