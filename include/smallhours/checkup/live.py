"""The live check: one small, harmless question of every kind that a night asks.

The replies' shapes are compared with those that are known, and written to a file without any
content, to be attached to a report. For writing there is a private playlist of the check's own,
which is removed at the end, whatever happens.
"""

import datetime as dt
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from smallhours import __version__
from smallhours.checkup import Finding, bad, good, note
from smallhours.checkup.live_listenbrainz import ask_listenbrainz, ask_musicbrainz
from smallhours.checkup.shapes import Shape, differences, serious_ones
from smallhours.errors import (
    NeedsLogin,
    QuotaExceeded,
    ServiceError,
    SmallhoursError,
    SourceRefused,
)
from smallhours.run_context import (
    CredentialStore,
    lastfm_client,
    listenbrainz_client,
    spotify_client,
)
from smallhours.services.spotify_login import COVER_SCOPE
from smallhours.settings import Settings

if TYPE_CHECKING:
    from smallhours.services.spotify import SpotifyClient
    from smallhours.services.transport import Client

T = TypeVar("T")
ClientT = TypeVar("ClientT", bound="Client")
REPORT_FORMAT: Final = 1
KNOWN_FILE: Final = "known_shapes.json"
PLAYLIST_NAME: Final = "Smallhours check"
PLAYLIST_DESCRIPTION: Final = "Made by `smallhours doctor --live`, which removes it at its end."
ROWS: Final = 5
MAX_QUERY: Final = 100
COVER_SIDE: Final = 64
MAX_SCROBBLES: Final = 50
SHOWN_DIFFERENCES: Final = 3
# Whoever is answered so gets no other answer either.
FINAL: Final = (NeedsLogin, QuotaExceeded, SourceRefused)
_REPORT: Final = "Attach the file with the shapes to a report; it has no names, ids or secrets."
# Words that every catalogue knows, for a listener without any play.
_ANY_ARTIST, _ANY_TITLE, _ANY_TAG = "Radiohead", "Karma Police", "rock"


@dataclass
class Replies:
    """The replies of one service, as shapes.

    Attributes:
        service: Who replied.
        known: The shapes that are known, by service and question; None while they are collected.
        shapes: Those that were seen, by service and question, an error's with its HTTP status.
        failures: The errors that questions ended with.
    """

    service: str
    known: Mapping[str, Shape] | None
    shapes: dict[str, Shape]
    failures: list[ServiceError] = field(default_factory=list)

    def note(self, question: str, status: int, body: bytes) -> None:
        """Note the shape of a reply."""
        name = f"{self.service} {question}" + (f" ({status})" if status >= 400 else "")
        known = None if self.known is None else self.known.get(name, Shape())
        self.shapes.setdefault(name, Shape()).add(body, known=known)

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer to a question, or None if it fails or an earlier one ended it all."""
        if any(isinstance(error, FINAL) for error in self.failures):
            return None
        try:
            return question()
        except ServiceError as error:
            self.failures.append(error)
            return None

    def differences(self) -> dict[str, list[str]]:
        """Return what differs from what is known, by question."""
        known = self.known or {}
        found = {
            name: differences(known[name], shape) if name in known else ["new: the reply"]
            for name, shape in sorted(self.shapes.items())
            if name.startswith(self.service)
        }
        return {name: lines for name, lines in found.items() if lines}

    def findings(self) -> list[Finding]:
        """Return what to say about the service's replies."""
        subject = f"live: {self.service}"
        differing = self.differences()
        serious = {name: told for name, lines in differing.items() if (told := serious_ones(lines))}
        found = [bad(subject, error.what, error.remedy) for error in self.failures]
        answered = sum(name.startswith(self.service) for name in self.shapes)
        more = len(differing) - len(serious)
        harmless = f"; {more} have members that are new to us, which does no harm" if more else ""
        found.append(good(subject, f"{answered} kinds of question were answered{harmless}"))
        for name, lines in serious.items():
            rest = len(lines) - SHOWN_DIFFERENCES
            shown = "; ".join(lines[:SHOWN_DIFFERENCES]) + (
                f"; and {rest} more" if rest > 0 else ""
            )
            question = name.removeprefix(f"{self.service} ")
            found.append(note(subject, f"{question} differs from what is known: {shown}", _REPORT))
        return found


@dataclass
class LiveCheck:
    """One live check of a listener's services.

    Args:
        listener: Whose services.
        settings: The settings.
        secrets: Source of the credentials.
        now: The time, which is in the playlist's name.
        say: Told at once of a playlist that is left behind.
        known: The shapes that are known; None to collect them, from the sandbox.
    """

    listener: str
    settings: Settings
    secrets: CredentialStore
    now: dt.datetime
    say: Callable[[str], None]
    known: Mapping[str, Shape] | None
    shapes: dict[str, Shape] = field(default_factory=dict)
    replies: list[Replies] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)

    def ask_all(self) -> None:
        """Ask each connected service; what fails becomes a finding."""
        from smallhours.services.audio_features import AcousticbrainzClient, ReccobeatsClient

        services = self.settings.services
        with self._open:
            artist, title, mbid = self._lastfm()
            known = self._metabrainz()
            mbid = mbid or known
            track_id = self._spotify(artist, title)
            if services.reccobeats.enabled and track_id:
                beats = self._open.enter_context(ReccobeatsClient(settings=services.reccobeats))
                self._observe(beats).ask(lambda: beats.audio_features([track_id]))
            if services.acousticbrainz.enabled and mbid:
                contact = self.settings.contact(self.listener)
                archive = self._open.enter_context(
                    AcousticbrainzClient(settings=services.acousticbrainz, contact=contact)
                )
                self._observe(archive).ask(lambda: archive.audio_features([mbid]))

    def report(self) -> dict[str, Any]:
        """Return the shapes of all replies, for a file."""
        return {
            "format": REPORT_FORMAT,
            "smallhours": __version__,
            "replies": {name: shape.to_json() for name, shape in sorted(self.shapes.items())},
            "differences": {
                name: lines for each in self.replies for name, lines in each.differences().items()
            },
            "failures": {
                each.service: [type(error).__name__ for error in each.failures]
                for each in self.replies
            },
        }

    def _observe(self, client: "Client") -> Replies:
        replies = Replies(client.service, self.known, self.shapes)
        client.observe(replies.note)
        self.replies.append(replies)
        return replies

    def _connect(self, name: str, client: Callable[[], ClientT]) -> ClientT | None:
        try:
            connected = client()
        except SmallhoursError as error:
            self.findings.append(bad(f"live: {name}", error.what, error.remedy))
            return None
        self._open.callback(connected.close)
        return connected

    def _metabrainz(self) -> str | None:
        """Ask ListenBrainz and MusicBrainz; return perhaps a recording of the listener's."""
        services, contact = self.settings.services, self.settings.contact(self.listener)
        if not (services.listenbrainz.enabled and contact):
            return None
        client = self._connect(
            "ListenBrainz", lambda: listenbrainz_client(self.listener, self.settings, self.secrets)
        )
        if client is None:
            return None
        user = self.settings.listener(self.listener).listenbrainz
        mbid = ask_listenbrainz(client, user, self._observe(client).ask)
        if mbid and services.musicbrainz.enabled:
            from smallhours.services.musicbrainz import MusicBrainzClient

            musicbrainz = self._open.enter_context(
                MusicBrainzClient(settings=services.musicbrainz, contact=contact)
            )
            ask_musicbrainz(musicbrainz, mbid, self._observe(musicbrainz).ask)
        return mbid

    def _lastfm(self) -> tuple[str, str, str | None]:
        """Ask Last.fm; return an artist, a title and perhaps an MBID of the listener's."""
        artist, title, mbid = _ANY_ARTIST, _ANY_TITLE, None
        if not self.settings.listener(self.listener).lastfm:
            return artist, title, mbid
        lastfm = self._connect(
            "Last.fm", lambda: lastfm_client(self.listener, self.settings, self.secrets)
        )
        if lastfm is None:
            return artist, title, mbid
        user = self.settings.listener(self.listener).lastfm
        replies = self._observe(lastfm)
        replies.ask(lambda: lastfm.user_info(user))
        page = replies.ask(lambda: lastfm.recent_tracks(user, limit=MAX_SCROBBLES))
        for scrobble in page.scrobbles if page else ():
            if mbid is None:
                artist, title, mbid = scrobble.artist, scrobble.title, scrobble.track_mbid
        replies.ask(lambda: lastfm.loved_tracks(user))
        replies.ask(lambda: lastfm.track_tags(artist, title))
        tagged = replies.ask(lambda: lastfm.artist_tags(artist))
        tag = tagged.tags[0].name if tagged and tagged.tags else _ANY_TAG
        questions: Sequence[Callable[[], object]] = (
            lambda: lastfm.similar_tracks(artist, title, ROWS),
            lambda: lastfm.similar_artists(artist, ROWS),
            lambda: lastfm.artist_top_tracks(artist, ROWS),
            lambda: lastfm.tag_top_tracks(tag, ROWS),
            lambda: lastfm.top_tags(ROWS),
        )
        for question in questions:
            replies.ask(question)
        return artist, title, mbid

    def _spotify(self, artist: str, title: str) -> str | None:
        """Ask Spotify, and write to it; return the id of a track."""
        if not self.settings.listener(self.listener).spotify:
            return None
        spotify = self._connect(
            "Spotify", lambda: spotify_client(self.listener, self.settings, self.secrets)
        )
        if spotify is None:
            return None
        replies = self._observe(spotify)
        me = replies.ask(spotify.me)
        top = replies.ask(lambda: list(islice(spotify.top_tracks("short_term"), 1)))
        saved = replies.ask(lambda: list(islice(spotify.saved_tracks(), 1)))
        recent = replies.ask(spotify.recently_played)
        query = f"{artist} {title}"[:MAX_QUERY]
        found = replies.ask(lambda: spotify.search_tracks(query))
        replies.ask(lambda: list(islice(spotify.playlists(), 1)))
        some = [*(found or ()), *(top or ())]
        some += [each.track for each in (*(saved or ()), *(recent or ()))]
        ids = list(dict.fromkeys(each.id for each in some if each.id))
        if ids:
            replies.ask(lambda: spotify.track(ids[0]))
        if self.settings.services.spotify.legacy_features:
            replies.ask(lambda: spotify.audio_features(ids[:1]))
        if me is not None:
            self._write(spotify, replies, me.id, [f"spotify:track:{each}" for each in ids[:3]])
        return ids[0] if ids else None

    def _write(
        self, spotify: "SpotifyClient", replies: Replies, me: str, uris: Sequence[str]
    ) -> None:
        """Make a private playlist, fill, read, change and empty it, and remove it."""
        with self._own_playlist(spotify, replies, me) as key:
            if key is None:
                return
            if uris:
                replies.ask(lambda: spotify.add_items(key, uris))
            rows = replies.ask(lambda: spotify.playlist_items(key)) or []
            seen = replies.ask(lambda: spotify.playlist(key))
            snapshot = seen.snapshot_id if seen else None
            if snapshot and len(rows) > 1:
                moved = snapshot
                snapshot = replies.ask(lambda: spotify.move_items(key, 1, 1, 0, moved)) or moved
            replies.ask(lambda: spotify.change_details(key, description=PLAYLIST_DESCRIPTION))
            if COVER_SCOPE in self.secrets.spotify(self.listener).scopes:
                replies.ask(lambda: spotify.upload_cover(key, _plain_cover()))
            if snapshot and rows:
                last = snapshot
                replies.ask(lambda: spotify.remove_items(key, uris, last))
            replies.ask(lambda: spotify.playlist_items(key))

    @contextmanager
    def _own_playlist(
        self, spotify: "SpotifyClient", replies: Replies, me: str
    ) -> Iterator[str | None]:
        """Yield the id of a new private playlist, and remove it at the end, or name it."""
        name = f"{PLAYLIST_NAME} {self.now:%Y-%m-%d %H:%M:%S}"
        left = f"The playlist {name!r} may be left in Spotify: remove it there."
        made = None
        try:
            made = replies.ask(lambda: spotify.create_playlist(name, PLAYLIST_DESCRIPTION))
            yield made.id if made else None
        finally:
            try:
                # After a lost reply it may be there all the same.
                for key in [made.id] if made else _named(spotify, name, me):
                    spotify.delete_playlist(key)
            except ServiceError as error:
                self.findings.append(bad("live: Spotify", f"{left} {error.what}", error.remedy))
            except BaseException:
                self.say(left)
                raise


def _plain_cover() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (COVER_SIDE, COVER_SIDE)).save(buffer, "JPEG")
    return buffer.getvalue()


def _named(spotify: "SpotifyClient", name: str, owner: str) -> list[str]:
    return [each.id for each in spotify.playlists() if (each.name, each.owner_id) == (name, owner)]


def known_shapes() -> dict[str, Shape]:
    """Return the shapes that are known, by service and question."""
    text = files("smallhours.checkup").joinpath(KNOWN_FILE).read_text(encoding="utf-8")
    return shapes_of(json.loads(text))


def shapes_of(report: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the shapes of a report, by service and question."""
    return {name: Shape.from_json(stored) for name, stored in report["replies"].items()}


def check_live(
    listener: str,
    settings: Settings,
    secrets: CredentialStore,
    *,
    now: dt.datetime,
    report: Path,
    say: Callable[[str], None],
) -> list[Finding]:
    """Ask every connected service, and write the shapes of the replies to a file.

    Args:
        listener: Whose services.
        settings: The settings.
        secrets: Source of the credentials.
        now: The current time.
        report: The file, written also if the check is interrupted.
        say: Told at once of a playlist that could not be removed.
    """
    check = LiveCheck(listener, settings, secrets, now, say, known_shapes())
    try:
        check.ask_all()
    finally:
        written = _write_report(report, check.report())
    told = [line for each in check.replies for line in each.findings()]
    return [*check.findings, *told, written]


def _write_report(path: Path, report: dict[str, Any]) -> Finding:
    try:
        path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        return bad(
            "live: report",
            f"{path} can't be written ({error.strerror}).",
            "Name another file with --report.",
        )
    return good("live: report", f"the shapes of {len(report['replies'])} replies are in {path}")
