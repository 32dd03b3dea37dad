"""The schemas of the tables about the nightly lists: what was chosen, written and corrected."""

import pyarrow as pa

from smallhours.lake.schema import (
    ARTIST_COLUMN,
    COUNT,
    DAY,
    MOMENT,
    REAL,
    TEXT,
    TEXTS,
    TITLE_COLUMN,
    TRACK_KEY_COLUMN,
    Column,
    Table,
)
from smallhours.vocabulary import PlaceName

RECOMMENDATIONS = Table(
    "recommendations",
    "one considered track of one night",
    ("listener", "night"),
    ("intent", "track_key"),
    (
        Column("intent", TEXT, "Which of the listener's playlists."),
        TRACK_KEY_COLUMN,
        ARTIST_COLUMN,
        TITLE_COLUMN,
        Column("p_like", REAL, "P(like) of the taste classifier, 0-1.", nullable=True),
        Column("consensus", REAL, "Weighted votes of the seeds, 0-1."),
        Column("tag_affinity", REAL, "Cosine to the listener's tag profile, 0-1."),
        Column("popularity", REAL, "Percentile among the candidates, 0-1."),
        Column("score", REAL, "The fused score, 0-1."),
        Column(
            "rank",
            COUNT,
            "1 is the best of all that could be chosen; null where that was excluded.",
            nullable=True,
        ),
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
    "one night's playlist at one place: what was planned and what was written",
    ("listener",),
    ("night", "intent", "place"),
    (
        Column("night", DAY, "The night."),
        Column("intent", TEXT, "Which of the listener's playlists."),
        # What was stored before there were places is Spotify's.
        Column(
            "place",
            TEXT,
            "Where it is: `spotify`, `listenbrainz`, `subsonic` or `files`.",
            absent=PlaceName.SPOTIFY,
        ),
        Column("name", TEXT, "The playlist's name."),
        Column("playlist_id", TEXT, "Its id at the place; null while not created.", nullable=True),
        Column(
            "outcome",
            TEXT,
            "`creating`, `planned`, `written`, `verified`, `withdrawing`, `withdrawn`, "
            "`kept_yesterday`, `not_written` or `dry_run`.",
        ),
        Column("note", TEXT, "What happened, for a person to read."),
        Column("snapshot_before", TEXT, "Snapshot id before the write.", nullable=True),
        Column("snapshot_after", TEXT, "Snapshot id after the write.", nullable=True),
        Column("track_keys", TEXTS, "The list, in order."),
        Column("uris", TEXTS, "What names them at the place, such as Spotify URIs, in order."),
        Column(
            "previous",
            TEXTS,
            "URIs that stood in the playlist before the first write, in order; empty for a row "
            "that the place had lost. Null when nothing was to be written.",
            nullable=True,
        ),
        Column(
            "leftovers",
            TEXTS,
            "URIs of picks that may stand there: earlier ones that were not removed yet or that "
            "the place does not show, and tonight's that it does not show.",
            nullable=True,
        ),
        Column(
            "as_of",
            MOMENT,
            "When the history ended from which the list was made: it was published after that.",
            nullable=True,
        ),
        Column(
            "covers",
            TEXTS,
            "Addresses of the tracks' covers at the place, in order, empty where unknown. Null "
            "until the list is verified. The pictures are never stored.",
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
            "and `track` (plays), `era` (share of the plays by decade of release), `centre` (share "
            "of the taste) or `feature` (share of plays or of tracks).",
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
        Column(
            "low",
            REAL,
            "Lower end of its 95 % interval; of `heard_out`, the least that was promised (90 %).",
            nullable=True,
        ),
        Column(
            "high",
            REAL,
            "Upper end of its 95 % interval; of `heard_out`, the most that was promised (90 %).",
            nullable=True,
        ),
        Column(
            "baseline",
            REAL,
            "The same figure for the baseline; of `taste_reliability`, what was said; of an "
            "`alarm`, what it was before.",
            nullable=True,
        ),
        Column("n", pa.int64(), "How many rows it rests on.", nullable=True),
    ),
)

SET_ASIDE = Table(
    "set_aside",
    "one service that a night did without: it refused the key, the account or the app, or was out "
    "of reach",
    ("listener",),
    ("night", "service"),
    (
        Column("night", DAY, "The night; the next one asks the service again."),
        Column("service", TEXT, "Its name, such as `Last.fm`."),
        Column("reason", TEXT, "What it answered."),
        Column("remedy", TEXT, "What to do about it."),
        Column("at", MOMENT, "When it refused."),
        Column(
            "access",
            TEXT,
            "A fingerprint of the address and the credentials that it refused: others are tried at "
            "once. Null when it was out of reach.",
            nullable=True,
        ),
    ),
)

DEFERRED_QUESTIONS = Table(
    "deferred_questions",
    "one question that a service failed to answer, and that is left alone for some nights",
    ("listener",),
    ("service", "question"),
    (
        Column("service", TEXT, "Its name, such as `Last.fm`."),
        Column("question", TEXT, "The question, in words."),
        Column("reason", TEXT, "What the service answered."),
        Column("failures", COUNT, "Nights in a row on which it was asked and failed."),
        Column("failed_on", DAY, "The last of them."),
        Column("ask_again", DAY, "The night from which on it is asked again."),
    ),
)

EDITS = Table(
    "edits",
    "one thing that the listener corrected",
    ("listener",),
    ("kind", "subject", "value"),
    (
        Column("kind", TEXT, "`block`, `more`, `less`, `not_mine` or `wrong_song`."),
        Column(
            "subject",
            TEXT,
            "`artist`, `track`, `tag` or `era`; of plays also `hours`, `dates` or `platform`.",
        ),
        Column("value", TEXT, "What identifies it; of a `wrong_song` the Spotify track id."),
        Column("name", TEXT, "The same, as a person reads it."),
        Column("at", MOMENT, "When it was said."),
    ),
)
