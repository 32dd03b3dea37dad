"""What did the listener skip, where no service says so?

Spotify tells of plays of half a minute and more, Last.fm of those that were heard for half of the
track (or four minutes), and neither tells of a skip; only the export does. But what lies between
two plays says much: a play that Spotify alone tells of, between plays that both do, was ended
before its half; and a pick that was not played, between two that were, in the list's order, was
passed over. What is before the first and after the last may not have been reached, and is not
judged.
"""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.listening.plays import LASTFM, SPOTIFY, Bools, heard, reported_by

# Plays that both services tell of, so near before and after, are of one sitting.
SITTING = pd.Timedelta(hours=1)
# A scrobble so near may be the same play under another name.
ANOTHER_NAME = pd.Timedelta(minutes=10)
# Three picks that chance put in the list's order would be one case in six.
FEWEST_IN_ORDER = 3
COLUMNS = ["night", "intent", "track_key"]


def cut_short(plays: pd.DataFrame) -> Bools:
    """Which plays the listener ended before their time, (plays,).

    Those that the export calls skipped, and those that Spotify alone tells of within an hour after
    a play that Last.fm has, too, and within an hour before another. Where Last.fm alone has a play
    within ten minutes, that may be the same one, and nothing is said.

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
    sat = (before <= SITTING) & (after <= SITTING)
    alone = at[lastfm & ~spotify].sort_values()
    near = np.minimum(_apart(at, alone, "left"), _apart(at, alone, "right")) <= ANOTHER_NAME
    found: Bools = exported | (spotify & ~lastfm & sat & ~near)
    return found


def with_skips(plays: pd.DataFrame) -> pd.DataFrame:
    """The plays with `skipped` set for those that were cut short, too, and without `sources`."""
    return plays.assign(skipped=cut_short(plays)).drop(columns="sources")


def heard_out(plays: pd.DataFrame) -> "pd.Series[bool]":
    """Which plays speak for a track: more than a glance, and not skipped.

    Args:
        plays: `ms_played` and `skipped`, null where nothing is known.
    """
    return heard(plays) & ~plays["skipped"].fillna(False).astype(bool)


def passed_over(lists: pd.DataFrame, plays: pd.DataFrame) -> pd.DataFrame:
    """Picks that were not played while others before and after them were, in the list's order.

    A list of which fewer than three picks were played, or in another order, says nothing: the
    listener may have shuffled it, or picked from it.

    Args:
        lists: Rows of `playlists` that were shown, of one listener: `night`, `intent` and
            `track_keys` in order.
        plays: `track_key` and `played_at`.

    Returns:
        `night`, `intent` and `track_key`, in the lists' order.
    """
    rows: list[tuple[dt.date, str, str]] = []
    for intent, of_intent in lists.sort_values("night").groupby("intent", sort=True):
        nights = of_intent["night"].tolist()
        untils = [*nights[1:], nights[-1] + dt.timedelta(days=1)]
        for night, until, keys in zip(nights, untils, of_intent["track_keys"], strict=True):
            days = plays["played_at"].dt.date
            while_it_stood = plays[(days >= night) & (days < until)]
            first = while_it_stood.groupby("track_key")["played_at"].min()
            rows += [(night, str(intent), key) for key in _between(list(keys), first)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _between(keys: list[str], first: "pd.Series[pd.Timestamp]") -> list[str]:
    """The tracks without a play between the first and the last with one."""
    played = [place for place, key in enumerate(keys) if key in first.index]
    if len(played) < FEWEST_IN_ORDER:
        return []
    moments = [first[keys[place]] for place in played]
    if moments != sorted(moments):
        return []
    reached = range(played[0], played[-1])
    return [keys[place] for place in reached if keys[place] not in first.index]


def _apart(
    at: pd.DatetimeIndex, others: pd.DatetimeIndex, side: str
) -> "npt.NDArray[np.timedelta64]":
    """How far the last of others before each moment is ("left"), or the first after it."""
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
