"""Scenes of a few tracks for tests, built by the product's own constructors."""

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.nights import Night
from smallhours.playlist.rank.evidence import Evidence, history_of
from smallhours.playlist.rank.scores import ListenerContext
from smallhours.training.tags import Tags

DUBLIN = ZoneInfo("Europe/Dublin")
NIGHT = dt.date(2026, 11, 2)
BEGAN = dt.date(2026, 8, 1)
FEATURES = ["track_key", "source", "feature", "value", "low", "high"]

Play = tuple[str, dt.datetime]
Vote = tuple[str, str, str, float]


def at(day: str, hour: int = 12) -> dt.datetime:
    """Return a moment, UTC."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), dt.UTC)


def context(
    tracks: Sequence[str],
    *,
    plays: Sequence[Play] = (),
    saved: Sequence[str] = (),
    votes: Sequence[Vote] = (),
    tags: Mapping[str, Mapping[str, int]] | None = None,
    features: Sequence[tuple[str, str, str, float, float | None, float | None]] = (),
    released: Mapping[str, str] | None = None,
    first_seen: Mapping[str, dt.date] | None = None,
    catalog_from: dt.date | None = BEGAN,
) -> ListenerContext:
    """Return a scene.

    Args:
        tracks: Keys of the tracks that may be chosen.
        plays: What was played and when.
        saved: Keys of saved tracks.
        votes: `track_key`, `route`, `seed_key`, `strength`.
        tags: Each track's own.
        features: `track_key`, `source`, `feature`, `value`, `low`, `high`.
        released: When tracks came out, where that is known.
        first_seen: When the catalog met them; when it began, where that is not said.
        catalog_from: When the catalog began.
    """
    known = _plays(plays)
    library = pd.DataFrame(
        {
            "signal": pd.Series("saved", range(len(saved)), dtype=str),
            "track_key": pd.Series(list(saved), dtype=str),
            "artist": [_artist(key) for key in saved],
            "title": [_title(key) for key in saved],
            "last_seen": NIGHT,
        }
    )
    history = history_of(known, library, frozenset(), night=NIGHT)
    own = Tags({key: dict(each) for key, each in (tags or {}).items()}, {})
    evidence = Evidence(
        votes=pd.DataFrame(list(votes), columns=["track_key", "route", "seed_key", "strength"]),
        tracks=_tracks(sorted(tracks), released or {}, first_seen or {}),
        tags=own,
        history=history,
        plays=known[["played_at", "track_key"]],
        shown={},
        catalog_from=catalog_from,
    )
    return ListenerContext.of(
        evidence,
        taste=None,
        features=pd.DataFrame(list(features), columns=FEATURES).astype(
            {"value": float, "low": float, "high": float}
        ),
        night=Night.on(NIGHT, DUBLIN),
        zone=DUBLIN,
    )


def _plays(plays: Sequence[Play]) -> pd.DataFrame:
    ordered = sorted(plays, key=lambda each: each[1])
    return pd.DataFrame(
        {
            "played_at": pd.to_datetime([moment for _, moment in ordered], utc=True),
            "track_key": pd.Series([key for key, _ in ordered], dtype=str),
            "artist": [_artist(key) for key, _ in ordered],
            "title": [_title(key) for key, _ in ordered],
            "ms_played": pd.array([None] * len(ordered), dtype="Int32"),
            "skipped": False,
        }
    )


def _tracks(
    keys: Sequence[str], released: Mapping[str, str], first_seen: Mapping[str, dt.date]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "artist": [_artist(key) for key in keys],
            "title": [_title(key) for key in keys],
            "released": [released.get(key) for key in keys],
            "first_seen": [first_seen.get(key, BEGAN) for key in keys],
        },
        index=pd.Index(list(keys), dtype="str"),
    )


def _artist(key: str) -> str:
    return key.split(" · ")[0].title()


def _title(key: str) -> str:
    return key.split(" · ")[1].title()
