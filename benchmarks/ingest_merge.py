"""Benchmark of merging a normal night into a lake with years of history and all tags.

The lake holds 90,000 plays, 20,000 tracks and 5,000,000 tags; the night brings 150 plays of the
last half day, 300 new tracks, and the tags of 350 tracks: as many of 20,000 as are fetched
again each night when an answer is fresh for 60 days. The merge runs in a process of its own.
"""

import datetime as dt
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import record_cost, run_apart
from smallhours.catalog.tags import store_tags
from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, identify
from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import PLAYS, TRACK_TAGS
from smallhours.listening.history_merge import unify
from smallhours.listening.play_storage import load_plays_around, store
from smallhours.listening.plays import LASTFM, plays_frame

LISTENER = "default"
NIGHT = dt.date(2026, 11, 2)
UNTIL = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
PLAYED, KNOWN, TAGGED, TAGS_EACH = 90_000, 20_000, 50_000, 100
NEW_PLAYS, NEW_TRACKS, NEW_TAGGED = 150, 300, 350


class CountingMergeDisk(Disk):
    """A disk that counts the bytes read and written."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self.bytes_written = 0

    def read(self, path: Path) -> bytes:
        """Read a file's content, counted."""
        data = super().read(path)
        self.bytes_read += len(data)
        return data

    def write(self, path: Path, data: bytes) -> None:
        """Write a file, counted."""
        self.bytes_written += len(data)
        super().write(path, data)


def measure_merge(folder: Path) -> dict[str, float]:
    """Build the lake, merge a night in another process, and return and print its cost."""
    lake = folder / "large"
    build(lake)
    cost = run_apart("benchmarks.ingest_merge", [str(lake)])
    size = sum(path.stat().st_size for path in lake.rglob("*.parquet"))
    print(
        f"merging a night of {NEW_PLAYS} plays, {NEW_TRACKS} tracks and {NEW_TAGGED} tracks' tags "
        f"into {PLAYED:,} plays, {KNOWN:,} tracks and {TAGGED * TAGS_EACH:,} tags: "
        f"{cost['wall_s']:.2f} s ({cost['cpu_s']:.2f} s of one core), {cost['peak_mb']:.0f} MB, "
        f"{cost['read']:,} bytes read and {cost['written']:,} written of {size:,} stored"
    )
    return {
        "merge_s": round(cost["wall_s"], 2),
        "merge_mb": round(cost["peak_mb"]),
        "merge_bytes_written": cost["written"],
    }


def build(folder: Path) -> None:
    """Write the lake as it was before the night."""
    lake, rng = Lake(str(folder)), np.random.default_rng(1983)
    names = [_name(number) for number in range(TAGGED)]
    keys = np.array([identify(artist, title).track_key for artist, title in names])
    prefixes = np.array([prefix_of(artist_key_in(key)) for key in keys])
    words = np.array([f"tag {number}" for number in range(4_000)])
    for prefix in np.unique(prefixes):
        mine = keys[prefixes == prefix]
        starts = rng.integers(0, len(words), len(mine))
        chosen = (starts[:, None] + 37 * np.arange(TAGS_EACH)) % len(words)
        rows = pd.DataFrame(
            {
                "track_key": np.repeat(mine, TAGS_EACH),
                "tag": words[chosen.ravel()],
                "count": np.tile(np.arange(TAGS_EACH, 0, -1), len(mine)),
                "fetched_at": NIGHT - dt.timedelta(days=30),
            }
        )
        lake.merge(TRACK_TAGS, rows, partition={"prefix": str(prefix)})
    named = pd.DataFrame(names[:KNOWN], columns=["artist", "title"])
    add_tracks(lake, named, night=NIGHT - dt.timedelta(days=30))
    ends = UNTIL - dt.timedelta(days=1)
    times = [ends - dt.timedelta(minutes=35 * number) for number in range(PLAYED)]
    plays = _plays(times, rng.integers(0, KNOWN, PLAYED))
    plays["month"] = plays["played_at"].dt.strftime("%Y-%m")
    lake.merge(PLAYS, plays, partition={"listener": LISTENER})


def merge(lake: Lake) -> None:
    """Merge one normal night."""
    rng = np.random.default_rng(2026)
    times = [UNTIL - dt.timedelta(seconds=290 * number + 11) for number in range(NEW_PLAYS)]
    since = UNTIL - dt.timedelta(hours=12)
    plays = _plays(times, rng.integers(0, KNOWN, NEW_PLAYS))
    plays = plays[plays["played_at"] >= since].reset_index(drop=True)
    stored = load_plays_around(lake, LISTENER, since, UNTIL)
    unified = unify(stored, plays, source=LASTFM, since=since, until=UNTIL)
    store(lake, LISTENER, stored, unified)
    new = pd.DataFrame(
        [_name(TAGGED + number) for number in range(NEW_TRACKS)], columns=["artist", "title"]
    )
    add_tracks(lake, new, night=NIGHT)
    tagged = [identify(*_name(number)).track_key for number in rng.integers(0, TAGGED, NEW_TAGGED)]
    tags = pd.DataFrame(
        [
            {"track_key": key, "tag": f"tag {37 * number % 4_000}", "count": 100 - number}
            for key in dict.fromkeys(tagged)
            for number in range(TAGS_EACH)
        ]
    )
    store_tags(lake, TRACK_TAGS, tags, night=NIGHT)


def _name(number: int) -> tuple[str, str]:
    return f"Artist {number % 5_000}", f"Song {number}"


def _plays(
    times: list[dt.datetime], tracks: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> "pd.DataFrame":
    rows = (
        dict(zip(("artist", "title"), _name(int(track)), strict=True)) | {"played_at": at}
        for at, track in zip(times, tracks, strict=True)
    )
    return plays_frame(rows, source=LASTFM)


def main() -> None:
    """Merge a night into the lake of the first argument, for `measure_merge`."""
    folder, report = map(Path, sys.argv[1:])
    disk = CountingMergeDisk()
    lake = Lake(str(folder), files=LocalFiles(folder, disk=disk))
    begun = time.process_time()
    record_cost(lambda: merge(lake), report)
    cpu_s = time.process_time() - begun
    more = {"read": disk.bytes_read, "written": disk.bytes_written, "cpu_s": cpu_s}
    report.write_text(json.dumps({**json.loads(report.read_text()), **more}))


if __name__ == "__main__":
    main()
