"""How the past lists were received, what they promise of the next, and since when it is worse.

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

The promise of a list is how many of its picks will be heard out, with an interval of 90 %. It is an
adaptive conformal interval (Gibbs and Candès, NeurIPS 2021) over the past lists. Each past
list is predicted from those before it: their mean share of picks that were heard out, recent lists
counting most, times the list's size. A list's residual is its distance from the prediction, in
standard deviations of a binomial. Tonight's interval reaches as far from tonight's prediction as
all but a part of the past residuals did. That part is a tenth in the long run: after a list that
the interval missed it shrinks, so that the interval widens, and after one that it held it grows. So
the interval also follows a taste that changes. Its ends are whole numbers within it, which exclude
nothing that it holds.

Where the lists are found to be received worse from one on (`find_drop`), only those since then
predict tonight's.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from smallhours.lake.list_tables import METRICS, PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.playlist_settings import MAIN
from smallhours.training.evaluation.metrics import Floats, Metric
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

# The figure in `metrics`.
HEARD_OUT = "heard_out"
# After fewer lists nothing is promised.
MIN_LISTS = 5
# Share of the lists that the interval may miss, in the long run and at the beginning: the first
# lists get better quickly.
MISSES, FIRST_MISSES = 0.1, 0.07
MIN_MISSES, MAX_MISSES = 0.005, 0.5
# How far one list moves that share.
STEP = 0.07
# A list counts half as much as one that is so many lists newer.
HALF_LIFE = 8
# Residuals of a normal distribution, which count as well until there are enough real ones.
PRIOR = np.array([NormalDist().inv_cdf(0.5 + (at + 0.5) / 40) for at in range(20)])


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


@dataclass(frozen=True)
class Promise:
    """At least `low` and at most `high` picks will be heard out; `expected` in the mean."""

    low: int
    high: int
    expected: float


def promise(past: Sequence[Reception], size: int) -> Promise | None:
    """Return the promise for a list of some size; None after too few lists.

    Args:
        past: The lists before it, oldest first.
        size: Number of its tracks.

    >>> night = dt.date(2026, 11, 1)
    >>> found = promise([Reception(night, 10, heard) for heard in (6, 7, 5, 6, 8, 6, 6)], 10)
    >>> found.low, found.high
    (4, 8)
    """
    misses = FIRST_MISSES
    shares = np.array([each.heard_out / each.size for each in past])
    residuals = np.array([])
    for at, each in enumerate(past):
        expected, deviation = _expect(shares[:at], each.size)
        residual = abs(each.heard_out - expected) / deviation
        missed = residual > _reach(residuals, misses)
        misses = min(max(misses + STEP * (MISSES - missed), MIN_MISSES), MAX_MISSES)
        residuals = np.append(residuals, residual)
    if len(past) < MIN_LISTS or not size:
        return None
    drop = find_drop(past)
    expected, deviation = _expect(shares[-drop.since :] if drop else shares, size)
    reach = _reach(residuals, misses) * deviation
    low, high = math.ceil(expected - reach), math.floor(expected + reach)
    if low > high:
        low = high = round(expected)
    return Promise(max(low, 0), min(high, size), expected)


def _expect(shares: Floats, size: int) -> tuple[float, float]:
    """Return the expected number of picks that are heard out, and its standard deviation."""
    weights = 0.5 ** (np.arange(len(shares))[::-1] / HALF_LIFE)
    # One list of which half was heard out is added, so that no share is 0 or 1.
    known = float(weights.sum()) + 1
    share = (float(weights @ shares) + 0.5) / known
    return size * share, math.sqrt(size * share * (1 - share) * (1 + 1 / known))


def _reach(residuals: Floats, misses: float) -> float:
    """Return the residual that all but a share of the past ones do not exceed."""
    known = np.sort(np.append(residuals, PRIOR))
    return float(known[math.ceil((1 - misses) * (len(known) - 1))])


def promise_metric(found: Promise, size: int, *, intent: str) -> Metric:
    """Return a promise as a row of `metrics`."""
    low, high = float(found.low), float(found.high)
    return Metric(_subject(intent), HEARD_OUT, found.expected, size, low=low, high=high)


def promises_by_night(
    lake: Lake, listener: str, nights: Iterable[dt.date], *, intent: str = MAIN
) -> dict[dt.date, Promise]:
    """Return what was promised for the lists of some nights."""
    months = sorted({f"{night:%Y-%m}" for night in nights})
    rows = lake.frame(METRICS, where={"month": months})
    mine = (rows["listener"] == listener) & (rows["subject"] == _subject(intent))
    rows = rows[mine & (rows["metric"] == HEARD_OUT)]
    columns = (rows[name] for name in ("night", "low", "high", "value"))
    return {
        night: Promise(int(low), int(high), float(value))
        for night, low, high, value in zip(*columns, strict=True)
    }


def _subject(intent: str) -> str:
    return "playlist" if intent == MAIN else f"playlist_{intent}"
