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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from smallhours.errors import SettingsError
from smallhours.identity import is_named
from smallhours.services.json_array import MalformedArray, iter_elements

_BLOCK = 1 << 16
_MAX_MS = 2**31 - 1  # 24 days: what the lake's column holds
_FOUNDED = dt.datetime(2006, 1, 1, tzinfo=dt.UTC)
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
        try:
            for number, row in enumerate(iter_elements(self._texts(progress or (lambda _: None)))):
                if number == 0 and whole is None and not _is_stream(row):
                    raise MalformedArray("its rows are not those of a streaming history")
                yield whole or parse_row(row)
        except MalformedArray as error:
            raise _unreadable(self.name, str(error)) from error
        except UnicodeDecodeError as error:
            raise _unreadable(self.name, "it is not UTF-8 text") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
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
        inside = (each for each in path.rglob("*") if each.is_file() and _is_wanted(each))
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
    if row.get("incognito_mode") is True:
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


def _flag(value: object) -> bool | None:
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def _milliseconds(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_MS
    return value if fits and isinstance(value, int) else None


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


# By the file's own name, without folders. What a browser adds to a second download, `(1)`, and
# whatever Spotify may number next are allowed for.
_HISTORY = re.compile(r"(?:streaming_?history|endsong|endvideo).*\.json", re.IGNORECASE)


def _is_wanted(path: Path) -> bool:
    # A Mac leaves a shadow of each file that it packs, under `__MACOSX` and with `._` in front.
    shadow = "__MACOSX" in path.parts
    return not shadow and (path.suffix.casefold() == ".zip" or bool(_HISTORY.fullmatch(path.name)))


def _excluded_by_name(name: str) -> ExclusionReason | None:
    """Return why a whole file is left out, by its name; None when it is not."""
    plain = name.casefold()
    if plain.startswith(("streaming_history_video", "endvideo")):
        return ExclusionReason.VIDEO
    if plain.startswith("streaminghistory_podcast"):
        return ExclusionReason.PODCAST
    if plain.startswith("streaminghistory_audiobook"):
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
            inside = [each for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(str(path), f"the zip is damaged ({error})") from error
    members = [each for each in inside if _is_wanted(Path(each.filename))]
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
