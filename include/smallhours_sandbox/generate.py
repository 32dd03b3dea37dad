"""Generation of a complete sandbox world from a seed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np

from smallhours_sandbox import identifiers
from smallhours_sandbox.discography import (
    Artists,
    Discography,
    draw_artists,
    draw_discography,
    draw_durations,
    draw_popularity,
)
from smallhours_sandbox.features import draw_sound
from smallhours_sandbox.genres import GenreTree, load_genres
from smallhours_sandbox.names import NameGenerator, lastfm_titles
from smallhours_sandbox.play_history import ReleaseCatalog, draw_history, draw_library
from smallhours_sandbox.ragged import Bools, Doubles, Floats, Ints, Longs
from smallhours_sandbox.similar import similar_artists, similar_tracks
from smallhours_sandbox.tagging import artist_strengths, build_core, tag_artists, tag_tracks
from smallhours_sandbox.tastes import cluster_centres, draw_taste, profile_of
from smallhours_sandbox.world import SandboxListener, World

# Version 2 serves the mild oddities of `oddities`, and top tracks of any depth. In version 3 a
# listener may scrobble to ListenBrainz alone: bruno does.
GENERATOR = 3
BEGINS = datetime(2010, 11, 8, 5, 0, tzinfo=UTC)
ENDS = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)

# Weight of a track's sound in its position in the style space, relative to its artist's genres.
_STYLE_OF_SOUND = 0.22
_ARTIST_OWN_STYLE = 0.35
_TRACK_OWN_STYLE = 0.2
_NO_MBID_SHARE = 0.25  # as in real scrobble logs


def generate_world(
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
    """Generate a world; equal arguments give an equal world.

    Args:
        seed: seed of all random draws.
        artists: number of artists.
        tracks: number of tracks, versions included.
        listeners: names; "ada" and "bruno" have hand-made tastes, others get one by their name.
        scrobbles: number of scrobbles of the first listener; others have a fixed share of it.
        begins: aware; no play before it.
        ends: aware; the history stops here.
        generator: version of the generator, for worlds that must stay as they are.

    Raises:
        ValueError: When the numbers contradict each other.
    """
    # One generator per purpose: a change to one part leaves the others unchanged.
    streams = dict(
        zip(
            ("names", "artists", "music", "sound", "tags", "similar", "style", "ids"),
            np.random.default_rng(seed).spawn(8),
            strict=True,
        )
    )
    tree = load_genres()
    last_day = ends.date().isoformat()
    namer = NameGenerator(streams["names"])
    people = draw_artists(streams["artists"], tree, artists, namer, ends.year)
    made = draw_discography(streams["music"], people, tracks, namer, last_day)
    popularity = draw_popularity(streams["music"], people, made)
    track_artist = np.asarray(made.artist, dtype=np.int32)
    base = np.asarray(made.base, dtype=np.int32)
    sound = draw_sound(streams["sound"], tree, people.genres, track_artist, base, made.version)
    duration = draw_durations(streams["music"], made, sound.track_scores)
    core = build_core(tree)
    strength, nation = artist_strengths(streams["tags"], core, people, sound.artist_scores)
    artist_tags, vocabulary = tag_artists(streams["tags"], tree, core, people, strength, nation)
    track_tags = tag_tracks(streams["tags"], core, made, strength, sound.track_scores, popularity)
    embedding = tree.embedding(streams["style"])
    artist_style = _artist_style(streams["style"], embedding, people)
    track_style = _track_style(streams["style"], artist_style, made, sound.track_scores)
    families = _families(tree, people)
    world = World(
        seed=seed,
        begins=begins,
        ends=ends,
        tags=vocabulary.words,
        artist_name=people.names,
        artist_mbid=_mbids(streams["ids"], seed, "artist", artists),
        artist_popularity=people.popularity,
        artist_tags=artist_tags,
        artist_similar=similar_artists(streams["similar"], artist_style, people.popularity),
        album_title=made.album_title,
        album_artist=np.asarray(made.album_artist, dtype=np.int32),
        album_released=made.album_released,
        track_title=made.title,
        track_lastfm_title=lastfm_titles(
            streams["ids"], made.title, [bool(guests) for guests in made.featured]
        ),
        track_artist=track_artist,
        track_album=np.asarray(made.album, dtype=np.int32),
        track_number=np.asarray(made.number, dtype=np.int32),
        track_duration_ms=duration,
        track_explicit=_explicit(streams["ids"], base, sound.features),
        track_recording=np.asarray(made.recording, dtype=np.int32),
        track_version=made.version,
        track_featured=made.featured,
        track_isrc=_isrcs(streams["ids"], seed, made),
        track_mbid=_mbids(streams["ids"], seed, "recording", tracks),
        track_spotify_id=[identifiers.base62_id(seed, "track", number) for number in range(tracks)],
        track_tags=track_tags,
        track_similar=similar_tracks(
            streams["similar"],
            track_style,
            popularity,
            families[track_artist],
            tree.leaf_family[people.main_genre][track_artist],
            np.asarray([version == "" for version in made.version]) & (base == np.arange(tracks)),
        ),
        track_popularity=popularity,
        track_features=sound.features,
        listeners={},
        artist_style=artist_style,
        track_style=track_style,
        generator=generator,
    )
    catalogue = ReleaseCatalog(
        track_artist=track_artist,
        track_album=world.track_album,
        released=_released(made),
        duration_ms=duration,
        popularity=popularity,
        artist_style=artist_style,
        artist_popularity=people.popularity,
    )
    for number, name in enumerate(listeners):
        wanted = scrobbles if number == 0 else round(scrobbles * profile_of(name, tree).share)
        world.listeners[name] = _listener(
            world, tree, embedding, track_style, catalogue, name, number, wanted
        )
    return world


def _artist_style(rng: np.random.Generator, embedding: Doubles, people: Artists) -> Floats:
    place = people.genres @ embedding
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    own = rng.standard_normal(place.shape) / np.sqrt(place.shape[1])
    place += _ARTIST_OWN_STYLE * own
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    return place.astype(np.float32)


def _track_style(
    rng: np.random.Generator, artist_style: Floats, made: Discography, scores: Doubles
) -> Floats:
    place = artist_style[np.asarray(made.artist)]
    own = rng.standard_normal(place.shape, dtype=np.float32) / np.float32(np.sqrt(place.shape[1]))
    place = place + _TRACK_OWN_STYLE * own[np.asarray(made.base)]
    style = np.concatenate([place, (_STYLE_OF_SOUND * scores).astype(np.float32)], axis=1)
    unit: Floats = style / np.linalg.norm(style, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _families(tree: GenreTree, people: Artists) -> Bools:
    """Return the families of each artist's genres, as a mask (artists, families)."""
    member = np.zeros((len(tree.leaves), len(tree.families)))
    member[np.arange(len(tree.leaves)), tree.leaf_family] = 1.0
    found: Bools = people.genres @ member > 0.15
    return found


def _released(made: Discography) -> Longs:
    days = np.asarray([date.fromisoformat(day).toordinal() for day in made.album_released])
    seconds = (days - date(1970, 1, 1).toordinal()) * 86_400
    released: Longs = seconds.astype(np.int64)[np.asarray(made.album)]
    return released


def _explicit(rng: np.random.Generator, base: Ints, features: Floats) -> Bools:
    chance = np.clip(0.02 + 1.6 * (features[:, 5] - 0.06), 0.01, 0.8)
    flagged: Bools = (rng.random(len(base)) < chance)[base]
    return flagged


def _mbids(rng: np.random.Generator, seed: int, kind: str, count: int) -> list[str]:
    missing = rng.random(count) < _NO_MBID_SHARE
    return [
        "" if absent else identifiers.mbid(seed, kind, number)
        for number, absent in enumerate(missing.tolist())
    ]


def _isrcs(rng: np.random.Generator, seed: int, made: Discography) -> list[str]:
    """Return ISRCs: shared by a recording's releases, though labels give remasters a new one."""
    draws = rng.random((len(made.title), 2)).tolist()
    codes: list[str] = []
    for track, (missing, own) in enumerate(draws):
        source = track if made.version[track] == "remaster" and own < 0.5 else made.recording[track]
        year = int(made.album_released[made.album[source]][:4])
        codes.append("" if missing < 0.02 else identifiers.isrc(seed, source, year))
    return codes


def _listener(
    world: World,
    tree: GenreTree,
    embedding: Doubles,
    track_style: Floats,
    catalogue: ReleaseCatalog,
    name: str,
    number: int,
    scrobbles: int,
) -> SandboxListener:
    profile = profile_of(name, tree)
    rng = np.random.default_rng([world.seed, 77, number])
    centres = cluster_centres(profile, tree, embedding, _STYLE_OF_SOUND)
    taste = draw_taste(rng, profile, centres, track_style)
    plays = draw_history(
        rng, profile, taste, centres, catalogue, scrobbles, world.begins, world.ends
    )
    saved, loved = draw_library(rng, taste, plays)
    favourites = list(saved)
    return SandboxListener(
        name=name,
        spotify_id=identifiers.base62_id(world.seed, "user", name).lower()[:25],
        account_id=identifiers.base62_id(world.seed, "account", name),
        display_name=profile.display_name,
        country=profile.country,
        timezone=profile.timezone,
        play_at=plays.at,
        play_track=plays.track,
        play_ms=plays.ms,
        play_skipped=plays.skipped,
        saved=saved,
        loved=loved,
        own_playlists=[
            ("On the road", favourites[:25]),
            ("Sunday kitchen", favourites[-18:]),
        ],
        taste=taste,
        scrobbles_to=profile.scrobbles_to,
    )
