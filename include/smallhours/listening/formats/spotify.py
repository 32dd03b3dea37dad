"""Reader of Spotify's export of a streaming history: its files, and their rows.

Spotify sends two kinds on request (https://support.spotify.com/article/understanding-my-data):

- the *extended streaming history*: every stream of the account's life, in files named
  `Streaming_History_Audio_2019-2020_3.json` (`endsong_3.json` until 2023), with how long each was
  heard and why it started and ended;
- the *account data*: the last year only, in `StreamingHistory_music_0.json` (formerly
  `StreamingHistory0.json`), with the minute of its end and how long it was heard.

Both come in a zip; the zip, the folder it was unpacked to and single files are all read, without
ever holding a whole file. A file is an array of objects: who listened, where and on what device
is in them too, and never leaves this module.
"""

import codecs
import contextlib
import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Any

from smallhours.errors import SettingsError
from smallhours.identity import is_named
from smallhours.listening.formats.json_array import MalformedArray, iter_elements

_BLOCK = 1 << 16
# So many rows without a single one that can be used are of a format that we don't know.
_MANY_ROWS = 10
_MAX_MS = 2**31 - 1  # 24 days: what the lake's column holds
_FOUNDED = dt.datetime(2006, 1, 1, tzinfo=dt.UTC)
# As seconds this is the year 5138, as milliseconds 1973.
_FIRST_MILLISECONDS = 10**11
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)
_HOWEVER = "Everything from the files before it is kept, and importing them again adds nothing."
_REQUEST = (
    "Ask Spotify for your extended streaming history at https://www.spotify.com/account/privacy "
    "and give the zip that it sends."
)


class ExclusionReason(StrEnum):
    """The reason for which a row is not a play of music."""

    PRIVATE = "private_sessions"
    PODCAST = "podcasts"
    AUDIOBOOK = "audiobooks"
    VIDEO = "videos"
    UNUSABLE = "unusable_rows"


@dataclass(frozen=True, slots=True)
class Stream:
    """One track that was streamed, as Spotify noted it.

    Attributes:
        ended_at: When the stream ended, UTC; in the account data rounded down to the minute.
        ms_played: For how long it was heard, pauses not counted.
        artist: The album's artist.
        title: The track's title.
        album: The album's title; extended history only, like all that follows.
        spotify_id: The track's id, 22 characters; None for a local file.
        skipped: As noted; None in old rows.
        reason_start: Why it began, such as `clickrow` or `trackdone`.
        reason_end: Why it ended, such as `fwdbtn` or `trackdone`.
        shuffle: Whether shuffle was on.
        offline_at: When it was heard offline, UTC; `ended_at` may be when that was sent.
    """

    ended_at: dt.datetime
    ms_played: int
    artist: str
    title: str
    album: str | None = None
    spotify_id: str | None = None
    skipped: bool | None = None
    reason_start: str | None = None
    reason_end: str | None = None
    shuffle: bool | None = None
    offline_at: dt.datetime | None = None

    @property
    def started_at(self) -> dt.datetime:
        """The start of the stream; later than the true one by the time that it was paused."""
        return self.ended_at - dt.timedelta(milliseconds=self.ms_played)


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One file of a history.

    Attributes:
        path: The JSON file, or the zip that it is in.
        member: Its name in the zip.
        size: Its length in bytes, unpacked.
    """

    path: Path
    member: str | None
    size: int

    @property
    def name(self) -> str:
        """The file's path as shown to a person."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    def rows(
        self, progress: Callable[[int], None] | None = None
    ) -> Iterator[Stream | ExclusionReason]:
        """Yield each row of the file: a stream, or the reason to leave it out.

        Args:
            progress: Told the number of bytes of every block that was read.

        Raises:
            SettingsError: the file is truncated, damaged or not a streaming history; it says what
                to do. The rows before the damage were yielded.
        """
        whole = _excluded_by_name(Path(self.member or self.path.name).name)
        usable, unusable, strange = 0, 0, 0
        try:
            for row in iter_elements(self._texts(progress or (lambda _: None))):
                parsed = whole or parse_row(row)
                usable += parsed is not ExclusionReason.UNUSABLE
                unusable += parsed is ExclusionReason.UNUSABLE
                strange += not _is_stream(row)
                yield parsed
            if not usable and (strange or unusable >= _MANY_ROWS):
                raise MalformedArray(
                    f"none of its {unusable} rows can be used; they are not those of a streaming "
                    "history in a format that is known"
                )
        except MalformedArray as error:
            raise _unreadable(self.name, str(error)) from error
        except UnicodeDecodeError as error:
            raise _unreadable(self.name, "it is not UTF-8 text") from error
        except _DAMAGES as error:
            raise _unreadable(self.name, f"it can't be read ({error})") from error

    def _texts(self, progress: Callable[[int], None]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        with self._open() as stream:
            while block := stream.read(_BLOCK):
                progress(len(block))
                yield decoder.decode(block)
        yield decoder.decode(b"", final=True)

    @contextlib.contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        with contextlib.ExitStack() as opened:
            if self.member is None:
                yield opened.enter_context(self.path.open("rb"))
            else:
                archive = opened.enter_context(zipfile.ZipFile(self.path))
                yield opened.enter_context(archive.open(self.member))


def history_files(path: Path) -> list[HistoryFile]:
    """Return the files of a history at a path, in the order of their names and numbers.

    Args:
        path: A zip from Spotify, one JSON file of it under any name, or a folder with either.

    Raises:
        SettingsError: there is nothing at the path, nothing of a history in it, or it is a zip
            that is damaged or wants a password.
    """
    if path.is_dir():
        inside = (
            each
            for each in path.rglob("*")
            if each.is_file() and _is_wanted(each, partial(_first_bytes, each))
        )
        files = [file for each in sorted(inside, key=_by_number) for file in _files_in(each)]
    elif path.exists():
        files = _files_in(path)
    else:
        raise SettingsError(f"There is no file or folder {path}.", remedy="Correct the path.")
    if not files:
        raise SettingsError(f"There is no streaming history in {path}.", remedy=_REQUEST)
    return files


def parse_row(row: object) -> Stream | ExclusionReason:
    """Parse a row of any version of either export."""
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    if "endTime" in row:
        return _parse_account_row(row)
    if _flag(row.get("incognito_mode")):
        return ExclusionReason.PRIVATE
    artist = _text(row.get("master_metadata_album_artist_name"))
    title = _text(row.get("master_metadata_track_name"))
    if title is None and (other := _medium_of(row)):
        return other
    ended_at, ms_played = _moment(row.get("ts")), _milliseconds(row.get("ms_played"))
    if artist is None or title is None or ended_at is None or ms_played is None:
        return ExclusionReason.UNUSABLE
    return Stream(
        ended_at,
        ms_played,
        artist,
        title,
        album=_text(row.get("master_metadata_album_album_name")),
        spotify_id=_track_id(row.get("spotify_track_uri")),
        skipped=_flag(row.get("skipped")),
        reason_start=_reason(row.get("reason_start")),
        reason_end=_reason(row.get("reason_end")),
        shuffle=_flag(row.get("shuffle")),
        offline_at=_offline_at(row, ended_at),
    )


def _parse_account_row(row: dict[str, Any]) -> Stream | ExclusionReason:
    if "podcastName" in row:
        return ExclusionReason.PODCAST
    artist, title = _text(row.get("artistName")), _text(row.get("trackName"))
    ended_at, ms_played = _moment(row.get("endTime")), _milliseconds(row.get("msPlayed"))
    if artist is None or title is None or ended_at is None or ms_played is None:
        return ExclusionReason.UNUSABLE
    if (artist, title) == ("Unknown Artist", "Unknown Track"):
        return ExclusionReason.UNUSABLE
    return Stream(ended_at, ms_played, artist, title)


def _is_stream(row: object) -> bool:
    return isinstance(row, dict) and bool({"ts", "endTime"} & row.keys())


def _medium_of(row: dict[str, Any]) -> ExclusionReason | None:
    if any(_text(row.get(name)) for name in ("audiobook_title", "audiobook_uri")):
        return ExclusionReason.AUDIOBOOK
    if any(_text(row.get(name)) for name in ("episode_name", "spotify_episode_uri")):
        return ExclusionReason.PODCAST
    return None


def _text(value: object) -> str | None:
    """Return a text that is not blank; a lone surrogate becomes a replacement character."""
    if not isinstance(value, str) or not is_named(value):
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _reason(value: object) -> str | None:
    return (_text(value) or "") if isinstance(value, str) else None


_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def _flag(value: object) -> bool | None:
    """Parse a flag: `true`, `1` or a text of either."""
    number = _number(value) if not isinstance(value, bool | str) else value
    return _FLAGS.get(str(number).strip().casefold())


def _number(value: object) -> int | None:
    """Parse a whole number, which may be written as text or with a decimal point."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}(?:\.0*)?\s*", value, re.ASCII):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _milliseconds(value: object) -> int | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= _MAX_MS else None


def _offline_at(row: Mapping[str, Any], ended_at: dt.datetime) -> dt.datetime | None:
    """Return when an offline stream was heard; Spotify writes seconds or milliseconds."""
    number = _number(row.get("offline_timestamp"))
    if number is None or not _flag(row.get("offline")):
        return None
    seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
    at = dt.datetime.fromtimestamp(min(seconds, _FIRST_MILLISECONDS), dt.UTC)
    return at if _FOUNDED < at <= ended_at else None


def _moment(value: object) -> dt.datetime | None:
    """Parse `2021-11-15T13:41:44Z` or `2021-11-15 13:41`; all of Spotify's times are UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
        moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment > _FOUNDED else None


def _track_id(uri: object) -> str | None:
    """Return the id in `spotify:track:<id>`; a local file has none."""
    match = re.fullmatch(r"spotify:track:([0-9A-Za-z]{22})", uri) if isinstance(uri, str) else None
    return match[1] if match else None


# By the file's own name, without folders. What a browser or a person adds to it (`(1)`, `Copy of`,
# `.txt`) and whatever Spotify may number next are allowed for.
_HISTORY = re.compile(r"(?:streaming_?history|endsong|endvideo).*\.json", re.IGNORECASE)
_MAYBE_HISTORY = re.compile(r"\.(?:json|txt)\b", re.IGNORECASE)
# The members of a row in the first bytes of a file, in the extended history and the account data.
_MEMBERS = ((b'"ts"', b'"ms_played"'), (b'"endTime"', b'"msPlayed"'))


def _is_wanted(path: Path, first_bytes: Callable[[], bytes]) -> bool:
    """Return whether a file may be part of a history: by its name, or else by its content."""
    # A Mac leaves a shadow of each file that it packs, under `__MACOSX` and with `._` in front.
    if "__MACOSX" in path.parts or path.name.startswith("._"):
        return False
    if path.suffix.casefold() == ".zip" or _HISTORY.search(path.name):
        return True
    if not _MAYBE_HISTORY.search(path.name):
        return False
    first = first_bytes()
    return any(all(member in first for member in members) for members in _MEMBERS)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BLOCK)
    except OSError:
        return b""


def _first_bytes_of_member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as file:
            return file.read(_BLOCK)
    except (*_DAMAGES, RuntimeError):  # the latter: it wants a password
        return b""


def _excluded_by_name(name: str) -> ExclusionReason | None:
    """Return why a whole file is left out, by its name; None when it is not."""
    plain = name.casefold()
    if "streaming_history_video" in plain or "endvideo" in plain:
        return ExclusionReason.VIDEO
    if "streaminghistory_podcast" in plain:
        return ExclusionReason.PODCAST
    if "streaminghistory_audiobook" in plain:
        return ExclusionReason.AUDIOBOOK
    return None


def _files_in(path: Path) -> list[HistoryFile]:
    """Return the history files in a zip, or the one file that is not a zip."""
    if not zipfile.is_zipfile(path):
        if path.suffix.casefold() == ".zip":
            raise _unreadable(str(path), "it is not a zip, or only the beginning of one")
        return [HistoryFile(path, None, path.stat().st_size)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                each
                for each in archive.infolist()
                if not each.is_dir()
                and _is_wanted(
                    Path(each.filename), partial(_first_bytes_of_member, archive, each.filename)
                )
            ]
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(str(path), f"the zip is damaged ({error})") from error
    if any(each.flag_bits & 1 for each in members):
        raise SettingsError(
            f"{path} wants a password.",
            remedy=f"Unpack it, and give the folder that comes out of it. {_HOWEVER}",
        )
    members.sort(key=lambda each: _by_number(Path(each.filename)))
    return [
        HistoryFile(path, each.filename, each.file_size)
        for each in members
        if not each.filename.casefold().endswith(".zip")
    ]


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts `endsong_2` before `endsong_10`."""
    return [
        (int(part), "") if part.isdigit() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", str(path).casefold())
    ]


def _unreadable(name: str, why: str) -> SettingsError:
    return SettingsError(
        f"{name} is not a whole file of Spotify's streaming history: {why}.",
        remedy=f"Download or unpack it again, or leave it out. {_HOWEVER}",
    )
