"""What stands on the sandbox's music server: its playlists, and which protocol it speaks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

Json = dict[str, Any]


def subsonic_password(name: str) -> str:
    """Return the password of a listener's account."""
    return f"secret of {name}"


def subsonic_api_key(name: str) -> str:
    """Return the API key of a listener's account."""
    return f"key-of-{name}"


@dataclass(slots=True)
class SubsonicPlaylist:
    """A playlist on the server.

    Attributes:
        id: given in order of creation.
        owner: listener's name.
        name: title.
        comment: description, "" for none.
        public: whether the other accounts see it.
        songs: ids of the songs, in order.
        filled: whether a song was ever added.
        former: the playlist before the last write, for reads that lag behind; not saved.
        reads: how often it was read since; not saved.
    """

    id: str
    owner: str
    name: str
    comment: str = ""
    public: bool = False
    songs: list[str] = field(default_factory=list)
    filled: bool = False
    former: "SubsonicPlaylist | None" = None
    reads: int = 0

    def remember(self) -> None:
        """Keep the playlist as it is now, before a write."""
        self.former, self.reads = replace(self, songs=list(self.songs), former=None), 0


@dataclass(slots=True)
class SubsonicServer:
    """The music server at home.

    Attributes:
        open_subsonic: whether it speaks OpenSubsonic; if not, Subsonic 1.12.
        playlists: by id, in order of creation.
        created: number of playlists ever created.
    """

    open_subsonic: bool = True
    playlists: dict[str, SubsonicPlaylist] = field(default_factory=dict)
    created: int = 0

    def to_json(self) -> Json:
        """Return everything as JSON."""
        return {
            "open_subsonic": self.open_subsonic,
            "playlists": [
                asdict(replace(playlist, former=None, reads=0))
                for playlist in self.playlists.values()
            ],
            "created": self.created,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Restore what ``to_json`` returned."""
        playlists = [SubsonicPlaylist(**row) for row in kept["playlists"]]
        return cls(kept["open_subsonic"], {each.id: each for each in playlists}, kept["created"])
