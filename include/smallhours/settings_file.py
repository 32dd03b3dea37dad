"""Changes of single keys in smallhours.toml, which keep its comments and its order.

The file belongs to the listener. A change is checked as the whole file is when it is read, and the
new text replaces the old one in one step. Where the file can't be written, the error has the lines
to paste.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from smallhours.errors import SettingsError
from smallhours.settings import Settings, load_settings, parse_settings, settings_path

# Path of a key: `("listeners", "me", "playlist", "size")`.
Key = tuple[str, ...]


def change_settings(changes: Mapping[Key, Any]) -> None:
    """Set keys of smallhours.toml, and remove those whose new value is None.

    Raises:
        SettingsError: when the file would not be valid, or can't be written; it is then unchanged.
    """
    settings = with_changes(changes)
    path = settings_path()
    text = _changed(path.read_text(encoding="utf-8"), changes)
    if text is None or parse_settings(tomllib.loads(text), origin=str(path)) != settings:
        raise _to_paste(f"The change does not fit into the way {path} is written", changes)
    try:
        _replace(path, text)
    except OSError as error:
        raise _to_paste(f"{path} can't be written here ({error.strerror})", changes) from None


def with_changes(changes: Mapping[Key, Any]) -> Settings:
    """Return what the settings would be; the file stays as it is.

    Raises:
        SettingsError: when the file is not valid, or would not be.
    """
    path = settings_path()
    load_settings(path)  # it may have become invalid since the page was opened
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        _set(content, key, value)
    return parse_settings(content, origin=str(path))


def _changed(text: str, changes: Mapping[Key, Any]) -> str | None:
    """Return the file's new text; None where its comments can't be kept."""
    try:
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value)
        return tomlkit.dumps(document)
    except (TOMLKitError, AttributeError, TypeError):
        return None


def _set(content: Any, key: Key, value: Any) -> None:
    """Set one key in nested tables, which are made where they are missing."""
    *tables, last = key
    for name in tables:
        if name not in content:
            if value is None:
                return
            content[name] = {}
        content = content[name]
    if value is None:
        content.pop(last, None)
    else:
        content[last] = value


def lines_of(changes: Mapping[Key, Any]) -> str:
    """Return changes as lines of TOML, with their sections.

    >>> print(lines_of({("listeners", "me", "playlist", "size"): 40}))
    [listeners.me.playlist]
    size = 40
    """
    content: dict[str, Any] = {}
    for key, value in changes.items():
        _set(content, key, value)
    lines = tomlkit.dumps(content).strip()
    removed = [f"# remove {'.'.join(key)}" for key, value in changes.items() if value is None]
    return "\n".join(filter(None, [lines, *removed]))


def _to_paste(what: str, changes: Mapping[Key, Any]) -> SettingsError:
    return SettingsError(f"{what}.", remedy=f"Change these lines yourself:\n\n{lines_of(changes)}")


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically, keeping its permissions."""
    target = path.resolve()
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(target.stat().st_mode & 0o777)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
