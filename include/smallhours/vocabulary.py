"""The vocabulary of the lake: enums of the texts that it stores and that all packages share.

A member is a string and equals its stored text: `Reaction.PLAYED == "played"`.
"""

from enum import StrEnum


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

    @property
    def accepted(self) -> bool:
        """Whether it shows that the pick was welcome. `kept` does not: perhaps nobody heard it."""
        return self in {Reaction.PLAYED, Reaction.SAVED, Reaction.THUMBS_UP}

    @property
    def rejected(self) -> bool:
        """Whether the listener acted against the track, so that it is not picked again."""
        return self in {Reaction.REMOVED, Reaction.THUMBS_DOWN, Reaction.BLOCKED}


class Outcome(StrEnum):
    """What became of a list by the ledger; `playlist.publish.ledger` explains each."""

    CREATING = "creating"
    PLANNED = "planned"
    WRITTEN = "written"
    VERIFIED = "verified"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    KEPT_YESTERDAY = "kept_yesterday"
    DRY_RUN = "dry_run"


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
    DISLIKED = "disliked"


class Slot(StrEnum):
    """How a track of a list was chosen: by its score, or by a draw from below the cut."""

    EXPLOIT = "exploit"
    EXPLORE = "explore"


class Provenance(StrEnum):
    """Where the value of an audio feature comes from, the most believed source first.

    Spotify defined these figures. ReccoBeats has figures of the same kind for the same recording,
    by its id. A data set has them, too, but is joined by names. AcousticBrainz knows the recording,
    but its classifiers are others and noisy: it fills gaps. Our own predictions are no
    measurements and come last.
    """

    SPOTIFY = "spotify"
    RECCOBEATS = "reccobeats"
    DATASET = "dataset"
    ACOUSTICBRAINZ = "acousticbrainz"
    PREDICTED = "predicted"


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


ACCEPTED = tuple(reaction for reaction in Reaction if reaction.accepted)
REJECTED = tuple(reaction for reaction in Reaction if reaction.rejected)
# The listener saw such a list.
SHOWN = (Outcome.WRITTEN, Outcome.VERIFIED)
# Given by an act of the listener; `top` is what Spotify counts.
POSITIVE_SIGNALS = (Signal.SAVED, Signal.LOVED)
