"""Simulation of one day of a listener, including reactions to the playlist.

A local day is always simulated whole from its own generator, and plays outside the requested
window are dropped. So a day gives the same plays however it is split, as long as the playlists are
the same.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from smallhours_sandbox.ragged import Bools, Doubles, Ints, Longs
from smallhours_sandbox.world import PlayLog, SandboxListener, World

DAY = 86_400
_RECENT_DAYS = 90
_PACE_DAYS = 60
_MEAN_SESSION = 10.0
_MAX_SESSIONS = 12
_PLAYLIST_TRACKS = 22.0  # mean number of playlist tracks heard in a morning
_RECENTLY_HEARD_DAYS = 3


@dataclass(slots=True)
class SimulatedDay:
    """The events of a day: plays, saved and loved tracks, and removals from playlists.

    Attributes:
        plays: in order.
        contexts: start of a play to the playlist it came from.
        saved: (track, unix seconds).
        loved: (track, unix seconds).
        removed: (playlist id, track, unix seconds).
    """

    plays: PlayLog
    contexts: dict[int, str] = field(default_factory=dict)
    saved: list[tuple[int, int]] = field(default_factory=list)
    loved: list[tuple[int, int]] = field(default_factory=list)
    removed: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    start: int
    tracks: list[int]
    ms: list[int]
    skipped: list[bool]
    playlist: str = ""


def local_midnight(timezone: str, at: float) -> datetime:
    """Return the midnight at which a moment's local day began."""
    local = datetime.fromtimestamp(at, tz=UTC).astimezone(ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def next_local_midnight(timezone: str, at: float) -> float:
    """Return the unix second at which a moment's local day ends."""
    return (local_midnight(timezone, at) + timedelta(days=1)).timestamp()


def day_rng(seed: int, listener: SandboxListener, at: float) -> np.random.Generator:
    """Return the generator of one listener's local day."""
    day = local_midnight(listener.timezone, at).toordinal()
    return np.random.default_rng([seed, zlib.crc32(listener.name.encode()), day])


def simulate_day(
    world: World,
    listener: SandboxListener,
    start_uts: float,
    end_uts: float,
    playlists: Mapping[str, list[int]],
    rng: np.random.Generator,
) -> SimulatedDay:
    """Simulate `start_uts` to `end_uts`, which must lie within one local day.

    On many mornings the listener goes through the last of `playlists`: tracks that the hidden
    taste likes are played to the end, sometimes saved, loved or played again in the evening;
    disliked ones are skipped and sometimes removed. The rest of the day is recent plays, old
    favourites, more by known artists, and a little new music. The arguments are not changed.

    Args:
        world: the catalogue.
        listener: the listener, with all earlier plays.
        start_uts: unix seconds UTC, inclusive.
        end_uts: unix seconds UTC, exclusive.
        playlists: playlist id to its tracks in order; only the last one is played.
        rng: from `day_rng`, so that the day depends on nothing else.
    """
    midnight = int(local_midnight(listener.timezone, start_uts).timestamp())
    before = listener.plays.where(listener.play_at < midnight)
    sessions: list[_Session] = []
    day = SimulatedDay(PlayLog.empty())
    again: list[int] = []
    morning, evening = rng.spawn(2)
    if playlists and morning.random() < listener.taste.diligence:
        key = list(playlists)[-1]
        heard = _recently_heard(listener, before, key, midnight)
        tracks = [track for track in playlists[key] if track not in heard]
        start = midnight + int(morning.uniform(6.8, 9.5) * 3_600)
        session = _play_playlist(world, listener, tracks, morning, start, key, day, again)
        sessions.append(session)
    sessions += _ordinary_sessions(world, listener, before, midnight, evening, again)
    _schedule_sessions(day, sessions, start_uts, end_uts, listener)
    return day


def _recently_heard(
    listener: SandboxListener, before: PlayLog, key: str, midnight: int
) -> set[int]:
    first = int(np.searchsorted(before.at, midnight - _RECENTLY_HEARD_DAYS * DAY))
    recent = zip(before.at[first:].tolist(), before.track[first:].tolist(), strict=True)
    return {track for at, track in recent if listener.play_context.get(at) == key}


def _play_playlist(
    world: World,
    listener: SandboxListener,
    tracks: list[int],
    rng: np.random.Generator,
    start: int,
    key: str,
    day: SimulatedDay,
    again: list[int],
) -> _Session:
    """Listen to a playlist from the top and react; reactions are dated when they happen."""
    session = _Session(start, [], [], [], key)
    reach = int(np.clip(rng.normal(_PLAYLIST_TRACKS, 7), 4, 60))
    at = start
    for track in tracks[:reach]:
        liking = float(listener.taste.liking[track])
        draws = rng.random(6)
        length = int(world.track_duration_ms[track])
        finished = bool(draws[0] < 0.12 + 0.84 * liking)
        ms = length if finished else max(3_000, int(length * 0.45 * draws[1] ** 1.5))
        end = at + ms // 1000
        session.tracks.append(track)
        session.ms.append(ms)
        session.skipped.append(not finished)
        if finished:
            if track not in listener.saved and draws[2] < 0.7 * (liking - 0.4):
                day.saved.append((track, end - 1))
            if track not in listener.loved and draws[3] < 0.2 * (liking - 0.6):
                day.loved.append((track, end - 1))
            if draws[4] < 0.45 * (liking - 0.3):
                again.append(track)
        elif draws[5] < 0.4 * (0.4 - liking):
            day.removed.append((key, track, end))
        at = end + 2
    return session


def _ordinary_sessions(
    world: World,
    listener: SandboxListener,
    before: PlayLog,
    midnight: int,
    rng: np.random.Generator,
    again: list[int],
) -> list[_Session]:
    """Return the day's other sessions, at this listener's usual hours."""
    since = before.at[-1] - _PACE_DAYS * DAY if len(before) else midnight
    pace = int((before.at > since).sum()) / _PACE_DAYS
    count = min(int(rng.poisson(max(0.4, pace / _MEAN_SESSION))), _MAX_SESSIONS)
    starts = np.sort(_usual_starts(before, midnight, rng, count))
    pools = _play_sources(world, listener, before, midnight)
    sessions = []
    for number, start in enumerate(starts.tolist()):
        size = int(min(rng.geometric(1 / _MEAN_SESSION), 50))
        tracks = _choose(rng, pools, size)
        if number == len(starts) - 1:
            # Tracks liked in the morning are repeated in the day's last session.
            tracks = again + tracks
        skip = 0.02 + 0.15 * (1 - listener.taste.liking[tracks].astype(np.float64)) ** 2
        skipped: Bools = rng.random(len(tracks)) < skip
        length = world.track_duration_ms[tracks]
        part = np.where(skipped, rng.beta(1.1, 3.0, len(tracks)), 1.0)
        ms = np.maximum(1_500, part * length).astype(np.int64)
        sessions.append(_Session(start, tracks, ms.tolist(), skipped.tolist()))
    return sessions


def _usual_starts(before: PlayLog, midnight: int, rng: np.random.Generator, count: int) -> Longs:
    """Return start times drawn from the listener's past times of day, jittered by an hour."""
    if not len(before):
        return (midnight + rng.integers(8 * 3_600, 22 * 3_600, count)).astype(np.int64)
    recent = before.at[-3_000:]
    of_day = (recent[rng.integers(0, len(recent), count)] - midnight) % DAY
    shifted: Longs = (of_day + rng.integers(-1_800, 1_800, count)) % DAY + midnight
    return shifted.astype(np.int64)


def _play_sources(
    world: World, listener: SandboxListener, before: PlayLog, midnight: int
) -> list[tuple[float, Ints, Doubles]]:
    """Return the sources of ordinary plays: (share, tracks, cumulative weights)."""
    liking = listener.taste.liking.astype(np.float64)
    count = np.bincount(before.track, minlength=world.n_tracks).astype(np.float64)
    last = before.at[-1] if len(before) else midnight
    recent_plays = before.track[before.at > last - _RECENT_DAYS * DAY]
    recent = np.bincount(recent_plays, minlength=world.n_tracks).astype(np.float64)
    if listener.saved:
        count[list(listener.saved)] += 2.0
    by_artist = np.bincount(world.track_artist, weights=count, minlength=world.n_artists)
    out_by_now = _released_by(world, midnight)
    known = np.sqrt(by_artist)[world.track_artist] * (0.1 + liking) * out_by_now
    fresh = liking**2 * world.track_popularity * (by_artist == 0)[world.track_artist] * out_by_now
    novelty = 0.2 * listener.taste.novelty
    pools = []
    for share, weight in (
        (0.5, recent),
        (0.32 - novelty, count * (0.2 + liking)),
        (0.18, known),
        (novelty, fresh),
    ):
        chosen = np.flatnonzero(weight > 0).astype(np.int32)
        if len(chosen):
            pools.append((share, chosen, np.cumsum(weight[chosen])))
    return pools


def _released_by(world: World, midnight: int) -> Bools:
    today = datetime.fromtimestamp(midnight, tz=UTC).date().isoformat()
    out = np.asarray([day <= today for day in world.album_released], dtype=np.bool_)
    released: Bools = out[world.track_album]
    return released


def _choose(
    rng: np.random.Generator, pools: list[tuple[float, Ints, Doubles]], size: int
) -> list[int]:
    shares = np.asarray([share for share, _, _ in pools])
    which = rng.choice(len(pools), size, p=shares / shares.sum())
    tracks: list[int] = []
    for number in which.tolist():
        _, chosen, total = pools[number]
        place = int(np.searchsorted(total, rng.random() * total[-1], "right"))
        tracks.append(int(chosen[min(place, len(chosen) - 1)]))
    return tracks


def _schedule_sessions(
    day: SimulatedDay,
    sessions: list[_Session],
    start_uts: float,
    end_uts: float,
    listener: SandboxListener,
) -> None:
    """Place the sessions one after the other and keep plays that begin within the window."""
    last = int(listener.play_at[-1]) if len(listener.play_at) else -1
    rows: list[tuple[int, int, int, bool]] = []
    free_from = 0
    for session in sorted(sessions, key=lambda one: one.start):
        at = max(session.start, free_from)
        for track, ms, skipped in zip(session.tracks, session.ms, session.skipped, strict=True):
            if max(start_uts, last + 1) <= at < end_uts:
                rows.append((at, track, ms, skipped))
                if session.playlist:
                    day.contexts[at] = session.playlist
            at += ms // 1000 + 2
        free_from = at + 20
    day.saved = [(track, at) for track, at in day.saved if start_uts <= at < end_uts]
    day.loved = [(track, at) for track, at in day.loved if start_uts <= at < end_uts]
    day.removed = [row for row in day.removed if start_uts <= row[2] < end_uts]
    day.plays = PlayLog(
        np.asarray([row[0] for row in rows], dtype=np.int64),
        np.asarray([row[1] for row in rows], dtype=np.int32),
        np.asarray([row[2] for row in rows], dtype=np.int32),
        np.asarray([row[3] for row in rows], dtype=np.bool_),
    )
