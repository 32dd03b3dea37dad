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

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

import numpy as np
import pandas as pd

from smallhours.identity import is_named
from smallhours.listening.formats.json_array import iter_elements
from smallhours.listening.formats.reading import (
    MAX_MS,
    NOT_KNOWN,
    ExclusionReason,
    Format,
    Head,
    MalformedFile,
    ReadOptions,
    blocks,
)
from smallhours.listening.plays import EXPORT, plays_frame, with_ordinals
from smallhours.listening.report_matching import SAME_MOMENT_MS

_FOUNDED = dt.datetime(2006, 1, 1, tzinfo=dt.UTC)
# As seconds this is the year 5138, as milliseconds 1973.
_FIRST_MILLISECONDS = 10**11


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
        platform: The kind of device that it was heard on; never the device itself.
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
    platform: str | None = None

    @property
    def started_at(self) -> dt.datetime:
        """The start of the stream; later than the true one by the time that it was paused."""
        return self.ended_at - dt.timedelta(milliseconds=self.ms_played)

    @property
    def reported_at(self) -> dt.datetime:
        """The time in the file."""
        return self.ended_at


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
        platform=_kind_of_device(row.get("platform")),
    )


# Of `Partner amazon_salmon Amazon;Echo_Dot;...` or `Android OS 9 API 28 (samsung, SM-G960F)` the
# kind is kept: which device it was is nobody's business.
_KINDS_OF_DEVICE = {
    "amazon": "Amazon speaker",
    "sonos": "Sonos",
    "playstation": "games console",
    "xbox": "games console",
    "tv": "television",
    "cast": "Google Cast",
    "web": "web player",
    "android": "Android",
    "ios": "iOS",
    "windows": "Windows",
    "osx": "macOS",
    "os x": "macOS",
    "mac": "macOS",
    "linux": "Linux",
}


def _kind_of_device(value: object) -> str | None:
    """Return the kind of device of a platform as Spotify writes it.

    >>> _kind_of_device("Partner google cast_tv;Chromecast;;")
    'television'
    """
    text = _text(value)
    if text is None:
        return None
    known = (kind for sign, kind in _KINDS_OF_DEVICE.items() if sign in text.casefold())
    return next(known, "another device")


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
    return number if number is not None and 0 <= number <= MAX_MS else None


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


def _matches(head: Head) -> bool:
    by_content = head.has("ts", "ms_played") or head.has("endTime", "msPlayed")
    return by_content or bool(_HISTORY.search(head.name))


def _read(text: TextIO, head: Head, _: ReadOptions) -> Iterator[Stream | ExclusionReason]:
    whole, usable, strange = _excluded_by_name(head.name), 0, 0
    for row in iter_elements(blocks(text)):
        parsed = whole or parse_row(row)
        usable += parsed is not ExclusionReason.UNUSABLE
        strange += not _is_stream(row)
        yield parsed
    if strange and not usable:
        raise MalformedFile(f"none of its {strange} rows {NOT_KNOWN}")


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


def _plays(streams: Sequence[Stream]) -> pd.DataFrame:
    """Return the rows of `plays`; rows of one track and length at one time are one stream.

    Spotify may write a stream twice, some seconds apart: nobody hears a track to the same
    millisecond twice in less than that time.
    """
    plays = plays_frame(map(_row, _apart(streams)), source=EXPORT)
    plays = plays.sort_values(["track_key", "ms_played", "played_at"], kind="stable")
    same = (
        plays[["track_key", "ms_played"]].eq(plays[["track_key", "ms_played"]].shift()).all(axis=1)
    )
    gap = plays["played_at"].diff().dt.total_seconds() * 1000
    lasted = plays["ms_played"].astype(float).clip(upper=SAME_MOMENT_MS)
    doubled = (same & ((gap == 0) | (gap < lasted))).to_numpy(np.bool_)
    return with_ordinals(plays[~doubled])


def _apart(streams: Sequence[Stream]) -> list[Stream]:
    """Return the streams with those apart that were heard offline and sent at one moment.

    All of them have that moment as their end; when each was heard offline says which came first,
    and when.
    """
    sent = Counter(each.ended_at for each in streams if each.offline_at is not None)
    return [
        replace(each, ended_at=each.offline_at + dt.timedelta(milliseconds=each.ms_played))
        if each.offline_at is not None and sent[each.ended_at] > 1
        else each
        for each in streams
    ]


def _row(stream: Stream) -> dict[str, Any]:
    return {
        "played_at": stream.started_at,
        "artist": stream.artist,
        "album": stream.album,
        "title": stream.title,
        "spotify_id": stream.spotify_id,
        "ms_played": stream.ms_played,
        "skipped": stream.skipped,
        "reason_start": stream.reason_start,
        "reason_end": stream.reason_end,
        "shuffle": stream.shuffle,
        "platform": stream.platform,
    }


SPOTIFY = Format("Spotify's streaming history", _matches, _read, _plays)
