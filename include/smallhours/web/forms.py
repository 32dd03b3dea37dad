"""What the buttons of the pages store: a reaction to a pick, and a playlist of tags.

A reaction is a row of `feedback`, which the next training reads. A playlist is a section of
smallhours.toml. That file belongs to the listener: its contents, comments included, stay unchanged,
and the section is appended. The new text is validated before it replaces the old file.
"""

import datetime as dt
import json
import os
import re
import tomllib
import zlib
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.identity import is_named, normalise
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.settings import parse_settings, settings_path
from smallhours.training.tag_exploration import parse_tags
from smallhours.vocabulary import Reaction
from smallhours.web.page_context import PageContext

# These reactions exclude each other: a new one replaces the old one.
REACTIONS = (Reaction.THUMBS_UP, Reaction.THUMBS_DOWN, Reaction.BLOCKED)
TAKE_BACK = "take_back"


def save_reaction(
    page_context: PageContext, night: dt.date, intent: str, track_key: str, reaction: str
) -> None:
    """Save the listener's reaction to a pick, in place of an earlier one.

    Args:
        page_context: Context of the page.
        night: The night that recommended the track.
        intent: Key of the playlist.
        track_key: The track.
        reaction: One of `REACTIONS`, or `TAKE_BACK`.

    Raises:
        SettingsError: when there is no such reaction, or the track was not in that list.
        LakeUnwritable: when nothing could be saved.
    """
    if reaction not in (*REACTIONS, TAKE_BACK) or not _was_picked(
        page_context, night, intent, track_key
    ):
        raise SettingsError(
            "There is no such button for this track.", remedy="Open the page again."
        )
    mine = (
        (pc.field("night") == night)
        & (pc.field("intent") == intent)
        & (pc.field("track_key") == track_key)
        & pc.field("reaction").isin(list(REACTIONS))
    )
    at = dt.datetime.now(dt.UTC)
    rows = pd.DataFrame(
        [{"night": night, "intent": intent, "track_key": track_key, "reaction": reaction, "at": at}]
    )
    if reaction == TAKE_BACK:
        rows = rows.iloc[:0]
    page_context.lake.merge(
        FEEDBACK,
        rows,
        partition={"listener": page_context.listener, "month": f"{night:%Y-%m}"},
        replace=mine,
    )


def _was_picked(page_context: PageContext, night: dt.date, intent: str, track_key: str) -> bool:
    rows = page_context.lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position"],
        where={"listener": page_context.listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    return track_key in set(rows["track_key"])


def toml_section(listener: str, name: str, question: str) -> tuple[str, str]:
    """Return the playlist's key and its section as TOML.

    >>> print(toml_section("me", "Night bus!", "trip hop, dub:50")[1])
    [listeners.me.intents.night-bus]
    kind = "tags"
    name = "Night bus!"
    tags = ["trip hop", "dub"]

    Raises:
        SettingsError: when the name shows nothing.
        UnknownTags: when there are no tags.
    """
    if not is_named(name):
        raise SettingsError(f"{name!r} can't name a playlist.", remedy="Write a name.")
    key = re.sub(r"[^a-z0-9]+", "-", normalise(name)).strip("-")[:40]
    # A key has letters a-z and digits only; a name without any gets a number of its own.
    key = key or f"list-{zlib.crc32(name.strip().encode())}"
    lines = [
        f"[listeners.{listener}.intents.{key}]",
        'kind = "tags"',
        f"name = {_toml(name.strip())}",
        f"tags = {_toml(list(parse_tags(question)))}",
    ]
    return key, "\n".join(lines)


def _toml(value: str | list[str]) -> str:
    """Return a text or a list of texts as TOML: as JSON, but for what its escapes can't say."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def save_intent(page_context: PageContext, name: str, question: str) -> str:
    """Add a playlist of some tags to the settings; the next night fills it.

    Returns:
        The playlist's key.

    Raises:
        SettingsError: when there is such a playlist already, or the file can't be written; then it
            is unchanged, and the error shows the section to paste.
        UnknownTags: when there are no tags.
    """
    key, section = toml_section(page_context.listener, name, question)
    if key in page_context.playlist_settings.intents:
        raise SettingsError(
            f"There is a playlist {key!r} already.", remedy="Choose another name for this one."
        )
    path = settings_path()
    text = path.read_text(encoding="utf-8").rstrip("\n") + f"\n\n{section}\n"
    parse_settings(tomllib.loads(text), origin=str(path))
    try:
        _replace(path, text)
    except OSError as error:
        raise SettingsError(
            f"{path} can't be written here ({error.strerror}).",
            remedy=f"Put this at its end yourself:\n\n{section}",
        ) from None
    return key


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically, keeping its permissions."""
    target = path.resolve()
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(target.stat().st_mode & 0o777)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
