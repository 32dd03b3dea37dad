"""A listener's listens at ListenBrainz: a second, less reliable log of what was played.

An account begins with an import of older scrobbles; later listens come from Spotify. Some listens
are missing, some arrive days late, some are there twice because a second program sent them as well.
Not every listen is mapped to a MusicBrainz recording, and some are mapped only weeks later.
"""

import hashlib
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.ragged import Ints, Longs
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import SCROBBLE_MAX_REQUIRED_MS, SCROBBLE_MIN_MS, World

Json = dict[str, Any]

_DAY_S = 86_400
_JOINED = 0.6  # where in the world's history accounts begin
_MISSING, _LATE, _DOUBLED, _SECOND_OFF = 0.02, 0.03, 0.01, 0.3
_NEVER_MAPPED, _MAPPED_LATER, _BARE_MAPPING = 0.04, 0.04, 0.02
_MAX_MAPPING_DAYS = 30

IMPORTED, FROM_SPOTIFY, FROM_PLAYER, SUBMITTED = range(4)


@dataclass(slots=True, frozen=True)
class ListenLog:
    """The listens of one listener that are there now, oldest first.

    Attributes:
        at: int64, unix seconds of the listen.
        inserted: int64, when it arrived.
        track: int32 track index; of a submitted listen, its place among those.
        kind: int32, how it came: ``IMPORTED``, ``FROM_SPOTIFY``, ``FROM_PLAYER``, ``SUBMITTED``.
        deleted: number of listens that were there and are deleted.
    """

    at: Longs
    inserted: Longs
    track: Ints
    kind: Ints
    deleted: int = 0

    def __len__(self) -> int:
        """Return the number of listens."""
        return len(self.at)


def joined_at(world: World) -> int:
    """Return when the listeners' accounts at ListenBrainz begin, unix seconds."""
    begins, ends = world.begins.timestamp(), world.ends.timestamp()
    return round(begins + _JOINED * (ends - begins))


class Listens:
    """The listens of every listener of a state."""

    def __init__(self, state: SandboxState, index: MusicBrainzIndex) -> None:
        """Derive them from what the listeners of ``state`` play."""
        self._state = state
        self._index = index
        self._kept: dict[str, tuple[tuple[float, int, int], ListenLog]] = {}

    def log(self, name: str) -> ListenLog:
        """Return a listener's listens by now."""
        state = self._state
        key = (state.now, len(state.world.listeners[name].play_at), state.listenbrainz.revision)
        kept = self._kept.get(name)
        if kept is None or kept[0] != key:
            kept = self._kept[name] = key, self._without_deleted(name, self._all(name))
        return kept[1]

    def _all(self, name: str) -> ListenLog:
        world, now = self._state.world, self._state.now
        plays = world.listeners[name].plays
        rng = np.random.default_rng([world.seed, zlib.crc32(f"listens {name}".encode())])
        # One row of draws per play, so that later plays leave those of earlier ones as they are.
        missing, late, doubled, second, delay = rng.random((len(plays), 5)).T
        length = world.track_duration_ms[plays.track]
        enough = np.minimum(length // 2, SCROBBLE_MAX_REQUIRED_MS)
        scrobbled = (length > SCROBBLE_MIN_MS) & (plays.ms >= enough)
        joined = joined_at(world)
        imported = plays.at < joined
        ended = plays.at + plays.ms // 1000
        waited = np.where(late < _LATE, 6 * 3600 + delay * 4 * _DAY_S, 5 + delay * 600)
        inserted = np.where(imported, joined, ended + waited.astype(np.int64))
        listened = plays.at + (~imported & (second < _SECOND_OFF))
        kind = np.where(imported, IMPORTED, FROM_SPOTIFY)
        first = scrobbled & (missing >= _MISSING)
        again = first & ~imported & (doubled < _DOUBLED)
        submitted = self._state.listenbrainz.submitted.get(name, [])
        at = np.concatenate(
            [listened[first], listened[again] + 4, [row["listened_at"] for row in submitted]]
        ).astype(np.int64)
        arrived = np.concatenate(
            [inserted[first], inserted[again], [row["inserted_at"] for row in submitted]]
        ).astype(np.int64)
        track = np.concatenate([plays.track[first], plays.track[again], np.arange(len(submitted))])
        how = np.concatenate(
            [
                kind[first],
                np.full(int(again.sum()), FROM_PLAYER),
                np.full(len(submitted), SUBMITTED),
            ]
        )
        there = arrived <= now
        order = np.argsort(at[there], kind="stable")
        return ListenLog(
            at[there][order],
            arrived[there][order],
            track[there][order].astype(np.int32),
            how[there][order].astype(np.int32),
        )

    def _without_deleted(self, name: str, log: ListenLog) -> ListenLog:
        gone = {
            (at, msid)
            for (owner, at, msid), vanishes in self._state.listenbrainz.deleted.items()
            if owner == name and vanishes <= self._state.now
        }
        if not gone:
            return log
        keep = np.ones(len(log), dtype=np.bool_)
        for row in np.flatnonzero(np.isin(log.at, [at for at, _ in gone])).tolist():
            keep[row] = (int(log.at[row]), self.msid(name, log, row)) not in gone
        at, inserted = log.at[keep], log.inserted[keep]
        return ListenLog(at, inserted, log.track[keep], log.kind[keep], int((~keep).sum()))

    def msid(self, name: str, log: ListenLog, row: int) -> str:
        """Return the MSID of one listen."""
        return str(self.row(name, log, row)["recording_msid"])

    def row(self, name: str, log: ListenLog, row: int) -> Json:
        """Return one listen as ListenBrainz shows it."""
        track, kind = int(log.track[row]), int(log.kind[row])
        if kind == SUBMITTED:
            told = self._state.listenbrainz.submitted[name][track]
            metadata = dict(told["track_metadata"])
            mapped = self._index.by_id.get(metadata["additional_info"].get("recording_mbid", ""))
        else:
            metadata, mapped = self._metadata(track, kind), track
        return self._shown(name, int(log.at[row]), int(log.inserted[row]), metadata, mapped)

    def _shown(self, name: str, at: int, inserted: int, metadata: Json, track: int | None) -> Json:
        msid = message_id(metadata)
        shown = {
            "listened_at": at,
            "inserted_at": inserted,
            "user_name": name,
            "recording_msid": msid,
            "track_metadata": metadata,
        }
        metadata["additional_info"] = {**metadata["additional_info"], "recording_msid": msid}
        mapping = None if track is None else self._mapping(track, msid, inserted)
        if mapping is not None:
            metadata["mbid_mapping"] = mapping
        return shown

    def track_msid(self, track: int) -> str:
        """Return the MSID of a track's listens from Spotify."""
        return message_id(self._metadata(track, FROM_SPOTIFY))

    def playing(self, track: int) -> Json:
        """Return what is told of a track that is playing now."""
        return self._metadata(track, FROM_SPOTIFY)

    def _metadata(self, track: int, kind: int) -> Json:
        world, index = self._state.world, self._index
        artist = world.artist_name[int(world.track_artist[track])]
        about = {"artist_name": artist, "track_name": world.track_title[track]}
        about["release_name"] = index.release(track)
        length = int(world.track_duration_ms[track])
        more: Json
        if kind == IMPORTED:
            about["track_name"] = world.lastfm_title(track)
            more = {"submission_client": "ListenBrainz lastfm importer"}
            if world.track_mbid[track]:
                more["lastfm_track_mbid"] = world.track_mbid[track]
        elif kind == FROM_PLAYER:
            more = {"submission_client": "Sandbox Player", "artist_mbids": []}
            more |= {"duration": str(length // 1000), "tracknumber": str(world.track_number[track])}
        else:
            names = [world.artist_name[each] for each, _ in index.credits(track)]
            about["artist_name"] = ", ".join(names)
            more = {
                "artist_names": names,
                "discnumber": 1,
                "duration_ms": length,
                "music_service": "spotify.com",
                "origin_url": spotify_url(world, track),
                "release_artist_name": artist,
                "spotify_id": spotify_url(world, track),
                "submission_client": "listenbrainz",
                "tracknumber": int(world.track_number[track]),
            }
            if world.track_isrc[track]:
                more["isrc"] = world.track_isrc[track]
        return {**about, "additional_info": more}

    def _mapping(self, track: int, msid: str, inserted: int) -> Json | None:
        """Return what a listen is mapped to, or None while it is not mapped."""
        index = self._index
        found = index.id_of(track)
        drawn = hashed_share(f"mapping {msid}")
        days = 1 + hashed_share(f"mapped later {msid}") * (_MAX_MAPPING_DAYS - 1)
        later = drawn < _NEVER_MAPPED + _MAPPED_LATER
        if (
            not found
            or drawn < _NEVER_MAPPED
            or (later and self._state.now < inserted + days * _DAY_S)
        ):
            return None
        if hashed_share(f"bare {msid}") < _BARE_MAPPING:
            return {"recording_mbid": index.ids[track] or found}
        canonical = int(index.canonical[track])
        mapping = {
            "recording_mbid": found,
            "recording_name": index.title(canonical),
            "release_mbid": index.release_id(canonical),
            "release_group_mbid": index.group_id(canonical),
            "artist_mbids": index.credit_ids(canonical),
            "artists": index.credit_rows(canonical),
        }
        return {**mapping, **cover(canonical)}


def spotify_url(world: World, track: int) -> str:
    """Return the address of a track at Spotify."""
    return f"https://open.spotify.com/track/{world.track_spotify_id[track]}"


def cover(track: int) -> Json:
    """Return the members about a release's picture, where there is one."""
    if track % 4 == 0:
        return {}
    return {"caa_id": 10_000 + track, "caa_release_mbid": str(uuid.UUID(int=track, version=4))}


def message_id(metadata: Mapping[str, Any]) -> str:
    """Return the MSID of a listen, made of its names, track number and length in lower case."""
    more = metadata["additional_info"]
    length = more.get("duration_ms") or more.get("duration")
    parts = [
        metadata["track_name"],
        metadata["artist_name"],
        metadata.get("release_name"),
        more.get("tracknumber"),
        length,
    ]
    text = "\n".join(str(part or "").lower() for part in parts)
    return str(uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest(), version=4))


_WINDOW_S = 30 * _DAY_S
_WIDER = 3
_MAX_PASSES = 9
_CLOCK_SLACK_S = 600


def page_of(log: ListenLog, now: float, low: int | None, high: int | None, count: int) -> list[int]:
    """Return the rows of one page of listens, newest first, as ListenBrainz finds them.

    Both bounds are exclusive. It looks through windows of 30, 90, 270 ... days, and stops after the
    first one that lies before the history or in the future; downwards it loses a listen that is
    exactly on the edge of a window.

    Args:
        log: all listens.
        now: the sandbox clock.
        low: ``min_ts``; alone, or with ``high``, the oldest listens above it are the page.
        high: ``max_ts``; alone, the newest listens below it are the page.
        count: length of a page.
    """
    if not len(log):
        return []
    if low is not None and high is not None:
        return _between(log, low, high)[:count][::-1]
    if low is not None:
        return _upwards(log, low, count)[::-1]
    return _downwards(log, now, int(log.at[-1]) + 1 if high is None else high, count)


def _between(log: ListenLog, low: int, high: int) -> list[int]:
    first = int(np.searchsorted(log.at, low, side="right"))
    past = int(np.searchsorted(log.at, high, side="left"))
    return list(range(first, past))


def _upwards(log: ListenLog, low: int, count: int) -> list[int]:
    oldest, latest = int(log.at[0]), int(log.at[-1])
    found: list[int] = []
    window, begin = _WINDOW_S, low
    for _ in range(_MAX_PASSES):
        end = begin + window
        found += _between(log, begin, end)
        if len(found) >= count or begin < oldest - 1 or end > latest:
            break
        begin, window = end - 1, window * _WIDER
    return found[:count]


def _downwards(log: ListenLog, now: float, high: int, count: int) -> list[int]:
    oldest = int(log.at[0])
    found: list[int] = []
    window, end = _WINDOW_S, high
    for _ in range(_MAX_PASSES):
        begin = end - window
        found += _between(log, begin, end)[::-1]
        if len(found) >= count or begin > now + _CLOCK_SLACK_S or begin < oldest:
            break
        end, window = begin, window * _WIDER
    return found[:count]
