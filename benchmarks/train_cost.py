"""Benchmark of `train_models` for 20,000 tracks and one listener.

    python -m benchmarks.train_cost [--tracks N] [--plays N] [--lake FOLDER]

A world of the sandbox is written to a lake as the stages before training leave it: plays and saves,
tags, measured features of some tracks, and neighbours. Tags and features are correlated as there,
so that the models have something to learn and do not stop early.

Then every stage of the DAG `train_models` runs in its order, each in a process of its own as
Airflow runs it; the figures count everything in it, importing included. It is the first night, on
which everything is learned from the beginning. The last line is the figures as one line of JSON:
`{"train_s", "train_cpu_s", "peak_mb", "stages": {verb: {"wall_s", "cpu_s", "peak_mb"}}}`.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.harness import command_line, peak_mb, print_figures, run_apart
from smallhours.catalog.features import store_features
from smallhours.catalog.lastfm_data import CHART_TAGS, PER_SEED, TAG_TRACKS, TOP_TRACKS
from smallhours.catalog.stages import gather_candidates
from smallhours.catalog.stored_answers import Neighbour, Seed, store_neighbours, store_tags
from smallhours.catalog.tag_names import refresh_names
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_of, identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, LIBRARY, PLAYS, TRACK_TAGS
from smallhours.listening.plays import LASTFM, month_of, plays_frame
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.settings import Settings
from smallhours.vocabulary import CatalogSource
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.ragged import Ints, Ragged
from smallhours_sandbox.simulation.installation import (
    LISTENER,
    SandboxCredentials,
    sandbox_settings,
)
from smallhours_sandbox.world import FEATURES as OF_THE_WORLD
from smallhours_sandbox.world import World

OF_WORLD = "ada"
# Share of tracks with measured features, as in real listeners' histories.
MEASURED = 0.6
TAGS_ASKED = 100
# More than a single night's seeds, since the answers of earlier nights are stored, too.
TRACKS_ASKED, ARTISTS_ASKED = 1_000, 1_000

DAG = "train_models"
DEFAULT_TRACKS, DEFAULT_PLAYS = 20_000, 90_000
NIGHT = "2026-11-02"


def write_catalog(lake: Lake, *, tracks: int, plays: int, settings: Settings, night: Night) -> None:
    """Fill an empty lake.

    Args:
        lake: The lake.
        tracks: Number of tracks in the catalog, including those that were played.
        plays: Number of plays in the listener's log.
        settings: Settings with the number of seeds.
        night: Tonight.
    """
    write_world(lake, made_up_world(tracks, plays), settings=settings, night=night)


def made_up_world(tracks: int, plays: int) -> World:
    """Return the world with so many tracks and plays of one listener."""
    return generate_world(
        artists=tracks // 5, tracks=tracks, scrobbles=plays, listeners=(OF_WORLD,)
    )


def write_world(lake: Lake, world: World, *, settings: Settings, night: Night) -> None:
    """Fill an empty lake with a world as the stages before training leave it."""
    keys = [
        identify(world.artist_name[artist], title).track_key
        for artist, title in zip(world.track_artist.tolist(), world.track_lastfm_title, strict=True)
    ]
    _history(lake, world, night)
    _catalog(lake, world, keys, night)
    _features(lake, world, keys, night)
    store_neighbours(lake, list(_neighbours(world)), source=CatalogSource.LASTFM, night=night.date)
    gather_candidates(LISTENER, lake, settings=settings, night=night)


def _history(lake: Lake, world: World, night: Night) -> None:
    log = world.scrobbles(OF_WORLD)
    rows = plays_frame(
        [
            {
                "played_at": pd.Timestamp(at, unit="s", tz="UTC").to_pydatetime(),
                "artist": world.artist_name[world.track_artist[track]],
                "title": world.lastfm_title(track),
            }
            for at, track in zip(log.at.tolist(), log.track.tolist(), strict=True)
        ],
        source=LASTFM,
    )
    rows["month"] = month_of(rows["played_at"])
    lake.merge(PLAYS, rows, partition={"listener": LISTENER})
    person = world.listeners[OF_WORLD]
    liked = [*(("saved", one) for one in person.saved), *(("loved", one) for one in person.loved)]
    names = [
        (world.artist_name[world.track_artist[one]], world.lastfm_title(one)) for _, one in liked
    ]
    saved = pd.DataFrame({column.name: None for column in LIBRARY.columns}, index=range(len(liked)))
    saved = saved.assign(
        signal=[signal for signal, _ in liked],
        source=["lastfm" if signal == "loved" else "spotify" for signal, _ in liked],
        time_range="",
        track_key=[identify(*name).track_key for name in names],
        artist=[artist for artist, _ in names],
        title=[title for _, title in names],
        first_seen=night.date,
        last_seen=night.date,
    ).drop_duplicates(["signal", "track_key"])
    lake.replace(LIBRARY, saved, partition={"listener": LISTENER})


def _catalog(lake: Lake, world: World, keys: Sequence[str], night: Night) -> None:
    artists = [world.artist_name[one] for one in world.track_artist.tolist()]
    listeners = np.maximum(1, world.track_popularity / world.track_popularity.max() * 1e6)
    named = pd.DataFrame(
        {"artist": artists, "title": world.track_lastfm_title, "listeners": listeners.astype(int)}
    )
    add_tracks(lake, named, night=night.date)
    owners = [artist_key_of(name) for name in world.artist_name]
    of_artists = _tags("artist_key", owners, world.artist_tags, world.tags)
    of_artists["artist"] = of_artists["artist_key"]
    store_tags(lake, ARTIST_TAGS, of_artists, source=CatalogSource.LASTFM, night=night.date)
    of_tracks = _tags("track_key", keys, world.track_tags, world.tags)
    store_tags(lake, TRACK_TAGS, of_tracks, source=CatalogSource.LASTFM, night=night.date)
    refresh_names(lake)


def _tags(key: str, owners: Sequence[str], tags: Ragged, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            key: np.array(owners, dtype=object)[tags.rows],
            "tag": np.array(names, dtype=object)[tags.ids],
            "count": tags.values.astype(int),
        }
    )


def _features(lake: Lake, world: World, keys: Sequence[str], night: Night) -> None:
    rng = np.random.default_rng(60)
    found: dict[str, dict[str, float]] = {}
    for key, values in zip(keys, world.track_features.tolist(), strict=True):
        if key not in found and not np.isnan(values).any() and rng.random() < MEASURED:
            found[key] = dict(zip(OF_THE_WORLD, values, strict=True))
    store_features(lake, list(found), found, night=night.date)


def _neighbours(world: World) -> Iterator[tuple[Seed, tuple[Neighbour, ...]]]:
    """Yield Last.fm's answers for the tracks, artists and tags of a listener's seeds."""
    log = world.scrobbles(OF_WORLD)
    heard = pd.Series(log.track).value_counts().sort_index(kind="stable")
    strongest = heard.sort_values(ascending=False, kind="stable").index[:TRACKS_ASKED]
    for track in strongest.tolist():
        named = (world.artist_name[world.track_artist[track]], world.lastfm_title(track))
        ids, matches = (each[:PER_SEED].tolist() for each in world.track_similar[track])
        yield (
            Seed("track", identify(*named).track_key, *named),
            tuple(_named(world, *near) for near in zip(ids, matches, strict=True)),
        )
    for artist, name in enumerate(world.artist_name):
        key = artist_key_of(name)
        yield Seed("artist_tracks", key, name), _first(world, world.tracks_of(artist), TOP_TRACKS)
    of_artist = heard.groupby(world.track_artist[heard.index]).sum()
    strongest = of_artist.sort_values(ascending=False, kind="stable").index[:ARTISTS_ASKED]
    for artist in strongest.tolist():
        name = world.artist_name[artist]
        ids, matches = (each[:PER_SEED].tolist() for each in world.artist_similar[artist])
        yield (
            Seed("artist", artist_key_of(name), name),
            tuple(
                Neighbour(world.artist_name[other], "", match)
                for other, match in zip(ids, matches, strict=True)
            ),
        )
    by_tag = Ragged.from_triplets(
        world.track_tags.ids,
        world.track_tags.rows,
        world.track_tags.values.astype(float) * world.track_popularity[world.track_tags.rows],
        len(world.tags),
    )
    chart = np.argsort(-by_tag.lengths, kind="stable")[:CHART_TAGS].tolist()
    for tag in chart[:TAGS_ASKED]:
        tracks = _first(world, by_tag[tag][0], TAG_TRACKS)
        yield Seed("tag_tracks", world.tags[tag].lower(), ""), tracks
    yield (
        Seed("chart", "", ""),
        tuple(Neighbour(world.tags[tag].lower(), "", 1 / n) for n, tag in enumerate(chart, 1)),
    )


def _first(world: World, tracks: Ints, most: int) -> tuple[Neighbour, ...]:
    return tuple(_named(world, track, 1 / n) for n, track in enumerate(tracks[:most].tolist(), 1))


def _named(world: World, track: int, match: float) -> Neighbour:
    return Neighbour(
        world.artist_name[world.track_artist[track]], world.lastfm_title(track), float(match)
    )


def settings_of(lake: Path) -> Settings:
    """Return the default settings."""
    return sandbox_settings(lake={"url": str(lake)})


def run_stage(verb: str, lake: Path, note: Path) -> None:
    """Run one stage in this process, and write the cost of the whole process."""
    began = time.perf_counter()
    settings = settings_of(lake)
    stage = next(stage for stage in NIGHTLY[DAG] if stage.__name__ == verb)
    night = settings.night(LISTENER, NIGHT)
    with RunContext(LISTENER, night, settings, SandboxCredentials()) as run:
        summary = stage(run)
    told = {
        "wall_s": time.perf_counter() - began,
        "cpu_s": _cpu_seconds(),
        "peak_mb": peak_mb(),
        "summary": {name: str(value) for name, value in summary.items()},
    }
    note.write_text(json.dumps(told))


def _cpu_seconds() -> float:
    """Return user and system time of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(lake: Path) -> dict[str, Any]:
    """Run all stages, print them, and return the figures."""
    stages: dict[str, dict[str, float]] = {}
    print(f"{'stage':<26}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}  what it did", flush=True)
    for stage in NIGHTLY[DAG]:
        began = time.perf_counter()
        told = run_apart("benchmarks.train_cost", ["--lake", str(lake), "--apart", stage.__name__])
        cost = {**told, "wall_s": time.perf_counter() - began}
        summary = cost.pop("summary")
        stages[stage.__name__] = {name: round(value, 1) for name, value in cost.items()}
        said = ", ".join(f"{name} {value}" for name, value in list(summary.items())[:4])
        print(
            f"{stage.__name__:<26}{cost['wall_s']:>8.1f}{cost['cpu_s']:>8.1f}"
            f"{cost['peak_mb']:>9.0f}  {said}",
            flush=True,
        )
    return {
        "train_s": round(sum(each["wall_s"] for each in stages.values()), 1),
        "train_cpu_s": round(sum(each["cpu_s"] for each in stages.values()), 1),
        "peak_mb": round(max(each["peak_mb"] for each in stages.values())),
        "stages": stages,
    }


def main() -> None:
    """Make the catalog up, run the stages, and report."""
    parser = command_line(__doc__)
    parser.add_argument("--tracks", type=int, default=DEFAULT_TRACKS)
    parser.add_argument("--plays", type=int, default=DEFAULT_PLAYS)
    parser.add_argument("--lake", type=Path, help="keep the made-up lake here, and use it again")
    parser.add_argument("--apart", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart is not None:
        verb, note = options.apart
        run_stage(verb, options.lake, Path(note))
        return
    with tempfile.TemporaryDirectory() as spare:
        lake = options.lake or Path(spare) / "lake"
        if not lake.exists():
            settings = settings_of(lake)
            write_catalog(
                Lake(str(lake)),
                tracks=options.tracks,
                plays=options.plays,
                settings=settings,
                night=settings.night(LISTENER, NIGHT),
            )
        print(f"{os.cpu_count()} cores; `training.threads` is {settings_of(lake).training.threads}")
        figures = measure(lake)
    print(
        f"\n{DAG}: {figures['train_s']} s, {figures['train_cpu_s']} s of processor time, "
        f"{figures['peak_mb']} MB at most"
    )
    print_figures(figures)


if __name__ == "__main__":
    main()
