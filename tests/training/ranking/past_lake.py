"""A lake with a history to learn from: each week, another artist of one genre is adopted."""

import datetime as dt

import numpy as np
import pandas as pd

from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import SIMILAR, TRACKS
from tests.training.lakes import ADA, NIGHT, add_artist_tags, add_background, add_plays

GENRES = ("shoegaze", "polka", "techno")
ARTISTS, SONGS = 40, 4
WEEKS = 40


def artist(genre: str, at: int) -> str:
    return f"{genre} {at}"


def songs(name: str) -> list[str]:
    return [f"{name} · song {song}" for song in range(SONGS)]


def listener_who_explores_shoegaze(lake: Lake, *, weeks: int = WEEKS) -> None:
    """Play another shoegaze artist's songs thrice every week; the catalog has all genres."""
    rng = np.random.default_rng(11)
    everyone = {genre: [artist(genre, at) for at in range(ARTISTS)] for genre in GENRES}
    for week in range(weeks):
        name = everyone["shoegaze"][week % ARTISTS]
        add_plays(lake, dict.fromkeys(songs(name), 3), days_ago=7 * (weeks - week) - 3)
    names = [name for genre in GENRES for name in everyone[genre]]
    add_artist_tags(
        lake, {name: {name.split()[0]: 100, f"mood {at % 5}": 40} for at, name in enumerate(names)}
    )
    _add_tracks(lake, {key: at for at, key in enumerate(k for n in names for k in songs(n))})
    _add_similar(lake, everyone, rng)
    add_background(lake, [key for name in names for key in songs(name)])


def _add_tracks(lake: Lake, listeners: dict[str, int]) -> None:
    rows = pd.DataFrame({"track_key": list(listeners), "listeners": list(listeners.values())})
    rows["artist_key"] = [key.split(" · ")[0] for key in rows["track_key"]]
    rows["artist"], rows["title"] = rows["artist_key"], "A Title"
    rows = rows.assign(version="", first_seen=NIGHT.date)
    missing = {c.name: None for c in TRACKS.columns if c.name not in rows}
    lake.merge(TRACKS, rows.assign(prefix=rows["artist_key"].map(prefix_of), **missing))


def _add_similar(lake: Lake, everyone: dict[str, list[str]], rng: np.random.Generator) -> None:
    """Add twelve near artists of the genre, and twelve of any genre, less near, to each artist."""
    rows: list[tuple[str, str, str, str, float, int]] = []
    all_names = [name for names in everyone.values() for name in names]
    for names in everyone.values():
        for name in names:
            own = rng.choice([n for n in names if n != name], 12, replace=False)
            far = rng.choice([n for n in all_names if n not in names], 12, replace=False)
            for place, near in enumerate([*own, *far]):
                match = 0.9 - 0.03 * place
                rows.append(("artist", name, str(near), str(near), match, place + 1))
            rows += [
                ("artist_tracks", name, key, name, 1 / (place + 1), place + 1)
                for place, key in enumerate(songs(name))
            ]
    columns = ["kind", "seed_key", "neighbour_key", "artist", "match", "rank"]
    frame = pd.DataFrame(rows, columns=columns).assign(
        source="lastfm", mbid=None, fetched_at=NIGHT.date
    )
    lake.merge(SIMILAR, frame.assign(prefix=frame["seed_key"].map(prefix_of)))


def days_before(days: int) -> dt.datetime:
    return NIGHT.as_of - dt.timedelta(days=days)


__all__ = ["ADA", "NIGHT", "artist", "days_before", "listener_who_explores_shoegaze", "songs"]
