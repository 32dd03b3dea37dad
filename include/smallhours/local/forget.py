"""Removal of a listener: from the lake, from Airflow's database and logs, and from the settings."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.lake import packs
from smallhours.lake.download_cache import forget_downloads
from smallhours.lake.files import LocalFiles
from smallhours.lake.list_tables import METRICS
from smallhours.lake.migrations import prepare
from smallhours.lake.store import Lake
from smallhours.local.archive import CONFIGURATION, PASSWORDS, SQLITE
from smallhours.local.backup import listeners_of
from smallhours.local.home_files import JWT_SECRET, home_folder
from smallhours.local.running import LOCK, hold_home, left_running
from smallhours.private_files import write_private
from smallhours.settings import Settings, load_settings, settings_path

# Airflow's connections are named `<service>_<listener>`.
SERVICES = ("lastfm", "listenbrainz", "spotify", "subsonic")
# Folders of the lake that name listeners at any depth; elsewhere they are at the second.
_BESIDE_TABLES = frozenset({".locks", ".journal", packs.FOLDER})
_KEPT = frozenset({CONFIGURATION, PASSWORDS, JWT_SECRET, LOCK})


def known_listeners(settings: Settings) -> list[str]:
    """Return the listeners in the settings, and those of whom only the lake knows."""
    return sorted(listeners_of(settings, Lake(settings.lake.url)))


def unnamed_listeners(settings: Settings) -> SettingsError | None:
    """Return what is wrong where the lake has data of listeners whom the settings don't name."""
    stored = listeners_of(None, Lake(settings.lake.url))
    names = sorted(set(stored) - set(settings.listeners))
    if not names:
        return None
    return SettingsError(
        f"The lake has data of {', '.join(names)}, and the settings name no such listener.",
        remedy="A listener can't be renamed: their name is part of the paths of their data, of "
        "connections and of runs. Give the section its old name back, or remove their data by "
        f"`smallhours forget {names[0]}`.",
    )


def forget_listener(name: str, *, say: Callable[[str], None]) -> None:
    """Remove every trace of a listener.

    Killed half way, it is run again. The settings come last, so that they still name the listener.

    Args:
        name: The listener, in the settings or only in the lake.
        say: Takes what a person should know, in sentences.

    Raises:
        SettingsError: when Airflow runs here.
        LakeError: when the lake can't be read or written.
    """
    settings = load_settings()
    home = home_folder()
    names = _names_of(name, settings)
    pattern = _pattern_of(names)
    lake = Lake(settings.lake.url)
    prepare(lake)  # an unfinished migration has copies
    if home.is_dir():
        with hold_home(home):
            if left_running(home):
                raise SettingsError(
                    "Parts of an Airflow that was killed still run.",
                    remedy="Run `smallhours up --end-left`, stop it, and try again.",
                )
            _forget_in_lake(name, lake)
            _forget_in_home(home, name, pattern, names)
    else:
        _forget_in_lake(name, lake)
    say(f"{name} is gone from the lake at {lake.url}, and from Airflow's database and logs.")
    _forget_in_settings(name, settings, pattern, say)


def _names_of(name: str, settings: Settings) -> list[str]:
    """Return a listener's name, and those at the services that mean nobody else here."""
    others = {key: each for key, each in settings.listeners.items() if key != name}
    taken = {"", name, *others}
    taken |= {user for each in others.values() for user in (each.lastfm, each.listenbrainz)}
    known = settings.listeners.get(name)
    users = {known.lastfm, known.listenbrainz} if known else set()
    return [name, *sorted(users - taken)]


def _pattern_of(names: Sequence[str]) -> re.Pattern[str]:
    """Return what finds names in a text, alone or in the id of a connection or variable.

    A name may hold `-` and `_`: `ada` is not found in `ada-2`, nor `b` in `ada_b`.
    """
    found = "|".join(re.escape(each) for each in names)
    ids = "|".join(
        ["smallhours_spotify_token_"]
        + [f"{service}_|AIRFLOW_CONN_{service.upper()}_" for service in SERVICES]
    )
    return re.compile(
        rf"(?<![A-Za-z0-9_-])(?P<prefix>(?:{ids})?)(?:{found}|{names[0].upper()})(?![A-Za-z0-9_-])"
    )


def _forget_in_lake(name: str, lake: Lake) -> None:
    metrics = pc.field("listener") == name
    lake.merge(METRICS, pd.DataFrame(), replace=metrics)
    files = lake.files
    theirs = {name, f"listener={quote(name, safe='')}"}
    for path in files.list(""):
        top, *below = path.split("/")
        if theirs & set(below if top in _BESIDE_TABLES else below[:1]):
            files.remove(path)
    if isinstance(files, LocalFiles):
        _remove_empty_folders(files)
    else:
        forget_downloads()


def _remove_empty_folders(files: LocalFiles) -> None:
    """Remove empty folders, whose names may be the listener's."""
    for folder in sorted(files.root.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _forget_in_home(home: Path, name: str, pattern: re.Pattern[str], names: list[str]) -> None:
    from smallhours.orchestration.listener_traces import forget_in_database

    connections = [f"{service}_{name}" for service in SERVICES]
    forget_in_database(name, pattern, names, connections)
    for path in sorted(home.rglob("*"), reverse=True):
        inside = str(path.relative_to(home))
        if path.is_symlink() or path.name in _KEPT or path.name.startswith(SQLITE):
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif pattern.search(inside) or pattern.search(path.read_text(errors="replace")):
            path.unlink()


def _forget_in_settings(
    name: str, settings: Settings, pattern: re.Pattern[str], say: Callable[[str], None]
) -> None:
    """Take the listener's sections out of the settings file, or say that a person has to."""
    path = settings_path()
    if name not in settings.listeners:
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    ours = re.compile(rf"\s*\[+\s*listeners\.(\"?){re.escape(name)}\1\s*[.\]]")
    kept, inside = [], False
    for line in lines:
        if line.lstrip().startswith("["):
            inside = ours.match(line) is not None
        if not inside:
            kept.append(line)
    rest = path.with_name(f"{path.name}.checked")
    write_private(rest, "".join(kept))
    try:
        fits = name not in load_settings(rest).listeners
    except SettingsError:
        fits = False  # no listener is left, or it is written in another way
    rest.unlink()
    if not fits or not _replaced(path, "".join(kept)):
        numbers = [str(n) for n, line in enumerate(lines, 1) if pattern.search(line)]
        say(
            f"{path} still names {name}, on line {', '.join(numbers)}: remove the section by hand, "
            "or the file if nobody else is in it."
        )
        return
    say(f"The section of {name} is removed from {path}.")


def _replaced(path: Path, text: str) -> bool:
    """Write the settings file, if it is ours to write."""
    try:
        mode = path.stat().st_mode
        write_private(path, text)
        path.chmod(mode)
    except OSError:
        return False
    return True
