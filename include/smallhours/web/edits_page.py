"""The page of blocks and corrections: what the listener said, what it takes out, and undo."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from starlette.datastructures import FormData

from smallhours.errors import SettingsError
from smallhours.identity import artist_key_in, artist_key_of, identify, is_named
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.edits import (
    DAYS,
    Edit,
    artist_edit,
    dates_edit,
    era_edit,
    hours_edit,
    not_mine,
    own_plays,
    read_edits,
)
from smallhours.playlist_settings import PlaylistSettings
from smallhours.vocabulary import EditKind, EditSubject
from smallhours.web.page_context import PageContext

KINDS: Mapping[EditKind, str] = {
    EditKind.BLOCK: "Never again",
    EditKind.MORE: "More of it",
    EditKind.LESS: "Less of it",
    EditKind.NOT_MINE: "Not my listening",
    EditKind.WRONG_SONG: "Wrong song",
}
TOP = 5


@dataclass(frozen=True)
class EditsPage:
    """The data of the page.

    Attributes:
        edits: What the listener said, newest first, each with the number of plays that it takes
            out of their history (0 for what concerns no plays).
        by_settings: What the settings file blocks.
        platforms: The kinds of device in the history, with their plays.
        kinds: What each kind of edit is called.
        proposed: An edit to look at before it is made; None where none was asked for.
        effect: What it would do, in words.
        subjects: What each kind of edit can be about.
        days: The days of the week.
    """

    edits: Sequence[tuple[Edit, int]]
    by_settings: Sequence[str]
    platforms: Mapping[str, int]
    kinds: Mapping[EditKind, str]
    proposed: Edit | None = None
    effect: Sequence[str] = ()
    subjects: Mapping[EditKind, Sequence[EditSubject]] = field(default_factory=lambda: SUBJECTS)
    days: Sequence[str] = DAYS


def edits_page(page_context: PageContext, proposed: Edit | None = None) -> EditsPage:
    """Return the data of the page."""
    lake, listener = page_context.lake, page_context.listener
    edits = read_edits(lake, listener).rows
    plays = _raw_plays(lake, listener)
    effect = [] if proposed is None else _effect(page_context, plays, proposed)
    return EditsPage(
        edits=[(each, _plays_out(plays, each)) for each in reversed(edits)],
        by_settings=_blocked_by(page_context.playlist_settings.playlist),
        platforms={str(name): int(n) for name, n in plays["platform"].value_counts().items()},
        kinds=KINDS,
        proposed=proposed,
        effect=effect,
    )


def _raw_plays(lake: Lake, listener: str) -> pd.DataFrame:
    columns = ["played_at", "track_key", "artist", "platform"]
    return lake.frame(PLAYS, columns=columns, where={"listener": listener})


def _plays_out(plays: pd.DataFrame, edit: Edit) -> int:
    return int(not_mine(plays, [edit]).sum()) if edit.kind == EditKind.NOT_MINE else 0


def _blocked_by(playlist: PlaylistSettings) -> list[str]:
    return [*playlist.blocked_artists, *playlist.blocked_tracks, *playlist.blocked_tags]


def _effect(page_context: PageContext, plays: pd.DataFrame, edit: Edit) -> list[str]:
    """Return what an edit would do, in sentences."""
    lake, listener = page_context.lake, page_context.listener
    if edit.kind != EditKind.NOT_MINE:
        own = own_plays(lake, listener, ["track_key"])
        concerned = [key for key in own["track_key"] if _is_about(key, edit)]
        if edit.subject not in (EditSubject.ARTIST, EditSubject.TRACK):
            return []
        return [f"You have {len(concerned):,} plays of it; they stay."]
    out = not_mine(plays, [edit])
    if not out.any():
        return ["It affects none of your plays."]
    share = out.mean()
    shown = "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"
    before, after = _top(plays), _top(plays[~out])
    told = [f"It leaves out {out.sum():,} of {len(plays):,} plays ({shown})."]
    artists = plays.loc[out, "artist"].value_counts().head(TOP)
    told.append(
        "Most of them: " + ", ".join(f"{name} ({n:,})" for name, n in artists.items()) + "."
    )
    if before == after:
        return [*told, f"Your {len(before)} most played artists stay the same."]
    return [*told, f"Most played now: {', '.join(before)}.", f"Then: {', '.join(after)}."]


def _top(plays: pd.DataFrame) -> list[str]:
    return [str(name) for name in plays["artist"].value_counts().head(TOP).index]


def _is_about(track_key: str, edit: Edit) -> bool:
    if edit.subject == EditSubject.ARTIST:
        return artist_key_in(track_key) == artist_key_of(edit.name)
    return track_key == edit.value


def edit_of(page_context: PageContext, form: FormData) -> Edit:
    """Return the edit that a form asks for.

    Raises:
        SettingsError: when it makes no sense; the message says what to write.
    """
    at = dt.datetime.now(dt.UTC)
    zone = page_context.playlist_settings.timezone
    kind, subject = _named(form)
    value = _text(form, "value")
    match subject:
        case EditSubject.HOURS:
            days = [str(day) for day in form.getlist("days")]
            return hours_edit(days, _hour(form, "start"), _hour(form, "end"), zone, at)
        case EditSubject.DATES:
            return dates_edit(_text(form, "first"), _text(form, "last"), zone, at)
        case EditSubject.ARTIST:
            return artist_edit(kind, value, at)
        case EditSubject.ERA:
            return era_edit(kind, value, at)
        case EditSubject.TRACK:
            artist, _, title = (
                part.strip() for part in value.replace(" – ", " - ").partition(" - ")
            )
            if not is_named(artist, title):
                raise SettingsError(
                    f"{value!r} is not a track.", remedy="Write it as Artist - Title."
                )
            return Edit(kind, subject, identify(artist, title).track_key, value, at)
        case _:
            if not is_named(value):
                raise SettingsError("Nothing is named.", remedy="Write what it is about.")
            return Edit(kind, subject, value, value, at)


# What each kind of edit can be about; `wrong_song` comes from a button beside the track.
SUBJECTS: Mapping[EditKind, tuple[EditSubject, ...]] = {
    EditKind.BLOCK: (EditSubject.ARTIST, EditSubject.TRACK, EditSubject.TAG),
    EditKind.MORE: (EditSubject.ARTIST, EditSubject.TAG, EditSubject.ERA),
    EditKind.LESS: (EditSubject.ARTIST, EditSubject.TAG, EditSubject.ERA),
    EditKind.NOT_MINE: (
        *(EditSubject.HOURS, EditSubject.DATES),
        *(EditSubject.PLATFORM, EditSubject.ARTIST),
    ),
}


def _named(form: FormData) -> tuple[EditKind, EditSubject]:
    for kind, subjects in SUBJECTS.items():
        for subject in subjects:
            if (form.get("kind"), form.get("subject")) == (kind, subject):
                return kind, subject
    raise SettingsError("There is no such button.", remedy="Open the page again.")


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()[:500]


def _hour(form: FormData, name: str) -> int:
    text = _text(form, name)
    return int(text) if text.isdecimal() and len(text) <= 2 else -1
