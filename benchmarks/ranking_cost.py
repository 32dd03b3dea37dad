"""What does it cost to rank 50,000 candidates, by every signal, once all is in memory?

    python -m benchmarks.ranking_cost [--candidates N] REPORT

Candidates are made up: 20 seeds speak for each, every track has tags and audio features, and 3,000
tracks are known. Measured are the signals, the score and every contribution to it; what is held in
memory before that is not.
"""

import argparse
import datetime as dt
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.measure import peak_mb
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.playlist.ranking import more_signals, score_candidates

CANDIDATES, VOTES, KNOWN, TAGS, TAGS_EACH = 50_000, 20, 3_000, 2_000, 12
ROUTES = ("similar_track", "similar_artist", "known_artist", "tag")
NIGHT = dt.date(2026, 11, 21)
RECENT = 300


@dataclass(frozen=True)
class MadeUp:
    """A night's evidence."""

    tracks: pd.Index
    votes: pd.DataFrame
    listeners: pd.Series
    p_like: pd.Series
    first_seen: pd.Series
    vectors: sparse.csr_matrix
    vector_tracks: pd.Index
    weights: pd.Series
    artists: pd.Series
    features: pd.DataFrame


def made_up(candidates: int) -> MadeUp:
    """Make a night up, the same one each time."""
    rng = np.random.default_rng(50)
    known = [f"known {at // 10} · song {at}" for at in range(KNOWN)]
    tracks = pd.Index([f"artist {at // 5} · song {at}" for at in range(candidates)])
    everything = pd.Index([*tracks, *known])
    n = candidates * VOTES
    votes = pd.DataFrame(
        {
            "track_key": np.repeat(tracks.to_numpy(), VOTES),
            "route": np.array(ROUTES)[rng.integers(0, len(ROUTES), n)],
            "seed_key": np.array(known)[rng.integers(0, KNOWN, n)],
            "strength": rng.uniform(0, 1, n) ** 3,
        }
    )
    rows = np.repeat(np.arange(len(everything)), TAGS_EACH)
    columns = (TAGS * rng.uniform(0, 1, len(rows)) ** 2).astype(int)
    weight = rng.uniform(0.1, 1, len(rows))
    tags = sparse.csr_matrix((weight, (rows, columns)), shape=(len(everything), TAGS))
    length = np.sqrt(np.asarray(tags.multiply(tags).sum(axis=1)).ravel())
    features = pd.DataFrame(
        {
            "track_key": np.repeat(everything.to_numpy(), len(PREDICTED_FEATURES)),
            "source": "predicted",
            "feature": np.tile(np.array(PREDICTED_FEATURES), len(everything)),
            "value": rng.uniform(0, 1, len(everything) * len(PREDICTED_FEATURES)),
        }
    )
    ages = rng.integers(0, 90, candidates).tolist()
    names = [f"known {at}" for at in range(KNOWN // 10)]
    features = features.assign(low=features["value"] - 0.2, high=features["value"] + 0.2)
    return MadeUp(
        tracks,
        votes,
        pd.Series(rng.integers(1, 1_000_000, candidates), index=tracks),
        pd.Series(rng.uniform(0, 1, candidates), index=tracks),
        pd.Series([NIGHT - dt.timedelta(days=age) for age in ages], index=tracks),
        sparse.csr_matrix(sparse.diags_array(1 / length) @ tags),
        everything,
        pd.Series(rng.uniform(0.01, 1, KNOWN), index=pd.Index(known)),
        pd.Series(rng.uniform(0.01, 1, len(names)), index=names),
        features,
    )


def rank(night: MadeUp) -> pd.DataFrame:
    """Rank it all, with every signal."""
    more = more_signals(
        night.tracks,
        artists=night.artists,
        first_seen=night.first_seen,
        night=NIGHT,
        vectors=night.vectors,
        vector_tracks=night.vector_tracks,
        weights=night.weights,
        recent=list(night.tracks[:RECENT]),
        features=night.features,
        rng=np.random.default_rng(1),
    )
    return score_candidates(
        night.votes,
        night.listeners,
        tag_affinity=more["tag_affinity"],
        p_like=night.p_like,
        eligible=pd.Series(True, index=night.tracks),
        more=more,
    )


def main() -> None:
    """Measure, and leave seconds and MB above what the evidence takes in REPORT."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("report", type=Path)
    options = parser.parse_args()
    night = made_up(options.candidates)
    held = forget_peak()
    start = time.perf_counter()
    rank(night)
    wall = time.perf_counter() - start
    options.report.write_text(json.dumps({"wall_s": wall, "peak_mb": peak_mb() - held}))


def forget_peak() -> float:
    """Begin the count of the largest memory anew (Linux alone), and say where it stands, in MiB."""
    counter = Path("/proc/self/clear_refs")
    if counter.exists():
        counter.write_text("5")
    return peak_mb()


if __name__ == "__main__":
    main()
