"""Helpers that write a listener's past lists and reactions to a lake."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import AUDIO_FEATURES, FEEDBACK, TRACKS
from smallhours.nights import Night
from smallhours.training.evaluation.metrics import store_metrics
from smallhours.training.evaluation.receptions import Promise, promise_metric

NIGHT = dt.date(2026, 11, 2)
BEFORE = NIGHT - dt.timedelta(days=1)
ME = "default"


def add_list(
    lake: Lake,
    night: dt.date,
    names: Sequence[tuple[str, str]],
    *,
    outcome: str = "verified",
    intent: str = "main",
    explored: int = 0,
    listener: str = ME,
    covers: Sequence[str] = (),
    uris: Sequence[str] | None = None,
) -> list[str]:
    """Add a published list of a night; its last `explored` tracks are explored ones.

    Returns:
        The track keys.
    """
    keys = [f"{artist.casefold()} · {title.casefold()}" for artist, title in names]
    rows: list[dict[str, Any]] = []
    for at, (key, (artist, title)) in enumerate(zip(keys, names, strict=True), start=1):
        row: dict[str, Any] = {column.name: None for column in RECOMMENDATIONS.columns}
        row |= {"intent": intent, "track_key": key, "artist": artist, "title": title}
        row |= {"consensus": 0.5, "tag_affinity": 0.5, "popularity": 0.5, "score": 0.9 - at / 100}
        row |= {"rank": at, "position": at, "why_not": "", "seeds": ["seed · one"]}
        row |= {"slot": "explore" if at > len(names) - explored else "exploit"}
        row |= {"reason": f"Close to Slowdive – Alison, for {title}."}
        rows.append(row)
    lake.merge(
        RECOMMENDATIONS,
        pd.DataFrame(rows),
        partition={"listener": listener, "night": night.isoformat()},
    )
    entry: dict[str, Any] = {column.name: None for column in PLAYLISTS.columns}
    entry |= {"night": night, "intent": intent, "place": "spotify", "name": "Smallhours"}
    entry |= {"playlist_id": "p" * 22}
    entry |= {"outcome": outcome, "note": "All new.", "track_keys": keys}
    known = [f"spotify:track:{at:022d}" for at in range(len(keys))] if uris is None else uris
    entry |= {"uris": list(known), "covers": list(covers)}
    lake.merge(PLAYLISTS, pd.DataFrame([entry]), partition={"listener": listener})
    return keys


def add_track(lake: Lake, key: str, name: tuple[str, str], *, duration_ms: int) -> None:
    """Add a track to the catalog."""
    artist_key = artist_key_in(key)
    row: dict[str, Any] = {column.name: None for column in TRACKS.columns}
    row |= {"track_key": key, "artist_key": artist_key, "artist": name[0], "title": name[1]}
    row |= {"version": "", "duration_ms": duration_ms, "first_seen": NIGHT}
    lake.merge(TRACKS, pd.DataFrame([{**row, "prefix": prefix_of(artist_key)}]))


def add_promise(lake: Lake, night: dt.date, low: int, high: int) -> None:
    """Store what was promised for the main list of a night."""
    figure = promise_metric(Promise(low, high, (low + high) / 2), high, intent="main")
    store_metrics(lake, [figure], listener=ME, night=Night.on(night, ZoneInfo("UTC")))


def add_reactions(
    lake: Lake, night: dt.date, reactions: Mapping[str, str], *, listener: str = ME
) -> None:
    """Add reactions to picks of a night, by track key."""
    at = dt.datetime.combine(night, dt.time(20), dt.UTC)
    rows = [
        {"night": night, "intent": "main", "track_key": key, "reaction": reaction, "at": at}
        for key, reaction in reactions.items()
    ]
    partition = {"listener": listener, "month": f"{night:%Y-%m}"}
    lake.merge(FEEDBACK, pd.DataFrame(rows), partition=partition)


def add_energy(lake: Lake, key: str, value: float, *, margin: float) -> None:
    """Add a predicted energy."""
    row: dict[str, Any] = {"track_key": key, "source": "predicted", "feature": "energy"}
    row |= {"value": value, "low": value - margin, "high": value + margin, "model": "m"}
    row |= {"fetched_at": NIGHT, "prefix": prefix_of(key.split(" · ")[0])}
    lake.merge(AUDIO_FEATURES, pd.DataFrame([row]))


def reactions_of(lake: Lake, key: str) -> set[str]:
    """Return the reactions to a track in `feedback`."""
    rows = lake.frame(FEEDBACK, columns=["track_key", "reaction"], where={"listener": ME})
    return set(rows.loc[rows["track_key"] == key, "reaction"])
