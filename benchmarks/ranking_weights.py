"""Benchmark of the ranking's default weights: how they are fitted, and what that is worth.

    python -m benchmarks.ranking_weights [--worlds N]

In each of `WORLDS` simulated listeners live through their first evening; the product gathers their
candidates and computes its signals. The sandbox knows how probably each listener hears a track to
its end. Weights are fitted from `START` by a listwise loss (`benchmarks.support.listwise`), where a
track counts as adopted by a draw, the likelier the better the listener likes it. Each listener is
ranked by the weights fitted to all others, by single signals, and by the weights that ship. Ends
with one line of JSON: the mean probability over the first 50, and the weights fitted to all.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness import command_line, print_figures, print_progress
from benchmarks.support.listwise import StackedLists, fit_weights, sample_list
from smallhours.playlist.rank.evidence import read_evidence, read_features
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.playlist.select.nightly_list import exclusions
from smallhours.run_context import RunContext
from smallhours.training import train_taste
from smallhours.training.evaluation.metrics import auc
from smallhours.training.ranking import fusion
from smallhours.training.ranking.fusion import DEFAULT_WEIGHTS, Fusion, columns_of
from smallhours.training.taste.model import load_taste
from smallhours_sandbox.simulation.ground_truth import WorldSize, acceptance_of, tracks_by_key
from smallhours_sandbox.simulation.installation import SandboxCredentials
from smallhours_sandbox.simulation.listener import SimulationSpec, open_simulation
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_sandbox.simulation.runner import LISTENERS

Floats = npt.NDArray[np.float64]

# Seed, scrobbles at most, and listeners of each world: few, some and many known tracks.
WORLDS: Sequence[tuple[int, int, Sequence[str]]] = (
    (11, 150, ("ada", "bruno")),
    (13, 600, ("ada", "chiara")),
    (12, 3000, ("bruno", "dmitri")),
)
ARTISTS, TRACKS = 3_000, 20_000
# Set by hand; reception, freshness and the distance from recent lists have nothing to say on a
# first evening, and are not fitted.
START: Mapping[str, float] = {
    fusion.P_LIKE: 4.0,
    fusion.NEAR_TRACKS: 3.0,
    fusion.NEAR_ARTISTS: 1.5,
    fusion.SEED_SUPPORT: 1.5,
    fusion.LIST_PLACES: 3.0,
    fusion.NAMED_TOGETHER: 1.5,
    fusion.WALK: 1.5,
    fusion.LENT_TAGS: 1.5,
    fusion.TAG_AFFINITY: 1.5,
    fusion.ARTIST_AFFINITY: 1.0,
    fusion.AUDIO_FIT: 0.5,
    fusion.POPULARITY: 0.75,
}
L2 = 0.1
SAMPLED = 1_000
TOP = (10, 50, 200)
LIKED = 0.8  # probability above which a track counts as liked, for the AUC


@dataclass(frozen=True)
class FirstEvening:
    """One listener's candidates that may be chosen.

    Attributes:
        signals: (tracks, signals).
        heard: (tracks,), probability with which the listener hears each to its end, 0-1.
    """

    signals: pd.DataFrame
    heard: Floats

    def figures(self, weights: Fusion) -> Floats:
        """Return the mean probability over the first 10, 50 and 200, and the AUC."""
        among = pd.Series(True, index=self.signals.index)
        score = weights.score(self.signals, among).to_numpy()
        best = self.heard[np.argsort(-score, kind="stable")]
        return np.array([*(best[:n].mean() for n in TOP), auc(self.heard > LIKED, score)])


def main() -> None:
    """Fit, print a table, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--worlds", type=int, default=len(WORLDS), choices=range(1, 4))
    options = parser.parse_args()
    evenings = [
        first_evening(seed, scrobbles, listener)
        for seed, scrobbles, who in WORLDS[: options.worlds]
        for listener in who
    ]
    ranked = {
        **{f"{name} alone": [Fusion({name: (1.0, 0.0)})] * len(evenings) for name in START},
        "start": [Fusion(_pairs(START))] * len(evenings),
        "fitted to the others": [
            fitted([each for each in evenings if each is not left_out]) for left_out in evenings
        ],
        "as shipped": [Fusion(DEFAULT_WEIGHTS)] * len(evenings),
    }
    print(f"| mean of {len(evenings)} | " + " | ".join(f"first {n}" for n in TOP) + " | AUC |")
    means = {}
    for name, weights in ranked.items():
        pairs = zip(evenings, weights, strict=True)
        means[name] = np.mean([each.figures(by) for each, by in pairs], axis=0)
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in means[name]) + " |")
    final = {name: round(rank, 2) for name, (rank, _) in fitted(evenings).weights.items()}
    first_50 = {name: round(float(value[1]), 4) for name, value in means.items()}
    print_figures({"listeners": len(evenings), "first_50": first_50, "fitted": final})


def first_evening(seed: int, scrobbles: int, listener: str) -> FirstEvening:
    """Let a listener live through a first evening, and compute the signals of the candidates."""
    print_progress(f"{listener} in world {seed}")
    size = WorldSize(ARTISTS, TRACKS, scrobbles)
    spec = SimulationSpec(listener, OURS, 1, seed, size, tuple(LISTENERS[:4]))
    with tempfile.TemporaryDirectory() as folder, open_simulation(spec, Path(folder)) as living:
        living.run_evening()
        lake, night, settings = living.lake, living.tonight, living.settings
        with RunContext(listener, night, settings, SandboxCredentials()) as run:
            vars(run)["lake"] = lake
            train_taste(run)
        evidence = read_evidence(lake, listener, night=night)
        known = {*evidence.tracks.index, *evidence.history.tracks.index}
        context = ListenerContext.of(
            evidence,
            taste=load_taste(lake, listener),
            features=read_features(lake, known),
            night=night,
            zone=ZoneInfo("UTC"),
        )
        signals = context.signals(np.random.default_rng(seed))
        excluded = exclusions(context, settings.listener(listener).playlist)
        truth, tracks = (
            acceptance_of(living.state.world, listener),
            tracks_by_key(living.state.world),
        )
    heard = np.array([truth[tracks[key]] if key in tracks else np.nan for key in signals.index])
    eligible = (excluded == "").to_numpy() & ~np.isnan(heard)
    return FirstEvening(signals.reindex(columns=list(START))[eligible], heard[eligible])


def fitted(evenings: Sequence[FirstEvening]) -> Fusion:
    """Return the weights fitted to listeners, from `START`; only rank columns have any."""
    rng = np.random.default_rng(1)
    lists = []
    for evening in evenings:
        every = np.ones(len(evening.heard), bool)
        columns = columns_of(evening.signals.astype(float), every)
        columns[:, 1::2] = 0.0  # the z columns
        adopted = rng.random(len(evening.heard)) < np.clip(2 * evening.heard - 1, 0, 1) ** 3
        lists.append(sample_list(columns, adopted, every, rng=rng, first=SAMPLED, others=SAMPLED))
    start = Fusion(_pairs(START)).vector(START)
    weights = fit_weights(StackedLists.of(lists), start, l2=L2)
    return Fusion(_pairs(dict(zip(START, weights[0::2].tolist(), strict=True))))


def _pairs(weights: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {name: (rank, 0.0) for name, rank in weights.items()}


if __name__ == "__main__":
    main()
