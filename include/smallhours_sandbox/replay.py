"""A sandbox world built from a real scrobble log.

All artists, albums and tracks of the log appear under their real names, with real artist tags
where known. A log alone holds nothing that its listener does not know, so every tagged artist
outside of it gets a placeholder discography of three to eight tracks with *invented titles*:
candidates are then real artists with real tags. There are no track tags and no audio features,
and Spotify's data (ids, ISRCs, release dates, durations where the log does not show them)
is generated from the names.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from smallhours_sandbox import identifiers
from smallhours_sandbox.names import NameGenerator, Script
from smallhours_sandbox.play_history import draw_library
from smallhours_sandbox.ragged import Doubles, Floats, Ints, Longs, Ragged
from smallhours_sandbox.similar import listened_together, similar_by_artist
from smallhours_sandbox.world import FEATURES, HiddenTaste, PlayLog, SandboxListener, World

SEED = 0
_MIN_PLACEHOLDERS, _MAX_PLACEHOLDERS = 3, 8
_USUAL_MS = 220_000
# Gaps between two plays outside of this range say nothing about the first one's length.
_MIN_GAP_S, _MAX_GAP_S = 61, 900


@dataclass(slots=True)
class _Log:
    """The log with indices instead of names; an item's first row gives the display spelling."""

    at: Longs
    artist: Ints
    track: Ints
    album: Ints
    artist_names: list[str]
    artist_mbids: list[str]
    titles: list[str]
    track_mbids: list[str]
    track_artist: Ints
    track_album: Ints
    album_titles: list[str]
    album_artist: Ints


def replay_world(scrobbles_csv: Path, artist_tags_csv: Path, user: str = "listener") -> World:
    """Build a world from a scrobble log and a table of artist tags.

    Artists are joined by name, ignoring case. Similar artists are derived from shared sessions
    and from tags; similar tracks from neighbouring plays and similar artists.

    Args:
        scrobbles_csv: columns played_at (UTC, ISO 8601), artist, artist_mbid, album, title,
            track_mbid; may be gzipped.
        artist_tags_csv: columns artist, tag, taggers, count (0-100); may be gzipped.
        user: the listener's Last.fm name.

    Raises:
        ValueError: When the log is empty or lacks a column.
    """
    log = _read_log(scrobbles_csv)
    tags, vocabulary, taggers, new_names = _read_tags(artist_tags_csv, log.artist_names)
    rng = np.random.default_rng([SEED, len(log.at)])
    n_known, n_artists = len(log.artist_names), len(log.artist_names) + len(new_names)
    artist_popularity = _artist_popularity(log, taggers)
    album_title, album_artist = list(log.album_titles), log.album_artist
    titles, track_artist, track_album = _placeholders(
        rng, log, n_known, len(new_names), album_title
    )
    album_artist = np.concatenate([album_artist, np.arange(n_known, n_artists, dtype=np.int32)])
    n_tracks = len(titles)
    popularity = _track_popularity(log, track_artist, artist_popularity)
    artist_similar = listened_together(log.at, log.artist, tags, len(vocabulary), taggers)
    duration = _durations(rng, log, n_tracks)
    names = log.artist_names + new_names
    keys = [f"{names[artist]}\n{title}" for artist, title in zip(track_artist, titles, strict=True)]
    mbids = log.track_mbids + [""] * (n_tracks - len(log.track_mbids))
    begins, ends = (datetime.fromtimestamp(int(at), UTC) for at in (log.at[0], log.at[-1] + 900))
    world = World(
        seed=SEED,
        begins=begins,
        ends=ends,
        tags=vocabulary,
        artist_name=names,
        artist_mbid=log.artist_mbids + [""] * len(new_names),
        artist_popularity=artist_popularity,
        artist_tags=tags,
        artist_similar=artist_similar,
        album_title=album_title,
        album_artist=album_artist,
        album_released=_release_days(rng, log, len(album_title)),
        track_title=titles,
        track_lastfm_title=list(titles),
        track_artist=track_artist,
        track_album=track_album,
        track_number=_numbers(track_album),
        track_duration_ms=duration,
        track_explicit=np.zeros(n_tracks, dtype=np.bool_),
        track_recording=np.arange(n_tracks, dtype=np.int32),
        track_version=[""] * n_tracks,
        track_featured=[[] for _ in range(n_tracks)],
        track_isrc=[identifiers.isrc(SEED, number, 2000) for number in range(n_tracks)],
        track_mbid=mbids,
        track_spotify_id=[identifiers.base62_id(SEED, "track", key) for key in keys],
        track_tags=Ragged.empty(n_tracks, np.uint8),
        track_similar=similar_by_artist(
            log.at, log.track, track_artist, popularity, artist_similar
        ),
        track_popularity=popularity,
        track_features=np.full((n_tracks, len(FEATURES)), np.nan, dtype=np.float32),
        listeners={},
    )
    world.listeners[user] = _listener(rng, world, log, user)
    return world


def _texts(column: "pd.Series[str]") -> list[str]:
    return [str(value) for value in column.tolist()]


def _read_log(path: Path) -> _Log:
    columns = ["played_at", "artist", "artist_mbid", "album", "title", "track_mbid"]
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in frame.columns]
    if missing or frame.empty:
        raise ValueError(f"{path} has no rows, or lacks the columns {missing}")
    seconds = pd.to_datetime(frame["played_at"], utc=True).astype("datetime64[s, UTC]")
    frame["at"] = seconds.astype("int64")
    frame = frame.sort_values("at", kind="stable").reset_index(drop=True)
    artist, _ = pd.factorize(frame["artist"].str.strip().str.casefold())
    track, _ = pd.factorize(pd.Series(artist).astype(str) + "\n" + frame["title"].str.casefold())
    album, _ = pd.factorize(pd.Series(artist).astype(str) + "\n" + frame["album"].str.casefold())
    frame["artist_id"], frame["track_id"], frame["album_id"] = artist, track, album
    by_artist = frame.drop_duplicates("artist_id")
    by_track = frame.drop_duplicates("track_id")
    by_album = frame.drop_duplicates("album_id")
    return _Log(
        at=frame["at"].to_numpy(np.int64),
        artist=artist.astype(np.int32),
        track=track.astype(np.int32),
        album=album.astype(np.int32),
        artist_names=[name.strip() for name in _texts(by_artist["artist"])],
        artist_mbids=_first_known(frame, "artist_id", "artist_mbid", len(by_artist)),
        titles=_texts(by_track["title"]),
        track_mbids=_first_known(frame, "track_id", "track_mbid", len(by_track)),
        track_artist=by_track["artist_id"].to_numpy(np.int32),
        track_album=by_track["album_id"].to_numpy(np.int32),
        # A play without an album still needs one on Spotify: a single named after the song.
        album_titles=_texts(by_album["album"].where(by_album["album"] != "", by_album["title"])),
        album_artist=by_album["artist_id"].to_numpy(np.int32),
    )


def _first_known(frame: pd.DataFrame, key: str, value: str, count: int) -> list[str]:
    known = frame.loc[frame[value] != "", [key, value]].drop_duplicates(key)
    found = [""] * count
    for index, text in zip(known[key].tolist(), known[value].tolist(), strict=True):
        found[index] = str(text)
    return found


def _read_tags(path: Path, known: list[str]) -> tuple[Ragged, list[str], Doubles, list[str]]:
    """Return tags per artist (the log's first, then new ones), vocabulary, taggers, new names."""
    frame = pd.read_csv(path, dtype={"artist": str, "tag": str}, keep_default_na=False)
    index = {name.casefold(): number for number, name in enumerate(known)}
    new_names: list[str] = []
    rows = np.empty(len(frame), dtype=np.int32)
    for place, name in enumerate(frame["artist"].str.strip().tolist()):
        folded = name.casefold()
        number = index.get(folded)
        if number is None:
            number = index[folded] = len(known) + len(new_names)
            new_names.append(name)
        rows[place] = number
    words, listed = pd.factorize(frame["tag"])
    # Two spellings of one artist may carry the same tag twice.
    _, first = np.unique(rows.astype(np.int64) * len(listed) + words, return_index=True)
    counts = frame["count"].to_numpy(np.float64).clip(0, 100).astype(np.uint8)
    n_artists = len(known) + len(new_names)
    tags = Ragged.from_triplets(rows[first], words[first], counts[first], n_artists)
    people = frame["taggers"].to_numpy(np.float64)
    taggers = np.bincount(rows, weights=people, minlength=n_artists).astype(np.float64)
    return tags, [str(word) for word in listed], taggers, new_names


def _placeholders(
    rng: np.random.Generator, log: _Log, n_known: int, n_new: int, album_title: list[str]
) -> tuple[list[str], Ints, Ints]:
    """Return titles, artists and albums of all tracks; `album_title` gets one album per new one."""
    namer = NameGenerator(rng)
    titles = list(log.titles)
    sizes = rng.integers(_MIN_PLACEHOLDERS, _MAX_PLACEHOLDERS + 1, n_new)
    first_album = len(album_title)
    for size in sizes.tolist():
        taken: set[str] = set()
        titles += [namer.title(Script.LATIN, taken) for _ in range(size)]
        album_title.append(titles[-1])
    new = np.arange(n_new, dtype=np.int32)
    artist = np.concatenate([log.track_artist, np.repeat(n_known + new, sizes)])
    album = np.concatenate([log.track_album, np.repeat(first_album + new, sizes)])
    return titles, artist.astype(np.int32), album.astype(np.int32)


def _artist_popularity(log: _Log, taggers: Doubles) -> Doubles:
    """Return weights by the number of people who tagged an artist; the log has a small weight."""
    plays = np.bincount(log.artist, minlength=len(taggers))
    weight = 1.0 + taggers + 0.3 * np.log1p(plays)
    scaled: Doubles = weight / weight.sum()
    return scaled


def _track_popularity(log: _Log, track_artist: Ints, artist_popularity: Doubles) -> Doubles:
    """Return Zipf weights within each artist, by number of plays, then as listed."""
    plays = np.bincount(log.track, minlength=len(track_artist))
    order = np.lexsort((np.arange(len(track_artist)), -plays, track_artist))
    starts = np.concatenate([[0], np.cumsum(np.bincount(track_artist))])[:-1]
    rank = np.empty(len(track_artist))
    rank[order] = np.arange(len(track_artist)) - starts[track_artist[order]]
    weight = artist_popularity[track_artist] / (rank + 1.5)
    scaled: Doubles = weight / weight.sum()
    return scaled


def _durations(rng: np.random.Generator, log: _Log, n_tracks: int) -> Ints:
    """Return each track's median gap to the next play, or an invented length."""
    length = (_USUAL_MS * np.exp(0.25 * rng.standard_normal(n_tracks))).astype(np.int32)
    gaps = np.diff(log.at)
    told = (gaps >= _MIN_GAP_S) & (gaps <= _MAX_GAP_S)
    seen = pd.Series(gaps[told]).groupby(log.track[:-1][told]).median()
    length[seen.index.to_numpy(np.int64)] = (seen.to_numpy(np.float64) * 1000).astype(np.int32)
    return length


def _numbers(track_album: Ints) -> Ints:
    order = np.argsort(track_album, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(track_album))])[:-1]
    numbers = np.empty(len(track_album), dtype=np.int32)
    numbers[order] = np.arange(len(track_album)) - starts[track_album[order]] + 1
    return numbers


def _release_days(rng: np.random.Generator, log: _Log, n_albums: int) -> list[str]:
    """Return invented release dates, none later than the first play of the album."""
    latest = np.full(n_albums, log.at[0], dtype=np.int64)
    heard, first = np.unique(log.album, return_index=True)
    latest[heard] = log.at[first]
    back = rng.gamma(1.5, 5.0 * 365 * 86_400, n_albums).astype(np.int64)
    days = (latest - back).astype("datetime64[s]").astype("datetime64[D]")
    return [str(day) for day in days]


def _listener(rng: np.random.Generator, world: World, log: _Log, user: str) -> SandboxListener:
    taste = HiddenTaste(_liking(rng, world, log), novelty=0.3, diligence=0.8, clusters=[])
    plays = PlayLog(
        at=log.at,
        track=log.track,
        ms=world.track_duration_ms[log.track],
        skipped=np.zeros(len(log.at), dtype=np.bool_),
    )
    saved, loved = draw_library(rng, taste, plays)
    return SandboxListener(
        name=user,
        spotify_id=identifiers.base62_id(SEED, "user", user).lower(),
        account_id=identifiers.base62_id(SEED, "account", user),
        display_name=user.title(),
        country="GB",
        timezone="UTC",  # assume that the log's hours are the listener's local time
        play_at=plays.at,
        play_track=plays.track,
        play_ms=plays.ms,
        play_skipped=plays.skipped,
        saved=saved,
        loved=loved,
        own_playlists=[],
        taste=taste,
    )


def _liking(rng: np.random.Generator, world: World, log: _Log) -> Floats:
    """Return an assumed taste: tracks near much-played artists are liked."""
    plays = np.log1p(np.bincount(log.artist, minlength=world.n_artists)).astype(np.float64)
    similar = world.artist_similar
    near = np.bincount(
        similar.rows, weights=similar.values * plays[similar.ids], minlength=world.n_artists
    )
    support = np.log1p(near + 2 * plays)
    bar, spread = np.quantile(support, 0.85), max(float(support.std()), 1e-6)
    logit = 2.0 * (support - bar)[world.track_artist] / spread
    logit = logit + 0.8 * rng.standard_normal(world.n_tracks)
    liking: Floats = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return liking
