"""The schemas of the lake: every table, its columns, its key and its partitions.

A data frame that crosses a module's border has the columns of one of these tables.
`docs/data-dictionary.md` is generated from this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")
DAY = pa.date32()
TEXT = pa.string()
REAL = pa.float64()
COUNT = pa.int32()
FLAG = pa.bool_()
TEXTS = pa.list_(pa.string())

# Last.fm's and Spotify's artists spread over this many files per catalog table, by a hash of the
# artist's key: everything about one artist lies together, and a night touches few files.
PREFIXES = 64


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its meaning (unit, range, source), and whether it may be null."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    Attributes:
        name: Its folder.
        row: What one row is, as a noun phrase.
        partition: The columns that cut it into files, in path order; not stored in the files.
        key: The columns that identify a row within its partition.
        columns: The stored columns, in file order.
    """

    name: str
    row: str
    partition: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The stored columns as a pyarrow schema."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])


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

_TRACK_KEY = Column("track_key", TEXT, "The recording: `artist · title · version`, normalised.")
_ARTIST = Column("artist", TEXT, "The artist's name as the source shows it.")
_TITLE = Column("title", TEXT, "The track's title as the source shows it.")
_FETCHED = Column("fetched_at", DAY, "The night on which the service was asked.")

PLAYS = Table(
    "plays",
    "one play of one track",
    ("listener", "month"),
    ("played_at", "track_key", "ordinal"),
    (
        Column("played_at", MOMENT, "When the play started, UTC."),
        _ARTIST,
        Column("album", TEXT, "The album's title.", nullable=True),
        _TITLE,
        _TRACK_KEY,
        Column("ordinal", pa.int16(), "0, or 1, 2, ... for identical plays in one second."),
        Column("artist_mbid", TEXT, "MusicBrainz artist id, from Last.fm.", nullable=True),
        Column("track_mbid", TEXT, "MusicBrainz recording id, from Last.fm.", nullable=True),
        Column("isrc", TEXT, "ISRC, from Spotify.", nullable=True),
        Column("spotify_id", TEXT, "Spotify track id, 22 characters.", nullable=True),
        Column(
            "spotify_at",
            MOMENT,
            "When it was played as Spotify tells it among the recent plays, UTC: its start or its "
            "end, nobody says which.",
            nullable=True,
        ),
        Column("duration_ms", COUNT, "The track's length, from Spotify.", nullable=True),
        Column("ms_played", COUNT, "Milliseconds heard; export only.", nullable=True),
        Column("skipped", FLAG, "Skipped by the listener; export only.", nullable=True),
        Column("reason_start", TEXT, "Why it started, as exported.", nullable=True),
        Column("reason_end", TEXT, "Why it ended, as exported.", nullable=True),
        Column("shuffle", FLAG, "Shuffle was on; export only.", nullable=True),
        Column("sources", TEXTS, "Who reported it: `lastfm`, `spotify`, `export`; sorted."),
    ),
)

LIBRARY = Table(
    "library",
    "one standing signal of liking or disliking",
    ("listener",),
    ("signal", "time_range", "track_key"),
    (
        Column("signal", TEXT, "`top`, `saved`, `loved` or `disliked`."),
        Column(
            "time_range",
            TEXT,
            "For `top`: `short_term` (4 weeks), `medium_term` (6 months) "
            "or `long_term` (1 year); else empty.",
        ),
        _TRACK_KEY,
        _ARTIST,
        _TITLE,
        Column("rank", COUNT, "For `top`: 1 is the most played.", nullable=True),
        Column("spotify_id", TEXT, "Spotify track id.", nullable=True),
        Column("isrc", TEXT, "ISRC, from Spotify.", nullable=True),
        Column("added_at", MOMENT, "When the service says it was saved or loved.", nullable=True),
        Column("first_seen", DAY, "The first night on which the signal stood."),
        Column(
            "last_seen",
            DAY,
            "The last night on which it stood; older than the newest night "
            "of its signal means that it was withdrawn.",
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
        _TRACK_KEY,
        Column(
            "reaction",
            TEXT,
            "`kept`, `removed`, `saved`, `played`, `skipped`, `passed` (not played, between two "
            "picks that were), `unplayed`, `thumbs_up`, `thumbs_down` or `blocked`.",
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
        _TRACK_KEY,
        Column("artist_key", TEXT, "The artist's normalised name."),
        _ARTIST,
        _TITLE,
        Column("version", TEXT, "What makes it another recording: `live`, `remix`, ...; or empty."),
        Column("album", TEXT, "An album it is on.", nullable=True),
        Column(
            "released",
            TEXT,
            "`YYYY`, `YYYY-MM` or `YYYY-MM-DD`, of the release that Spotify showed.",
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
            "How the id was found: `library`, `history`, `isrc`, `search`, `override`; or `miss`.",
            nullable=True,
        ),
        Column("spotify_score", REAL, "Match score of a search, 0-100.", nullable=True),
        Column("spotify_at", DAY, "When the id was found, or missed.", nullable=True),
        Column("first_seen", DAY, "The night on which we first heard of it."),
    ),
)


def _tags(name: str, row: str, key: str, who: tuple[Column, ...]) -> Table:
    return Table(
        name,
        row,
        ("prefix",),
        (key, "tag"),
        (
            *who,
            Column("tag", TEXT, "The tag as Last.fm writes it; empty when there are none."),
            Column("count", pa.int16(), "0-100, relative to the strongest tag."),
            _FETCHED,
        ),
    )


_ARTIST_KEY = Column("artist_key", TEXT, "The artist's normalised name.")
TRACK_TAGS = _tags("track_tags", "one Last.fm tag of one track", "track_key", (_TRACK_KEY,))
ARTIST_TAGS = _tags(
    "artist_tags", "one Last.fm tag of one artist", "artist_key", (_ARTIST_KEY, _ARTIST)
)

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
        _TRACK_KEY,
        Column(
            "source", TEXT, "`spotify`, `reccobeats`, `acousticbrainz`, `dataset` or `predicted`."
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
        _FETCHED,
    ),
)

SIMILAR = Table(
    "similar",
    "one neighbour of a track, an artist or a tag",
    ("prefix",),
    ("kind", "seed_key", "neighbour_key"),
    (
        Column(
            "kind",
            TEXT,
            "`track` (similar tracks), `artist` (similar artists), "
            "`artist_tracks` (an artist's top tracks), `tag_tracks` (a tag's top tracks) or "
            "`chart` (the best-known tags).",
        ),
        Column("seed_key", TEXT, "Key of the track or artist, or the tag, that was asked about."),
        Column("neighbour_key", TEXT, "Its key, or the tag; empty when there are none."),
        _ARTIST,
        Column("title", TEXT, "The neighbour's title; empty for an artist."),
        Column("match", REAL, "0-1; for top tracks 1/rank."),
        Column("rank", COUNT, "1 is the nearest; 0 when there are none."),
        _FETCHED,
    ),
)

CANDIDATES = Table(
    "candidates",
    "one seed that brought one candidate",
    ("listener",),
    ("track_key", "route", "seed_key"),
    (
        _TRACK_KEY,
        Column(
            "route",
            TEXT,
            "`similar_track`, `similar_artist`, `tag`, `known_artist` or "
            "`background` (an unliked tag's track, a negative for training).",
        ),
        Column("seed_key", TEXT, "The track, artist or tag that brought it."),
        Column("strength", REAL, "Match times the seed's weight, 0-1."),
        Column("seen", DAY, "The night on which this seed last brought it."),
    ),
)

RECOMMENDATIONS = Table(
    "recommendations",
    "one considered track of one night",
    ("listener", "night"),
    ("intent", "track_key"),
    (
        Column("intent", TEXT, "Which of the listener's playlists."),
        _TRACK_KEY,
        _ARTIST,
        _TITLE,
        Column("p_like", REAL, "P(like) of the taste classifier, 0-1.", nullable=True),
        Column("consensus", REAL, "Weighted votes of the seeds, 0-1."),
        Column("tag_affinity", REAL, "Cosine to the listener's tag profile, 0-1."),
        Column("popularity", REAL, "Percentile among the candidates, 0-1."),
        Column("score", REAL, "The fused score, 0-1."),
        Column("rank", COUNT, "1 is the best of all that were considered."),
        Column("slot", TEXT, "`exploit` or `explore`; empty when not chosen."),
        Column(
            "propensity",
            REAL,
            "Probability with which it was drawn; null for `exploit`.",
            nullable=True,
        ),
        Column("position", COUNT, "Place in the playlist from 1, if chosen.", nullable=True),
        Column("why_not", TEXT, "Why it was not chosen, or `reserve`; empty if it was chosen."),
        Column("reason", TEXT, "Why it was chosen, as the listener reads it."),
        Column(
            "reason_kind",
            TEXT,
            "What the reason leads with: `similar_track`, `similar_artist`, `known_artist`, `tag`, "
            "`tags`, `sound`, `hours`, `memory`, `new` or `rank`; null where there is no reason.",
            nullable=True,
        ),
        Column("seeds", TEXTS, "The seeds that brought it, strongest first."),
        Column(
            "added",
            TEXTS,
            "What each signal added to the score, the most first, as `near_tracks 0.123`.",
            nullable=True,
        ),
    ),
)

PLAYLISTS = Table(
    "playlists",
    "one night's playlist: what was planned and what was written",
    ("listener",),
    ("night", "intent"),
    (
        Column("night", DAY, "The night."),
        Column("intent", TEXT, "Which of the listener's playlists."),
        Column("name", TEXT, "The playlist's name."),
        Column("playlist_id", TEXT, "Spotify's id; null while not created.", nullable=True),
        Column(
            "outcome",
            TEXT,
            "`creating`, `planned`, `written`, `verified`, `withdrawing`, `withdrawn`, "
            "`kept_yesterday` or `dry_run`.",
        ),
        Column("note", TEXT, "What happened, for a person to read."),
        Column("snapshot_before", TEXT, "Snapshot id before the write.", nullable=True),
        Column("snapshot_after", TEXT, "Snapshot id after the write.", nullable=True),
        Column("track_keys", TEXTS, "The list, in order."),
        Column("uris", TEXTS, "Their Spotify URIs, in order."),
        Column(
            "previous",
            TEXTS,
            "URIs that stood in the playlist before the first write, in order; empty for a row "
            "that Spotify had lost. Null when nothing was to be written.",
            nullable=True,
        ),
        Column(
            "leftovers",
            TEXTS,
            "URIs of picks that may stand there: earlier ones that were not removed yet or that "
            "Spotify does not show, and tonight's that it does not show.",
            nullable=True,
        ),
    ),
)

PROFILE = Table(
    "profile",
    "one figure about what the listener plays",
    ("listener",),
    ("kind", "period", "name"),
    (
        Column(
            "kind",
            TEXT,
            "`tag` (share of the plays), `clock` (share of the plays of the last year), `artist` "
            "(plays), `centre` (share of the taste) or `feature` (share of plays or of tracks).",
        ),
        Column(
            "period",
            TEXT,
            "A year, `last 90 days` or `the 90 days before`; for `feature` `you` or `catalog`; "
            "else empty.",
        ),
        Column(
            "name",
            TEXT,
            "The tag or artist; for `clock` weekday (0 is Monday) and hour, `6-09`; for `feature` "
            "its name and the lower end of a bin of 0.05, `energy:0.35`; for `centre` its tags.",
        ),
        Column("value", REAL, "The figure."),
        Column("n", pa.int64(), "How many plays or tracks it rests on."),
    ),
)

METRICS = Table(
    "metrics",
    "one figure about a model or a list",
    ("month",),
    ("night", "listener", "subject", "metric"),
    (
        Column("night", DAY, "The night on which it was measured."),
        Column("listener", TEXT, "Whose; empty for what all share."),
        Column("subject", TEXT, "The model or list that was measured."),
        Column("metric", TEXT, "Its name, such as `f1`, `auc`, `rmse_energy`."),
        Column("value", REAL, "The figure."),
        Column("low", REAL, "Lower end of its 95 % interval.", nullable=True),
        Column("high", REAL, "Upper end of its 95 % interval.", nullable=True),
        Column(
            "baseline",
            REAL,
            "The same figure for the baseline; of `taste_reliability`, what was said.",
            nullable=True,
        ),
        Column("n", pa.int64(), "How many rows it rests on.", nullable=True),
    ),
)

SET_ASIDE = Table(
    "set_aside",
    "one service that a night did without, because it refused the key, the account or the app",
    ("listener",),
    ("night", "service"),
    (
        Column("night", DAY, "The night; the next one asks the service again."),
        Column("service", TEXT, "`Last.fm`, `Spotify`, `ReccoBeats` or `AcousticBrainz`."),
        Column("reason", TEXT, "What it answered."),
        Column("remedy", TEXT, "What to do about it."),
        Column("at", MOMENT, "When it refused."),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            PLAYS,
            LIBRARY,
            FEEDBACK,
            TRACKS,
            TRACK_TAGS,
            ARTIST_TAGS,
            TAG_NAMES,
            AUDIO_FEATURES,
            SIMILAR,
            CANDIDATES,
            RECOMMENDATIONS,
            PLAYLISTS,
            PROFILE,
            METRICS,
            SET_ASIDE,
        )
    }
)
