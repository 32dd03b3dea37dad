"""What every service tells of a playlist: its details, and its rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaylistDetails:
    """A playlist without its rows.

    Attributes:
        id: Names it at its place.
        name: As the listener sees it.
        description: Free text; it holds our marker.
        owner_id: Whose it is.
        public: Whether others see it; None when the place does not say.
        snapshot_id: Its version: another after each change of the rows.
        total: How many rows it has; None when the place does not say.
    """

    id: str
    name: str
    description: str
    owner_id: str
    public: bool | None
    snapshot_id: str
    total: int | None


@dataclass(frozen=True, slots=True)
class PlaylistRow:
    """One row of a playlist.

    Attributes:
        uri: What it is; None when the place has lost it.
        artist: Empty when the place does not say.
        title: Empty when the place does not say.
        cover: Address of its album's cover; empty when the place does not say.
    """

    uri: str | None
    artist: str = ""
    title: str = ""
    cover: str = ""
