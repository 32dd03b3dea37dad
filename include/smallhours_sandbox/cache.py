"""The on-disk cache of generated worlds, so that each world is generated only once.

A world is one .npz file without pickle: arrays as they are, lists of texts as UTF-8 with offsets,
the few small things as JSON.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from smallhours_sandbox.generate import BEGINS, ENDS, GENERATOR, generate_world
from smallhours_sandbox.ragged import Ragged
from smallhours_sandbox.replay import replay_world
from smallhours_sandbox.world import HiddenTaste, SandboxListener, World

# Increase this with every change to the contents of a world or to its generation.
FORMAT = 4

_TEXTS = (
    "tags", "artist_name", "artist_mbid", "album_title", "album_released", "track_title",
    "track_lastfm_title", "track_version", "track_isrc", "track_mbid", "track_spotify_id",
)  # fmt: skip
_ARRAYS = (
    "artist_popularity", "album_artist", "track_artist", "track_album", "track_number",
    "track_duration_ms", "track_explicit", "track_recording", "track_popularity",
    "track_features",
)  # fmt: skip
_STYLES = ("artist_style", "track_style")
_RAGGED = ("artist_tags", "artist_similar", "track_tags", "track_similar")


def load_or_generate(
    cache_dir: Path,
    seed: int = 1983,
    artists: int = 3_000,
    tracks: int = 40_000,
    listeners: Sequence[str] = ("ada", "bruno"),
    scrobbles: int = 90_000,
    begins: datetime = BEGINS,
    ends: datetime = ENDS,
    *,
    generator: int = GENERATOR,
) -> World:
    """Return the generated world of these arguments, from the cache if it is there."""
    size = (seed, artists, tracks, listeners, scrobbles, begins, ends)
    key = f"{'|'.join(map(str, size[:3]))}|{','.join(listeners)}|{scrobbles}|{begins}|{ends}"
    return _cached(
        cache_dir,
        f"world-{key}|{generator}",
        lambda: generate_world(*size, generator=generator),
    )


def load_or_replay(
    cache_dir: Path, scrobbles_csv: Path, artist_tags_csv: Path, user: str = "listener"
) -> World:
    """Return the replayed world of these files, from the cache as long as neither file changes."""
    stamps = [
        f"{path.resolve()}|{path.stat().st_size}|{path.stat().st_mtime_ns}"
        for path in (scrobbles_csv, artist_tags_csv)
    ]
    return _cached(
        cache_dir,
        f"replay-{user}|{'|'.join(stamps)}",
        lambda: replay_world(scrobbles_csv, artist_tags_csv, user),
    )


def _cached(cache_dir: Path, key: str, build: Callable[[], World]) -> World:
    digest = hashlib.sha256(f"{FORMAT}|{key}".encode()).hexdigest()[:16]
    path = cache_dir / f"{key.split('-')[0]}-{digest}.npz"
    if path.exists():
        try:
            return read_world(path)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
            # A damaged cache file is rebuilt.
            path.unlink()
    world = build()
    write_world(world, path)
    return world


def write_world(world: World, path: Path) -> None:
    """Write a world to one file, atomically: a crash leaves no partial file under that name."""
    arrays: dict[str, Any] = {name: getattr(world, name) for name in _ARRAYS}
    styles = {name: getattr(world, name) for name in _STYLES}
    arrays |= {name: style for name, style in styles.items() if style is not None}
    for name in _TEXTS:
        arrays[f"{name}.text"], arrays[f"{name}.ends"] = _pack(getattr(world, name))
    for name in _RAGGED:
        ragged: Ragged = getattr(world, name)
        arrays[f"{name}.indptr"] = ragged.indptr
        arrays[f"{name}.ids"], arrays[f"{name}.values"] = ragged.ids, ragged.values
    about = {
        "format": FORMAT,
        "seed": world.seed,
        "generator": world.generator,
        "begins": world.begins.isoformat(),
        "ends": world.ends.isoformat(),
        "featured": {str(i): guests for i, guests in enumerate(world.track_featured) if guests},
        "listeners": [_describe(person) for person in world.listeners.values()],
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    for number, person in enumerate(world.listeners.values()):
        arrays[f"listener{number}.at"] = person.play_at
        arrays[f"listener{number}.track"] = person.play_track
        arrays[f"listener{number}.ms"] = person.play_ms
        arrays[f"listener{number}.skipped"] = person.play_skipped
        arrays[f"listener{number}.liking"] = person.taste.liking
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(buffer.getbuffer())
    partial.replace(path)


def read_world(path: Path) -> World:
    """Read a world from a file.

    Raises:
        ValueError: When the file has another format version, or is damaged.
    """
    # Open the file here: numpy would leave a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(arrays["about"].tobytes())
    if about["format"] != FORMAT:
        raise ValueError(f"{path} has format {about['format']}, not {FORMAT}")
    values: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    values |= {name: arrays.get(name) for name in _STYLES}
    for name in _TEXTS:
        values[name] = _unpack(arrays[f"{name}.text"], arrays[f"{name}.ends"])
    for name in _RAGGED:
        values[name] = Ragged(
            arrays[f"{name}.indptr"], arrays[f"{name}.ids"], arrays[f"{name}.values"]
        )
    featured: list[list[int]] = [[] for _ in values["track_title"]]
    for track, guests in about["featured"].items():
        featured[int(track)] = guests
    people = [
        _restore(described, arrays, number) for number, described in enumerate(about["listeners"])
    ]
    return World(
        seed=about["seed"],
        generator=about["generator"],
        begins=datetime.fromisoformat(about["begins"]),
        ends=datetime.fromisoformat(about["ends"]),
        track_featured=featured,
        listeners={person.name: person for person in people},
        **values,
    )


def _describe(person: SandboxListener) -> dict[str, Any]:
    return {
        "name": person.name,
        "spotify_id": person.spotify_id,
        "account_id": person.account_id,
        "display_name": person.display_name,
        "country": person.country,
        "timezone": person.timezone,
        "saved": list(person.saved.items()),
        "loved": list(person.loved.items()),
        "own_playlists": person.own_playlists,
        "scrobbles_to": person.scrobbles_to,
        "novelty": person.taste.novelty,
        "diligence": person.taste.diligence,
        "clusters": person.taste.clusters,
    }


def _restore(described: dict[str, Any], arrays: dict[str, Any], number: int) -> SandboxListener:
    taste = HiddenTaste(
        liking=arrays[f"listener{number}.liking"],
        novelty=described.pop("novelty"),
        diligence=described.pop("diligence"),
        clusters=described.pop("clusters"),
    )
    saved, loved = dict(described.pop("saved")), dict(described.pop("loved"))
    scrobbles_to = tuple(described.pop("scrobbles_to"))
    own = [(title, list(tracks)) for title, tracks in described.pop("own_playlists")]
    return SandboxListener(
        **described,
        play_at=arrays[f"listener{number}.at"],
        play_track=arrays[f"listener{number}.track"],
        play_ms=arrays[f"listener{number}.ms"],
        play_skipped=arrays[f"listener{number}.skipped"],
        saved=saved,
        loved=loved,
        own_playlists=own,
        scrobbles_to=scrobbles_to,
        taste=taste,
    )


def _pack(texts: list[str]) -> tuple[Any, Any]:
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(one) for one in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def _unpack(text: Any, ends: Any) -> list[str]:
    joined: bytes = text.tobytes()
    stops: list[int] = ends.tolist()
    return [
        joined[start:stop].decode() for start, stop in zip([0, *stops[:-1]], stops, strict=True)
    ]
