"""MusicBrainz' view of the world: recordings, their ids, credits, tags and how known they are.

It knows more tracks by id than Last.fm tells, and it knows recordings, not releases: re-releases of
one take are one recording, and the ids that they once had were merged into its id. Its tags are
genres, with a few votes each; most recordings have none of their own.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smallhours_sandbox.genres import load_genres
from smallhours_sandbox.identifiers import hashed_share, mbid
from smallhours_sandbox.lastfm_index import without_edition
from smallhours_sandbox.ragged import Doubles, Ints, Ragged
from smallhours_sandbox.world import World

# Share of the tracks without an id at Last.fm that MusicBrainz knows all the same.
_KNOWN_BEYOND_LASTFM = 0.75
_TAGGED_RECORDINGS, _TAGGED_GROUPS, _UNTAGGED_ARTISTS = 0.35, 0.2, 0.06
_MAX_ARTIST_TAGS, _MAX_RECORDING_TAGS = 5, 2
_DROPPED_TAG, _OTHER_TAG = 0.25, 0.03
_MAX_VOTES = 12
# Number of users and plays of the most popular recording.
_TOP_USERS, _MIN_PLAYS_EACH, _MAX_PLAYS_EACH = 9_000, 3, 15
_NOISE = 0.7


@dataclass(slots=True, frozen=True)
class Vote:
    """One tag with its number of votes; ``genre`` is the id of an official genre, or ""."""

    tag: str
    count: int
    genre: str

    def row(self) -> dict[str, object]:
        """Return it as ListenBrainz writes it."""
        shown: dict[str, object] = {"tag": self.tag, "count": self.count}
        return {**shown, "genre_mbid": self.genre} if self.genre else shown


class MusicBrainzIndex:
    """Recordings, artists and releases of one world, each by its MusicBrainz id."""

    def __init__(self, world: World) -> None:
        """Index ``world``, whose catalogue must not change afterwards."""
        self.world = world

    # -- ids ------------------------------------------------------------------------------------

    @cached_property
    def ids(self) -> list[str]:
        """Return the recording id of each track, merged ids included; "" for an unknown track."""
        seed = self.world.seed
        return [
            known
            or (
                mbid(seed, "recording", track)
                if hashed_share(f"{seed} musicbrainz {track}") < _KNOWN_BEYOND_LASTFM
                else ""
            )
            for track, known in enumerate(self.world.track_mbid)
        ]

    @cached_property
    def artist_ids(self) -> list[str]:
        """Return the id of each artist."""
        return [
            known or mbid(self.world.seed, "artist", artist)
            for artist, known in enumerate(self.world.artist_mbid)
        ]

    @cached_property
    def canonical(self) -> Ints:
        """Return the track that stands for each track's recording, int32 (tracks,)."""
        world = self.world
        unknown = np.asarray([not each for each in self.ids])
        order = np.lexsort((-world.track_popularity, unknown, world.track_recording))
        recordings, first = np.unique(world.track_recording[order], return_index=True)
        at = np.searchsorted(recordings, world.track_recording)
        chosen: Ints = order[first][at].astype(np.int32)
        return chosen

    @cached_property
    def by_id(self) -> dict[str, int]:
        """Return the track of each recording id, merged ids included."""
        return {each: track for track, each in enumerate(self.ids) if each}

    @cached_property
    def artist_by_id(self) -> dict[str, int]:
        """Return the artist of each artist id."""
        return {each: artist for artist, each in enumerate(self.artist_ids)}

    def recording(self, recording_mbid: str) -> int | None:
        """Return the track of a recording id; None for an unknown or a merged id."""
        track = self.by_id.get(recording_mbid)
        return track if track is not None and self.canonical[track] == track else None

    def resolved(self, recording_mbid: str) -> int | None:
        """Return the track of a recording id, also of one that was merged into another."""
        track = self.by_id.get(recording_mbid)
        return None if track is None else int(self.canonical[track])

    def id_of(self, track: int) -> str:
        """Return the id of a track's recording, "" when MusicBrainz does not know it."""
        return self.ids[int(self.canonical[track])]

    def release_id(self, track: int) -> str:
        """Return the id of a track's release."""
        return mbid(self.world.seed, "release", int(self.world.track_album[track]))

    def group_id(self, track: int) -> str:
        """Return the id of the group of a track's release."""
        return mbid(self.world.seed, "release group", int(self.world.track_album[track]))

    # -- names ----------------------------------------------------------------------------------

    def title(self, track: int) -> str:
        """Return a recording's title, without guests and remaster notes."""
        return without_edition(self.world.track_title[track])

    def release(self, track: int) -> str:
        """Return the title of a track's release."""
        return self.world.album_title[int(self.world.track_album[track])]

    def credits(self, track: int) -> list[tuple[int, str]]:
        """Return the artists of a recording, each with the words that join it to the next."""
        people = [int(self.world.track_artist[track]), *self.world.track_featured[track]]
        joins = [" feat. ", *[" & "] * len(people)][: len(people) - 1]
        return list(zip(people, [*joins, ""], strict=True))

    def credit(self, track: int) -> str:
        """Return a recording's artist credit, such as "A feat. B"."""
        names = self.world.artist_name
        return "".join(names[artist] + join for artist, join in self.credits(track))

    def credit_rows(self, track: int) -> list[dict[str, object]]:
        """Return a recording's artists as ListenBrainz writes them in listens and playlists."""
        return [
            {
                "artist_mbid": self.artist_ids[artist],
                "artist_credit_name": self.world.artist_name[artist],
                "join_phrase": join,
            }
            for artist, join in self.credits(track)
        ]

    def credit_ids(self, track: int) -> list[str]:
        """Return the ids of a recording's artists."""
        return [self.artist_ids[artist] for artist, _ in self.credits(track)]

    @cached_property
    def recordings_of(self) -> Ragged:
        """Return each artist's recordings, the most listened first."""
        tracks = np.flatnonzero(
            (self.canonical == np.arange(self.world.n_tracks))
            & np.asarray([bool(each) for each in self.ids])
        )
        artists = self.world.track_artist[tracks]
        return Ragged.from_triplets(artists, tracks, self.users[tracks], self.world.n_artists)

    # -- how known ------------------------------------------------------------------------------

    @cached_property
    def users(self) -> Ints:
        """Return the number of ListenBrainz' users who have heard each track, int32 (tracks,)."""
        return self._users(self.world.track_popularity, 901)

    @cached_property
    def artist_users(self) -> Ints:
        """Return the number of ListenBrainz' users who have heard each artist, int32 (artists,)."""
        return self._users(self.world.artist_popularity, 902)

    def _users(self, popularity: Doubles, stream: int) -> Ints:
        rng = np.random.default_rng([self.world.seed, stream])
        noisy = popularity * np.exp(_NOISE * rng.standard_normal(len(popularity)))
        users: Ints = (noisy / max(float(noisy.max()), 1e-12) * _TOP_USERS).astype(np.int32)
        return users

    @staticmethod
    def plays(users: int, key: str) -> int:
        """Return a plausible number of plays for a number of users."""
        spread = _MIN_PLAYS_EACH + (_MAX_PLAYS_EACH - _MIN_PLAYS_EACH) * hashed_share(key)
        return round(users * spread)

    # -- tags -----------------------------------------------------------------------------------

    def artist_tags(self, artist: int) -> list[Vote]:
        """Return an artist's tags: up to five genres, and now and then a word of another kind."""
        ids, counts = self.world.artist_tags[artist]
        key = f"{self.world.seed} artist {artist}"
        if hashed_share(f"{key} untagged") < _UNTAGGED_ARTISTS:
            return []
        known = 1 + round(
            (_MAX_VOTES - 1) * min(1.0, (int(self.artist_users[artist]) / 900) ** 0.5)
        )
        limit = 1 + int(_MAX_ARTIST_TAGS * hashed_share(f"{key} limit"))
        return self._votes(key, ids.tolist(), counts.tolist(), limit, known)

    def recording_tags(self, track: int) -> list[Vote]:
        """Return a recording's own tags: two genres at most, and none for most recordings."""
        key = f"{self.world.seed} recording {track}"
        if hashed_share(f"{key} tagged") >= _TAGGED_RECORDINGS:
            return []
        ids, counts = self.world.track_tags[track]
        return self._votes(key, ids.tolist(), counts.tolist(), _MAX_RECORDING_TAGS, 3)

    def group_tags(self, track: int) -> list[Vote]:
        """Return the tags of the group of a recording's release: one of its artist's, or none."""
        key = f"{self.world.seed} group {int(self.world.track_album[track])}"
        if hashed_share(f"{key} tagged") >= _TAGGED_GROUPS:
            return []
        return self.artist_tags(int(self.world.track_artist[track]))[:1]

    def _votes(
        self, key: str, ids: list[int], counts: list[int], limit: int, votes: int
    ) -> list[Vote]:
        chosen: dict[str, Vote] = {}
        for tag, count in zip(ids, counts, strict=True):
            word = self.world.tags[tag].casefold()
            genre = self.genres.get(word, "")
            drawn = hashed_share(f"{key} {word}")
            if len(chosen) < limit and (drawn >= _DROPPED_TAG if genre else drawn < _OTHER_TAG):
                number = max(1, round(votes * count / 100 * (0.5 + drawn)))
                chosen.setdefault(word, Vote(word, number, genre))
        return list(chosen.values())

    @cached_property
    def genres(self) -> dict[str, str]:
        """Return the id of each official genre by its name."""
        tree = load_genres()
        words = dict.fromkeys(each.casefold() for each in (*tree.leaves, *tree.families))
        return {word: mbid(0, "genre", word) for word in words}
