"""What the listener said about picks with the buttons, and what each of it did to the next list."""

import datetime as dt

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.playlist.select.exclusion import TOO_OFTEN_DAYS
from smallhours.vocabulary import BUTTONS, SHOWN, Reaction
from smallhours.web.page_context import PageContext


def said_of_list(
    page_context: PageContext, intent: str, night: dt.date, feedback: pd.DataFrame
) -> list[str]:
    """Return what the listener said of a night's list, as `Never this artist: Ride – Seagull`.

    A list that is made again replaces the night's first one; what was said of that stays.

    Args:
        page_context: Context of the page.
        intent: Key of the playlist.
        night: The night.
        feedback: Rows of `feedback` of the listener.
    """
    said = _said(page_context, intent, night, feedback)
    if not said:
        return []
    rows = _recommended(page_context, night, ["intent", "track_key", "position"])
    listed = set(rows.loc[(rows["intent"] == intent) & rows["position"].notna(), "track_key"])
    return [
        f"{BUTTONS[reaction]}: {name}" + ("" if key in listed else ", in that night's first list")
        for reaction, key, name in said
    ]


def effects_on_list(page_context: PageContext, intent: str, night: dt.date) -> list[str]:
    """Return what the words about the list before did to a night's list, one sentence each."""
    playlists = page_context.lake.frame(PLAYLISTS, where={"listener": page_context.listener})
    shown = playlists[(playlists["intent"] == intent) & playlists["outcome"].isin(SHOWN)]
    before = shown.loc[shown["night"] < night, "night"]
    if before.empty:
        return []
    last = before.max()
    where = {"listener": page_context.listener, "month": f"{last:%Y-%m}"}
    said = _said(page_context, intent, last, page_context.lake.frame(FEEDBACK, where=where))
    if not said:
        return []
    columns = ["intent", "track_key", "artist", "position", "why_not", "seeds"]
    rows = _recommended(page_context, night, columns)
    rows = rows[rows["intent"] == intent]
    rest = page_context.playlist_settings.playlist.not_again_nights
    return [
        f"{BUTTONS[reaction]}: {name}. {_effect(reaction, key, rows, rest)}"
        for reaction, key, name in said
    ]


def _effect(reaction: Reaction, key: str, rows: pd.DataFrame, rest: int) -> str:
    artist = artist_key_in(key)
    picks = rows[rows["position"].notna()]
    by_artist = rows[[artist_key_in(each) == artist for each in rows["track_key"]]]
    match reaction:
        case Reaction.THUMBS_UP:
            near = sum(key in seeds or artist in seeds for seeds in picks["seeds"])
            return f"It brought {near} of {len(picks)} picks of this list." if near else ""
        case Reaction.ARTIST_BLOCKED:
            return f"{len(by_artist)} tracks of this artist were left out."
        case Reaction.NOT_NOW:
            return f"It may come back after {rest} nights, and counts neither for nor against it."
        case Reaction.TOO_OFTEN:
            return f"It rests for {TOO_OFTEN_DAYS} days."
        case Reaction.WRONG_SONG:
            return "That Spotify track is never taken for it again."
        case _:
            return "It won't come again, and the ranking learns from it."


def _said(
    page_context: PageContext, intent: str, night: dt.date, feedback: pd.DataFrame
) -> list[tuple[Reaction, str, str]]:
    """Return each word about a list: the reaction, the track's key and its name."""
    mine = (feedback["night"] == night) & (feedback["intent"] == intent)
    feedback = feedback[mine & feedback["reaction"].isin(list(BUTTONS))]
    if feedback.empty:
        return []
    rows = _recommended(page_context, night, ["track_key", "artist", "title"])
    names = dict(zip(rows["track_key"], rows["artist"] + " – " + rows["title"], strict=True))
    pairs = zip(feedback["reaction"], feedback["track_key"], strict=True)
    return [(Reaction(reaction), key, names.get(key, key)) for reaction, key in pairs]


def _recommended(page_context: PageContext, night: dt.date, columns: list[str]) -> pd.DataFrame:
    where = {"listener": page_context.listener, "night": night.isoformat()}
    return page_context.lake.frame(RECOMMENDATIONS, columns=columns, where=where)
