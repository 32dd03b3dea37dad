"""What listeners have written at ListenBrainz: listens, deletions, feedback and playlists."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

Json = dict[str, Any]


def listenbrainz_token(name: str) -> str:
    """Return the user token of a listener."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"listenbrainz token of {name}"))


@dataclass(slots=True)
class WrittenFeedback:
    """Feedback of a listener to one recording.

    Attributes:
        score: 1 for love, -1 for hate, 0 for neither any more.
        created: unix seconds.
    """

    score: int
    created: int


@dataclass(slots=True)
class ListenBrainzPlaylist:
    """A playlist at ListenBrainz.

    Attributes:
        id: MusicBrainz id.
        owner: listener's name.
        title: title.
        annotation: description, "" for none.
        public: whether others see it.
        collaborators: names of those who may edit it, too.
        created: unix seconds.
        modified: unix seconds of the last change.
        additional: the owner's or a program's own data.
        rows: the tracks in order: recording_mbid, track (index in the world, or None), added_by,
            added_at.
        former: the playlist before the last write, if there was one; not saved.
        reads: how often it was read since that write; not saved.
    """

    id: str
    owner: str
    title: str
    annotation: str
    public: bool
    collaborators: list[str]
    created: float
    modified: float
    additional: Json = field(default_factory=dict)
    rows: list[Json] = field(default_factory=list)
    former: "ListenBrainzPlaylist | None" = None
    reads: int = 0

    def remove(self, track: int, *, at: float) -> int:
        """Remove a track, as its owner does on the site; return how many rows it had."""
        left = [row for row in self.rows if row["track"] != track]
        removed = len(self.rows) - len(left)
        self.rows, self.modified = left, at
        return removed


@dataclass(slots=True)
class ListenBrainzAccounts:
    """Everything that was written at ListenBrainz.

    Attributes:
        submitted: by listener, listens as they are shown, in order of arrival.
        deleted: by (listener, time, MSID), when a deleted listen vanishes.
        feedback: by listener, then by recording MBID or MSID.
        playlists: by id, in order of creation.
        created: number of playlists ever created.
        revision: counts the changes of listens.
    """

    submitted: dict[str, list[Json]] = field(default_factory=dict)
    deleted: dict[tuple[str, int, str], float] = field(default_factory=dict)
    feedback: dict[str, dict[str, WrittenFeedback]] = field(default_factory=dict)
    playlists: dict[str, ListenBrainzPlaylist] = field(default_factory=dict)
    created: int = 0
    revision: int = 0

    def to_json(self) -> Json:
        """Return everything as JSON."""
        return {
            "submitted": self.submitted,
            "deleted": [[*key, at] for key, at in self.deleted.items()],
            "feedback": {
                name: {key: asdict(given) for key, given in rows.items()}
                for name, rows in self.feedback.items()
            },
            "playlists": [
                asdict(replace(each, former=None, reads=0)) for each in self.playlists.values()
            ],
            "created": self.created,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Restore what ``to_json`` returned."""
        playlists = [ListenBrainzPlaylist(**row) for row in kept["playlists"]]
        return cls(
            submitted={name: list(rows) for name, rows in kept["submitted"].items()},
            deleted={(name, int(at), msid): gone for name, at, msid, gone in kept["deleted"]},
            feedback={
                name: {key: WrittenFeedback(**given) for key, given in rows.items()}
                for name, rows in kept["feedback"].items()
            },
            playlists={playlist.id: playlist for playlist in playlists},
            created=kept["created"],
        )
