"""How the past lists were received, and the night from which on they are received worse.

A reception counts the picks that were heard out, and those that were rejected. Only lists that the
listener went through count: a list of which no pick is known to have been played, skipped or passed
over was not listened to.

A drop is found by Page's CUSUM (Biometrika, 1954): for each of the last nights as the first of a
change, the log of how much likelier the lists since then are under a change of a set size than
under none. The change is that only 62 % as many picks are heard out, and that of the others four
times as many are removed or otherwise rejected: about what happens when half of a taste is gone.
What was usual is learned from the lists before that night, less half a standard error. Where the
usual lists differ more among themselves than by chance, the statistic is divided by how much more.

The threshold was chosen on simulated receptions of lists of 10, as in the tests: 0.7 false alarms a
year, and a change found after six nights in the median of listeners who skip every third list.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.playlist_settings import MAIN
from smallhours.vocabulary import REJECTED, SHOWN, Reaction

# Lists of this many nights are looked back at.
DAYS = 90
# A change may have begun this many lists ago; what was usual is learned from at least so many.
MAX_LISTS_SINCE, MIN_LISTS_BEFORE = 10, 8
THRESHOLD = 4.75
HEARD_RATIO, REJECTED_RATIO = 0.62, 4.0
# Smaller drops of the share that is heard out are no alarm.
MIN_DROP = 0.1
# Of the picks that are not heard out, this share is rejected, as long as little is known.
USUAL_REJECTED, PRIOR_REJECTIONS = 0.04, 2
MAX_REJECTED = 0.5
# The excess spread among the usual lists counts as 1 for this many lists.
PRIOR_LISTS = 10

_REACHED = (Reaction.PLAYED, Reaction.SKIPPED, Reaction.PASSED)


@dataclass(frozen=True)
class Reception:
    """How one list that the listener went through was received.

    Attributes:
        night: Its night.
        size: Number of its picks.
        heard_out: Number of those that were heard out.
        rejected: Number of those that were removed or otherwise rejected.
    """

    night: dt.date
    size: int
    heard_out: int
    rejected: int = 0


def receptions(
    playlists: pd.DataFrame, feedback: pd.DataFrame, *, intent: str = MAIN
) -> list[Reception]:
    """Return how each list that the listener went through was received, oldest first.

    Only what was seen before the next list took its place counts: later, a pick is heard from
    another list that it stands in, or without any. So a list is not better received the longer it
    is looked back at.

    Args:
        playlists: Rows of `playlists` of one listener.
        feedback: Rows of `feedback` of the same listener.
        intent: Which of their playlists.
    """
    shown = playlists[(playlists["intent"] == intent) & playlists["outcome"].isin(SHOWN)]
    shown = one_per_night(shown)
    # Of a list whose hour is not known: noon lies between its night's run and the next, anywhere.
    noon = pd.to_datetime(shown["night"]).dt.tz_localize("UTC") + dt.timedelta(hours=12)
    shown = shown.assign(since=shown["as_of"].fillna(noon)).sort_values("since")
    shown["until"] = shown["since"].shift(-1)  # the last one stands there still
    picks = shown[["night", "since", "until", "track_keys"]].explode("track_keys")
    picks = picks.rename(columns={"track_keys": "track_key"}).dropna(subset="track_key")
    picks = picks.drop_duplicates(["night", "track_key"])
    sizes = Counter(picks["night"])
    told = feedback.loc[feedback["intent"] == intent, ["track_key", "reaction", "at"]]
    told = told.merge(picks, on="track_key")
    in_time = told["until"].isna() | (told["at"] <= told["until"])
    told = told[(told["since"] < told["at"]) & in_time]

    def counts(reactions: Iterable[Reaction]) -> Counter[dt.date]:
        rows = told[told["reaction"].isin(list(reactions))]
        return Counter(rows.drop_duplicates(["night", "track_key"])["night"])

    reached, heard, rejected = counts(_REACHED), counts([Reaction.PLAYED]), counts(REJECTED)
    return [
        Reception(night, size, heard[night], rejected[night])
        for night, size in sorted(sizes.items())
        if reached[night]
    ]


def read_receptions(
    lake: Lake, listener: str, *, before: dt.date, intent: str = MAIN
) -> list[Reception]:
    """Return how the lists of the last nights were received, oldest first.

    Args:
        lake: The lake.
        listener: Whose.
        before: Tonight.
        intent: Which of their playlists.
    """
    since = before - dt.timedelta(days=DAYS)
    columns = ["night", "intent", "place", "outcome", "track_keys", "as_of"]
    playlists = lake.frame(PLAYLISTS, columns=columns, where={"listener": listener})
    playlists = playlists[(playlists["night"] >= since) & (playlists["night"] < before)]
    if playlists.empty:
        return []
    where = {"listener": listener, "month": months_of(since, before)}
    feedback = lake.frame(FEEDBACK, columns=["intent", "track_key", "reaction", "at"], where=where)
    return receptions(playlists, feedback, intent=intent)


def months_of(since: dt.date, until: dt.date) -> list[str]:
    """Return the months from one day to another, as partitions name them."""
    days = [since + dt.timedelta(days=each) for each in range((until - since).days + 1)]
    return sorted({f"{day:%Y-%m}" for day in days})


@dataclass(frozen=True)
class Drop:
    """A drop of the reception.

    Attributes:
        since: Number of the last lists that are received worse.
        before, now: Share of picks that was heard out before, and since then.
        evidence: The log-likelihood ratio.
    """

    since: int
    before: float
    now: float
    evidence: float


def find_drop(past: Sequence[Reception]) -> Drop | None:
    """Return the likeliest drop among the last lists; None if there is no clear one.

    Args:
        past: The lists so far, oldest first.
    """
    splits = range(1, min(MAX_LISTS_SINCE, len(past) - MIN_LISTS_BEFORE) + 1)
    drops = [_drop(past[:-since], past[-since:]) for since in splits]
    best = max(drops, key=lambda each: each.evidence, default=None)
    return best if best is not None and best.evidence > THRESHOLD else None


def _drop(usual: Sequence[Reception], lately: Sequence[Reception]) -> Drop:
    picks, heard, rejected = _totals(usual)
    before = (heard + 1) / (picks + 2)
    n, k, r = _totals(lately)
    drop = Drop(len(lately), before, k / n, 0.0)
    if drop.now > before - MIN_DROP:
        return drop
    normal = before - 0.5 * math.sqrt(before * (1 - before) / picks)
    evidence = _log_ratio(k, n, normal, HEARD_RATIO * normal)
    prior = PRIOR_REJECTIONS / USUAL_REJECTED
    refused = (rejected + PRIOR_REJECTIONS) / (picks - heard + prior)
    more = min(MAX_REJECTED, REJECTED_RATIO * refused)
    evidence /= _excess_spread(usual, before)
    if evidence > 0:
        evidence += _log_ratio(min(r, n - k), n - k, refused, more)
    return Drop(drop.since, before, drop.now, evidence)


def _totals(lists: Sequence[Reception]) -> tuple[int, int, int]:
    """Return the numbers of picks, of those heard out, and of those rejected."""
    return (
        sum(each.size for each in lists),
        sum(each.heard_out for each in lists),
        sum(each.rejected for each in lists),
    )


def _log_ratio(successes: int, n: int, usual: float, changed: float) -> float:
    """Return the log-likelihood of a changed share minus that of the usual one."""
    rest = math.log((1 - changed) / (1 - usual))
    return successes * math.log(changed / usual) + (n - successes) * rest


def _excess_spread(lists: Sequence[Reception], share: float) -> float:
    """Return the variance of the lists' counts over a binomial's, drawn to 1; at least 1."""
    off = [
        (each.heard_out - each.size * share) / math.sqrt(each.size * share * (1 - share))
        for each in lists
    ]
    known = len(lists) - 1
    found = float(np.var(off, ddof=1)) * known
    return max(1.0, (found + PRIOR_LISTS) / (known + PRIOR_LISTS))
