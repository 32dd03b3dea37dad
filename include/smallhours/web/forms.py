"""What the buttons of the pages store: a reaction to a pick, and a playlist of tags.

A reaction is a row of `feedback`, which the next training reads. A playlist is a section of
smallhours.toml.
"""

import datetime as dt
import re
import zlib
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.identity import is_named, normalise
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.settings_file import change_settings
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


def save_intent(page_context: PageContext, name: str, question: str) -> str:
    """Add a playlist of some tags to the settings; the next night fills it.

    Returns:
        The playlist's key.

    Raises:
        SettingsError: when the name shows nothing, there is such a playlist already, or the file
            can't be written.
        UnknownTags: when there are no tags.
    """
    tags = list(parse_tags(question))
    return add_intent(page_context, name, {"kind": "tags", "tags": tags})


def add_intent(page_context: PageContext, name: str, wishes: Mapping[str, Any]) -> str:
    """Add a playlist to the settings.

    Args:
        page_context: Context of the page.
        name: Name of the playlist.
        wishes: Its kind and what else it is told, as in the settings.

    Returns:
        The playlist's key.

    Raises:
        SettingsError: when the name shows nothing, there is such a playlist already, or the file
            can't be written.
    """
    if not is_named(name):
        raise SettingsError(f"{name!r} can't name a playlist.", remedy="Write a name.")
    key = intent_key(name)
    if key in page_context.playlist_settings.intents:
        raise SettingsError(
            f"There is a playlist {key!r} already.", remedy="Choose another name for this one."
        )
    section = {"kind": wishes["kind"], "name": name.strip(), **wishes}
    change_settings({("listeners", page_context.listener, "intents", key): section})
    return key


def intent_key(name: str) -> str:
    """Return the key of a playlist in the settings, of letters a-z and digits.

    >>> intent_key("Night bus!")
    'night-bus'
    """
    key = re.sub(r"[^a-z0-9]+", "-", normalise(name)).strip("-")[:40]
    # A name without any of these letters gets a number of its own.
    return key or f"list-{zlib.crc32(name.strip().encode())}"
