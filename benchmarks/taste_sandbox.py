"""Benchmark of tracks' own tags and of rejections in the taste model, with simulated listeners.

    python -m benchmarks.taste_sandbox [--listeners N] [--nights N] [--seed N]

No public log holds both tags of single tracks and the listener's rejections. The sandbox's
listeners have both, and a hidden taste: each has years of plays, lives through nights of the whole
product, reacts to its lists, imports Spotify's export, which holds skips, and gives a thumb down to
half of the tracks in a list that they hardly like at all. Then taste models are trained on the
resulting lake, with one change at a time, and rank every tagged track that was never heard. The
truth is the hidden taste itself. Ends with one line of JSON.
"""

import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness import command_line, print_figures
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening import import_history
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.folds import known_at
from smallhours.training.evaluation.metrics import auc
from smallhours.training.listening_history import ListeningHistory, read_history
from smallhours.training.tags import Tags
from smallhours.training.taste.model import fit_taste_model
from smallhours.training.taste.training_rows import (
    training_rows_at,
)
from smallhours_sandbox.simulation.ground_truth import WorldSize, acceptance_of, tracks_by_key
from smallhours_sandbox.simulation.installation import SandboxCredentials
from smallhours_sandbox.simulation.listener import (
    ListenerSimulation,
    SimulationSpec,
    open_simulation,
)
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_sandbox.simulation.runner import LISTENERS
from smallhours_sandbox.world import PlayLog, World

Floats = npt.NDArray[np.float64]
# A change of the past, the weights, and the use of rejections.
Change = Callable[
    [ListeningHistory, EvidenceWeights], tuple[ListeningHistory, EvidenceWeights, bool]
]

SIZE = WorldSize(artists=500, tracks=6_000, scrobbles=5_000)
# Number of draws of the background; figures are means over them.
DRAWS = 5
TOP = 50
# A track is liked if it is more likely than not to be heard to its end.
LIKED = 0.5
# Acceptance below which half of the tracks get a thumb down, and that share.
THUMB_DOWN_BELOW, THUMB_DOWN_SHARE = 0.3, 0.5
REJECTIONS = (
    "quick_skip", "pick_skipped", "pick_passed", "unsaved", "removed", "disliked", "thumbs_down",
    "blocked",
)  # fmt: skip
_NIGHT_OF_EXPORT = "Streaming_History_Audio_2010-2026_1.json"


@dataclass(frozen=True)
class SimulatedListener:
    """The data of one listener after the simulation, with the truth.

    Attributes:
        listener: The listener's name.
        past: Their history, as training reads it.
        as_of: End of the history.
        weights: Default weights of the evidence.
        tracks: Tagged tracks that were never heard.
        acceptance: (tracks,) probability that each would be heard to its end.
    """

    listener: str
    past: ListeningHistory
    as_of: dt.datetime
    weights: EvidenceWeights
    tracks: Sequence[str]
    acceptance: Floats


def simulate_listener(spec: SimulationSpec) -> SimulatedListener:
    """Simulate the nights, import the export, and read the resulting lake."""
    with tempfile.TemporaryDirectory(prefix="smallhours-taste-") as folder:
        place = Path(folder)
        with open_simulation(spec, place / "lake") as simulation:
            rng = np.random.default_rng([spec.seed, len(spec.listener)])
            for _ in range(spec.nights):
                simulation.run_night()
                _give_thumbs(simulation, spec.listener, rng)
                simulation.run_day()
            _hand_in(simulation, spec.listener, place / "export")
            simulation.run_night()
            return _known(simulation, spec.listener)


def _hand_in(simulation: ListenerSimulation, listener: str, folder: Path) -> None:
    """Import what Spotify would export."""
    folder.mkdir()
    rows = _export(simulation.state.world, simulation.state.play_log(listener))
    (folder / _NIGHT_OF_EXPORT).write_text(json.dumps(rows))
    with RunContext(listener, simulation.tonight, simulation.settings, SandboxCredentials()) as run:
        vars(run)["lake"] = simulation.lake
        import_history(run, paths=[folder])


def _export(world: World, plays: PlayLog) -> list[dict[str, Any]]:
    columns = (plays.at, plays.track, plays.ms, plays.skipped)
    return [
        {
            "ts": f"{dt.datetime.fromtimestamp(at + ms / 1000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
            "ms_played": ms,
            "master_metadata_track_name": world.track_title[track],
            "master_metadata_album_artist_name": world.artist_name[world.track_artist[track]],
            "spotify_track_uri": f"spotify:track:{world.track_spotify_id[track]}",
            "reason_start": "trackdone",
            "reason_end": "fwdbtn" if skipped else "trackdone",
            "shuffle": False,
            "skipped": skipped,
            "incognito_mode": False,
        }
        for at, track, ms, skipped in zip(*(each.tolist() for each in columns), strict=True)
    ]


def _give_thumbs(simulation: ListenerSimulation, listener: str, rng: np.random.Generator) -> None:
    """Write a thumb down, as the button does, for half of the hardly liked tracks."""
    night = simulation.tonight
    where = {"listener": listener, "night": night.date.isoformat()}
    rows = simulation.lake.frame(RECOMMENDATIONS, columns=["track_key", "position"], where=where)
    listed = rows.loc[rows["position"].notna(), "track_key"].tolist()
    true = _acceptance(simulation, listener, listed)
    down = [
        key
        for key, each in zip(listed, true, strict=True)
        if each < THUMB_DOWN_BELOW and rng.random() < THUMB_DOWN_SHARE
    ]
    told = pd.DataFrame({"track_key": down}, dtype="str").assign(
        night=night.date, intent="main", reaction="thumbs_down", at=night.as_of
    )
    where = {"listener": listener, "month": f"{night.date:%Y-%m}"}
    simulation.lake.merge(FEEDBACK, told, partition=where)


def _acceptance(simulation: ListenerSimulation, listener: str, keys: Sequence[str]) -> Floats:
    """Return the probability that each is heard to its end; NaN for an unknown key."""
    tracks, true = (
        tracks_by_key(simulation.state.world),
        acceptance_of(simulation.state.world, listener),
    )
    return np.array([true[tracks[key]] if key in tracks else np.nan for key in keys], dtype=float)


def _known(simulation: ListenerSimulation, listener: str) -> SimulatedListener:
    night: Night = simulation.tonight
    past = read_history(simulation.lake, listener, night=night)
    known = known_at(past.plays, past.library, night.as_of) | set(past.feedback["track_key"])
    unheard = [key for key in past.pool if key not in known]
    true = _acceptance(simulation, listener, unheard)
    named = ~np.isnan(true)
    tracks = [key for key, is_named in zip(unheard, named, strict=True) if is_named]
    weights = simulation.settings.training.evidence
    return SimulatedListener(listener, past, night.as_of, weights, tracks, true[named])


def changes() -> Mapping[str, Change]:
    """Return ours first, then one change each."""

    def times(factor: float, *names: str) -> Change:
        def change(
            past: ListeningHistory, weights: EvidenceWeights
        ) -> tuple[ListeningHistory, EvidenceWeights, bool]:
            heavier = {name: factor * getattr(weights, name) for name in names}
            return past, weights.model_copy(update=heavier), True

        return change

    return {
        "ours": lambda past, weights: (past, weights, True),
        "artists' tags alone": lambda past, weights: (
            replace(past, tags=Tags({}, past.tags.artist, past.tags.names)), weights, True,
        ),
        "own tags alone": lambda past, weights: (
            replace(past, tags=Tags(past.tags.own, {}, past.tags.names)), weights, True,
        ),
        "no rejections": lambda past, weights: (past, weights, False),
        "rejections a quarter as heavy": times(0.25, *REJECTIONS),
        "rejections four times as heavy": times(4.0, *REJECTIONS),
        "no skips of the export": times(0.0, "quick_skip"),
        "skips of the export four times as heavy": times(4.0, "quick_skip"),
        "no skipped or passed picks": times(0.0, "pick_skipped", "pick_passed"),
        "no thumbs and removals": times(0.0, "removed", "thumbs_down"),
    }  # fmt: skip


def judged(one: SimulatedListener, change: Change) -> dict[str, float]:
    """Return the AUC of liked tracks and the mean acceptance of the first 50, over the draws."""
    past, weights, rejections = change(one.past, one.weights)
    liked = (one.acceptance > LIKED).astype(np.intp)
    found = []
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        rows = training_rows_at(past, one.as_of, weights=weights, rng=rng, rejections=rejections)
        scores = fit_taste_model(past, rows).log_odds(past.tags, one.tracks)
        top = np.argsort(-scores, kind="stable")[:TOP]
        against = int(((rows.y == 0) & ~rows.is_background).sum())
        found.append((auc(liked, scores), float(one.acceptance[top].mean()), against))
    means = np.mean(found, axis=0).tolist()
    return dict(zip(("auc", "accepted50", "against"), means, strict=True))


def main(arguments: list[str] | None = None) -> None:
    """Run the simulation, train, and print."""
    parser = command_line(__doc__)
    parser.add_argument("--listeners", type=int, default=4, choices=range(1, len(LISTENERS) + 1))
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1983)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    lives = [
        SimulationSpec(name, OURS, options.nights, options.seed, SIZE, (name,))
        for name in LISTENERS[: options.listeners]
    ]
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        known = list(pool.map(simulate_listener, lives))
    for one in known:
        print(_described(one), flush=True)
    found = {
        name: pd.DataFrame([judged(one, change) for one in known])
        for name, change in changes().items()
    }
    _report(found)
    figures = {name: rows.mean().round(4).to_dict() for name, rows in found.items()}
    print_figures({**figures, "wall_s": round(time.perf_counter() - start, 1)})


def _described(one: SimulatedListener) -> str:
    told = one.past.feedback["reaction"].value_counts()
    own = np.mean([key in one.past.tags.own for key in one.tracks])
    liked = (one.acceptance > LIKED).mean()
    reactions = ", ".join(f"{name} {count}" for name, count in told.sort_index().items())
    return (
        f"{one.listener}: {len(one.past.plays):,} plays, {len(one.tracks):,} tracks never heard, "
        f"{liked:.0%} liked, {own:.0%} with tags of their own; {reactions}"
    )


def _report(found: Mapping[str, pd.DataFrame]) -> None:
    ours = found["ours"]
    print(
        "\n| taste model alone | AUC | accepted of 50 | AUC - ours | accepted - ours | rejected |"
    )
    print("|---|---|---|---|---|---|")
    for name, rows in found.items():
        gap = rows - ours
        told = " | ".join(
            f"{gap[one].mean():+.4f} [{gap[one].min():+.4f}, {gap[one].max():+.4f}]"
            for one in ("auc", "accepted50")
        )
        print(
            f"| {name} | {rows['auc'].mean():.4f} | {rows['accepted50'].mean():.4f} | {told} | "
            f"{rows['against'].mean():.0f} |"
        )
    print("\nIn brackets the least and the most of the listeners.")


if __name__ == "__main__":
    main()
