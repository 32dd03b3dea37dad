"""The schemas of the lake: every table, its columns, its key and its partitions.

A data frame that crosses a module's border has the columns of one of these tables.
`docs/data-dictionary.md` is generated from this module.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from smallhours.lake.list_tables import (
    DEFERRED_QUESTIONS,
    EDITS,
    METRICS,
    PLAYLISTS,
    PROFILE,
    RECOMMENDATIONS,
    SET_ASIDE,
)
from smallhours.lake.schema import (
    ARTIST_COLUMN,
    COUNT,
    DAY,
    FETCHED_COLUMN,
    FLAG,
    MOMENT,
    REAL,
    TEXT,
    TEXTS,
    TITLE_COLUMN,
    TRACK_KEY_COLUMN,
    Column,
    Table,
)
from smallhours.vocabulary import CatalogSource

# Last.fm's and Spotify's artists spread over this many files per catalog table, by a hash of the
# artist's key: everything about one artist lies together, and a night touches few files.
PREFIXES = 16


# The audio features that services measure. The first five are always predicted from tags, the
# others where tags turn out to tell them.
PREDICTED_FEATURES = (
    "danceability",
    "acousticness",
    "energy",
    "valence",
    "instrumentalness",
)
FEATURES = (
    *PREDICTED_FEATURES,
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
    "key",
    "mode",
    "duration_ms",
)

PLAYS = Table(
    "plays",
    "one play of one track",
    ("listener", "month"),
    ("played_at", "track_key", "ordinal"),
    (
        Column("played_at", MOMENT, "When the play started, UTC."),
        ARTIST_COLUMN,
        Column("album", TEXT, "The album's title.", nullable=True),
        TITLE_COLUMN,
        TRACK_KEY_COLUMN,
        Column("ordinal", pa.int16(), "0, or 1, 2, ... for identical plays in one second."),
        Column("artist_mbid", TEXT, "MusicBrainz artist id.", nullable=True),
        Column("track_mbid", TEXT, "MusicBrainz recording id.", nullable=True),
        Column("isrc", TEXT, "ISRC, from Spotify or the player.", nullable=True),
        Column("spotify_id", TEXT, "Spotify track id, 22 characters.", nullable=True),
        Column(
            "listenbrainz_at",
            MOMENT,
            "When it was played as ListenBrainz has it, UTC.",
            nullable=True,
        ),
        Column(
            "spotify_at",
            MOMENT,
            "When it was played as Spotify tells it among the recent plays, UTC: its start or its "
            "end, nobody says which.",
            nullable=True,
        ),
        Column(
            "duration_ms", COUNT, "The track's length, from Spotify or the player.", nullable=True
        ),
        Column("ms_played", COUNT, "Milliseconds heard; export only.", nullable=True),
        Column("skipped", FLAG, "Skipped by the listener; export only.", nullable=True),
        Column("reason_start", TEXT, "Why it started, as exported.", nullable=True),
        Column("reason_end", TEXT, "Why it ended, as exported.", nullable=True),
        Column("shuffle", FLAG, "Shuffle was on; export only.", nullable=True),
        Column(
            "platform", TEXT, "The kind of device it was played on; export only.", nullable=True
        ),
        Column(
            "sources",
            TEXTS,
            "Who reported it: `lastfm`, `listenbrainz`, `spotify` (its recent plays), `export` "
            "(Spotify's), `file` (a file of scrobbles), `file_minutes` (one that tells the minute "
            "only); sorted.",
        ),
    ),
)

LIBRARY = Table(
    "library",
    "one standing signal of liking or disliking",
    ("listener",),
    ("signal", "source", "time_range", "track_key"),
    (
        Column(
            "signal",
            TEXT,
            "`top`, `saved`, `loved`, `named` or `disliked`; `named` is among "
            "the best-known tracks of an artist that the listener named.",
        ),
        Column(
            "source", TEXT, "Who tells it: `spotify`, `lastfm` or `listenbrainz`.", absent="spotify"
        ),
        Column(
            "time_range",
            TEXT,
            "For `top`: `short_term` (4 weeks), `medium_term` (6 months) "
            "or `long_term` (1 year); else empty.",
        ),
        TRACK_KEY_COLUMN,
        ARTIST_COLUMN,
        TITLE_COLUMN,
        Column("rank", COUNT, "For `top`: 1 is the most played.", nullable=True),
        Column("spotify_id", TEXT, "Spotify track id.", nullable=True),
        Column("isrc", TEXT, "ISRC, from Spotify.", nullable=True),
        Column("added_at", MOMENT, "When the service says it was saved or loved.", nullable=True),
        Column("first_seen", DAY, "The first night on which the signal stood."),
        Column(
            "last_seen",
            DAY,
            "The last night on which it stood; older than the newest night "
            "of its signal and source means that it was withdrawn.",
        ),
    ),
)

FEEDBACK = Table(
    "feedback",
    "one reaction to one of our picks",
    ("listener", "month"),
    ("night", "intent", "track_key", "reaction"),
    (
        Column("night", DAY, "The night that recommended the track."),
        Column("intent", TEXT, "Which of the listener's playlists: `main` or another intent."),
        TRACK_KEY_COLUMN,
        Column(
            "reaction",
            TEXT,
            "`kept`, `removed`, `saved`, `played`, `skipped`, `passed` (not played, between two "
            "picks that were), `unplayed`, `thumbs_up`, `thumbs_down`, `blocked`, "
            "`artist_blocked`, `not_now`, `too_often` or `wrong_song`.",
        ),
        Column("at", MOMENT, "When it was seen."),
    ),
)

TRACKS = Table(
    "tracks",
    "one recording",
    ("prefix",),
    ("track_key",),
    (
        TRACK_KEY_COLUMN,
        Column("artist_key", TEXT, "The artist's normalised name."),
        ARTIST_COLUMN,
        TITLE_COLUMN,
        Column("version", TEXT, "What makes it another recording: `live`, `remix`, ...; or empty."),
        Column("album", TEXT, "An album it is on.", nullable=True),
        Column(
            "released",
            TEXT,
            "`YYYY`, `YYYY-MM` or `YYYY-MM-DD`, of the release that Spotify showed, or else of the "
            "first one by MusicBrainz.",
            nullable=True,
        ),
        Column("explicit", FLAG, "Whether Spotify marks it as explicit.", nullable=True),
        Column("duration_ms", COUNT, "Length in milliseconds.", nullable=True),
        Column("listeners", pa.int64(), "Last.fm listeners or plays, where told.", nullable=True),
        Column("mbid", TEXT, "MusicBrainz recording id.", nullable=True),
        Column("isrc", TEXT, "ISRC.", nullable=True),
        Column("spotify_id", TEXT, "Spotify track id; null while unknown.", nullable=True),
        Column(
            "spotify_method",
            TEXT,
            "How the id was found: `library`, `history`, `listenbrainz`, `isrc`, `search`, "
            "`override`; or `miss`.",
            nullable=True,
        ),
        Column("spotify_score", REAL, "Match score of a search, 0-100.", nullable=True),
        Column("spotify_at", DAY, "When the id was found, or missed.", nullable=True),
        Column("first_seen", DAY, "The night on which we first heard of it."),
    ),
)


def _source(doc: str) -> Column:
    # What was stored before there were sources is Last.fm's.
    return Column("source", TEXT, doc, absent=CatalogSource.LASTFM)


def _tags(of: str, key: str, who: tuple[Column, ...]) -> Table:
    return Table(
        f"{of}_tags",
        f"one tag of one {of}, from one source",
        ("prefix",),
        (key, "source", "tag"),
        (
            *who,
            _source("`lastfm`, `musicbrainz` (through ListenBrainz) or `dataset`."),
            Column("tag", TEXT, "The tag as the source writes it; empty when it has none."),
            Column("count", pa.int16(), "0-100, relative to the strongest tag."),
            FETCHED_COLUMN,
        ),
    )


_ARTIST_KEY = Column("artist_key", TEXT, "The artist's normalised name.")
TRACK_TAGS = _tags("track", "track_key", (TRACK_KEY_COLUMN,))
ARTIST_TAGS = _tags("artist", "artist_key", (_ARTIST_KEY, ARTIST_COLUMN))

TAG_NAMES = Table(
    "tag_names",
    "one tag as somebody wrote it, with the name that it goes by",
    ("prefix",),
    ("tag",),
    (
        Column("tag", TEXT, "The tag as `track_tags` or `artist_tags` has it."),
        Column(
            "name",
            TEXT,
            "What it is called once spellings are merged; empty when it says nothing about the "
            "music.",
        ),
        Column(
            "step",
            TEXT,
            "What decided that: `folded` (case and separators only), `alias` (a rule of "
            "aliases.txt), `variant` (kept the same company as a like-looking tag) or "
            "`stop word`.",
        ),
    ),
)

AUDIO_FEATURES = Table(
    "audio_features",
    "one audio feature of one track, from one source",
    ("prefix",),
    ("track_key", "source", "feature"),
    (
        TRACK_KEY_COLUMN,
        Column(
            "source",
            TEXT,
            "`spotify`, `reccobeats`, `dataset`, `acousticbrainz`, `musicbrainz` and `lastfm` "
            "(lengths only), or `predicted`.",
        ),
        Column("feature", TEXT, "Its name as Spotify has it; empty when the source has none."),
        Column(
            "value",
            REAL,
            "0-1, but loudness (dB), tempo (beats per minute), key (0-11), "
            "mode (0 minor, 1 major; predicted: the chance of major) and duration_ms.",
            nullable=True,
        ),
        Column("low", REAL, "Lower end of the 80 % interval, if predicted.", nullable=True),
        Column("high", REAL, "Upper end of the 80 % interval, if predicted.", nullable=True),
        Column("model", TEXT, "Version of the predicting model, or of the file.", nullable=True),
        FETCHED_COLUMN,
    ),
)

SIMILAR = Table(
    "similar",
    "one neighbour of a track, an artist or a tag, from one source",
    ("prefix",),
    # In the order of a list: ranks and matches that go up or down take few bytes.
    ("seed_key", "kind", "source", "rank", "neighbour_key"),
    (
        Column(
            "kind",
            TEXT,
            "`track` (similar tracks), `artist` (similar artists), "
            "`artist_tracks` (an artist's top tracks), `tag_tracks` (a tag's top tracks) or "
            "`chart` (the best-known tags).",
        ),
        Column("seed_key", TEXT, "Key of the track or artist, or the tag, that was asked about."),
        _source("`lastfm` or `listenbrainz`."),
        Column("neighbour_key", TEXT, "Its key, or the tag; empty when there are none."),
        Column(
            "artist",
            TEXT,
            "The neighbour's name, if it is an artist or a tag; `tracks` has those of tracks.",
        ),
        Column("mbid", TEXT, "The neighbour's MusicBrainz id, if told.", nullable=True),
        Column("match", REAL, "0-1; for top tracks 1/rank."),
        Column("rank", COUNT, "1 is the nearest; 0 when there are none."),
        FETCHED_COLUMN,
    ),
)

RECORDINGS = Table(
    "recordings",
    "one track as MusicBrainz and ListenBrainz know it",
    ("prefix",),
    ("track_key",),
    (
        TRACK_KEY_COLUMN,
        Column(
            "mbid",
            TEXT,
            "MusicBrainz recording id that is asked by; null at a miss.",
            nullable=True,
        ),
        Column(
            "method",
            TEXT,
            "How the id was found: `told` (with a play or a neighbour), `exact` or `fuzzy` (by its "
            "names), `merged` (it took the place of another); `not exact` (only a fuzzy look-up is "
            "left) or `miss`; empty when it is to be looked for.",
        ),
        Column("looked_up", DAY, "The night on which it was found, or missed."),
        Column(
            "artist_mbid", TEXT, "MusicBrainz id of its artist; null while unknown.", nullable=True
        ),
        Column(
            "metadata_at",
            DAY,
            "The night on which tags, length and ISRC were asked for.",
            nullable=True,
        ),
        Column(
            "absent", FLAG, "Whether ListenBrainz did not know the id on that night.", nullable=True
        ),
        Column("listeners", pa.int64(), "ListenBrainz' listeners, where told.", nullable=True),
        Column("listeners_at", DAY, "The night on which they were asked for.", nullable=True),
    ),
)

CANDIDATES = Table(
    "candidates",
    "one seed that brought one candidate",
    ("listener",),
    ("track_key", "route", "seed_key"),
    (
        TRACK_KEY_COLUMN,
        Column(
            "route",
            TEXT,
            "`similar_track`, `two_steps`, `similar_artist`, `tag`, `known_artist` or "
            "`background` (an unliked tag's track, a negative for training).",
        ),
        Column("seed_key", TEXT, "The track, artist or tag that brought it."),
        Column("strength", REAL, "Match times the seed's weight, 0-1."),
        Column("seen", DAY, "The night on which this seed last brought it."),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            PLAYS,
            LIBRARY,
            FEEDBACK,
            EDITS,
            TRACKS,
            TRACK_TAGS,
            ARTIST_TAGS,
            TAG_NAMES,
            AUDIO_FEATURES,
            SIMILAR,
            RECORDINGS,
            CANDIDATES,
            RECOMMENDATIONS,
            PLAYLISTS,
            PROFILE,
            METRICS,
            SET_ASIDE,
            DEFERRED_QUESTIONS,
        )
    }
)
