"""The listener's own file of Spotify tracks.

The file is TOML with one table per artist; it takes precedence over every search, permanently:

    # Titles as Last.fm or Spotify write them. A link, a URI or an id; "none" means never.
    ["Slowdive"]
    "Alison" = "https://open.spotify.com/track/2NnMuUpPFyRMPT4fVpnYPU"
    "Catch the Breeze (Live)" = "none"
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallhours.errors import SettingsError
from smallhours.identity import identify

NEVER = "none"
_ID = re.compile(
    r"(?:spotify:track:|https?://open\.spotify\.com/(?:intl-[a-z]+/)?track/)?([0-9A-Za-z]{22})"
    r"(?:\?\S*)?"
)


@dataclass(frozen=True, slots=True)
class Overrides:
    """The listener's decisions.

    Attributes:
        ids: Spotify ids by track key.
        never: Keys of tracks that are never to be used.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    never: frozenset[str] = frozenset()


def read_overrides(path: str | Path | None) -> Overrides:
    """Read the file of overrides; None means that there is none.

    Raises:
        SettingsError: when the file is missing or no TOML, when a value is no track of Spotify's,
            or when two lines name one track and disagree; the message names the line's track.
    """
    if path is None:
        return Overrides()
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"There is no file of overrides at {path}.",
            remedy="Create it, or remove `overrides_file` from the section [catalog].",
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}.",
            remedy="Make sure that it is a file of yours.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", remedy="Correct it.") from None
    said: dict[str, str] = {}
    for artist, titles in content.items():
        if not isinstance(titles, dict):
            raise _wrong(path, artist, "stands outside of any artist's table")
        for title, value in titles.items():
            key = identify(artist, title).track_key
            spotify_id = _parse(value)
            name = f"{artist} – {title}"
            if spotify_id is None:
                raise _wrong(path, name, f"is {value!r}, which is no track of Spotify's")
            if said.setdefault(key, spotify_id) != spotify_id:
                raise _wrong(path, name, "is the same track as another line that says otherwise")
    return Overrides(
        ids={key: value for key, value in said.items() if value != NEVER},
        never=frozenset(key for key, value in said.items() if value == NEVER),
    )


def _parse(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if value.strip().casefold() == NEVER:
        return NEVER
    found = _ID.fullmatch(value.strip())
    return found[1] if found else None


def _wrong(path: str | Path, name: str, what: str) -> SettingsError:
    return SettingsError(
        f"{path}: {name!r} {what}.",
        remedy='Write ["Artist"] and below it "Title" = "a link, a URI, an id, or none".',
    )
