"""Quality figures of tonight's list before it is received, notes on missing data, and alarms.

A list can please and yet grow stale, narrow or merely popular, night by night. These figures are
written to `metrics` each night under the subject `playlist`, so that the trend shows it: `novelty`,
`diversity`, `calibration_kl`, `artist_gini`, `popularity_lift`, and `overlap_1`, `overlap_4` and
`overlap_8` with the last lists. The formulas are those of `training.evaluation.metrics`; diversity
and the mix are measured in the same way as when the list was filled.

Alarms are about what grows worse unnoticed: these figures, the reception of the lists, and what
they rest on. Each night's are stored in `metrics`, under the subject `alarm`: what a figure is now,
and as the baseline what it was before. An alarm is given once, and again after a month if it still
holds.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from smallhours.catalog.seeds import EVIDENCE, OLD_SHARE
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import METRICS, PLAYLISTS
from smallhours.lake.store import Lake
from smallhours.playlist.publish.target_list import RECALL
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.playlist.select.nightly_list import NightlyList
from smallhours.playlist.select.shortlist import PRIOR_PLAYS
from smallhours.training.evaluation.metrics import Metric, gini, novelty, overlap, popularity_lift
from smallhours.training.evaluation.receptions import DAYS, Reception, find_drop, months_of
from smallhours.training.evaluation.uncertainty import wilson
from smallhours.vocabulary import EVER_SHOWN

SUBJECT = "playlist"
# The numbers of previous lists that a list is compared with.
LISTS_BACK = (1, 4, 8)

ALARM_SUBJECT = "alarm"
ACCEPTANCE, NOVELTY, CANDIDATE_RECALL, SOURCES = (
    "acceptance",
    "novelty",
    "candidate_recall",
    "old_sources",
)
# The same alarm is not given again for so many nights.
QUIET_NIGHTS = 30
# The mean of the last nights is compared with that of the ones before, which are at least so many.
LATELY, MIN_BEFORE = 14, 30
# One bit less: the tracks are known to twice as many people.
MAX_NOVELTY_LOSS = 1.0
# The candidates hold less than this share of what they held.
RECALL_RATIO = 0.5
# Share of the tracks, artists and tags of which no source has told anything new.
MAX_OLD = 0.5


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality figures of one list.

    Attributes:
        tracks: How many it has.
        novelty: Mean of -log2 of the share that knows a track, in bits; of everybody who knows
            the catalog's best known track.
        usual_novelty: The same of what the listener knows.
        diversity: Mean distance by tags over all pairs, 0-1.
        calibration_kl: How far its mix of tags is from the listener's, in nats.
        artist_gini: How unevenly its tracks are spread over its artists, 0-1.
        popularity_lift: Its mean popularity over that of what the listener knows, minus 1;
            popularity is a track's percentile in the catalog.
        overlaps: Share of it that stood in any of the last so many lists, by how many these are;
            one is missing until there were so many.

    A figure is NaN where nothing is known that it could rest on.
    """

    tracks: int
    novelty: float
    usual_novelty: float
    diversity: float
    calibration_kl: float
    artist_gini: float
    popularity_lift: float
    overlaps: dict[int, float]

    @classmethod
    def of(
        cls,
        nightly_list: NightlyList,
        listener_context: ListenerContext,
        *,
        earlier: Sequence[Sequence[str]],
    ) -> "Quality":
        """Measure a list.

        Args:
            nightly_list: The list.
            listener_context: All that is known.
            earlier: The track keys of the lists before it, the newest first.
        """
        slots = list(nightly_list.draft.slots)
        usual = listener_context.evidence.history.tracks.index
        known_by = listener_context.evidence.known_by
        share = known_by.clip(lower=1) / known_by.max()
        percentile = known_by.rank(pct=True)
        return cls(
            tracks=len(slots),
            novelty=novelty(share.reindex(slots).dropna()),
            usual_novelty=novelty(share.reindex(usual).dropna()),
            diversity=nightly_list.diversity(listener_context),
            calibration_kl=nightly_list.mix_divergence(listener_context),
            artist_gini=gini(np.unique(list(map(artist_key_in, slots)), return_counts=True)[1]),
            popularity_lift=popularity_lift(
                percentile.reindex(slots).dropna(), percentile.reindex(usual).dropna()
            ),
            overlaps={
                back: overlap(slots, earlier[:back]) for back in LISTS_BACK if len(earlier) >= back
            },
        )

    def metrics(self) -> list[Metric]:
        """Return the figures as rows of `metrics`, without unknown ones."""
        usual = None if math.isnan(self.usual_novelty) else self.usual_novelty
        found = [
            Metric(SUBJECT, "novelty", self.novelty, self.tracks, usual),
            Metric(SUBJECT, "diversity", self.diversity, self.tracks),
            Metric(SUBJECT, "calibration_kl", self.calibration_kl, self.tracks),
            Metric(SUBJECT, "artist_gini", self.artist_gini, self.tracks),
            Metric(SUBJECT, "popularity_lift", self.popularity_lift, self.tracks),
            *(
                Metric(SUBJECT, f"overlap_{back}", share, self.tracks)
                for back, share in self.overlaps.items()
            ),
        ]
        return [each for each in found if not math.isnan(each.value)]

    def __str__(self) -> str:
        """Return the figures in one line for a person."""
        parts = [
            _told("novelty {:.1f} bits", self.novelty)
            + _told(" (yours {:.1f})", self.usual_novelty),
            _told("popularity {:+.0%} against yours", self.popularity_lift),
            _told("artist Gini {:.2f}", self.artist_gini),
            *(
                _told(f"{{:.0%}} of the last {'list' if back == 1 else f'{back} lists'}", share)
                for back, share in self.overlaps.items()
            ),
        ]
        return ", ".join(each for each in parts if each)


def measure_quality(
    lake: Lake,
    listener: str,
    nightly_list: NightlyList,
    listener_context: ListenerContext,
    *,
    before: dt.date,
) -> Quality:
    """Measure the main list of a night.

    Args:
        lake: Holds the earlier lists.
        listener: Whose.
        nightly_list: The list.
        listener_context: All that is known.
        before: The night; its own list, and later ones, are not earlier ones.
    """
    ledger = lake.frame(
        PLAYLISTS,
        columns=["night", "intent", "outcome", "track_keys"],
        where={"listener": listener},
    )
    shown = ledger[(ledger["intent"] == nightly_list.intent) & ledger["outcome"].isin(EVER_SHOWN)]
    shown = shown[shown["night"] < before].sort_values("night", ascending=False)
    shown = shown.drop_duplicates("night")
    earlier = [list(keys) for keys in shown["track_keys"].head(max(LISTS_BACK))]
    return Quality.of(nightly_list, listener_context, earlier=earlier)


def _told(text: str, value: float) -> str:
    return "" if math.isnan(value) else text.format(value)


# With fewer plays, a taste model has little to learn from.
MIN_PLAYS_FOR_TASTE = 100
MAX_UNTAGGED_SHARE = 0.5


def missing_data(lists: Sequence[NightlyList], listener_context: ListenerContext) -> Iterator[str]:
    """Yield what is missing, each with its consequence.

    Args:
        lists: The night's lists, the main one first.
        listener_context: What is known.
    """
    evidence = listener_context.evidence
    plays = len(evidence.plays)
    if plays < MIN_PLAYS_FOR_TASTE:
        yield f"plays ({plays:,} so far; from {MIN_PLAYS_FOR_TASTE} on the picks get personal)"
    if listener_context.taste is None:
        yield "a taste model (train_models makes one; until then neighbours and tags decide)"
    recent = int(evidence.recent_plays(listener_context.night).sum())
    if recent < PRIOR_PLAYS:
        yield f"plays of the last 90 days ({recent:,}; the mix follows older ones, too)"
    tagged = listener_context.space.tracks.intersection(evidence.tracks.index)
    untagged = len(evidence.tracks) - len(tagged)
    if untagged > MAX_UNTAGGED_SHARE * len(evidence.tracks):
        yield f"tags of {untagged:,} of {len(evidence.tracks):,} tracks (refresh_catalog asks on)"
    main = lists[0]
    if not listener_context.features["track_key"].isin(list(main.draft.slots)).any():
        yield "audio features of the chosen tracks (they are in the order of their rank)"
    if not main.playlist_settings.explicit:
        unknown = int(evidence.tracks["explicit"].isna().sum())
        yield f"whether {unknown:,} tracks are explicit (Spotify says it when they are looked up)"
    if len(main.draft.slots) < main.playlist_settings.size:
        yield f"{main.playlist_settings.size - len(main.draft.slots)} tracks that may come and fit"
    for each in lists:
        if each.purpose is not None and each.purpose.missing_data:
            yield f"for {each.intent}: {each.purpose.missing_data}"


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes:
        kind: What grew worse.
        what: The observation, in a sentence.
        remedy: What to do about it.
    """

    kind: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Return the alarm for a person to read."""
        return f"{self.what} {self.remedy}"


@dataclass(frozen=True)
class _Words:
    what: str
    remedy: str


_WORDS: Mapping[str, _Words] = MappingProxyType(
    {
        ACCEPTANCE: _Words(
            what="Your lists are received worse: of the last {n} that you went through {now:.0%} "
            "was heard out, of those before {before:.0%}.",
            remedy="If your taste has changed, ask for less of a tag or an artist on the page "
            "Edits. If somebody else listens with your account, exclude that listening there.",
        ),
        NOVELTY: _Words(
            what="Your lists hold better known music than before: a novelty of {now:.1f} bits in "
            "the last {n} lists, {before:.1f} before.",
            remedy="Lower the popularity on the page Settings if you want less known music.",
        ),
        CANDIDATE_RECALL: _Words(
            what="The candidates miss what you come to like: they held {now:.0%} of {n} tracks, "
            "{before:.0%} before.",
            remedy="See with `smallhours doctor` which source is set aside; if none is, raise "
            "`catalog.lastfm_calls_per_night`.",
        ),
        SOURCES: _Words(
            what="What the lists rest on is old: for {now:.0%} of your tracks, artists and tags, "
            "no source has told anything new for long.",
            remedy="See with `smallhours doctor` which source refuses, and put its key or address "
            "right.",
        ),
    }
)


def raise_alarms(
    lake: Lake, listener: str, past: Sequence[Reception], *, night: dt.date
) -> list[Metric]:
    """Return tonight's alarms as rows of `metrics`.

    Args:
        lake: Holds the figures of the last nights.
        listener: Whose.
        past: How the lists so far were received, oldest first.
        night: Tonight.
    """
    since = night - dt.timedelta(days=DAYS)
    rows = lake.frame(METRICS, where={"month": months_of(since, night)})
    rows = rows[(rows["listener"] == listener) & rows["night"].between(since, night)]
    rows = rows.sort_values("night")
    last = night - dt.timedelta(days=QUIET_NIGHTS)
    given = (rows["subject"] == ALARM_SUBJECT) & (rows["night"] > last) & (rows["night"] < night)
    quiet = set(rows.loc[given, "metric"])
    checks: dict[str, Callable[[], Metric | None]] = {
        ACCEPTANCE: lambda: _acceptance(past),
        NOVELTY: lambda: _novelty(_figures(rows, SUBJECT, "novelty")),
        CANDIDATE_RECALL: lambda: _recall(rows[rows["metric"] == RECALL], night),
        SOURCES: lambda: _sources(_figures(rows, EVIDENCE, OLD_SHARE), night),
    }
    found = (check() for kind, check in checks.items() if kind not in quiet)
    return [each for each in found if each is not None]


def _acceptance(past: Sequence[Reception]) -> Metric | None:
    drop = find_drop(past)
    return (
        drop
        if drop is None
        else Metric(ALARM_SUBJECT, ACCEPTANCE, drop.now, drop.since, drop.before)
    )


def _novelty(by_night: pd.Series) -> Metric | None:
    if len(by_night) < LATELY + MIN_BEFORE:
        return None
    before, now = by_night.iloc[:-LATELY].mean(), by_night.iloc[-LATELY:].mean()
    worse = now < before - MAX_NOVELTY_LOSS
    return Metric(ALARM_SUBJECT, NOVELTY, float(now), LATELY, float(before)) if worse else None


def _recall(rows: pd.DataFrame, night: dt.date) -> Metric | None:
    """Compare the newest recall, if it was measured tonight, with the usual one."""
    if len(rows) <= MIN_BEFORE or rows["night"].iloc[-1] != night:
        return None
    before = float(rows["value"].iloc[:-LATELY].median())
    now, n = float(rows["value"].iloc[-1]), int(rows["n"].iloc[-1])
    worse = wilson(round(now * n), n).high < RECALL_RATIO * before
    return Metric(ALARM_SUBJECT, CANDIDATE_RECALL, now, n, before) if worse else None


def _sources(by_night: pd.Series, night: dt.date) -> Metric | None:
    now = float(by_night.get(night, 0.0))
    return Metric(ALARM_SUBJECT, SOURCES, now, 1) if now > MAX_OLD else None


def _figures(rows: pd.DataFrame, subject: str, metric: str) -> pd.Series:
    """Return one figure by night."""
    mine = rows[(rows["subject"] == subject) & (rows["metric"] == metric)]
    found: pd.Series = mine.set_index("night")["value"]
    return found


def alarms_in(metrics: pd.DataFrame) -> list[Alarm]:
    """Return the alarms among one listener's rows of `metrics`, oldest first."""
    rows = metrics[metrics["subject"] == ALARM_SUBJECT].sort_values("night")
    columns = (rows[name] for name in ("metric", "value", "n", "baseline"))
    return [_in_words(*row) for row in zip(*columns, strict=True)]


def alarms_of(metrics: Sequence[Metric]) -> list[Alarm]:
    """Return what `raise_alarms` found, in words."""
    return [_in_words(each.name, each.value, each.n, each.baseline) for each in metrics]


def _in_words(kind: str, now: float, n: int, before: float | None) -> Alarm:
    words = _WORDS[kind]
    return Alarm(kind, words.what.format(now=now, n=n, before=before), words.remedy)
