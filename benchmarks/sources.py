"""Benchmark of a night's sources: what the list loses without one, and what each costs in calls.

    python -m benchmarks.sources [--nights 30] [--listeners 3] [--parts refused,calls,...]

* `refused`: simulated listeners, one of whose sources refuses every question from the second night
  on. `acceptance_ratio` = (ours - blind draw) / (healthy twin - blind draw): the twin is the same
  listener in the same world with all sources; the blind draw is the mean of the twin's candidates.
* `worlds_acceptance`: the same listeners with Last.fm, with ListenBrainz, and with both, above the
  blind draw from the candidates of all three. `calls_first_night` and `calls_normal_night` are all
  HTTP requests of a night that refreshes the catalog.
* `lb_call_share`: ListenBrainz' requests over Last.fm's for tags, popularity, lengths, neighbours
  and candidates of the same tracks. Names that are looked up one by one are counted apart.
* `weights`: the default weights over the best single signal, with all tags and with genres alone
  (`benchmarks.taste`); needs its tables.
* `formats`: what import-history loses or doubles (`benchmarks.history_formats`).
"""

import dataclasses
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import taste
from benchmarks.harness import command_line, print_figures, print_progress
from benchmarks.support.taste_data import OTHERS, SCROBBLES, TAGS, load_world
from smallhours.catalog.tracks import add_tracks
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.tables import PLAYS
from smallhours.listening.plays import plays_frame
from smallhours.vocabulary import SHOWN
from smallhours_sandbox.simulation.ground_truth import WorldSize
from smallhours_sandbox.simulation.listener import SimulationSpec, open_simulation
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_sandbox.simulation.runner import LISTENERS

LASTFM = ("lastfm", "spotify")
LISTENBRAINZ = ("listenbrainz", "spotify")
BOTH = ("lastfm", "listenbrainz", "spotify")
WORLDS = {"lastfm": LASTFM, "listenbrainz": LISTENBRAINZ, "both": BOTH}
LASTFM_KEY, SPOTIFY_PLAYS, RECCOBEATS = "lastfm", "spotify_plays", "reccobeats"
PARTS = ("refused", "calls", "call_share", "weights", "formats")


@dataclass(frozen=True)
class Case:
    """One case of refusal.

    Attributes:
        services: Where the listener has an account.
        refused: What refuses from the second night on.
        other_source: Whether another source answers what the refused ones did.
    """

    services: tuple[str, ...]
    refused: tuple[str, ...]
    other_source: bool


CASES: Mapping[str, Case] = {
    "Last.fm, with ListenBrainz": Case(BOTH, (LASTFM_KEY,), True),
    "Last.fm": Case(LASTFM, (LASTFM_KEY,), False),
    "Spotify's plays": Case(LASTFM, (SPOTIFY_PLAYS,), True),
    "ReccoBeats": Case(LASTFM, (RECCOBEATS,), True),
    "Last.fm and Spotify's plays, with ListenBrainz": Case(BOTH, (LASTFM_KEY, SPOTIFY_PLAYS), True),
    "Last.fm and Spotify's plays": Case(LASTFM, (LASTFM_KEY, SPOTIFY_PLAYS), False),
    "Last.fm and ReccoBeats, with ListenBrainz": Case(BOTH, (LASTFM_KEY, RECCOBEATS), True),
    "Last.fm and ReccoBeats": Case(LASTFM, (LASTFM_KEY, RECCOBEATS), False),
    "Spotify's plays and ReccoBeats": Case(LASTFM, (SPOTIFY_PLAYS, RECCOBEATS), True),
}


@dataclass(frozen=True)
class Life:
    """What became of one simulated listener.

    Attributes:
        acceptance: Of each night's list, NaN where there is none yet.
        chance: The mean acceptance of each night's candidates, likewise.
        lists: Number of nights that wrote a list.
        calls: Requests of each night, by service.
    """

    acceptance: tuple[float, ...]
    chance: tuple[float, ...]
    lists: int
    calls: tuple[Mapping[str, int], ...]


def live(spec: SimulationSpec) -> Life:
    """Run all nights of one simulated listener."""
    acceptance, chance, calls = [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-sources-") as folder,
        open_simulation(spec, Path(folder) / "lake") as simulation,
    ):
        for _ in range(spec.nights):
            simulation.state.calls.clear()
            simulation.run_night()
            calls.append(_by_service(simulation.state.calls))
            found = simulation.measure()
            oracle = None if found is None else found.oracle
            acceptance.append(np.nan if found is None else found.quality.acceptance)
            chance.append(np.nan if oracle is None else oracle.chance)
            simulation.run_day()
        rows = simulation.lake.frame(PLAYLISTS, where={"listener": spec.listener})
        lists = rows.loc[rows["outcome"].isin(SHOWN), "night"].nunique()
    return Life(tuple(acceptance), tuple(chance), int(lists), tuple(calls))


def _by_service(calls: Mapping[tuple[str, str], int]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for (service, _), count in calls.items():
        total[service] += count
    return dict(total)


def spec_of(
    listener: str, services: tuple[str, ...], refused: tuple[str, ...], options: Any
) -> SimulationSpec:
    """Return the simulation of a listener with these services."""
    return SimulationSpec(
        listener, OURS, options.nights, options.seed, WorldSize(),
        LISTENERS[: options.listeners], services=services, refused=refused,
    )  # fmt: skip


def lives(options: Any, run: Callable[..., Any]) -> dict[SimulationSpec, Life]:
    """Run every case, and every healthy twin, for every listener."""
    healthy = [Case(services, (), other_source=True) for services in WORLDS.values()]
    cases = [*healthy, *CASES.values()]
    who = LISTENERS[: options.listeners]
    specs = [spec_of(name, case.services, case.refused, options) for case in cases for name in who]
    print_progress(f"{len(specs)} simulations of {options.nights} nights")
    return dict(zip(specs, run(live, specs), strict=True))


def refused_figures(found: Mapping[SimulationSpec, Life], options: Any) -> dict[str, Any]:
    """Return the figures of every case of refusal."""
    figures = {}
    for name, case in CASES.items():
        ill, twins = (
            [found[spec_of(who, case.services, refused, options)]
             for who in LISTENERS[: options.listeners]]
            for refused in (case.refused, ())
        )  # fmt: skip
        draw = _mean([twin.chance for twin in twins])
        healthy, without = (_mean([each.acceptance for each in group]) for group in (twins, ill))
        figures[name] = {
            "nights": options.nights * len(ill),
            "lists": sum(each.lists for each in ill),
            "acceptance_ratio": round((without - draw) / (healthy - draw), 3),
            "other_source": case.other_source,
        }
    return figures


def worlds_figures(found: Mapping[SimulationSpec, Life], options: Any) -> dict[str, float]:
    """Return the acceptance above the blind draw with each set of sources."""
    who = LISTENERS[: options.listeners]
    groups = {
        name: [found[spec_of(each, sources, (), options)] for each in who]
        for name, sources in WORLDS.items()
    }
    draw = _mean([life.chance for group in groups.values() for life in group])
    return {
        name: round(_mean([life.acceptance for life in group]) - draw, 4)
        for name, group in groups.items()
    }


def _mean(rows: Sequence[Sequence[float]]) -> float:
    """Return the mean over the nights from the second on: the first has all sources."""
    return float(np.nanmean([row[1:] for row in rows]))


def call_figures(options: Any, run: Callable[..., Any]) -> dict[str, Any]:
    """Return the requests of a first and of a normal night, with each set of sources."""
    specs = [
        dataclasses.replace(
            spec_of(LISTENERS[0], sources, (), options), nights=4, catalog_every=1
        )
        for sources in WORLDS.values()
    ]  # fmt: skip
    told = dict(zip(WORLDS, run(live, specs), strict=True))
    return {
        "calls_first_night": {name: sum(life.calls[0].values()) for name, life in told.items()},
        "calls_normal_night": {name: sum(life.calls[-1].values()) for name, life in told.items()},
    }


def call_share(tracks: int, options: Any, run: Callable[..., Any]) -> dict[str, Any]:
    """Return ListenBrainz' requests over Last.fm's for the same tracks."""
    jobs = [(tracks, spec_of(LISTENERS[0], each, (), options)) for each in (LASTFM, LISTENBRAINZ)]
    lastfm, listenbrainz = run(_catalog_calls, jobs)
    single = sum(count for route, count in listenbrainz.items() if _is_single_lookup(route))
    theirs, his = sum(listenbrainz.values()) - single, sum(lastfm.values())
    return {
        "lb_call_share": round(theirs / his, 4),
        "lb_calls": theirs,
        "lastfm_calls": his,
        "lb_single_lookups": single,
    }


def _is_single_lookup(route: str) -> bool:
    return route.startswith("GET ") and "metadata/lookup" in route


def _catalog_calls(job: tuple[int, SimulationSpec]) -> dict[str, int]:
    """Return the requests, by route, until a listener of so many tracks has nothing left to ask."""
    from smallhours.catalog import fetch_neighbours, fetch_tags, gather_candidates, update_tracks
    from smallhours.run_context import RunContext
    from smallhours_sandbox.simulation.installation import SandboxCredentials

    tracks, spec = job
    total: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-calls-") as folder,
        open_simulation(spec, Path(folder) / "lake") as simulation,
    ):
        world, lake = simulation.state.world, simulation.lake
        popular = np.argsort(-world.track_popularity, kind="stable")[:tracks].tolist()
        now = pd.Timestamp(simulation.state.now, unit="s", tz="UTC")
        heard = [
            {
                "artist": world.artist_name[world.track_artist[track]],
                "title": world.track_lastfm_title[track],
                "played_at": now - pd.Timedelta(minutes=5 * place + 5),
            }
            for place, track in enumerate(popular)
        ]
        plays = plays_frame(heard, source="lastfm")
        plays = plays.assign(month=plays["played_at"].dt.strftime("%Y-%m"))
        lake.merge(PLAYS, plays.assign(listener=spec.listener))
        add_tracks(lake, plays[["artist", "title"]], night=simulation.tonight.date)
        catalog = {"lastfm_calls_per_night": 10**6, "name_lookups_per_night": 10**6}
        settings = simulation.settings.model_copy(
            update={"catalog": simulation.settings.catalog.model_copy(update=catalog)}
        )
        simulation.state.calls.clear()
        with RunContext(spec.listener, simulation.tonight, settings, SandboxCredentials()) as night:
            vars(night)["lake"] = lake
            for stage in (update_tracks, fetch_neighbours, fetch_tags, gather_candidates):
                stage(night)
        for (_, route), count in simulation.state.calls.items():
            total[route] += count
    return dict(total)


def weights_figures() -> dict[str, float]:
    """Return the ratios of the default weights to the best single signal; empty without tables."""
    if not all(path.exists() for path in (SCROBBLES, TAGS, OTHERS)):
        print("weights: skipped, because the tables of benchmarks.taste are not there.")
        return {}
    world = load_world(SCROBBLES, TAGS, OTHERS)
    days, signals = taste.learnable_years(world)
    ratio = taste.ratio_to_best_single(world, days, signals)
    return taste.weights_by_tags(world, ratio.value)


def main() -> int:
    """Measure, print, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--listeners", type=int, default=3, choices=range(1, len(LISTENERS) + 1))
    parser.add_argument("--tracks", type=int, default=20_000, help="for lb_call_share")
    parser.add_argument("--seed", type=int, default=1983)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts, with commas")
    options = parser.parse_args()
    parts = options.parts.split(",")
    started = time.monotonic()
    figures: dict[str, Any] = {}
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        if "refused" in parts:
            found = lives(options, pool.map)
            figures["refused"] = refused_figures(found, options)
            figures["worlds_acceptance"] = worlds_figures(found, options)
            _print_table(figures)
        if "calls" in parts:
            figures |= call_figures(options, pool.map)
        if "call_share" in parts:
            figures |= call_share(options.tracks, options, pool.map)
    if "weights" in parts:
        figures["weights"] = weights_figures()
    if "formats" in parts:
        from benchmarks import history_formats

        figures["formats"] = history_formats.measure()
    print_figures({**figures, "wall_s": round(time.monotonic() - started)})
    return 0


def _print_table(figures: Mapping[str, Any]) -> None:
    print("| refused from the second night on | nights | lists | of the healthy twin's gain |")
    print("|---|---|---|---|")
    for name, each in figures["refused"].items():
        print(f"| {name} | {each['nights']} | {each['lists']} | {each['acceptance_ratio']:.3f} |")
    for name, gain in figures["worlds_acceptance"].items():
        print(f"{name}: {gain:+.4f} above the blind draw", flush=True)


if __name__ == "__main__":
    sys.exit(main())
