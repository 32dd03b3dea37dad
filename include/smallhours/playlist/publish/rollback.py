"""The stage `rollback`: it puts an earlier night's list back into the playlist.

Through the same careful steps as a new one. The lists after it are withdrawn in the ledger: they
no longer stand, what was picked for them still counts as shown, and tonight's run leaves the list
that was put back alone. The next night's takes its place as usual.
"""

import datetime as dt
import html
import logging
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from smallhours.errors import NotEnoughData, PlaylistNotOwned, SettingsError
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.listening.edits import read_edits
from smallhours.listening.feedback import rejected_tracks
from smallhours.listening.library import read_library
from smallhours.nights import Night
from smallhours.places.place import Place
from smallhours.playlist.explain.description import describe_list, marker
from smallhours.playlist.publish import ledger
from smallhours.playlist.publish.ownership import (
    check_marker,
    find_managed_playlist,
    managed_playlists,
)
from smallhours.playlist.publish.plan import PlannedTrack, summarise
from smallhours.playlist.publish.reconciliation import PlaylistReconciler
from smallhours.playlist.select.exclusion import (
    BLOCKED_TAG,
    BlockList,
    MetTracks,
    exclusion_reasons,
)
from smallhours.playlist.select.nightly_list import MIN_TAG_SHARE
from smallhours.playlist_settings import MAIN, PlaylistSettings
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.tags import load_tags, weighted_tags
from smallhours.vocabulary import SHOWN, Outcome

LOG = logging.getLogger(__name__)


def rollback(
    listener: str,
    lake: Lake,
    place: Place,
    *,
    settings: Settings,
    night: Night,
    intent: str = MAIN,
) -> Summary:
    """Put the list of an earlier night back.

    What the listener has banned, removed or disliked since stays away, and the note names it. A run
    that died on the way is finished by running it again, or by the next night's list.

    Args:
        listener: Whose.
        lake: The lake.
        place: Where the list goes.
        settings: For the listener's playlists.
        night: The night whose list it is.
        intent: Which of the listener's playlists.

    Raises:
        NotEnoughData: no list was written on that night, or nothing of it may come back.
        PlaylistNotOwned: the playlist is not there, or not ours to write.
        ServiceError: run it again.
    """
    if intent not in settings.listener(listener).playlists:
        known = ", ".join(settings.listener(listener).playlists)
        raise SettingsError(f"There is no playlist {intent!r}.", remedy=f"Known: {known}.")
    with managed_playlists(lake, listener):
        rows = ledger.ledger_rows(lake, listener, place.name)
        wanted, left_out = _wanted(lake, listener, rows, night.date, settings, intent)
        # Everything up to now may stand there.
        ledger_state = ledger.ledger_state(rows, intent=intent, night=dt.date.max)
        mark = marker(listener, intent)
        home = find_managed_playlist(place, ledger_state, mark, when_deleted="stop")
        if home is None:
            raise PlaylistNotOwned(
                "There is no playlist to put the list into.",
                remedy="Run publish_playlist first; it makes one.",
            )
        note = f"The list of {night.date} was put back{left_out}."
        _mark(lake, listener, rows, intent, night.date, Outcome.WITHDRAWING, note)
        _withdraw(lake, listener, rows, intent, night.date, Outcome.WITHDRAWING, note)
        here = rows[(rows["intent"] == intent) & (rows["night"] == night.date)]
        ledger_state = _as_replaced(ledger_state, here, wanted)
        habits = settings.listener(listener).publishing
        since = (rows["intent"] == intent) & (rows["night"] >= night.date)
        resumed = bool((rows.loc[since, "outcome"] == Outcome.WITHDRAWING).any())
        written = PlaylistReconciler(
            place, mark, wanted, ledger_state, habits.own_items, resumed=resumed
        ).run(home.id)
        now = check_marker(place, place.playlist(home.id), mark)
        description = describe_list(night.date, [pick.artist for pick in wanted], mark)
        if html.unescape(now.description) != description:
            place.change_details(home.id, description=description)
        # What is not there any more was not taken out by the listener.
        missing = [*written.leftovers, *(pick.uri for pick in written.refused)]
        _mark(lake, listener, rows, intent, night.date, Outcome.VERIFIED, note, missing)
        _withdraw(lake, listener, rows, intent, night.date, Outcome.WITHDRAWN, note)
        LOG.info("%s: %s", home.name, summarise(written.plan))
        return {
            "outcome": "rolled back",
            "playlist_id": home.id,
            "tracks": len(written.picks),
            "added": written.plan.count("add"),
            "removed": written.plan.count("remove"),
            "own_items_kept": len(written.plan.own),
            "note": f"{note} {summarise(written.plan)}",
        }


def _wanted(
    lake: Lake, listener: str, rows: pd.DataFrame, night: dt.date, settings: Settings, intent: str
) -> tuple[list[PlannedTrack], str]:
    """Return the night's tracks that may come back, and a clause about the others.

    Raises:
        NotEnoughData: no list was written on that night, or nothing of it may come back.
    """
    listed = ledger.list_of(rows, intent=intent, night=night)
    if listed.empty:
        nights = ", ".join(map(str, ledger.nights_written(rows, intent=intent)[-7:]))
        raise NotEnoughData(
            f"No list was written on {night}.",
            remedy=f"The last lists are those of {nights}." if nights else "There is none yet.",
        )
    keys = listed["track_key"].tolist()
    names = _names(lake, keys)
    banned = _banned(lake, listener, keys, settings.listener(listener).playlists[intent], night)
    wanted, left_out = [], []
    for key, uri in zip(keys, listed["uri"], strict=True):
        artist, title = names.get(key, ("", key))
        if key in banned:
            left_out.append(f"{artist} – {title} ({banned[key]})")
        else:
            wanted.append(PlannedTrack(key, uri, artist, title, f"of the list of {night}"))
    if not wanted:
        raise NotEnoughData(
            f"Nothing of the list of {night} may come back: you have banned, removed or disliked "
            "all of it since.",
            remedy="Choose another night.",
        )
    return wanted, f", without {'; '.join(left_out)}" if left_out else ""


def _banned(
    lake: Lake,
    listener: str,
    keys: Sequence[str],
    playlist_settings: PlaylistSettings,
    night: dt.date,
) -> dict[str, str]:
    """Return why some tracks may not come back, by key: banned, removed or disliked."""
    library = read_library(lake, listener, ["signal", "track_key"])
    tags = load_tags(lake, keys)
    blocked = BlockList.by(playlist_settings, tags.name, read_edits(lake, listener))
    why = exclusion_reasons(
        keys,
        met_tracks=MetTracks(known={}, disliked=rejected_tracks(lake, listener, library)),
        blocked=blocked,
        night=night,
        not_again_nights=0,
    )
    found = {key: reason for key, reason in zip(keys, why, strict=True) if reason}
    weighted = weighted_tags(tags, keys)
    strongest = weighted.groupby("track_key")["weight"].transform("max")
    weighted = weighted[weighted["weight"] >= MIN_TAG_SHARE * strongest]
    tagged = weighted.loc[weighted["tag"].isin(blocked.tags), "track_key"]
    return {**dict.fromkeys(tagged, BLOCKED_TAG), **found}


def _as_replaced(
    state: ledger.LedgerState, here: pd.DataFrame, wanted: Sequence[PlannedTrack]
) -> ledger.LedgerState:
    """Return the ledger's state in which what is missing was replaced, not taken out by a person.

    Args:
        state: The state now.
        here: The ledger's row of the list that is put back.
        wanted: The list's tracks.
    """
    stands = state.shown.issuperset(pick.uri for pick in wanted)
    unseen = {uri for uris in here["leftovers"].dropna() for uri in uris} if stands else set()
    return replace(
        state, shown=frozenset(), older=frozenset(), unseen=frozenset(unseen), previous=None
    )


def _names(lake: Lake, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    prefixes = sorted({prefix_of(artist_key_in(key)) for key in keys})
    rows = lake.frame(TRACKS, columns=["track_key", "artist", "title"], where={"prefix": prefixes})
    return {
        key: (artist, title)
        for key, artist, title in zip(rows["track_key"], rows["artist"], rows["title"], strict=True)
    }


def _withdraw(
    lake: Lake,
    listener: str,
    rows: pd.DataFrame,
    intent: str,
    night: dt.date,
    outcome: Outcome,
    note: str,
) -> None:
    later = ledger.withdraw(rows, intent=intent, after=night, outcome=outcome, note=note)
    if not later.empty:
        lake.merge(PLAYLISTS, _stored(later), partition={"listener": listener})


def _mark(
    lake: Lake,
    listener: str,
    rows: pd.DataFrame,
    intent: str,
    night: dt.date,
    outcome: Outcome,
    note: str,
    leftovers: Sequence[str] = (),
) -> None:
    """Let a list that was withdrawn once stand again; one that was not needs no word.

    Picks that the place does not show are noted in any case.
    """
    here = rows[(rows["intent"] == intent) & (rows["night"] == night)]
    if leftovers or not here["outcome"].isin(SHOWN).all():
        noted = pd.Series([list(leftovers)] * len(here), index=here.index, dtype=object)
        again = here.assign(outcome=outcome, note=note, leftovers=noted)
        lake.merge(PLAYLISTS, _stored(again), partition={"listener": listener})


def _stored(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="listener", errors="ignore")
