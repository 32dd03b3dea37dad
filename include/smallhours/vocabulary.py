"""The vocabulary of the lake: enums of the texts that it stores and that all packages share.

A member is a string and equals its stored text: `Reaction.PLAYED == "played"`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Reaction(StrEnum):
    """A listener's reaction to a pick, as `feedback` stores it."""

    KEPT = "kept"
    PLAYED = "played"
    SAVED = "saved"
    REMOVED = "removed"
    SKIPPED = "skipped"
    PASSED = "passed"  # not played, between two picks that were
    UNPLAYED = "unplayed"
    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"
    BLOCKED = "blocked"
    ARTIST_BLOCKED = "artist_blocked"
    NOT_NOW = "not_now"
    TOO_OFTEN = "too_often"
    WRONG_SONG = "wrong_song"

    @property
    def accepted(self) -> bool:
        """Whether it shows that the pick was welcome. `kept` does not: perhaps nobody heard it."""
        return self in {Reaction.PLAYED, Reaction.SAVED, Reaction.THUMBS_UP}

    @property
    def rejected(self) -> bool:
        """Whether the listener acted against the track, so that it is not picked again."""
        return self in {
            *(Reaction.REMOVED, Reaction.THUMBS_DOWN),
            *(Reaction.BLOCKED, Reaction.ARTIST_BLOCKED),
        }

    @property
    def neutral(self) -> bool:
        """Whether it says that nothing else about this pick counts for or against its track."""
        return self in {Reaction.NOT_NOW, Reaction.TOO_OFTEN, Reaction.WRONG_SONG}


class EditKind(StrEnum):
    """What a listener wants done with something, as `edits` stores it."""

    BLOCK = "block"
    MORE = "more"
    LESS = "less"
    NOT_MINE = "not_mine"
    WRONG_SONG = "wrong_song"


class EditSubject(StrEnum):
    """What an edit is about."""

    ARTIST = "artist"
    TRACK = "track"
    TAG = "tag"
    ERA = "era"
    HOURS = "hours"
    DATES = "dates"
    PLATFORM = "platform"


class Outcome(StrEnum):
    """What became of a list by the ledger; `playlist.publish.ledger` explains each."""

    CREATING = "creating"
    PLANNED = "planned"
    WRITTEN = "written"
    VERIFIED = "verified"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    KEPT_YESTERDAY = "kept_yesterday"
    NOT_WRITTEN = "not_written"
    DRY_RUN = "dry_run"

    @property
    def in_words(self) -> str:
        """What a listener reads of it."""
        words = {
            self.VERIFIED: "written and checked",
            self.KEPT_YESTERDAY: "left as it was the night before",
            self.DRY_RUN: "tried out, nothing written",
        }
        return words.get(self, self.replace("_", " "))


class Route(StrEnum):
    """How a track became a candidate; the kind of a reason that names such seeds, too."""

    SIMILAR_TRACK = "similar_track"
    TWO_STEPS = "two_steps"  # similar to a track that is similar to one of the listener's
    SIMILAR_ARTIST = "similar_artist"
    KNOWN_ARTIST = "known_artist"
    TAG = "tag"
    BACKGROUND = "background"  # a negative for training, never recommended


class Signal(StrEnum):
    """A standing sign of liking or disliking, as `library` stores it."""

    TOP = "top"
    SAVED = "saved"
    LOVED = "loved"
    NAMED = "named"  # best known of an artist that the listener named
    DISLIKED = "disliked"


class Slot(StrEnum):
    """How a track of a list was chosen: by its score, or by a draw from below the cut."""

    EXPLOIT = "exploit"
    EXPLORE = "explore"


class Provenance(StrEnum):
    """Where the value of an audio feature comes from, the most believed source first.

    Spotify defined these figures. ReccoBeats has figures of the same kind for the same recording,
    by its id. A data set has them, too, but is joined by names. AcousticBrainz knows the recording,
    but its classifiers are others and noisy: it fills gaps. MusicBrainz and Last.fm tell lengths
    alone. Our own predictions are no measurements and come last.
    """

    SPOTIFY = "spotify"
    RECCOBEATS = "reccobeats"
    DATASET = "dataset"
    ACOUSTICBRAINZ = "acousticbrainz"
    MUSICBRAINZ = "musicbrainz"
    LASTFM = "lastfm"
    PREDICTED = "predicted"


# They tell nothing but lengths, which anybody may learn from.
LENGTH_SOURCES = (Provenance.MUSICBRAINZ, Provenance.LASTFM)


class PlaceName(StrEnum):
    """A place for a list, as the settings and `playlists` name it."""

    SPOTIFY = "spotify"
    LISTENBRAINZ = "listenbrainz"
    SUBSONIC = "subsonic"
    FILES = "files"


class CatalogSource(StrEnum):
    """Who told a tag or a neighbour."""

    LASTFM = "lastfm"
    LISTENBRAINZ = "listenbrainz"
    MUSICBRAINZ = "musicbrainz"
    DATASET = "dataset"


# What stands on the buttons, and afterwards on every page, by the reaction that is stored.
BUTTONS: Mapping[Reaction, str] = MappingProxyType(
    {
        Reaction.THUMBS_UP: "More like this",
        Reaction.THUMBS_DOWN: "Less like this",
        Reaction.NOT_NOW: "Not now",
        Reaction.TOO_OFTEN: "Heard too often",
        Reaction.BLOCKED: "Never this track",
        Reaction.ARTIST_BLOCKED: "Never this artist",
        Reaction.WRONG_SONG: "Wrong song",
    }
)


def words_of(reaction: Reaction) -> str:
    """Return a reaction as the pages say it."""
    return BUTTONS.get(reaction, reaction.replace("_", " "))


ACCEPTED = tuple(reaction for reaction in Reaction if reaction.accepted)
# Nothing was written: an earlier list stays, or there is none.
UNWRITTEN = (Outcome.KEPT_YESTERDAY, Outcome.NOT_WRITTEN)
NEUTRAL = tuple(reaction for reaction in Reaction if reaction.neutral)
REJECTED = tuple(reaction for reaction in Reaction if reaction.rejected)
# The listener saw such a list.
SHOWN = (Outcome.WRITTEN, Outcome.VERIFIED)
# What the listener has seen, or may have.
EVER_SHOWN = (*SHOWN, Outcome.PLANNED, Outcome.WITHDRAWING, Outcome.WITHDRAWN)
# Given by an act of the listener; `top` is what Spotify counts.
POSITIVE_SIGNALS = (Signal.SAVED, Signal.LOVED)
