"""The mutable state of a running sandbox: clock, plays, libraries, playlists, call counts."""

import base64
import hashlib
import io
import json
import os
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from smallhours_sandbox.identifiers import base62_id
from smallhours_sandbox.listenbrainz_state import ListenBrainzAccounts
from smallhours_sandbox.simulate import day_rng, next_local_midnight, simulate_day
from smallhours_sandbox.subsonic_state import SubsonicServer
from smallhours_sandbox.world import PlayLog, SandboxListener, World

STATE_FORMAT = 1


class SandboxStateError(ValueError):
    """A saved state that can't be used; the message says why and what to do."""


@dataclass(slots=True)
class SandboxPlaylistItem:
    """One row of a playlist.

    Attributes:
        track: index in the world, None for a track unknown to the world.
        uri: as it was added, "spotify:track:..."; "" for a track that Spotify has lost.
        added_at: unix seconds UTC by the sandbox clock.
        added_by: Spotify id of the user who added it.
        relinked: the id under which it reads; "" for its own.
    """

    track: int | None
    uri: str
    added_at: float
    added_by: str
    relinked: str = ""


@dataclass(slots=True)
class SandboxPlaylist:
    """A playlist in an account.

    Attributes:
        id: 22 characters base 62.
        owner: listener name.
        name: title.
        description: free text, "" when none.
        public: shown on the profile.
        collaborative: others may edit.
        snapshot_id: changes with every change of the items or the details.
        items: in order.
        by_app: created through the API, not by the listener by hand.
        followed: False once the listener (or an app) has removed it from the library.
        revision: counts the changes; part of the snapshot id.
        cover: a picture of the owner's own, a JPEG in base 64; "" when none.
        former: the playlist before the last write through the API, if there was one; not saved.
        reads: how often it was read since that write; not saved.
    """

    id: str
    owner: str
    name: str
    description: str
    public: bool
    collaborative: bool
    snapshot_id: str
    items: list[SandboxPlaylistItem] = field(default_factory=list)
    by_app: bool = True
    followed: bool = True
    revision: int = 0
    cover: str = ""
    former: "SandboxPlaylist | None" = None
    reads: int = 0

    def remember(self) -> None:
        """Keep the playlist as it is now, before a write, for reads that lag behind."""
        self.former, self.reads = replace(self, items=list(self.items), former=None), 0

    def touch(self) -> str:
        """Give the playlist a new snapshot id after a change, and return it."""
        self.revision += 1
        digest = hashlib.sha1(
            f"{self.id}|{self.revision}|{[item.uri for item in self.items]}".encode(),
            usedforsecurity=False,
        ).hexdigest()
        self.snapshot_id = base64.b64encode(f"{self.revision},{digest}".encode()).decode()
        return self.snapshot_id


class SandboxState:
    """All mutable state, behind one lock.

    The given world is not changed: `self.world` is a copy with listeners of its own (the large
    arrays are shared).

    Attributes:
        lock: hold it around every read-modify-write.
        world: catalogue and this state's listeners.
        now: sandbox clock, unix seconds UTC; starts at `world.ends` and only `advance` moves it.
        playlists: by playlist id, in order of creation.
        calls: how often each (service, method or route) was asked.
        subscriber: by listener, what Last.fm says of their subscription: "1", "0" or other text,
            None to leave it out; whoever is not named here does not subscribe.
        listenbrainz: what listeners have written at ListenBrainz.
        subsonic: the music server at home.
        wall_clock: real time, in which clients wait for rate limits, unix seconds.
    """

    def __init__(self, world: World) -> None:
        """Start at the end of the world's history."""
        self.lock = threading.RLock()
        self.world = replace(
            world, listeners={name: person.copy() for name, person in world.listeners.items()}
        )
        self.now = world.ends.timestamp()
        self.playlists: dict[str, SandboxPlaylist] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.subscriber: dict[str, str | None] = {}
        self.listenbrainz = ListenBrainzAccounts()
        self.subsonic = SubsonicServer()
        self.wall_clock: Callable[[], float] = time.time
        self._base = {name: len(person.play_at) for name, person in world.listeners.items()}
        self._visible: dict[tuple[str, bool], tuple[float, int, PlayLog]] = {}
        for name, person in self.world.listeners.items():
            for title, tracks in person.own_playlists:
                made = self.create_playlist(name, title, by_app=False)
                self.add_items(made, tracks, added_at=world.ends.timestamp() - 90 * 86_400)

    # -- reads of the services ----------------------------------------------------------------

    def listener(self, name: str) -> SandboxListener | None:
        """Return a listener by name or Spotify id, ignoring case."""
        wanted = name.casefold()
        for person in self.world.listeners.values():
            if wanted in (person.name.casefold(), person.spotify_id.casefold()):
                return person
        return None

    def count(self, service: str, call: str) -> None:
        """Count one API call."""
        with self.lock:
            self.calls[service, call] += 1

    def play_log(self, name: str) -> PlayLog:
        """Return the plays that have ended by `now`, skipped ones included, oldest first."""
        return self._log(name, scrobbled=False)

    def scrobbles(self, name: str) -> PlayLog:
        """Return the plays on Last.fm by `now`, oldest first."""
        return self._log(name, scrobbled=True)

    def playing(self, name: str) -> int | None:
        """Return the track that a listener is playing now, or None."""
        plays = self.world.listeners[name].plays
        last = int(np.searchsorted(plays.at, self.now, side="right")) - 1
        if last < 0 or plays.at[last] + plays.ms[last] / 1000 <= self.now:
            return None
        return int(plays.track[last])

    def _log(self, name: str, *, scrobbled: bool) -> PlayLog:
        with self.lock:
            plays = self.world.listeners[name].plays
            kept = self._visible.get((name, scrobbled))
            if kept is None or kept[:2] != (self.now, len(plays)):
                log = plays.where(plays.at + plays.ms / 1000 <= self.now)
                log = self.world.scrobbled(log) if scrobbled else log
                kept = (self.now, len(plays), log)
                self._visible[name, scrobbled] = kept
            return kept[2]

    # -- playlists ----------------------------------------------------------------------------

    def create_playlist(
        self,
        owner: str,
        name: str,
        *,
        description: str = "",
        public: bool = True,
        collaborative: bool = False,
        by_app: bool = True,
    ) -> SandboxPlaylist:
        """Create an empty playlist with an id that depends only on earlier events."""
        with self.lock:
            key = base62_id(self.world.seed, "playlist", f"{owner}|{len(self.playlists)}")
            made = SandboxPlaylist(
                key, owner, name, description, public, collaborative, "", by_app=by_app
            )
            made.touch()
            self.playlists[key] = made
            return made

    def add_items(
        self, playlist: SandboxPlaylist, tracks: list[int], *, added_at: float | None = None
    ) -> str:
        """Append tracks of the world as the owner and return the new snapshot id."""
        with self.lock:
            person = self.world.listeners[playlist.owner]
            for track in tracks:
                uri = f"spotify:track:{self.world.track_spotify_id[track]}"
                when = self.now if added_at is None else added_at
                playlist.items.append(SandboxPlaylistItem(track, uri, when, person.spotify_id))
            return playlist.touch()

    # -- time ---------------------------------------------------------------------------------

    def advance(self, until: float) -> dict[str, Any]:
        """Move the clock and simulate every listener day by day.

        The same days give the same plays however many calls they are split into, as long as the
        playlists are the same.

        Args:
            until: unix seconds UTC; must not lie before `now`.

        Returns:
            `now`, `days` and, per listener, the counts of events.

        Raises:
            ValueError: When `until` lies in the past of the sandbox clock.
        """
        with self.lock:
            if until < self.now:
                raise ValueError(f"the sandbox clock can't go back from {self.now:.0f} to {until}")
            happened: dict[str, Counter[str]] = {}
            for name, person in self.world.listeners.items():
                happened[name] = Counter(plays=0, skips=0, saved=0, loved=0, removed=0)
                start = self.now
                while start < until:
                    end = min(until, next_local_midnight(person.timezone, start))
                    happened[name].update(self._simulate_listener(person, start, end))
                    start = end
            days = (until - self.now) / 86_400
            self.now = until
            return {
                "now": self.now,
                "days": days,
                "listeners": {name: dict(counts) for name, counts in happened.items()},
            }

    def app_playlists(self, name: str) -> dict[str, list[int]]:
        """Return the tracks of a listener's playlists that an app made, by id.

        They are those at Spotify, or else those at ListenBrainz.
        """
        at_spotify = {
            key: [item.track for item in playlist.items if item.track is not None]
            for key, playlist in self.playlists.items()
            if playlist.owner == name and playlist.by_app and playlist.followed
        }
        return at_spotify or {
            key: [row["track"] for row in playlist.rows if row["track"] is not None]
            for key, playlist in self.listenbrainz.playlists.items()
            if playlist.owner == name
        }

    def _simulate_listener(
        self, person: SandboxListener, start: float, end: float
    ) -> Mapping[str, int]:
        mine = self.app_playlists(person.name)
        rng = day_rng(self.world.seed, person, start)
        day = simulate_day(self.world, person, start, end, mine, rng)
        person.append(day.plays)
        person.play_context.update(day.contexts)
        for track, at in day.saved:
            person.saved.setdefault(track, at)
        for track, at in day.loved:
            person.loved.setdefault(track, at)
        removed = sum(self._remove(key, track) for key, track, _at in day.removed)
        return {
            "plays": len(day.plays),
            "skips": int(day.plays.skipped.sum()),
            "saved": len(day.saved),
            "loved": len(day.loved),
            "removed": removed,
        }

    def _remove(self, key: str, track: int) -> int:
        """Remove a track from a playlist as its listener does; return how many rows it had."""
        if key in self.listenbrainz.playlists:
            return self.listenbrainz.playlists[key].remove(track, at=self.now)
        playlist = self.playlists[key]
        left = [item for item in playlist.items if item.track != track]
        removed = len(playlist.items) - len(left)
        playlist.items = left
        playlist.touch()
        return removed

    # -- saving and loading -------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write clock, plays since the world's end, libraries and playlists to one file.

        The write is atomic: a crash leaves the old file or the new one. Call counts are not saved.
        """
        with self.lock:
            account = {
                "format": STATE_FORMAT,
                "world": self.world.fingerprint(),
                "now": self.now,
                "playlists": [
                    asdict(replace(playlist, former=None, reads=0))
                    for playlist in self.playlists.values()
                ],
                "subscriber": self.subscriber,
                "listenbrainz": self.listenbrainz.to_json(),
                "subsonic": self.subsonic.to_json(),
                "listeners": {
                    name: {
                        "saved": [[track, at] for track, at in person.saved.items()],
                        "loved": [[track, at] for track, at in person.loved.items()],
                        "context": [[at, key] for at, key in person.play_context.items()],
                    }
                    for name, person in self.world.listeners.items()
                },
            }
            arrays: dict[str, Any] = {
                "account": np.frombuffer(json.dumps(account).encode(), np.uint8)
            }
            for name, person in self.world.listeners.items():
                first = self._base[name]
                arrays[f"{name}.at"] = person.play_at[first:]
                arrays[f"{name}.track"] = person.play_track[first:]
                arrays[f"{name}.ms"] = person.play_ms[first:]
                arrays[f"{name}.skipped"] = person.play_skipped[first:]
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, world: World) -> Self:
        """Load a saved state over the same world, which keeps the version that it had.

        Raises:
            SandboxStateError: When the file is damaged, or was written over another world or by
                another format.
            FileNotFoundError: When there is no such file.
        """
        try:
            # Open the file here: numpy would leave a damaged file open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                account = json.loads(stored["account"].tobytes())
                arrays = {key: stored[key] for key in stored.files if key != "account"}
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SandboxStateError(
                f"{path} is damaged ({error}); delete it to start its world afresh"
            ) from error
        versions = [replace(world, generator=each) for each in range(world.generator, 0, -1)]
        same = [each for each in versions if each.fingerprint() == account["world"]]
        if account["format"] != STATE_FORMAT or not same:
            raise SandboxStateError(
                f"{path} belongs to another sandbox world; delete it to start that world afresh"
            )
        state = cls(same[0])
        state.now = account["now"]
        state.subscriber = account.get("subscriber", {})
        if "subsonic" in account:
            state.subsonic = SubsonicServer.from_json(account["subsonic"])
        if "listenbrainz" in account:
            state.listenbrainz = ListenBrainzAccounts.from_json(account["listenbrainz"])
        state.playlists = {}
        for row in account["playlists"]:
            items = [SandboxPlaylistItem(**item) for item in row.pop("items")]
            playlist = SandboxPlaylist(**row, items=items)
            state.playlists[playlist.id] = playlist
        for name, person in state.world.listeners.items():
            kept = account["listeners"][name]
            person.saved = {int(track): int(at) for track, at in kept["saved"]}
            person.loved = {int(track): int(at) for track, at in kept["loved"]}
            person.play_context = {int(at): str(key) for at, key in kept["context"]}
            person.append(
                PlayLog(*(arrays[f"{name}.{part}"] for part in ("at", "track", "ms", "skipped")))
            )
        return state
