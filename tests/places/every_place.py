"""Each place over the sandbox or a folder, with what the listener does there by hand."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from smallhours.places.files import FilesPlace
from smallhours.places.list_files import FORMATS
from smallhours.places.listenbrainz import RECORDING, ListenBrainzPlace
from smallhours.places.place import Place
from smallhours.places.spotify import SpotifyPlace
from smallhours.places.subsonic import SubsonicPlace
from smallhours.service_settings import ListenbrainzSettings, SpotifySettings, SubsonicSettings
from smallhours.services.credentials import SpotifyCredentials, SubsonicCredentials
from smallhours.services.listenbrainz import ListenBrainzClient
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours.services.subsonic import SubsonicClient
from smallhours_sandbox.listenbrainz_state import ListenBrainzPlaylist, listenbrainz_token
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import FAST
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxPlaylist, SandboxPlaylistItem
from smallhours_sandbox.subsonic_api import song_id
from smallhours_sandbox.subsonic_state import SubsonicPlaylist, subsonic_password

OWNER = "ada"
KINDS = ("spotify", "listenbrainz", "subsonic", "subsonic 1.12", "m3u8", "jspf")


@dataclass
class HandledPlace(ABC):
    """A place and what stands in our newest playlist there.

    Attributes:
        sandbox: The services.
        folder: For files.
        timeout_s: How long an answer may take.
        rate_limit: Of the clients; may end the process.
    """

    sandbox: SandboxServer
    folder: Path
    timeout_s: float = 10.0

    @abstractmethod
    def open(self, rate_limit: TokenBucket | None = None) -> Place:
        """Return the place, with a client of its own."""

    @abstractmethod
    def rows(self) -> list[str]:
        """Return the URIs in our newest playlist."""

    @abstractmethod
    def write(self, rows: list[str]) -> None:
        """Make these the rows of our newest playlist, as the listener does it by hand."""

    @abstractmethod
    def uri(self, track: int) -> str:
        """Return the URI of a track of the world."""

    def put(self, uri: str, position: int | None = None) -> None:
        """Add a row by hand; None is at the end."""
        rows = self.rows()
        rows.insert(len(rows) if position is None else position, uri)
        self.write(rows)

    def take(self, uri: str) -> None:
        """Take a track out by hand."""
        self.write([row for row in self.rows() if row != uri])


def limit() -> TokenBucket:
    return TokenBucket(FAST, burst=1_000)


class AtSpotify(HandledPlace):
    """Spotify."""

    def open(self, rate_limit: TokenBucket | None = None) -> Place:
        return SpotifyPlace(
            SpotifyClient(
                SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{OWNER}"),
                settings=SpotifySettings(
                    api_url=f"{self.sandbox.url}/v1/",
                    accounts_url=f"{self.sandbox.url}/",
                    timeout_s=self.timeout_s,
                ),
                rate_limit=rate_limit or limit(),
                retry_policy=RetryPolicy(initial_wait_s=0.01, max_wait_s=0.02),
            )
        )

    def ours(self) -> SandboxPlaylist:
        made = [each for each in self.sandbox.state.playlists.values() if each.by_app]
        return made[-1]

    def rows(self) -> list[str]:
        return [item.uri for item in self.ours().items]

    def write(self, rows: list[str]) -> None:
        ids = {self.uri(n): n for n in range(self.sandbox.state.world.n_tracks)}
        self.ours().items = [SandboxPlaylistItem(ids.get(uri), uri, 0.0, OWNER) for uri in rows]
        self.ours().touch()

    def uri(self, track: int) -> str:
        return f"spotify:track:{self.sandbox.state.world.track_spotify_id[track]}"


class AtListenBrainz(HandledPlace):
    """ListenBrainz."""

    def open(self, rate_limit: TokenBucket | None = None) -> Place:
        policy = RetryPolicy(initial_wait_s=0.01, max_wait_s=0.02)
        client = ListenBrainzClient(
            listenbrainz_token(OWNER),
            settings=ListenbrainzSettings(
                api_url=f"{self.sandbox.url}/listenbrainz/",
                labs_url=f"{self.sandbox.url}/labs/",
                timeout_s=self.timeout_s,
            ),
            contact="https://example.org/ada",
            rate_limit=rate_limit or limit(),
            retry_policy=policy,
        )
        covers_url = f"{self.sandbox.url}/coverart/"
        return ListenBrainzPlace(client, OWNER, policy, covers_url=covers_url)

    def ours(self) -> ListenBrainzPlaylist:
        return list(self.sandbox.state.listenbrainz.playlists.values())[-1]

    def rows(self) -> list[str]:
        return [f"{RECORDING}{row['recording_mbid']}" for row in self.ours().rows]

    def write(self, rows: list[str]) -> None:
        self.ours().rows = [
            {
                "recording_mbid": uri.removeprefix(RECORDING),
                "track": None,
                "added_by": OWNER,
                "added_at": 0.0,
            }
            for uri in rows
        ]

    def uri(self, track: int) -> str:
        return f"{RECORDING}{self.sandbox.state.world.track_mbid[track]}"


@dataclass
class AtSubsonic(HandledPlace):
    """The music server.

    Attributes:
        open_subsonic: Which of the protocols.
    """

    open_subsonic: bool = True

    def open(self, rate_limit: TokenBucket | None = None) -> Place:
        self.sandbox.state.subsonic.open_subsonic = self.open_subsonic
        return SubsonicPlace(
            SubsonicClient(
                SubsonicCredentials(self.sandbox.subsonic_url, OWNER, subsonic_password(OWNER)),
                settings=SubsonicSettings(timeout_s=self.timeout_s),
                rate_limit=rate_limit or limit(),
                retry_policy=RetryPolicy(initial_wait_s=0.01, max_wait_s=0.02),
            )
        )

    def ours(self) -> SubsonicPlaylist:
        return list(self.sandbox.state.subsonic.playlists.values())[-1]

    def rows(self) -> list[str]:
        return list(self.ours().songs)

    def write(self, rows: list[str]) -> None:
        self.ours().songs = rows

    def uri(self, track: int) -> str:
        return song_id(track)


@dataclass
class InFiles(HandledPlace):
    """A folder.

    Attributes:
        ending: Of the file that is read back.
    """

    ending: str = "m3u8"

    def open(self, rate_limit: TokenBucket | None = None) -> Place:
        del rate_limit
        other = "jspf" if self.ending == "m3u8" else "m3u8"
        return FilesPlace(self.folder, (self.ending, other))

    def path(self) -> Path:
        return max(self.folder.glob(f"*.{self.ending}"))

    def rows(self) -> list[str]:
        content = FORMATS[self.ending].read(self.path().read_text(encoding="utf-8"))
        return [row.uri for row in content.rows]

    def write(self, rows: list[str]) -> None:
        place = FilesPlace(self.folder, (self.ending,))
        stem, now = self.path().stem, self.rows()
        place.remove(stem, now)
        place.add(stem, rows, 0)

    def uri(self, track: int) -> str:
        world = self.sandbox.state.world
        return f"{world.artist_name[world.track_artist[track]]} - {world.track_title[track]}"


def place_at(kind: str, sandbox: SandboxServer, folder: Path) -> HandledPlace:
    """Return one of KINDS."""
    match kind:
        case "spotify":
            return AtSpotify(sandbox, folder)
        case "listenbrainz":
            return AtListenBrainz(sandbox, folder)
        case "subsonic":
            return AtSubsonic(sandbox, folder)
        case "subsonic 1.12":
            return AtSubsonic(sandbox, folder, open_subsonic=False)
        case _:
            return InFiles(sandbox, folder, ending=kind)
