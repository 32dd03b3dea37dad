"""Benchmark of playlists by time of day: what was really played at those hours in later weeks.

    python -m benchmarks.time_of_day [--scrobbles FILE] [--tags FILE] [--others FILE]
                                     [--features FILE] [--quick]

Cuts one listener's log every 26 weeks. At each cut, and for each quarter of the day, everything
learns from the plays before it and ranks tracks for a list; the truth is what was played in that
quarter in the 26 weeks after. Two questions are asked: which of the tracks that were heard before
(`known`; the log's tracks), and which artists that were not (`new`; an artist stands for its
tracks, and others' listening for the services that say who is similar).

- `ours`: the intent `time_of_day`, by the product's own code: the ranking, and `our list` with its
  caps, its diversity and its discoveries; `ours without hours` is the same without the intent;
- `moments`: the sequel of the study's paper (J. Ramirez Castillo, M. J. Flores, A. E. Nicholson,
  "User-centric Music Recommendations", arXiv 2505.11198): a row is an hour of listening, the tags
  heard then and the mean danceability; a model predicts it from the mean tags of the quarter's
  hours, and the tracks nearest to the prediction are taken;
- what anybody would try: the most played at these hours, at all, in the last 90 days.

Features are known by artist (`--features`, the mean of an artist's tracks), so that the nearest
tracks are those of the nearest artists; of these, the most played come first. Ends with one line of
JSON. Without FILEs the tables are read from ../shared if they exist.
"""

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from benchmarks.harness import BadTable, command_line, peak_mb, print_figures, print_progress
from benchmarks.support.listening_log import SEED, ZONE, Log, context_at, load_log
from benchmarks.support.set_b import DEFAULT as FEATURES_AND_TAGS
from benchmarks.support.taste_data import OTHERS, SCROBBLES, TAGS
from smallhours.identity import artist_key_in
from smallhours.playlist.explain.listening_times import PARTS, within
from smallhours.playlist.intents import score_intent
from smallhours.playlist.rank.scores import IntentScores, ListenerContext
from smallhours.playlist.select.nightly_list import NightlyList, build_list, exclusions
from smallhours.playlist_settings import PlaylistSettings, TimeOfDayIntent
from smallhours.training.evaluation.metrics import ndcg_at, recall_at
from smallhours.training.evaluation.uncertainty import bootstrap_ratio
from smallhours.training.ranking.fusion import Fusion, default_fusion
from smallhours.training.tags import Tags, count_matrix
from smallhours.training.top_tags import TopTags
from smallhours_study.grid import FEATURES
from smallhours_study.paper.tabular_models import paper_bayesian_ridge, paper_xgboost

TOP = 30
WEEKS = dt.timedelta(weeks=26)
CUTS, QUICK_CUTS = 16, 4
# Of a quarter of the day: with fewer plays there is no list, with a smaller truth no figure.
MIN_PLAYS, MIN_TRUTH = 20, 3
RECENT = dt.timedelta(days=90)
# Each of PARTS, six hours from six in the morning.
QUARTERS = dict(zip(PARTS, ((6, 12), (12, 18), (18, 24), (0, 6)), strict=True))
# The columns of tags that the paper's models are given.
COLUMNS = 100

KNOWN, NEW = "known", "new"
ASKED = {
    KNOWN: PlaylistSettings(familiarity=1, not_played_days=1, size=TOP),
    NEW: PlaylistSettings(familiarity=-1, size=TOP),
}
LISTENER, INTENT = "listener", "time_of_day"
OURS, LIST, WITHOUT_HOURS = "ours", "our list", "ours without hours"


class Baseline(StrEnum):
    """What ours is compared with."""

    XGBOOST = "moments, XGBoost"
    BAYES = "moments, Bayesian ridge"
    FIVE = "moments, XGBoost, five features"
    PLAYED_THEN = "most played then"
    PLAYED = "most played"
    PLAYED_RECENTLY = "most played in 90 days"
    POPULARITY = "popularity"


MOMENTS = (Baseline.XGBOOST, Baseline.BAYES, Baseline.FIVE)
BASELINES = {
    KNOWN: (*MOMENTS, Baseline.PLAYED_THEN, Baseline.PLAYED, Baseline.PLAYED_RECENTLY),
    NEW: (*MOMENTS, Baseline.POPULARITY),
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Hours of listening.

    Attributes:
        at: (moments,) the beginning of each, UTC.
        tags: CSR (moments, tags), the mean counts of the strongest tags over the plays.
        features: (moments, features), the mean over the plays.
    """

    at: pd.Series
    tags: sparse.csr_matrix
    features: Floats

    @classmethod
    def of(cls, plays: pd.DataFrame, tags: Tags, features: pd.DataFrame) -> "Moments":
        """Average tags and features over the plays of each hour, of artists that have both."""
        owners = plays["track_key"].map(artist_key_in)
        kept = owners.isin(features.index) & owners.isin(set(tags.artist))
        hours, starts = pd.factorize(plays.loc[kept, "played_at"].dt.floor("h"))
        artists, names = pd.factorize(owners[kept])
        shape = (len(starts), len(names))
        heard = sparse.csr_matrix((np.ones(len(hours)), (hours, artists)), shape=shape)
        heard = sparse.diags_array(1 / np.asarray(heard.sum(axis=1)).ravel()) @ heard
        rows = [tags.artist[name] for name in names]
        column = {tag: at for at, tag in enumerate(sorted(set().union(*rows)))}
        counts = sparse.csr_matrix(heard @ count_matrix(rows, column))
        return cls(
            pd.Series(starts),
            TopTags(COLUMNS).fit_transform(counts),
            np.asarray(heard @ features.loc[names].to_numpy(dtype=float)),
        )

    def predictions(self, model: Callable[[], Any], features: Sequence[str]) -> dict[str, Floats]:
        """Predict features from the mean tags of each quarter of the day in which any was heard."""
        columns = [FEATURES.index(name) for name in features]
        fitted = model().fit(self.tags, self.features[:, columns])
        found = {}
        for name, hours in QUARTERS.items():
            inside = np.flatnonzero(within(self.at, ZONE, hours, ()))
            if len(inside):
                mean = sparse.csr_matrix(self.tags[inside].mean(axis=0))
                found[name] = np.asarray(fitted.predict(mean), dtype=np.float64).ravel()
        return found


@dataclass(frozen=True)
class Day:
    """A past day: what is known, what every baseline rests on, and what was played after it.

    Attributes:
        context: The product's.
        fusion: The product's weights.
        plays: The plays before.
        later: The plays of the 26 weeks after.
        features: Indexed by track: its artist's FEATURES, NaN where unknown.
        predicted: The features that fit each quarter of the day, by baseline.
    """

    context: ListenerContext
    fusion: Fusion
    plays: pd.DataFrame
    later: pd.DataFrame
    features: pd.DataFrame
    predicted: Mapping[str, Mapping[str, Floats]]

    @classmethod
    def of(cls, log: Log, cut: dt.datetime) -> "Day":
        """Read what is known on a day as the product's stages would have left it."""
        before = log.plays[log.plays["played_at"] < cut]
        later = log.plays[log.plays["played_at"].between(cut, cut + WEEKS, inclusive="left")]
        context = context_at(log, before, cut)
        tracks = context.tracks
        features = log.features.reindex([artist_key_in(key) for key in tracks]).set_axis(tracks)
        moments = Moments.of(before, log.world.tags, log.features)
        return cls(
            context,
            default_fusion(context.space.tags_per_track),
            before,
            later,
            features,
            {
                Baseline.XGBOOST: moments.predictions(paper_xgboost, FEATURES[:1]),
                Baseline.BAYES: moments.predictions(paper_bayesian_ridge, FEATURES[:1]),
                Baseline.FIVE: moments.predictions(paper_xgboost, FEATURES),
            },
        )

    def played(
        self, plays: pd.DataFrame, hours: tuple[int, int] | None = None
    ) -> "pd.Series[float]":
        """Return how often each track that may be chosen was played; an artist for its tracks."""
        if hours:
            plays = plays[within(plays["played_at"], ZONE, hours, ())]
        keys = plays["track_key"]
        counts = pd.concat([keys, keys.map(artist_key_in)]).value_counts()
        found: pd.Series[float] = counts.reindex(self.context.tracks).fillna(0).astype(float)
        return found

    def nearest(self, to: Floats) -> "pd.Series[float]":
        """Score tracks by their closeness to some features, in standard deviations of each."""
        some = self.features.iloc[:, : len(to)]
        away = ((some - to) / some.std()).to_numpy(dtype=float)
        return pd.Series(-np.linalg.norm(away, axis=1), index=self.context.tracks)


class Asked:
    """One question on a day: the lists of every method, all of the same eligible tracks."""

    def __init__(self, day: Day, question: str) -> None:
        self._day, self._settings, self._baselines = day, ASKED[question], BASELINES[question]
        self._why_not = exclusions(day.context, self._settings)
        self.eligible = self._why_not == ""
        rng = day.context.night.rng(LISTENER, "taste centres")
        self._scored = day.context.score(self.eligible, day.fusion, rng)
        self._played = day.played(day.plays)

    def truth(self, quarter: str) -> set[str]:
        """Return the eligible tracks that were played in a quarter of the day afterwards."""
        played = self._day.played(self._day.later, QUARTERS[quarter])
        return set(played.index[(played > 0) & self.eligible])

    def lists(self, quarter: str) -> dict[str, list[str]]:
        """Return the first tracks by every method."""
        intent = TimeOfDayIntent(kind="time_of_day", hours=QUARTERS[quarter])
        ours = self._list(score_intent(intent, self._day.context))
        return {
            OURS: _first(ours.scored["rank"]),
            LIST: list(ours.draft.slots),
            WITHOUT_HOURS: _first(self._list(None).scored["rank"]),
            **{name: self._best(self._score(name, quarter)) for name in self._baselines},
        }

    def _list(self, purpose: IntentScores | None) -> NightlyList:
        return build_list(
            INTENT,
            self._settings,
            purpose,
            listener_context=self._day.context,
            scored=self._scored,
            why_not=self._why_not,
            elsewhere=frozenset(),
            rng=self._day.context.night.rng(LISTENER, "exploration"),
        )

    def _score(self, baseline: str, quarter: str) -> "pd.Series[float]":
        day = self._day
        match baseline:
            case Baseline.PLAYED_THEN:
                return day.played(day.plays, QUARTERS[quarter])
            case Baseline.PLAYED:
                return self._played
            case Baseline.PLAYED_RECENTLY:
                since = day.context.night.as_of - RECENT
                return day.played(day.plays[day.plays["played_at"] >= since])
            case Baseline.POPULARITY:
                listeners = day.context.evidence.tracks["listeners"]
                return pd.Series(listeners.fillna(0.0), dtype=float)
            case _:
                return day.nearest(day.predicted[baseline][quarter])

    def _best(self, score: "pd.Series[float]") -> list[str]:
        """Return the first eligible tracks; of equally good ones the most played come first."""
        each = pd.DataFrame({"score": score, "played": self._played})[self.eligible].dropna()
        return each.nlargest(TOP, ["score", "played"]).index.tolist()


def _first(rank: "pd.Series[int]") -> list[str]:
    return rank.nsmallest(TOP).index.tolist()


def figures_of_day(day: Day) -> list[dict[str, object]]:
    """Return the figures of every method in each quarter that has plays before and after."""
    rows: list[dict[str, object]] = []
    for question in ASKED:
        asked = Asked(day, question)
        for quarter, hours in QUARTERS.items():
            truth = asked.truth(quarter)
            before = within(day.plays["played_at"], ZONE, hours, ())
            if len(truth) < MIN_TRUTH or before.sum() < MIN_PLAYS:
                continue
            said = {
                "question": question, "quarter": quarter, "cut": day.context.night.date,
                "truth": len(truth),
            }  # fmt: skip
            for method, keys in asked.lists(quarter).items():
                ndcg, recall = ndcg_at(keys, truth, TOP), recall_at(keys, truth, TOP)
                rows.append({**said, "method": method, "ndcg": ndcg, "recall": recall})
    return rows


def summed_up(rows: pd.DataFrame) -> dict[str, object]:
    """Print a table for each question, and return the figures."""
    found: dict[str, object] = {}
    for question, asked in rows.groupby("question", sort=False):
        by_cut = asked.groupby(["method", "cut"], sort=False)[["ndcg", "recall"]].mean()
        quarters = asked.groupby(["method", "quarter"], sort=False)["ndcg"].mean()
        told = asked.drop_duplicates(["cut", "quarter"])
        print(
            f"\n{question}: {told['cut'].nunique()} cuts, {len(told)} lists, "
            f"{told['truth'].mean():.0f} tracks played later at the mean\n"
            f"{'method':32} NDCG@{TOP} recall  ours over it, 95 % over cuts"
        )
        ours, each = by_cut.loc[OURS], {}
        for method in asked["method"].unique():
            theirs = by_cut.loc[method]
            rng = np.random.default_rng(SEED)
            ratio = bootstrap_ratio(ours["ndcg"], theirs["ndcg"], rng=rng)
            each[method] = {
                "ndcg30": round(float(theirs["ndcg"].mean()), 4),
                "recall30": round(float(theirs["recall"].mean()), 4),
                "ours_over": [round(x, 3) for x in (ratio.value, ratio.low, ratio.high)],
            }
            parts = ", ".join(
                f"{name} {quarters[method][name]:.3f}" for name in quarters[method].index
            )
            print(
                f"{method:32} {each[method]['ndcg30']:7.4f} {each[method]['recall30']:6.4f}  "
                f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]  {parts}"
            )
        found[str(question)] = {"cuts": told["cut"].nunique(), "lists": len(told), **each}
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module's docstring."""
    options = _options(argv)
    start = time.perf_counter()
    try:
        log = load_log(options.scrobbles, options.tags, options.others, options.features)
    except BadTable as error:
        sys.exit(str(error))
    rows: list[dict[str, object]] = []
    for cut in log.cuts(QUICK_CUTS if options.quick else CUTS, WEEKS):
        print_progress(f"the 26 weeks from {cut:%Y-%m-%d} on")
        rows += figures_of_day(Day.of(log, cut))
    if not rows:
        sys.exit("No quarter of the day has enough plays before and after a cut.")
    found = summed_up(pd.DataFrame(rows))
    print_figures(
        {**found, "wall_s": round(time.perf_counter() - start, 1), "peak_mb": round(peak_mb())}
    )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument(
        "--scrobbles", type=Path, default=SCROBBLES, help="played_at, artist, title"
    )
    parser.add_argument("--tags", type=Path, default=TAGS, help="artist, tag, count")
    parser.add_argument("--others", type=Path, default=OTHERS, help="listener, artist, plays")
    parser.add_argument(
        "--features", type=Path, default=FEATURES_AND_TAGS[0], help="artist, features"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CUTS} cuts")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
