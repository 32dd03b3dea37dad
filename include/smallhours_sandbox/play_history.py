"""Generation of a listener's play history over many years.

Days have sessions; a session has a mood (one side of the taste) and a manner (an album from its
first song, one artist, or a mixture), and its tracks come from the artists discovered by
then. Everything is drawn in bulk: the only loops are over months and days.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints, Longs
from smallhours_sandbox.sessions import ALBUM, MIXED, MONTH, Sessions, draw_sessions
from smallhours_sandbox.tastes import Profile
from smallhours_sandbox.world import SCROBBLE_MAX_REQUIRED_MS, SCROBBLE_MIN_MS, HiddenTaste, PlayLog

# Shortest plausible mean time between two plays over months, for someone who sleeps and works.
_MIN_MEAN_GAP_S = 150
_REPEATED_TRACKS, _REPEATED_SHARE = 6, 0.12


@dataclass(slots=True)
class ReleaseCatalog:
    """The track data that history generation needs.

    Attributes:
        track_artist: int32, artist of each track.
        track_album: int32, non-decreasing: an album's tracks lie side by side.
        released: int64 unix seconds, per track.
        duration_ms: int32.
        popularity: float64, per track.
        artist_style: float32 (artists, dims), unit rows.
        artist_popularity: float64.
    """

    track_artist: Ints
    track_album: Ints
    released: Longs
    duration_ms: Ints
    popularity: Doubles
    artist_style: Floats
    artist_popularity: Doubles


class _ArtistTracks:
    """A vectorised sampler of tracks for given artists, by popularity and personal preference."""

    def __init__(
        self, rng: np.random.Generator, catalogue: ReleaseCatalog, taste: HiddenTaste
    ) -> None:
        fancy = np.exp(0.7 * rng.standard_normal(len(catalogue.popularity)))
        weight = catalogue.popularity**0.4 * fancy * (0.1 + taste.liking)
        self.order = np.argsort(catalogue.track_artist, kind="stable")
        self._total = np.concatenate([[0.0], np.cumsum(weight[self.order])])
        counts = np.bincount(catalogue.track_artist, minlength=len(catalogue.artist_popularity))
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def draw(self, rng: np.random.Generator, artist: Ints) -> Ints:
        low = self._total[self._first[artist]]
        high = self._total[self._first[artist + 1]]
        found = (
            np.searchsorted(self._total, low + rng.random(len(artist)) * (high - low), "right") - 1
        )
        at = np.clip(found, self._first[artist], self._first[artist + 1] - 1)
        drawn: Ints = self.order[at].astype(np.int32)
        return drawn


def draw_history(
    rng: np.random.Generator,
    profile: Profile,
    taste: HiddenTaste,
    centres: Floats,
    catalogue: ReleaseCatalog,
    scrobbles: int,
    begins: datetime,
    ends: datetime,
) -> PlayLog:
    """Return a play log with exactly `scrobbles` plays that count on Last.fm.

    The first plays are dropped to make it exact, so it may begin a little after `begins`.

    Raises:
        ValueError: When so many plays do not fit between `begins` and `ends`.
    """
    # Simulate twice: the first run measures how many plays get lost (skipped, overlapping, not yet
    # released).
    wanted = 1.2 * scrobbles
    most = (ends - begins).total_seconds() / _MIN_MEAN_GAP_S
    for attempt in range(6):
        if wanted > most:
            break
        plays = _simulate_plays(rng, profile, taste, centres, catalogue, wanted, begins, ends)
        length = catalogue.duration_ms[plays.track]
        counted = (length > SCROBBLE_MIN_MS) & (
            plays.ms >= np.minimum(length // 2, SCROBBLE_MAX_REQUIRED_MS)
        )
        found = int(counted.sum())
        if found >= scrobbles and (attempt > 2 or found < 1.05 * scrobbles + 50):
            kept = np.cumsum(counted[::-1])[::-1] <= scrobbles
            return plays.where(kept)
        wanted *= (1.02 + 0.03 * attempt) * scrobbles / max(found, 1)
    raise ValueError(f"{scrobbles} scrobbles do not fit between {begins} and {ends}")


def _simulate_plays(
    rng: np.random.Generator,
    profile: Profile,
    taste: HiddenTaste,
    centres: Floats,
    catalogue: ReleaseCatalog,
    wanted: float,
    begins: datetime,
    ends: datetime,
) -> PlayLog:
    sessions = draw_sessions(rng, profile, wanted, begins, ends)
    session = np.repeat(np.arange(len(sessions.start), dtype=np.int32), sessions.length)
    starts = np.cumsum(sessions.length) - sessions.length
    place = (np.arange(len(session)) - starts[session]).astype(np.int32)
    tracks_of = _ArtistTracks(rng, catalogue, taste)
    artist = _draw_artists(rng, profile, centres, catalogue, sessions, session)
    # A session's artist is the one of its first play, also for the rest of an album session.
    focus = sessions.manner[session] != MIXED
    artist = np.where(focus, artist[starts[session]], artist)
    track = tracks_of.draw(rng, artist)
    track = _play_albums(catalogue, sessions, session, place, starts, track)
    track = _add_repeats(rng, sessions, session, track)
    when = sessions.start[session]
    for _ in range(3):
        early = catalogue.released[track] > when
        track[early] = tracks_of.draw(rng, artist[early])
    ms, skipped = _listening_times(rng, taste, catalogue, track)
    keep = catalogue.released[track] <= when
    at = _start_times(rng, sessions, session, starts, np.where(keep, ms, 0))
    keep &= _not_overlapping(sessions, session, at, ms) & (at < ends.timestamp() - 600)
    at, track, ms, skipped = at[keep], track[keep], ms[keep], skipped[keep]
    order = np.argsort(at, kind="stable")
    order = order[np.concatenate([[True], np.diff(at[order]) > 0])] if len(order) else order
    return PlayLog(at[order], track[order], ms[order], skipped[order])


def _draw_artists(
    rng: np.random.Generator,
    profile: Profile,
    centres: Floats,
    catalogue: ReleaseCatalog,
    sessions: Sessions,
    session: Ints,
) -> Ints:
    """Draw an artist for every play among those that its side of the taste knows by that month."""
    n_artists = len(catalogue.artist_popularity)
    n_months = int(sessions.month.max(initial=0)) + 1
    pool_size = max(3, round((0.2 + 0.3 * profile.novelty) * n_artists / len(centres)))
    dims = catalogue.artist_style.shape[1]
    debut = _debuts(catalogue, sessions)
    # An artist with two songs is not played on repeat for years.
    n_tracks = np.bincount(catalogue.track_artist, minlength=n_artists).astype(np.float64)
    logged = np.log(catalogue.artist_popularity)
    fame = (logged - logged.mean()) / (logged.std() or 1.0)
    artist = np.empty(len(session), dtype=np.int32)
    cluster, month = sessions.cluster[session], sessions.month[session]
    for number, centre in enumerate(centres):
        place = centre[:dims] / max(float(np.linalg.norm(centre[:dims])), 1e-9)
        fit = catalogue.artist_style @ place + 0.06 * fame + 0.09 * rng.standard_normal(n_artists)
        pool = np.argsort(-fit, kind="stable")[:pool_size]
        pool = pool[rng.permutation(len(pool))] if len(pool) < 4 else _shuffle_near(rng, pool)
        weight = (1 - np.exp(-n_tracks[pool] / 12)) / (np.arange(len(pool)) + 3.0) ** 0.85
        found = np.sort(rng.random(len(pool)) ** 1.2)[_shuffled_ranks(rng, len(pool))] * n_months
        found[rng.random(len(pool)) < 0.12] = -1.0
        found = np.maximum(found, debut[pool])
        found[np.argmin(debut[pool])] = -1.0
        fading = rng.uniform(6, 60, len(pool))
        for now in np.unique(month[cluster == number]).tolist():
            mine = np.flatnonzero((cluster == number) & (month == now))
            age = now - found
            pull = np.where(age >= 0, weight * (0.15 + np.exp(-np.maximum(age, 0) / fading)), 0.0)
            total = np.cumsum(pull)
            drawn = np.searchsorted(total, rng.random(len(mine)) * total[-1], "right")
            artist[mine] = pool[np.minimum(drawn, len(pool) - 1)]
    return artist


def _debuts(catalogue: ReleaseCatalog, sessions: Sessions) -> Doubles:
    """Return each artist's first release in months since the first session, -1 if earlier."""
    first = np.full(len(catalogue.artist_popularity), np.iinfo(np.int64).max)
    np.minimum.at(first, catalogue.track_artist, catalogue.released)
    began = int(sessions.start[0]) if len(sessions.start) else 0
    months: Doubles = np.maximum(-1.0, np.ceil((first - began) / MONTH))
    return months


def _shuffle_near(rng: np.random.Generator, pool: Longs) -> Longs:
    """Perturb a ranking slightly: favourites are not exactly the best matches."""
    return pool[
        np.argsort(np.arange(len(pool)) + 0.35 * len(pool) * rng.standard_normal(len(pool)))
    ]


def _shuffled_ranks(rng: np.random.Generator, count: int) -> Longs:
    """Return ranks that loosely follow the order: favourites tend to be discovered early."""
    noisy = np.arange(count) + 0.8 * count * rng.standard_normal(count)
    return np.argsort(np.argsort(noisy))


def _play_albums(
    catalogue: ReleaseCatalog,
    sessions: Sessions,
    session: Ints,
    place: Ints,
    starts: Longs,
    track: Ints,
) -> Ints:
    """Make album sessions play the album of their first play in order, from its first song."""
    first_of = np.searchsorted(catalogue.track_album, catalogue.track_album, "left")
    end_of = np.searchsorted(catalogue.track_album, catalogue.track_album, "right")
    opener = track[starts[session]]
    run = first_of[opener] + place
    in_album = (sessions.manner[session] == ALBUM) & (run < end_of[opener])
    return np.where(in_album, run, track).astype(np.int32)


def _add_repeats(rng: np.random.Generator, sessions: Sessions, session: Ints, track: Ints) -> Ints:
    """Replace some plays of each month by a few songs that are on repeat that month."""
    month = sessions.month[session]
    edges = np.searchsorted(month, np.arange(int(month.max(initial=0)) + 2))
    replaced = track.copy()
    mixed = (sessions.manner[session] == MIXED) & (rng.random(len(track)) < 2 * _REPEATED_SHARE)
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if high - low < 20:
            continue
        songs = track[low + rng.integers(0, high - low, _REPEATED_TRACKS)]
        spots = low + np.flatnonzero(mixed[low:high])
        replaced[spots] = songs[rng.integers(0, _REPEATED_TRACKS, len(spots))]
    return replaced


def _listening_times(
    rng: np.random.Generator, taste: HiddenTaste, catalogue: ReleaseCatalog, track: Ints
) -> tuple[Ints, Bools]:
    """Return milliseconds played, and whether it was a skip: skips are likelier for low liking."""
    chance = 0.02 + 0.2 * (1 - taste.liking[track].astype(np.float64)) ** 2
    skipped: Bools = rng.random(len(track)) < chance
    length = catalogue.duration_ms[track]
    part = np.where(skipped, rng.beta(1.1, 3.0, len(track)), 1.0)
    return np.maximum(1_500, (part * length)).astype(np.int32), skipped


def _start_times(
    rng: np.random.Generator, sessions: Sessions, session: Ints, starts: Longs, ms: Ints
) -> Longs:
    """Return the start of each play: one after the other, with small pauses."""
    pause = rng.integers(0, 4, len(session)) + (rng.random(len(session)) < 0.02) * 240
    took = ms // 1000 + 1 + pause
    before = np.cumsum(took) - took
    at: Longs = sessions.start[session] + before - before[starts[session]]
    return at.astype(np.int64)


def _not_overlapping(sessions: Sessions, session: Ints, at: Longs, ms: Ints) -> Bools:
    """Return a mask of the plays whose session begins after every earlier session has ended."""
    ends = np.zeros(len(sessions.start), dtype=np.int64)
    np.maximum.at(ends, session, at + ms // 1000 + 1)
    latest = np.maximum.accumulate(ends)
    fine = np.concatenate([[True], sessions.start[1:] > latest[:-1]])
    kept: Bools = fine[session]
    return kept


def draw_library(
    rng: np.random.Generator, taste: HiddenTaste, plays: PlayLog
) -> tuple[dict[int, int], dict[int, int]]:
    """Return saved and loved tracks with the time of each: favourites, dated at an early play."""
    heard, first, count = np.unique(plays.track, return_index=True, return_counts=True)
    fond = (
        np.log1p(count)
        * (0.3 + taste.liking[heard])
        * np.exp(0.5 * rng.standard_normal(len(heard)))
    )
    by_fondness = np.argsort(-fond, kind="stable")
    saved: dict[int, int] = {}
    loved: dict[int, int] = {}
    for library, share, chance in ((saved, 0.1, 0.75), (loved, 0.04, 0.6)):
        size = max(1, round(share * len(heard)))
        chosen = by_fondness[:size][rng.random(size) < chance]
        for index in np.sort(first[chosen]).tolist():
            end = int(plays.at[index]) + int(plays.ms[index]) // 1000
            library[int(plays.track[index])] = end - int(rng.integers(1, 20))
    return saved, loved
