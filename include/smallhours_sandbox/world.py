"""The data of a sandbox world: artists, albums, tracks, tags and listeners."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints, Longs, Ragged

FEATURES = (
    "danceability",
    "acousticness",
    "energy",
    "valence",
    "instrumentalness",
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
    "key",
    "mode",
    "time_signature",
)

VERSIONS = ("", "remaster", "live", "remix", "acoustic", "instrumental", "demo", "sped up")

SCROBBLERS = ("lastfm", "listenbrainz")

# Last.fm's rule for a scrobble (https://www.last.fm/api/scrobbling): longer than 30 seconds and
# played for half of its length or four minutes, whichever comes first.
SCROBBLE_MIN_MS = 30_000
SCROBBLE_MAX_REQUIRED_MS = 240_000


@dataclass(slots=True)
class PlayLog:
    """Plays in the order they began.

    Attributes:
        at: int64 unix seconds UTC, start of the play, ascending.
        track: int32 track index.
        ms: int32 milliseconds actually played.
        skipped: whether the listener cut it short.
    """

    at: Longs
    track: Ints
    ms: Ints
    skipped: Bools

    def __len__(self) -> int:
        """Return the number of plays."""
        return len(self.at)

    def where(self, mask: Bools) -> "PlayLog":
        """Return only the plays selected by a boolean mask."""
        return PlayLog(self.at[mask], self.track[mask], self.ms[mask], self.skipped[mask])

    @classmethod
    def empty(cls) -> "PlayLog":
        """Return a log without plays."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), _no_bools())


@dataclass(slots=True)
class HiddenTaste:
    """A listener's preferences: hidden from every API, open to tests.

    Attributes:
        liking: float32 (tracks,), 0 (would skip) to 1 (would keep) for every track of the world.
        novelty: 0 to 1, readiness to try artists never played before.
        diligence: 0 to 1, probability of a morning with the playlist.
        clusters: the genres of each side of the taste, in plain words.
    """

    liking: Floats
    novelty: float
    diligence: float
    clusters: list[list[str]]


@dataclass(slots=True)
class SandboxListener:
    """One person with accounts on the services, and with all plays.

    Attributes:
        name: Last.fm user name and the sandbox's id of the listener.
        spotify_id: what `/v1/me` calls `id`.
        account_id: Spotify's immutable account id.
        display_name: as the services show it.
        country: ISO 3166 code.
        timezone: IANA name; habits follow this clock.
        play_at: int64 unix seconds UTC, ascending: start of the play.
        play_track: int32 track index.
        play_ms: int32 milliseconds played.
        play_skipped: whether the listener cut it short.
        saved: track index to unix seconds when it was added to the library.
        loved: track index to unix seconds when it was loved on Last.fm.
        own_playlists: title and tracks of playlists the listener made by hand.
        taste: the hidden truth.
        play_context: start of a play to the id of the playlist it came from, where it did.
        scrobbles_to: the services that keep what this listener plays.
    """

    name: str
    spotify_id: str
    account_id: str
    display_name: str
    country: str
    timezone: str
    play_at: Longs
    play_track: Ints
    play_ms: Ints
    play_skipped: Bools
    saved: dict[int, int]
    loved: dict[int, int]
    own_playlists: list[tuple[str, list[int]]]
    taste: HiddenTaste
    play_context: dict[int, str] = field(default_factory=dict)
    scrobbles_to: tuple[str, ...] = SCROBBLERS

    @property
    def plays(self) -> PlayLog:
        """Return every play, skipped ones included."""
        return PlayLog(self.play_at, self.play_track, self.play_ms, self.play_skipped)

    def append(self, plays: PlayLog) -> None:
        """Add plays that all begin after the last known one.

        Raises:
            ValueError: When a play would come before the end of the log.
        """
        if len(plays) and len(self.play_at) and plays.at[0] <= self.play_at[-1]:
            raise ValueError(f"{self.name}: a new play begins before the end of the log")
        self.play_at = np.concatenate([self.play_at, plays.at])
        self.play_track = np.concatenate([self.play_track, plays.track])
        self.play_ms = np.concatenate([self.play_ms, plays.ms])
        self.play_skipped = np.concatenate([self.play_skipped, plays.skipped])

    def copy(self) -> "SandboxListener":
        """Return a listener whose library and log can change without affecting this one."""
        return SandboxListener(
            self.name,
            self.spotify_id,
            self.account_id,
            self.display_name,
            self.country,
            self.timezone,
            self.play_at,
            self.play_track,
            self.play_ms,
            self.play_skipped,
            dict(self.saved),
            dict(self.loved),
            [(title, list(tracks)) for title, tracks in self.own_playlists],
            self.taste,
            dict(self.play_context),
            self.scrobbles_to,
        )


@dataclass(slots=True)
class NameLookup:
    """Case-insensitive lookups from a name to an index, and from a tag to its members."""

    artist: dict[str, int]
    track: dict[tuple[str, str], int]
    tag: dict[str, list[int]]
    spotify: dict[str, int]
    isrc: dict[str, list[int]]
    track_mbid: dict[str, int]
    artist_mbid: dict[str, int]
    artist_tracks: Ragged


@dataclass(slots=True)
class World:
    """The static catalogue: parallel lists and arrays, where an index is the id.

    Attributes:
        seed: what it was generated from.
        begins: aware UTC, first possible play.
        ends: aware UTC, end of the generated history and the sandbox clock's start.
        tags: vocabulary, spelt as Last.fm shows them; spelling variants are tags of their own.
        artist_name: display names.
        artist_mbid: MusicBrainz ids, "" where unknown.
        artist_popularity: float64 weights summing to 1.
        artist_tags: tag ids, uint8 counts 0-100, descending; may be empty.
        artist_similar: artist ids, float32 match 0-1, descending, at most 100.
        album_title: display titles.
        album_artist: int32 artist index.
        album_released: "YYYY-MM-DD".
        track_title: as Spotify shows it.
        track_lastfm_title: as it is scrobbled.
        track_artist: int32 artist index.
        track_album: int32 album index.
        track_number: int32, from 1, within the album.
        track_duration_ms: int32.
        track_explicit: bool.
        track_recording: int32, equal for re-releases of the same take.
        track_version: one of `VERSIONS`.
        track_featured: artist indices named as guests.
        track_isrc: 12 characters, shared by re-releases of a recording, "" where unknown.
        track_mbid: MusicBrainz recording ids, "" where unknown.
        track_spotify_id: 22 characters base 62, unique.
        track_tags: like `artist_tags`; about half of the rows are empty.
        track_similar: track ids, float32 match; empty for obscure tracks.
        track_popularity: float64 weights summing to 1.
        track_features: float32 (tracks, 12) in the order of `FEATURES`; NaN where unknown.
        listeners: by name.
        artist_style: float32 (artists, dims), the hidden likeness; None in a replayed log.
        track_style: float32 (tracks, dims), unit rows; None in a replayed log.
        generator: version of the generator; what it changed is in `generate.GENERATOR`.
    """

    seed: int
    begins: datetime
    ends: datetime
    tags: list[str]
    artist_name: list[str]
    artist_mbid: list[str]
    artist_popularity: Doubles
    artist_tags: Ragged
    artist_similar: Ragged
    album_title: list[str]
    album_artist: Ints
    album_released: list[str]
    track_title: list[str]
    track_lastfm_title: list[str]
    track_artist: Ints
    track_album: Ints
    track_number: Ints
    track_duration_ms: Ints
    track_explicit: Bools
    track_recording: Ints
    track_version: list[str]
    track_featured: list[list[int]]
    track_isrc: list[str]
    track_mbid: list[str]
    track_spotify_id: list[str]
    track_tags: Ragged
    track_similar: Ragged
    track_popularity: Doubles
    track_features: Floats
    listeners: dict[str, SandboxListener]
    artist_style: Floats | None = None
    track_style: Floats | None = None
    generator: int = 1
    _lookup: NameLookup | None = field(default=None, repr=False, compare=False)

    @property
    def n_artists(self) -> int:
        """Return the number of artists."""
        return len(self.artist_name)

    @property
    def n_tracks(self) -> int:
        """Return the number of tracks, versions included."""
        return len(self.track_title)

    @property
    def lookup(self) -> NameLookup:
        """Return the name lookups, built on first use."""
        if self._lookup is None:
            self._lookup = _build_lookup(self)
        return self._lookup

    def has_account(self, name: str, service: str) -> bool:
        """Return whether a listener scrobbles to a service; before version 3 they did to both."""
        return self.generator < 3 or service in self.listeners[name].scrobbles_to

    def lastfm_title(self, track: int) -> str:
        """Return the title under which this track is scrobbled: always the same for one track."""
        return self.track_lastfm_title[track]

    def find_artist(self, name: str) -> int | None:
        """Return the artist with that name, ignoring case and surrounding blanks."""
        return self.lookup.artist.get(_fold(name))

    def find_track(self, artist: str, title: str) -> int | None:
        """Return the most popular track with that Last.fm or Spotify title, ignoring case."""
        return self.lookup.track.get((_fold(artist), _fold(title)))

    def tag_id(self, name: str) -> int | None:
        """Return the first tag with that spelling, ignoring case."""
        found = self.lookup.tag.get(_fold(name))
        return found[0] if found else None

    def tag_ids(self, name: str) -> list[int]:
        """Return every tag that differs from `name` only in case."""
        return list(self.lookup.tag.get(_fold(name), []))

    def tracks_of(self, artist: int) -> Ints:
        """Return an artist's tracks, most popular first."""
        return self.lookup.artist_tracks[artist][0]

    def scrobbled(self, plays: PlayLog) -> PlayLog:
        """Return the plays that count on Last.fm, by its own rule."""
        length = self.track_duration_ms[plays.track]
        enough = np.minimum(length // 2, SCROBBLE_MAX_REQUIRED_MS)
        return plays.where((length > SCROBBLE_MIN_MS) & (plays.ms >= enough))

    def scrobbles(self, listener: SandboxListener | str) -> PlayLog:
        """Return a listener's scrobbles on Last.fm, oldest first."""
        person = self.listeners[listener] if isinstance(listener, str) else listener
        return self.scrobbled(person.plays)

    def fingerprint(self) -> str:
        """Return a short text that differs between any two different worlds."""
        digest = hashlib.sha256()
        digest.update(f"{self.seed}|{self.begins}|{self.ends}|{self.n_artists}".encode())
        if self.generator > 1:
            digest.update(f"|{self.generator}".encode())
        digest.update("\n".join(self.track_spotify_id).encode())
        digest.update("\n".join(self.listeners).encode())
        return digest.hexdigest()[:16]


def _fold(text: str) -> str:
    return text.strip().casefold()


def _no_bools() -> Bools:
    return np.zeros(0, dtype=np.bool_)


def _build_lookup(world: World) -> NameLookup:
    by_artist = Ragged.from_triplets(
        world.track_artist,
        np.arange(world.n_tracks, dtype=np.int32),
        world.track_popularity,
        world.n_artists,
    )
    artist: dict[str, int] = {}
    for index in np.argsort(-world.artist_popularity, kind="stable").tolist():
        artist.setdefault(_fold(world.artist_name[index]), index)
    folded = [_fold(name) for name in world.artist_name]
    track: dict[tuple[str, str], int] = {}
    order: list[int] = np.argsort(-world.track_popularity, kind="stable").tolist()
    for titles in (world.track_title, world.track_lastfm_title):
        for index in order:
            track.setdefault((folded[world.track_artist[index]], _fold(titles[index])), index)
    tag: dict[str, list[int]] = {}
    for index, name in enumerate(world.tags):
        tag.setdefault(_fold(name), []).append(index)
    isrc: dict[str, list[int]] = {}
    for index in order:
        if world.track_isrc[index]:
            isrc.setdefault(world.track_isrc[index], []).append(index)
    return NameLookup(
        artist=artist,
        track=track,
        tag=tag,
        spotify={key: index for index, key in enumerate(world.track_spotify_id)},
        isrc=isrc,
        track_mbid={key: index for index, key in enumerate(world.track_mbid) if key},
        artist_mbid={key: index for index, key in enumerate(world.artist_mbid) if key},
        artist_tracks=by_artist,
    )
