"""Changes of single keys in smallhours.toml, and what of a wrong file can be used.

A change keeps the file's comments and its order.

The file belongs to the listener. A change is checked as the whole file is when it is read, and the
new text replaces the old one in one step. Where the file can't be written, the error has the lines
to paste.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError

from smallhours.errors import SettingsError
from smallhours.settings import Settings, parse_settings, read_toml, settings_path

# Path of a key: `("listeners", "me", "playlist", "size")`.
Key = tuple[str, ...]


@dataclass(frozen=True)
class UsableSettings:
    """The settings as far as they can be used, for pages on which they can be corrected.

    Attributes:
        settings: The settings, with the default in place of each wrong value.
        error: What is wrong; None where nothing is.
        wrong: The wrong values by key, as the file has them.
    """

    settings: Settings
    error: SettingsError | None = None
    wrong: Mapping[Key, Any] = field(default_factory=dict)


def load_usable_settings() -> UsableSettings:
    """Read the settings file past its mistakes.

    Raises:
        SettingsUnreadable: when the file is missing, or can't be read.
        SettingsError: when it is not TOML, or what is right in it names no listener or no lake.
    """
    path = settings_path()
    content = read_toml(path)
    try:
        return UsableSettings(parse_settings(content, origin=str(path)))
    except SettingsError as error:
        wrong: dict[Key, Any] = {}
        while keys := _wrong_keys(content):
            if ("lake",) in [key[:1] for key in keys] or () in keys:
                raise
            for key in keys:
                wrong |= _taken_out(content, key)
        return UsableSettings(parse_settings(content, origin=str(path)), error, wrong)


def _wrong_keys(content: Mapping[str, Any]) -> set[Key]:
    """Return the keys at which validation finds something wrong, as far as they are there."""
    try:
        Settings.model_validate(content)
    except ValidationError as error:
        return {_found(content, problem["loc"]) for problem in error.errors()}
    return set()


def _found(content: Any, location: Sequence[int | str]) -> Key:
    """Return the part of a location that is in the file: `()` for none of it."""
    key: list[str] = []
    for part in location:
        if not (isinstance(content, Mapping) and part in content):
            break
        key.append(str(part))
        content = content[part]
    return tuple(key)


def _taken_out(content: dict[str, Any], key: Key) -> dict[Key, Any]:
    """Take out a key that is wrong; return its values by their keys.

    Of a listener as a whole what their sections say of each other is wrong, or the time zone is
    missing, which was itself wrong.
    """
    *tables, last = key
    for name in tables:
        content = content.get(name, {})
    listener = content.get(last)
    if key[:1] == ("listeners",) and len(key) == 2 and isinstance(listener, dict):
        if "timezone" not in listener:
            listener["timezone"] = "UTC"
            return {}
        for name in ("publishing", "intents"):
            if name in listener:
                return _by_key((*key, name), listener.pop(name))
    return _by_key(key, content.pop(last, {}))


def _by_key(key: Key, value: Any) -> dict[Key, Any]:
    """Return the values of nested tables by their keys."""
    if not isinstance(value, Mapping):
        return {key: value}
    return {at: one for name in value for at, one in _by_key((*key, name), value[name]).items()}


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
    content = read_toml(path)
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
