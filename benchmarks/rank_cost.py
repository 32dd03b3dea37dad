"""Benchmark of ranking 50,000 candidates and explaining the chosen ones.

    python -m benchmarks.rank_cost [--candidates N] [--lake FOLDER]

The catalog is made up, the same each time, and written to a lake first. Its size follows a real
one: 20 seeds lead to each candidate, artists carry 15 tags, half of all tracks have a few of their
own, nearly all have predicted features, and 17,000 tracks were played 90,000 times.

Then a process of its own reads the evidence ("loading"; the model is fitted on the spot and not
counted), and goes on to make the night's list: the tags of all tracks, every signal, the score, the
re-ranking, the selection, and a reason for every track of the list and its reserve. The memory of
that is the largest resident set since loading ended, minus the resident set at that moment. The
last line is the figures as one line of JSON: `{"rank_50k_s", "rank_50k_mb", "load_s"}`.
"""

import argparse
import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks.harness import command_line, peak_mb, print_figures, run_apart
from smallhours.catalog.tag_names import refresh_names
from smallhours.identity import artist_key_in
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
    PREDICTED_FEATURES,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening.plays import month_of
from smallhours.playlist.explain.listening_times import ListeningTimes
from smallhours.playlist.rank.evidence import Evidence, read_evidence, read_features
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.playlist.rank.stage import choose_lists, rows_of
from smallhours.training.ranking.fusion import DEFAULT
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.model import TagColumns, TasteModel
from smallhours.vocabulary import CatalogSource
from smallhours_sandbox.simulation.installation import LISTENER, sandbox_settings

NIGHT = dt.date(2026, 11, 21)
CANDIDATE_COUNT, ARTISTS, VOTES = 50_000, 12_000, 20
KNOWN, KNOWN_ARTISTS, PLAYED, SAVED = 17_000, 3_000, 90_000, 800
TAGS, TAGS_OF_ARTIST, TAGS_OF_TRACK = 5_000, 15, 6
ROUTES = ("similar_track", "similar_artist", "known_artist", "tag")
DAYS = 2_000

_FIRST = ("dark", "post", "indie", "dream", "folk", "acid", "deep", "noise", "space", "neo")
_SECOND = (
    "rock", "pop", "jazz", "techno", "wave", "soul", "drone", "house", "punk", "blues",
)  # fmt: skip

T = TypeVar("T")
LEARNED_FROM = 3_000


# Name, wall seconds and CPU seconds of one step.
Step = tuple[str, float, float]


def write_catalog(lake: Lake, count: int) -> None:
    """Fill an empty lake with a catalog of this many candidates."""
    rng = np.random.default_rng(50)
    # The listener knows some of the candidates' artists by other tracks.
    candidates = [f"artist {at % ARTISTS} · song {at}" for at in range(count)]
    known = [f"artist {at % KNOWN_ARTISTS} · old song {at}" for at in range(KNOWN)]
    tracks = [*candidates, *known]
    artists = sorted(set(map(artist_key_in, tracks)))
    tags = _tag_names()
    _by_prefix(lake, TRACKS, _tracks(tracks, rng))
    _by_prefix(lake, ARTIST_TAGS, _tags("artist_key", artists, TAGS_OF_ARTIST, tags, rng))
    own = [key for key in tracks if rng.random() < 0.5]
    _by_prefix(lake, TRACK_TAGS, _tags("track_key", own, TAGS_OF_TRACK, tags, rng))
    refresh_names(lake)
    heard = [key for key in tracks if rng.random() < 0.9]
    _by_prefix(lake, AUDIO_FEATURES, _features(heard, rng))
    _history(lake, known, rng)
    votes = _votes(candidates, known, tags, rng)
    lake.replace(CANDIDATES, votes, partition={"listener": LISTENER})


def _tag_names() -> np.ndarray:
    """Return tag names as people write them: genres of two words, capitals, years, and habits."""
    kinds = [f"{one} {two}" for one in _FIRST for two in _SECOND]
    named = [
        f"{kinds[at % len(kinds)].title() if at % 7 == 0 else kinds[at % len(kinds)]} {at}"
        for at in range(TAGS - len(kinds))
    ]
    return np.array([*kinds, *named], dtype=object)


def _tracks(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    seen = [NIGHT - dt.timedelta(days=int(age)) for age in rng.integers(0, 90, len(keys))]
    rows = pd.DataFrame({column.name: None for column in TRACKS.columns}, index=range(len(keys)))
    return rows.assign(
        track_key=keys,
        artist_key=[artist_key_in(key) for key in keys],
        artist=[artist_key_in(key).title() for key in keys],
        title=[key.split(" · ")[1].title() for key in keys],
        version="",
        album=pd.Series([f"Album {at // 5}" if at % 3 else None for at in range(len(keys))]),
        released=pd.Series(["2026-10-12" if at % 9 == 0 else None for at in range(len(keys))]),
        listeners=rng.integers(1, 1_000_000, len(keys)),
        first_seen=seen,
    )


def _tags(
    key: str, owners: list[str], each: int, names: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(owners) * each
    # A few tags are everywhere, most are rare.
    drawn = names[(len(names) * rng.uniform(0, 1, n) ** 4).astype(int)]
    place = np.tile(np.arange(each), len(owners))
    rows = pd.DataFrame({key: np.repeat(owners, each), "tag": drawn, "count": 100 - 5 * place})
    rows = rows.drop_duplicates([key, "tag"])
    if key == "artist_key":
        rows["artist"] = rows[key]
    return rows.assign(source=CatalogSource.LASTFM, fetched_at=NIGHT)


def _features(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    n = len(keys) * len(PREDICTED_FEATURES)
    value = rng.uniform(0, 1, n)
    margin = rng.uniform(0.05, 0.2, n)
    return pd.DataFrame(
        {
            "track_key": np.repeat(keys, len(PREDICTED_FEATURES)),
            "source": "predicted",
            "feature": np.tile(np.array(PREDICTED_FEATURES), len(keys)),
            "value": value,
            "low": value - margin,
            "high": value + margin,
            "model": "made up",
            "fetched_at": NIGHT,
        }
    )


def _history(lake: Lake, known: list[str], rng: np.random.Generator) -> None:
    tracks = np.array(known, dtype=object)[
        (len(known) * rng.uniform(0, 1, PLAYED) ** 2).astype(int)
    ]
    began = pd.Timestamp(NIGHT, tz="UTC") - pd.Timedelta(days=DAYS)
    moments = began + pd.to_timedelta(np.sort(rng.integers(0, DAYS * 86_400, PLAYED)), unit="s")
    rows = pd.DataFrame({column.name: None for column in PLAYS.columns}, index=range(PLAYED))
    rows = rows.assign(
        played_at=moments,
        track_key=tracks,
        artist=[artist_key_in(key).title() for key in tracks],
        title=[key.split(" · ")[1].title() for key in tracks],
        ordinal=0,
        sources=pd.Series([["lastfm"]] * PLAYED),
    )
    rows["month"] = month_of(rows["played_at"])
    lake.merge(PLAYS, rows, partition={"listener": LISTENER})
    saved = pd.DataFrame({column.name: None for column in LIBRARY.columns}, index=range(SAVED))
    saved = saved.assign(
        signal="saved",
        source="spotify",
        time_range="",
        track_key=known[:SAVED],
        artist=[artist_key_in(key).title() for key in known[:SAVED]],
        title=[key.split(" · ")[1].title() for key in known[:SAVED]],
        first_seen=NIGHT,
        last_seen=NIGHT,
    )
    lake.replace(LIBRARY, saved, partition={"listener": LISTENER})


def _votes(
    candidates: list[str], known: list[str], tags: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(candidates) * VOTES
    route = np.array(ROUTES, dtype=object)[rng.integers(0, len(ROUTES), n)]
    track = np.repeat(np.array(candidates, dtype=object), VOTES)
    seeds = np.array(known, dtype=object)[(len(known) * rng.uniform(0, 1, n) ** 2).astype(int)]
    artists = np.array([f"artist {at}" for at in range(KNOWN_ARTISTS)], dtype=object)
    seed = np.select(
        [route == "similar_track", route == "similar_artist", route == "known_artist"],
        [seeds, artists[rng.integers(0, len(artists), n)], [artist_key_in(key) for key in track]],
        tags[rng.integers(0, 50, n)],
    )
    votes = pd.DataFrame(
        {
            "track_key": track,
            "route": route,
            "seed_key": seed,
            "strength": rng.uniform(0, 1, n) ** 3,
        }
    )
    return votes.drop_duplicates(["track_key", "route", "seed_key"]).assign(seen=NIGHT)


def _by_prefix(lake: Lake, table: Table, rows: pd.DataFrame) -> None:
    key = "artist_key" if "artist_key" in rows else "track_key"
    prefixes = {artist: prefix_of(artist) for artist in {artist_key_in(k) for k in rows[key]}}
    lake.merge(table, rows.assign(prefix=[prefixes[artist_key_in(k)] for k in rows[key]]))


@dataclass
class StepTimer:
    """The times of steps, in order."""

    steps: list[Step] = field(default_factory=list)

    def time(self, name: str, work: Callable[[], T]) -> T:
        """Do the work and record its time."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.steps.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return done


@dataclass(frozen=True)
class RankingCost:
    """The measurements of one process.

    Attributes:
        loading: Steps of reading the evidence.
        ranking: All later steps, up to the rows of `recommendations`.
        held_mb: Memory after loading.
        more_mb: The largest memory while ranking, minus that.
        considered: Number of tracks that were scored.
        reasons: Number of tracks that have a reason.
    """

    loading: list[Step]
    ranking: list[Step]
    held_mb: float
    more_mb: float
    considered: int
    reasons: int


def measure(folder: Path) -> RankingCost:
    """Load, rank and explain, in this process."""
    lake = Lake(str(folder))
    settings = sandbox_settings()
    night, me = settings.night(LISTENER, NIGHT.isoformat()), settings.listener(LISTENER)
    loading, ranking = StepTimer(), StepTimer()
    evidence = loading.time("evidence", lambda: read_evidence(lake, LISTENER, night=night))
    tracks = {*evidence.tracks.index, *evidence.history.tracks.index}
    features = loading.time("features", lambda: read_features(lake, tracks))
    taste = _taste(evidence)
    held = forget_peak()
    listening = ranking.time(
        "tags",
        lambda: ListenerContext.of(
            evidence, taste=taste, features=features, night=night, zone=ZoneInfo(me.timezone)
        ),
    )
    lists = ranking.time(
        "signals, score, selection",
        lambda: choose_lists(LISTENER, me, me.playlists, listening, DEFAULT),
    )
    hours = ranking.time("hours", lambda: ListeningTimes(evidence.plays, listening.zone))
    rows = ranking.time("reasons", lambda: [rows_of(each, listening, hours) for each in lists])
    return RankingCost(
        loading.steps,
        ranking.steps,
        held,
        peak_mb() - held,
        considered=len(lists[0].scored),
        reasons=int((rows[0]["reason"] != "").sum()),
    )


def _taste(evidence: Evidence) -> TasteModel:
    """Return a model as large as a learned one, in place of opening a saved one."""
    tags, rng = evidence.tags, np.random.default_rng(3)
    known, new = list(evidence.history.tracks.index), list(evidence.tracks.index)
    half = min(LEARNED_FROM // 2, len(known), len(new))
    rows = [
        *rng.choice(np.array(known, dtype=object), half, replace=False),
        *rng.choice(np.array(new, dtype=object), half, replace=False),
    ]
    columns = TagColumns.of(tags, rows)
    classifier = TasteClassifier(track_columns=len(columns.own))
    classifier.fit(columns.counts(tags, rows), [1] * half + [0] * half)
    return TasteModel(columns, classifier.tag_weights())


def forget_peak() -> float:
    """Reset the peak memory (Linux only), and return the current memory, in MiB."""
    counter = Path("/proc/self/clear_refs")
    if counter.exists():
        counter.write_text("5")
    return peak_mb()


def report(found: RankingCost) -> dict[str, float]:
    """Print the measurements and return them as figures."""
    totals = []
    for name, steps in (("loading", found.loading), ("ranking", found.ranking)):
        walls, cpus = sum(step[1] for step in steps), sum(step[2] for step in steps)
        totals.append(walls)
        print(f"{name:<30}{'wall s':>8}{'CPU s':>8}")
        for step, wall, cpu in [*steps, ("together", walls, cpus)]:
            print(f"  {step:<28}{wall:>8.2f}{cpu:>8.2f}")
    print(
        f"{found.considered:,} tracks considered, {found.reasons} with a reason; memory after "
        f"loading {found.held_mb:,.0f} MB, {found.more_mb:,.0f} MB more while ranking"
    )
    return {
        "rank_50k_s": round(totals[1], 2),
        "rank_50k_mb": round(found.more_mb, 1),
        "load_s": round(totals[0], 2),
    }


def main() -> None:
    """Make the catalog up, measure in a process of its own, and report."""
    parser = command_line(__doc__)
    parser.add_argument("--candidates", type=int, default=CANDIDATE_COUNT)
    parser.add_argument("--lake", type=Path, help="keep the made-up lake here, and use it again")
    parser.add_argument("--apart", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart is not None:
        options.apart.write_text(json.dumps(asdict(measure(options.lake))))
        return
    with tempfile.TemporaryDirectory() as spare:
        folder = options.lake or Path(spare) / "lake"
        if not folder.exists():
            write_catalog(Lake(str(folder)), options.candidates)
        cost = run_apart("benchmarks.rank_cost", ["--lake", str(folder), "--apart"])
        print_figures(report(RankingCost(**cost)))


if __name__ == "__main__":
    main()
