"""Shared parts of the readers of history files: rows, options, the start of a file, and times."""

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TextIO
from zoneinfo import ZoneInfo

import pandas as pd

SECOND_US = 1_000_000
# Last.fm's forerunner began in 2002. An earlier time is that of a player whose clock was not set.
EARLIEST_US = round(dt.datetime(2002, 1, 1, tzinfo=dt.UTC).timestamp()) * SECOND_US
MAX_MS = 2**31 - 1  # 24 days: what the lake's columns hold
BLOCK = 1 << 16
_MAX_LINE = 1 << 20
# What bytes that are not UTF-8 are decoded to.
BROKEN = re.compile("[\udc80-\udcff]")
# What is wrong with a file none of whose rows is one of its format.
NOT_KNOWN = "can be used; they are not those of a history in a format that is known"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class MalformedFile(Exception):
    """The file is damaged or not of its format; the message says why."""


class ChoiceNeeded(Exception):
    """The file does not say what its times mean, so the person has to.

    The message says what is missing, `remedy` which option gives it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class ExclusionReason(StrEnum):
    """The reason for which a row is not a play of music."""

    PRIVATE = "private_sessions"
    PODCAST = "podcasts"
    AUDIOBOOK = "audiobooks"
    VIDEO = "videos"
    UNUSABLE = "unusable_rows"
    NOW_PLAYING = "now_playing_rows"
    REACTION = "loves_and_hates"
    SKIPPED = "skipped_tracks"
    NO_CLOCK = "rows_before_2002"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person says about files that do not say it themselves.

    Attributes:
        zone: The zone of times that have none.
        day_first: Whether 01/02/2024 is the first of February.
    """

    zone: ZoneInfo | None = None
    day_first: bool | None = None


class HistoryRow(NamedTuple):
    """One play as a file tells it.

    Attributes:
        at_us: Its start, in microseconds since 1970, UTC.
        artist: As written.
        title: As written.
        album: The album's title.
        artist_mbid, track_mbid: MusicBrainz ids of the artist and the recording.
        isrc: The recording's ISRC.
        spotify_id: The track's id at Spotify, 22 characters.
        duration_ms: The track's length.
        to_the_minute: Whether the time is cut off after the minute.
        columns: Further columns of `plays`; in files that Smallhours wrote.
    """

    at_us: int
    artist: str
    title: str
    album: str | None = None
    artist_mbid: str | None = None
    track_mbid: str | None = None
    isrc: str | None = None
    spotify_id: str | None = None
    duration_ms: int | None = None
    to_the_minute: bool = False
    columns: Mapping[str, Any] | None = None

    @property
    def reported_at(self) -> dt.datetime:
        """The time in the file."""
        return _EPOCH + self.at_us * _MICROSECOND


@dataclass(frozen=True, slots=True)
class Head:
    """The start of a file, by which its format is recognised.

    Attributes:
        name: The file's name, without folders.
        text: Its first characters, without a byte-order mark.
        whole: Whether that is all of it.
    """

    name: str
    text: str
    whole: bool

    @property
    def sign(self) -> str:
        """The first character that is not blank."""
        return self.text.lstrip()[:1]

    def has(self, *names: str) -> bool:
        """Return whether JSON text has members of all these names."""
        return all(f'"{name}"' in self.text for name in names)

    def lines(self) -> list[str]:
        """Return the lines of which all is there."""
        lines = self.text.splitlines(keepends=True)
        return lines if self.whole or len(lines) < 2 else lines[:-1]

    def rows(self, delimiter: str = ",") -> list[list[str]]:
        """Return the first rows of a table."""
        try:
            return [row for row in csv.reader(self.lines(), delimiter=delimiter) if row]
        except csv.Error:
            return []


Parsed = HistoryRow | ExclusionReason


@dataclass(frozen=True, slots=True)
class Format:
    """One format of history files.

    Attributes:
        name: As shown to a person.
        matches: Tells the format by the start of a file.
        read: Yields each row of a file, parsed.
        plays: Builds rows of `plays` from parsed rows.
    """

    name: str
    matches: Callable[[Head], bool]
    read: Callable[[TextIO, Head, ReadOptions], Iterable[Any]]
    plays: Callable[[Sequence[Any]], pd.DataFrame]


def blocks(text: TextIO) -> Iterator[str]:
    """Yield the text in pieces.

    Raises:
        MalformedFile: some of it is not UTF-8.
    """
    while block := text.read(BLOCK):
        yield _whole(block)


def lines(text: TextIO) -> Iterator[str]:
    """Yield lines, with their ends.

    Raises:
        MalformedFile: one is far too long, or not UTF-8.
    """
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise MalformedFile("it has a line of more than a million characters")
        yield _whole(line)


def _whole(text: str) -> str:
    if not text.isascii() and BROKEN.search(text):
        raise MalformedFile("it is not UTF-8 text (Excel can save as *CSV UTF-8*)")
    return text


def table_rows(
    text: Iterable[str], delimiter: str = ",", quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[list[str]]:
    """Yield the rows of a table that are not empty.

    Raises:
        MalformedFile: a quotation mark is never closed, or a field is far too long.
    """
    reader = csv.reader(text, delimiter=delimiter, quoting=quoting)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise MalformedFile(f"line {reader.line_num} is not one of a table ({error})") from error


def json_lines(text: TextIO) -> Iterator[Any]:
    """Yield the value of each line of JSON, None for a line that is none.

    Raises:
        MalformedFile: the last line is cut off.
    """
    for number, line in enumerate(lines(text), start=1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            if not line.endswith("\n"):
                raise MalformedFile(f"it ends in the middle of line {number}") from error
            yield None


def play(
    at_us: int | None, artist: str | None, title: str | None, **known: Any
) -> HistoryRow | ExclusionReason:
    """Return a row, or why it can't be used: a name or its time is missing, or no clock was set."""
    if artist is None or title is None or at_us is None:
        return ExclusionReason.UNUSABLE
    if at_us < EARLIEST_US:
        return ExclusionReason.NO_CLOCK
    return HistoryRow(at_us, artist, title, **known)


def text_of(value: object) -> str | None:
    """Return a text that is not blank; a lone surrogate becomes a replacement character."""
    if not isinstance(value, str) or not value or value.isspace():
        return None
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SPOTIFY_ID = re.compile(r"(?:.*[:/])?([0-9A-Za-z]{22})(?:\?.*)?")


def mbid_of(value: object) -> str | None:
    """Return a MusicBrainz id, or None where it is not one."""
    return value.lower() if isinstance(value, str) and _MBID.fullmatch(value) else None


def spotify_id_of(value: object) -> str | None:
    """Return the id in an address or URI of a track at Spotify."""
    found = _SPOTIFY_ID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def length_ms(value: object, unit_ms: int = 1) -> int | None:
    """Return a length in milliseconds; None where it is missing, "null", 0 or impossible."""
    try:
        length = round(float(value) * unit_ms)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return length if 0 < length <= MAX_MS else None


def unix_us(value: object) -> int | None:
    """Return microseconds since 1970 from a number of seconds, ms or µs, told by its size."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if not 0 < number < 1e17:
        return None
    # As seconds, 1e11 is the year 5138; as milliseconds it is 1973.
    return round(number * (SECOND_US if number < 1e11 else 1_000 if number < 1e14 else 1))


_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ENGLISH = re.compile(r"([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}),? ([0-9]{2}):([0-9]{2})", re.ASCII)
_SECONDS = re.compile(r":[0-9]{2}:[0-9]{2}")
_LOCAL = re.compile(
    r"([0-9]{1,4})([./-])([0-9]{1,2})\2([0-9]{1,4}),?\s+([0-9]{1,2})[:.]([0-9]{2})"
    r"(?:[:.]([0-9]{2}))?\s*(?:([AaPp])\.?\s?[Mm]\.?)?",
    re.ASCII,
)


def is_to_the_minute(value: object) -> bool:
    """Return whether a time has hours and minutes, and no seconds."""
    return isinstance(value, str) and ":" in value and not _SECONDS.search(value)


def is_english_date(value: str) -> bool:
    """Return whether a time is written as Last.fm does: 02 Jan 2024 15:04."""
    return bool(_ENGLISH.fullmatch(value))


def english_us(value: str) -> int | None:
    """Parse `02 Jan 2024 15:04`, UTC, whatever the machine's own language is."""
    found = _ENGLISH.fullmatch(value)
    month = _MONTHS.get(found[2].casefold()) if found else None
    if found is None or month is None:
        return None
    try:
        moment = dt.datetime(
            int(found[3]), month, int(found[1]), int(found[4]), int(found[5]), tzinfo=dt.UTC
        )
    except ValueError:
        return None
    return round(moment.timestamp()) * SECOND_US


def iso_us(value: object, options: ReadOptions) -> int | None:
    """Parse `2024-01-02T15:04:05Z`.

    Raises:
        ChoiceNeeded: it has no zone, and no zone was given.
    """
    try:
        moment = dt.datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return _in_utc(moment, options)


def is_local_date(value: str) -> bool:
    """Return whether a time is a date and a time of day in some country's order."""
    return bool(_LOCAL.fullmatch(value.strip()))


def day_comes_first(times: Iterable[str], options: ReadOptions) -> bool:
    """Return whether dates such as 01/02/2024 begin with the day; the larger numbers tell.

    Raises:
        ChoiceNeeded: none of them tells, and the person did not.
    """
    if options.day_first is not None:
        return options.day_first
    found = [match for each in times if (match := _LOCAL.fullmatch(each.strip()))]
    if any(match[2] == "." or 12 < int(match[1]) < 32 for match in found):
        return True
    if any(int(match[3]) > 12 for match in found) or all(len(match[1]) == 4 for match in found):
        return False
    raise ChoiceNeeded(
        "its dates may begin with the day or with the month, and none of the first ones tells",
        "Say which it is: --day-first or --month-first, or in the form.",
    )


def local_us(value: str, options: ReadOptions, *, day_first: bool) -> int | None:
    """Parse `2024-01-02 15:04`, `02/01/2024 15:04:05` or `1/2/2024 3:04 PM`.

    Raises:
        ChoiceNeeded: no zone was given.
    """
    found = _LOCAL.fullmatch(value.strip())
    if not found:
        return None
    one, _, two, three, hour, minute, second, half = found.groups()
    year, month, day = (
        (one, two, three)
        if len(one) == 4
        else (three, two, one)
        if day_first
        else (three, one, two)
    )
    hours = int(hour) % 12 + 12 * (half in "Pp") if half else int(hour)
    try:
        moment = dt.datetime(  # noqa: DTZ001 - its zone is the person's to say
            int(year), int(month), int(day), hours, int(minute), int(second or 0)
        )
    except ValueError:
        return None
    return _in_utc(moment, options)


def _in_utc(moment: dt.datetime, options: ReadOptions) -> int | None:
    """Return microseconds since 1970; None for a local time that a change of the clock skipped.

    In the hour that comes twice in autumn, the first is taken.
    """
    if moment.tzinfo is None:
        if options.zone is None:
            raise ChoiceNeeded(
                "its times are local times without a zone",
                "Say in which zone the player was: --timezone Europe/Dublin, or in the form.",
            )
        local = moment.replace(tzinfo=options.zone, fold=0)
        try:
            back = local.astimezone(dt.UTC).astimezone(options.zone)
        except (OverflowError, ValueError):
            return None
        if back.replace(tzinfo=None) != moment:
            return None
        moment = local
    return (moment - _EPOCH) // _MICROSECOND
