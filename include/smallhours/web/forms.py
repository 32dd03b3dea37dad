"""What the buttons of the pages store: a reaction to a pick, and a playlist of tags.

A reaction is a row of `feedback`, which the next training reads. A playlist is a section of
smallhours.toml.
"""

import datetime as dt
import re
import zlib
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in, is_named, normalise
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.edits import (
    Edit,
    artist_edit,
    read_edits,
    store_edit,
    undo_edit,
    wrong_songs,
)
from smallhours.settings_file import change_settings
from smallhours.training.tag_exploration import parse_tags
from smallhours.vocabulary import BUTTONS, EditKind, EditSubject, PlaceName, Reaction
from smallhours.web.page_context import PageContext

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
        reaction: One of `BUTTONS`, or `TAKE_BACK`.

    Raises:
        SettingsError: when there is no such reaction, or the track was not in that list.
        LakeUnwritable: when nothing could be saved.
    """
    pick = _pick(page_context, night, intent, track_key)
    if reaction not in (*BUTTONS, TAKE_BACK) or pick is None:
        raise SettingsError(
            "There is no such button for this track.", remedy="Open the page again."
        )
    mine = (
        (pc.field("night") == night)
        & (pc.field("intent") == intent)
        & (pc.field("track_key") == track_key)
        & pc.field("reaction").isin(list(BUTTONS))
    )
    at = dt.datetime.now(dt.UTC)
    rows = pd.DataFrame(
        [{"night": night, "intent": intent, "track_key": track_key, "reaction": reaction, "at": at}]
    )
    if reaction == TAKE_BACK:
        rows = rows.iloc[:0]
    before, now = _edits_of(page_context, night, pick, track_key, at), None
    if reaction in before:
        now = before.pop(Reaction(reaction))
    elif reaction == Reaction.WRONG_SONG:
        raise SettingsError(
            "This track was not written to Spotify on that night, so it can't be a wrong one.",
            remedy="Open the page again.",
        )
    lake, listener = page_context.lake, page_context.listener
    partition = {"listener": listener, "month": f"{night:%Y-%m}"}
    lake.merge(FEEDBACK, rows, partition=partition, replace=mine)
    for edit in before.values():
        undo_edit(lake, listener, edit.kind, edit.subject, edit.value)
    if now is not None:
        store_edit(lake, listener, now)


def take_back_edit(
    page_context: PageContext, kind: EditKind, subject: EditSubject, value: str
) -> None:
    """Undo an edit, and take back the reactions that made it."""
    lake, listener = page_context.lake, page_context.listener
    made_by = {
        (EditKind.BLOCK, EditSubject.ARTIST): Reaction.ARTIST_BLOCKED,
        (EditKind.WRONG_SONG, EditSubject.TRACK): Reaction.WRONG_SONG,
    }
    feedback = lake.frame(FEEDBACK, where={"listener": listener})
    said = feedback[feedback["reaction"] == made_by.get((kind, subject), "")]
    wrong = wrong_songs(read_edits(lake, listener))
    about = {value, *(key for key, ids in wrong.items() if value in ids)}
    theirs = [bool(about & {key, artist_key_in(key)}) for key in said["track_key"]]
    said = said[np.array(theirs, dtype=bool)]
    undo_edit(lake, listener, kind, subject, value)
    gone = said[[*FEEDBACK.key, "month"]]
    lake.merge(FEEDBACK, pd.DataFrame(), partition={"listener": listener}, delete=gone)


def _edits_of(
    page_context: PageContext,
    night: dt.date,
    pick: Mapping[Hashable, Any],
    key: str,
    at: dt.datetime,
) -> dict[Reaction, Edit]:
    """Return the edit that each reaction to a pick makes, where it makes one."""
    edits = {Reaction.ARTIST_BLOCKED: artist_edit(EditKind.BLOCK, pick["artist"], at)}
    ledger = page_context.lake.frame(PLAYLISTS, where={"listener": page_context.listener})
    ledger = ledger[(ledger["night"] == night) & (ledger["place"] == PlaceName.SPOTIFY)]
    for keys, uris in zip(ledger["track_keys"], ledger["uris"], strict=True):
        uri = dict(zip(keys, uris, strict=False)).get(key)
        if uri:
            spotify_id = str(uri).rpartition(":")[2]
            wrong = Edit(EditKind.WRONG_SONG, EditSubject.TRACK, spotify_id, key, at)
            edits[Reaction.WRONG_SONG] = wrong
    return edits


def _pick(
    page_context: PageContext, night: dt.date, intent: str, track_key: str
) -> Mapping[Hashable, Any] | None:
    """Return the names of a pick; None where the list has no such track."""
    rows = page_context.lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position", "artist", "title"],
        where={"listener": page_context.listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    found = rows[rows["track_key"] == track_key].to_dict("records")
    return found[0] if found else None


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
