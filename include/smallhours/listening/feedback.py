"""Reactions to our picks: kept, removed, saved, played, skipped, passed over, or unplayed.

Every reaction belongs to the night that recommended the track. `kept` and `removed`
can only be read off the list that stands in the playlist now, before tonight's replaces it; the
others show in the history and the library for weeks after. A play counts from the moment on at
which the list was published; where the ledger does not have it, from the night's first minute where
the listener lives.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.errors import NotFound
from smallhours.identity import identify, is_named
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.places.place import Place
from smallhours.vocabulary import (
    EVER_SHOWN,
    NEUTRAL,
    POSITIVE_SIGNALS,
    REJECTED,
    SHOWN,
    Outcome,
    Reaction,
    Signal,
)

COLUMNS = [column.name for column in FEEDBACK.columns]
# A play long after the list was replaced is no reaction to it.
REMEMBERED_DAYS = 30
# How often a playlist is read in which one of our picks is missing.
MAX_LOOKS = 4
# Three played picks are in the list's order by chance in one case of six.
MIN_PLAYED_IN_ORDER = 3


def current_lists(ledger: pd.DataFrame, *, before: dt.date) -> pd.DataFrame:
    """Return, for each of the listener's playlists at each place, the row of the list in it.

    While an earlier list is being put back, nobody knows which one that is.

    Args:
        ledger: Rows of `playlists` of one listener.
        before: Tonight; its own list does not count.
    """
    which = ["intent", "place"]
    shown = _shown(ledger, before).sort_values("night").groupby(which, as_index=False).tail(1)
    withdrawing = ledger[(ledger["night"] < before) & (ledger["outcome"] == Outcome.WITHDRAWING)]
    since = withdrawing.groupby(which)["night"].max().to_dict()
    unknown = [
        night < since.get((intent, place), dt.date.min)
        for intent, place, night in zip(*(shown[name] for name in (*which, "night")), strict=True)
    ]
    return shown[~pd.Series(unknown, index=shown.index, dtype=bool)]


def recent_picks(lists: pd.DataFrame) -> pd.DataFrame:
    """Return every pick of some lists: `night`, `intent`, `since` and `track_key`, once each.

    A pick that stood in several nights' lists belongs to the first.

    Args:
        lists: As `recent_lists` gives them.
    """
    picks = lists[["night", "intent", "since", "track_keys"]]
    picks = picks.explode("track_keys", ignore_index=True)
    picks = picks.rename(columns={"track_keys": "track_key"}).dropna(subset=["track_key"])
    picks = picks.sort_values(["night", "intent"], kind="stable")
    return picks.drop_duplicates(["intent", "track_key"], ignore_index=True)


def recent_lists(ledger: pd.DataFrame, *, before: dt.date, zone: ZoneInfo) -> pd.DataFrame:
    """Return the rows of `playlists` that were shown in the remembered nights, with `since` when.

    Args:
        ledger: Rows of `playlists` of one listener.
        before: Tonight; its own list does not count.
        zone: Where the listener lives.
    """
    shown = one_per_night(_shown(ledger, before))
    recent = shown[shown["night"] >= before - dt.timedelta(days=REMEMBERED_DAYS)]
    known = [as_of if pd.notna(as_of) else None for as_of in recent["as_of"]]
    moments = zip(recent["night"], known, strict=True)
    since = [_shown_since(night, as_of, zone) for night, as_of in moments]
    return recent.assign(since=pd.Series(since, index=recent.index, dtype="datetime64[us, UTC]"))


def last_shown(ledger: pd.DataFrame, *, before: dt.date) -> dict[str, dt.date]:
    """Return the night on which each track was last in any of the listener's playlists."""
    shown: dict[str, dt.date] = {}
    earlier = ledger[(ledger["night"] < before) & ledger["outcome"].isin(EVER_SHOWN)]
    for night, keys in zip(earlier["night"], earlier["track_keys"], strict=True):
        for key in keys:
            shown[key] = max(night, shown.get(key, night))
    return shown


def one_per_night(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return one row of each night and playlist: of several places, that of the longest list.

    A list that was shown comes before one that was not.
    """
    shown = ledger["outcome"].isin(SHOWN)
    ranked = ledger.assign(shown=shown, length=ledger["track_keys"].map(len))
    ranked = ranked.sort_values(["shown", "length"], ascending=False, kind="stable")
    return ledger.loc[ranked.drop_duplicates(["night", "intent"]).index].sort_index()


def _shown_since(night: dt.date, as_of: dt.datetime | None, zone: ZoneInfo) -> dt.datetime:
    """Return from when on a list could be heard.

    A list that was published for another day than that of the run is as old as its night.
    """
    if as_of is not None and as_of.astimezone(zone).date() == night:
        return as_of
    return dt.datetime.combine(night, dt.time(), zone).astimezone(dt.UTC)


def rows_as_written(
    rows: Sequence[str | None],
    tracks: Mapping[str, tuple[str, str]],
    written: Mapping[str, str],
) -> tuple[str | None, ...]:
    """Return a playlist's rows with the URIs that we wrote in place of those of other releases.

    Spotify may show a track under the id of another release. A row is taken for a track that we
    wrote if it is the same recording, and that track is not seen.

    Args:
        rows: URIs; None for a row without a track.
        tracks: Artists and titles, by URI.
        written: The track keys of what we wrote, by URI.
    """
    unseen = {key: uri for uri, key in written.items() if uri not in set(rows)}
    other: dict[str | None, str] = {}
    for uri, (artist, title) in tracks.items():
        if unseen and uri not in written and is_named(artist, title):
            ours = unseen.pop(identify(artist, title).track_key, None)
            if ours is not None:
                other[uri] = ours
    return tuple(other.get(row, row) for row in rows)


def standing_rows(place: Place, row: pd.DataFrame) -> set[str | None]:
    """Return the URIs in the playlist of a row of `playlists`; none if the listener deleted it.

    Where one of ours is missing, the playlist is read again before that counts as a removal.
    """
    written = dict(zip(row["uris"].iloc[0], row["track_keys"].iloc[0], strict=True))
    found: set[str | None] = set()
    for trial in range(1, MAX_LOOKS + 1):
        try:
            items = place.rows(row["playlist_id"].iloc[0])
        except NotFound:
            return found
        tracks = {item.uri: (item.artist, item.title) for item in items if item.uri and item.title}
        found.update(rows_as_written([item.uri for item in items], tracks, written))
        if trial == MAX_LOOKS or found.issuperset(written):
            break
        place.retry_policy.sleep(place.retry_policy.backoff(trial))
    return found


def edit_reactions(
    standing: pd.DataFrame, items: Collection[str | None], *, at: dt.datetime
) -> pd.DataFrame:
    """Return `kept` and `removed`, from what is in a playlist now.

    A playlist that was emptied as a whole says nothing about single tracks; nor does the absence
    of one that was never seen in it, or that may be a row without a track.

    Args:
        standing: One row of `playlists`: the list as it was written.
        items: The URIs that are in the playlist now; None for a row without a track.
        at: When they were read.
    """
    rows = standing[["night", "intent", "track_keys", "uris"]]
    rows = rows.explode(["track_keys", "uris"], ignore_index=True).dropna(subset=["uris"])
    stays = rows["uris"].isin(set(items))
    unknown = ~stays & (rows["uris"].isin(_leftovers(standing)) | (None in items))
    rows, stays = rows[~unknown], stays[~unknown]
    if not stays.any():
        return pd.DataFrame(columns=COLUMNS)
    reaction = stays.map({True: Reaction.KEPT, False: Reaction.REMOVED})
    return _rows(rows.rename(columns={"track_keys": "track_key"}), reaction, at)


def play_reactions(
    picks: pd.DataFrame, plays: pd.DataFrame, library: pd.DataFrame, *, at: dt.datetime
) -> pd.DataFrame:
    """Return `played`, `skipped`, `saved` and `unplayed`, from the history and the library.

    Args:
        picks: As `recent_picks` gives them.
        plays: `track_key`, `played_at` and `skipped` of the listener's plays.
        library: Rows of `library`: a track was saved or loved when the service says,
            or first seen as such.
        at: Now, as the run has it.
    """
    heard = picks.merge(plays, on="track_key")
    heard = heard[heard["played_at"] >= heard["since"]]
    skipped = heard["skipped"].fillna(False).astype(bool)
    saved = picks.merge(library[library["signal"].isin(POSITIVE_SIGNALS)], on="track_key")
    dated = saved["added_at"].notna()
    saved = saved[
        (dated & (saved["added_at"] >= saved["since"]))
        | (~dated & (saved["first_seen"] >= saved["night"]))
    ]
    key = ["night", "intent", "track_key"]
    played = heard.loc[~skipped, key].drop_duplicates()
    silent = picks.merge(heard[key].drop_duplicates(), on=key, how="left", indicator=True)
    silent = silent[silent["_merge"] == "left_only"]
    parts = [
        _rows(played, Reaction.PLAYED, at),
        _rows(heard.loc[skipped, key].drop_duplicates(), Reaction.SKIPPED, at),
        _rows(saved[key].drop_duplicates(), Reaction.SAVED, at),
        _rows(silent, Reaction.UNPLAYED, at),
    ]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def passed(
    picks: pd.DataFrame, lists: pd.DataFrame, plays: pd.DataFrame, *, at: dt.datetime
) -> pd.DataFrame:
    """Return `passed`: picks that were passed over on the way through a list.

    Args:
        picks: As `recent_picks` gives them: what stood in an earlier list belongs to that.
        lists: As `recent_lists` gives them.
        plays: `track_key` and `played_at`.
        at: Now, as the run has it.
    """
    found = passed_over(lists, plays)
    return _rows(found.merge(picks, on=["night", "intent", "track_key"]), Reaction.PASSED, at)


def passed_over(lists: pd.DataFrame, plays: pd.DataFrame) -> pd.DataFrame:
    """Return picks not played while others before and after them were, in the list's order.

    Of the list A B C D E, with A, C and D played in this order, B was passed over. E comes after
    the last play and may not have been reached, so it is not judged. A list of which fewer than
    three picks were played, or in another order, says nothing: the listener may have shuffled it,
    or picked from it.

    Args:
        lists: Rows of `playlists` that were shown, of one listener: `night`, `intent`, `since`
            when, and `track_keys` in order.
        plays: `track_key` and `played_at`.

    Returns:
        `night`, `intent` and `track_key`, in the lists' order.
    """
    rows: list[tuple[dt.date, str, str]] = []
    for intent, of_intent in lists.sort_values("night").groupby("intent", sort=True):
        sinces = of_intent["since"].tolist()
        untils = [*sinces[1:], sinces[-1] + dt.timedelta(days=1)]
        shown = zip(of_intent["night"], sinces, untils, of_intent["track_keys"], strict=True)
        for night, since, until, keys in shown:
            at = plays["played_at"]
            first = plays[(at >= since) & (at < until)].groupby("track_key")["played_at"].min()
            rows += [(night, str(intent), key) for key in _passed_tracks(list(keys), first)]
    return pd.DataFrame(rows, columns=["night", "intent", "track_key"])


def _passed_tracks(keys: list[str], first: "pd.Series[pd.Timestamp]") -> list[str]:
    """Return the tracks without a play between the first and the last with one."""
    played = [place for place, key in enumerate(keys) if key in first.index]
    if len(played) < MIN_PLAYED_IN_ORDER:
        return []
    moments = [first[keys[place]] for place in played]
    if moments != sorted(moments):
        return []
    reached = range(played[0], played[-1])
    return [keys[place] for place in reached if keys[place] not in first.index]


def _shown(ledger: pd.DataFrame, before: dt.date) -> pd.DataFrame:
    return ledger[(ledger["night"] < before) & ledger["outcome"].isin(SHOWN)]


def _leftovers(standing: pd.DataFrame) -> set[str]:
    """The picks of a list that Spotify did not show, with those of earlier ones."""
    return {uri for leftovers in standing["leftovers"].dropna() for uri in leftovers}


def _rows(picks: pd.DataFrame, reaction: "Reaction | pd.Series", at: dt.datetime) -> pd.DataFrame:
    return picks.assign(reaction=reaction, at=at)[COLUMNS]


def feedback_before(feedback: pd.DataFrame, cut: dt.datetime) -> pd.DataFrame:
    """Return the rows of `feedback` that were known at a cut and count.

    The end of a night is the date of the feedback that it collected.
    """
    return without_neutral_picks(feedback[feedback["at"] <= cut])


def without_neutral_picks(feedback: pd.DataFrame) -> pd.DataFrame:
    """Drop what else happened to picks of which the listener said that it should not count.

    Args:
        feedback: Rows of `feedback` of one listener.
    """
    neutral = feedback["reaction"].isin(NEUTRAL)
    if not neutral.any():
        return feedback
    pick = list(zip(feedback["night"], feedback["intent"], feedback["track_key"], strict=True))
    excused = {each for each, said in zip(pick, neutral, strict=True) if said}
    return feedback[neutral.to_numpy() | [each not in excused for each in pick]]


def rejected_tracks(lake: Lake, listener: str, library: pd.DataFrame) -> frozenset[str]:
    """Return the keys of the tracks that the listener disliked, blocked or removed from a list.

    Args:
        lake: The lake.
        listener: Whose.
        library: `signal` and `track_key` of `read_library`.
    """
    feedback = without_neutral_picks(lake.frame(FEEDBACK, where={"listener": listener}))
    disliked = library.loc[library["signal"] == Signal.DISLIKED, "track_key"]
    return frozenset([*disliked, *feedback.loc[feedback["reaction"].isin(REJECTED), "track_key"]])


def store_feedback(lake: Lake, listener: str, noted: pd.DataFrame) -> None:
    """Store reactions with the time first seen; a play replaces `unplayed` and `passed`."""
    noted = noted.assign(month=pd.to_datetime(noted["night"]).dt.strftime("%Y-%m"))
    months = sorted(set(noted["month"]))
    stored = lake.frame(FEEDBACK, where={"listener": listener, "month": months})
    key = list(FEEDBACK.key)
    first = stored.set_index(key)["at"]
    known = noted.set_index(key).index
    noted["at"] = first.reindex(known).fillna(noted.set_index(key)["at"]).to_numpy()
    silent = stored[stored["reaction"].isin([Reaction.UNPLAYED, Reaction.PASSED])]
    heard = noted[noted["reaction"].isin([Reaction.PLAYED, Reaction.SKIPPED])]
    over = silent.merge(heard[["night", "intent", "track_key"]].drop_duplicates())
    lake.merge(FEEDBACK, noted, partition={"listener": listener}, delete=over[[*key, "month"]])
