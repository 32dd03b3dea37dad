"""Inferred skips: plays that were cut short and picks that were passed over.

Spotify reports plays of half a minute and more, Last.fm those that were heard for half of the track
(or four minutes), and neither reports a skip; only the export does. But a play that only Spotify
reports, between plays that both report, was ended before its half:

    20:00 A   Spotify, Last.fm
    20:04 B   Spotify              cut short: Last.fm reported plays before and after it
    20:05 C   Spotify, Last.fm

And a pick that was not played, between two that were played in the list's order, was passed over:
of the list A B C D E, with A, C and D played in this order, B was passed over. E comes after the
last play and may not have been reached, so it is not judged.
"""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.listening.plays import LASTFM, SPOTIFY, Bools, counted_once, heard, reported_by

# Plays that both services report, this close before and after, are of one session.
SESSION_GAP = pd.Timedelta(hours=1)
# A scrobble this close may be the same play under another name.
ANOTHER_NAME = pd.Timedelta(minutes=10)
# Three played picks are in the list's order by chance in one case of six.
MIN_PLAYED_IN_ORDER = 3
COLUMNS = ["night", "intent", "track_key"]


def cut_short(plays: pd.DataFrame) -> Bools:
    """Return which plays the listener ended before their time, (plays,).

    These are those that the export calls skipped, and those that only Spotify reports within an
    hour after a play that Last.fm has, too, and within an hour before another. Where only Last.fm
    has a play within ten minutes, that may be the same one, and the play is not judged.

    Args:
        plays: `played_at`, `skipped` and `sources`, in any order.
    """
    exported = plays["skipped"].fillna(False).to_numpy(dtype=bool)
    if plays.empty:
        return np.asarray(exported)
    spotify, lastfm = reported_by(plays, SPOTIFY), reported_by(plays, LASTFM)
    at = pd.DatetimeIndex(plays["played_at"])
    both = at[spotify & lastfm].sort_values()
    before, after = _apart(at, both, "left"), _apart(at, both, "right")
    sat = (before <= SESSION_GAP) & (after <= SESSION_GAP)
    alone = at[lastfm & ~spotify].sort_values()
    near = np.minimum(_apart(at, alone, "left"), _apart(at, alone, "right")) <= ANOTHER_NAME
    found: Bools = exported | (spotify & ~lastfm & sat & ~near)
    return found


def with_inferred_skips(plays: pd.DataFrame) -> pd.DataFrame:
    """Return the plays with `skipped` also set for plays cut short, and without `sources`."""
    return plays.assign(skipped=cut_short(plays)).drop(columns="sources")


def heard_out(plays: pd.DataFrame) -> "pd.Series[bool]":
    """Return which plays count for a track: at least 30 seconds, not skipped, and each once.

    Args:
        plays: `track_key`, `played_at`, and `ms_played` and `skipped`, null where nothing is known.
    """
    whole = heard(plays) & ~plays["skipped"].fillna(False).astype(bool)
    whole[whole] = counted_once(plays[whole])
    return whole


def passed_over(lists: pd.DataFrame, plays: pd.DataFrame) -> pd.DataFrame:
    """Return picks not played while others before and after them were, in the list's order.

    A list of which fewer than three picks were played, or in another order, says nothing: the
    listener may have shuffled it, or picked from it.

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
    return pd.DataFrame(rows, columns=COLUMNS)


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


def _apart(
    at: pd.DatetimeIndex, others: pd.DatetimeIndex, side: str
) -> "npt.NDArray[np.timedelta64]":
    """Return how far the last of others before each moment is ("left"), or the first after it."""
    never = np.timedelta64(400, "D")
    apart = np.full(len(at), never).astype("timedelta64[ns]")
    if not len(others):
        return apart
    moments, known = at.to_numpy("datetime64[ns]"), others.to_numpy("datetime64[ns]")
    if side == "left":
        place = np.searchsorted(known, moments, side="left") - 1
        has = place >= 0
    else:
        place = np.searchsorted(known, moments, side="right")
        has = place < len(known)
    apart[has] = np.abs(moments[has] - known[place[has]])
    return apart
