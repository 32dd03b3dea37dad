"""Benchmark of history files: what is lost or doubled in each format, and a million rows' cost.

    python -m benchmarks.history_formats [--plays 2000] [--million]

A listener's plays of a generated world are written in every format that people have of their
histories, and read. `rows` are the plays in the file; a play that the lake does not have then, by
its track and time, is `lost`, a row of the lake that is no play is `doubled`. The file is read
again, then ListenBrainz' zip of the same plays, then what Last.fm tells each night, and whatever is
lost or doubled in between counts, too.

With `--million` a file of a million plays of twenty years is read in a process of its own. Its time
is given in seconds, and as a multiple of the time that the machine needs only to parse its JSON.
"""

import argparse
import datetime as dt
import json
import random
import tempfile
import time
import zipfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import (
    command_line,
    peak_mb,
    print_figures,
    run_apart,
)
from smallhours.identity import identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.history_import import import_history
from smallhours.listening.history_merge import unify
from smallhours.listening.plays import LASTFM, load_plays_around, plays_frame, store
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.simulation.installation import (
    LISTENER,
    sandbox_services,
    sandbox_settings,
)
from smallhours_sandbox.world import PlayLog, World
from tests.listening.formats.export_files import rows_of, write_json
from tests.listening.formats.history_writers import WRITERS, ZONE, Played, listenbrainz_zip

SETTINGS = sandbox_settings(services=sandbox_services("http://127.0.0.1:1"))
NIGHT = SETTINGS.night(LISTENER, "2026-11-02")
ARTISTS, TRACKS, WORLD_PLAYS = 600, 6_000, 20_000
PLAYS_EACH = 2_000  # the last ones of them
MILLION, YEARS, ALBUM = 1_000_000, 20, "An album of theirs"
# What a time in the file may be off: it is the minute, or the end less the time that was heard.
MINUTE, SECOND = 60, 1
TOLD_BY_LASTFM = 3
TO_THE_MINUTE = ("lastfm-to-csv", "Spotify, account data")

Figures = dict[str, int]
Write = Callable[[Path], Path]


def measure(plays: int = PLAYS_EACH) -> dict[str, Figures]:
    """Return what is lost and doubled of a listener's plays in each format."""
    world = generate_world(artists=ARTISTS, tracks=TRACKS, scrobbles=max(plays, WORLD_PLAYS))
    log = world.scrobbles("ada")
    log = log.where(np.arange(len(log)) >= len(log) - plays)
    # In the hour that comes twice in autumn, files with the time on the wall don't say which it is.
    again = [dt.datetime.fromtimestamp(at, ZONE).fold for at in log.at.tolist()]
    log = log.where(np.array(again) == 0)
    history = _history(world, log)
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in _writers(world, log, history).items():
            home = Path(folder) / str(len(found))
            home.mkdir()
            found[name] = _measured(name, write(home / "history"), history, home)
            rows, lost, doubled = found[name].values()
            print(f"{name}: {rows:,} plays, {lost} lost, {doubled} doubled", flush=True)
    return found


def _history(world: World, log: PlayLog) -> list[Played]:
    return [
        Played(
            at,
            world.artist_name[world.track_artist[track]],
            world.lastfm_title(track),
            ALBUM,
            int(world.track_duration_ms[track]) // 1000,
        )
        for at, track in zip(log.at.tolist(), log.track.tolist(), strict=True)
    ]


def _writers(world: World, log: PlayLog, history: Sequence[Played]) -> dict[str, Write]:
    """Return what writes the history, by the name of the format."""

    def spotify(path: Path, *, account: bool) -> Path:
        name = "StreamingHistory_music_0.json" if account else "Streaming_History_Audio_0.json"
        return write_json(path.parent / name, rows_of(world, log, account=account))

    return {
        "Spotify, extended": partial(spotify, account=False),
        "Spotify, account data": partial(spotify, account=True),
        **{name: partial(write, plays=history) for name, write in WRITERS.items()},
    }


def _measured(name: str, file: Path, history: Sequence[Played], home: Path) -> Figures:
    lake = Lake(str(home / "lake"))
    other = listenbrainz_zip(home / "other", history)
    steps: tuple[Callable[[], None], ...] = (
        partial(_import, lake, file),
        partial(_import, lake, file),
        partial(_import, lake, other),
        partial(_scrobble, lake, history),
        partial(_import, lake, file),
    )
    lost = doubled = 0
    for number, step in enumerate(steps):
        step()
        # Spotify's own times give way to Last.fm's only.
        apart = MINUTE if name in TO_THE_MINUTE and number < TOLD_BY_LASTFM else SECOND
        missing, extra = compare(history, lake, apart)
        lost, doubled = max(lost, missing), max(doubled, extra)
    return {"rows": len(history), "lost": lost, "doubled": doubled}


def _import(lake: Lake, *paths: Path) -> None:
    import_history(LISTENER, lake, paths, settings=SETTINGS, night=NIGHT, timezone=str(ZONE))


def _scrobble(lake: Lake, history: Sequence[Played]) -> None:
    """Store the plays as Last.fm tells them each night."""
    rows = [
        {
            "played_at": dt.datetime.fromtimestamp(each.at, dt.UTC),
            "artist": each.artist,
            "title": each.title,
        }
        for each in history
    ]
    plays = plays_frame(rows, source=LASTFM)
    since, until = plays["played_at"].min(), plays["played_at"].max() + dt.timedelta(seconds=1)
    stored = load_plays_around(lake, LISTENER, since, until)
    unified = unify(stored, plays, source=LASTFM, since=since, until=until)
    store(lake, LISTENER, stored, unified)


def compare(history: Sequence[Played], lake: Lake, apart_s: int) -> tuple[int, int]:
    """Return how many plays the lake does not have, and how many of its rows are no play."""
    rows = lake.frame(PLAYS, columns=["played_at", "artist", "title"])
    seconds = rows["played_at"].astype("datetime64[ms, UTC]").astype("int64") / 1000
    stored: dict[str, list[float]] = defaultdict(list)
    for at, artist, title in sorted(zip(seconds, rows["artist"], rows["title"], strict=True)):
        stored[_key(artist, title)].append(at)
    lost = 0
    for each in history:
        times = stored[_key(each.artist, each.title)]
        place = bisect_left(times, each.at - apart_s)
        if place < len(times) and times[place] <= each.at + apart_s:
            del times[place]
        else:
            lost += 1
    return lost, sum(map(len, stored.values()))


def _key(artist: str, title: str) -> str:
    """Return a key that is the same where an exporter removes commas from numbers."""
    return identify(artist, title).track_key.replace(" ", "")


def write_million(path: Path, plays: int = MILLION) -> Path:
    """Write ListenBrainz' zip with a million plays of twenty years."""
    world = generate_world(artists=ARTISTS, tracks=TRACKS * 3, scrobbles=1_000)
    rng = random.Random(1983)  # noqa: S311
    step = YEARS * 365 * 86_400 // plays
    start = round((NIGHT.as_of - dt.timedelta(days=YEARS * 365 + 1)).timestamp())
    tracks = np.random.default_rng(1983).zipf(1.3, plays) % len(world.track_title)
    history = [
        Played(
            start + number * step + rng.randrange(step // 2),
            world.artist_name[world.track_artist[track]],
            world.track_title[track],
            ALBUM,
            200,
        )
        for number, track in enumerate(tracks.tolist())
    ]
    return listenbrainz_zip(path, history)


def measure_million(folder: Path) -> dict[str, float]:
    """Return the cost of reading a million plays, in a process of its own."""
    file = write_million(folder / "million")
    cost = run_apart("benchmarks.history_formats", ["--read", str(file)])
    return {
        "million_s": round(cost["wall_s"], 1),
        "million_cpu_s": round(cost["cpu_s"], 1),
        "million_ratio": round(cost["cpu_s"] / cost["parse_s"], 1),
        "million_mb": round(cost["peak_mb"]),
    }


def _read_apart(file: Path, report: Path) -> None:
    """Read a file into a new lake, and write what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        _import(Lake(folder), file)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_mb()
    parse = time.process_time()
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as lines:
                for line in lines:
                    json.loads(line)
    cost = {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak, "parse_s": time.process_time() - parse}
    report.write_text(json.dumps(cost))


def main(argv: list[str] | None = None) -> None:
    """Measure, and print one line for each format."""
    parser = command_line(__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS_EACH)
    parser.add_argument("--million", action="store_true", help="also read a million plays")
    parser.add_argument("--read", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.read:
        _read_apart(*arguments.read)
        return
    figures: dict[str, Any] = {"formats": measure(arguments.plays)}
    if arguments.million:
        with tempfile.TemporaryDirectory() as folder:
            figures |= measure_million(Path(folder))
    print_figures(figures)


if __name__ == "__main__":
    main()
