"""Typed rows of what ListenBrainz tells about a user, and their parsers.

What is acted on is read strictly and the rest leniently: whatever a player sent along with a listen
may be of any type, and is then taken as missing. Rows that can't be read are left out, counted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from smallhours.identity import is_named
from smallhours.services.json_cursor import JsonCursor

SERVICE: Final = "ListenBrainz"
_MBID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPOTIFY_TRACK: Final = re.compile(
    r"(?:open\.spotify\.com/(?:intl-[a-z]+/)?track/|spotify:track:)([0-9A-Za-z]{22})(?![0-9A-Za-z])"
)
_ISRC: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_LAST_SECOND = 2**33  # the year 2242
_MAX_LENGTH_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Listen:
    """One play, with the names that the player sent.

    Attributes:
        listened_at: When it started, UTC, to the second.
        msid: Stands for its names. With the time it identifies the listen.
        artist, title, album: As sent; the first artist, where they were named one by one.
        recording_mbid: Of the recording that it is mapped to, or that the player named.
        artist_mbids: Of that recording's artists.
        duration_ms, isrc, spotify_id: Of the track, where the player told.
        mapped: Whether ListenBrainz has mapped it to a recording.
    """

    listened_at: datetime
    msid: str
    artist: str
    title: str
    album: str | None
    recording_mbid: str | None
    artist_mbids: tuple[str, ...]
    duration_ms: int | None
    isrc: str | None
    spotify_id: str | None
    mapped: bool


@dataclass(frozen=True, slots=True)
class ListenPage:
    """One page of a user's listens, newest first.

    Attributes:
        user: As ListenBrainz spells it.
        listens: Those that can be read.
        count: Its rows, read or not.
        oldest, latest: Of the whole history; None when it is empty.
    """

    user: str
    listens: tuple[Listen, ...]
    count: int
    oldest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """A track that a user loves (1) or hates (-1); without names when nothing is known of it."""

    score: int
    created_at: datetime | None
    artist: str
    title: str
    recording_mbid: str | None
    msid: str | None


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """One page of a user's feedback, newest first.

    `count` are its rows, read or not, `total` those of all pages.
    """

    rows: tuple[Feedback, ...]
    count: int
    total: int


def mbid_of(text: object) -> str | None:
    """Return a MusicBrainz id in lower case; None when it is none."""
    found = text.strip().lower() if isinstance(text, str) else ""
    return found if _MBID.fullmatch(found) else None


def mbids_of(values: Iterable[object]) -> list[str]:
    """Return the MusicBrainz ids among values, each once."""
    found = (mbid_of(value) for value in values)
    return list(dict.fromkeys(mbid for mbid in found if mbid))


def spotify_id_of(text: object) -> str | None:
    """Return the id of the Spotify track that a link or URI names, if it does."""
    found = _SPOTIFY_TRACK.search(text) if isinstance(text, str) else None
    return found.group(1) if found else None


def parse_listens(reply: JsonCursor) -> ListenPage:
    """Parse a page of `user/{name}/listens`."""
    payload = reply["payload"]
    listens = payload["listens"].rows(_listen)
    return ListenPage(
        user=payload["user_id"].some_text(),
        listens=tuple(listens),
        count=len(payload["listens"].value),
        oldest=_second_or_none(payload["oldest_listen_ts"]),
        latest=_second_or_none(payload["latest_listen_ts"]),
    )


def _listen(row: JsonCursor) -> Listen:
    track = row["track_metadata"]
    told, mapping = object_of(track["additional_info"]), object_of(track["mbid_mapping"])
    listened_at = _second_or_none(row["listened_at"])
    if listened_at is None:
        raise row["listened_at"].broken("a time")
    artist, title = _artist(track["artist_name"].text(), told), track["track_name"].text()
    if not is_named(artist, title):
        raise track["track_name"].broken("a name")
    mapped = mbid_of(mapping["recording_mbid"].value)
    artists = mbids_of(list_of(mapping["artist_mbids"])) or mbids_of(list_of(told["artist_mbids"]))
    return Listen(
        listened_at=listened_at,
        msid=row["recording_msid"].some_text(),
        artist=artist,
        title=title,
        album=text_of(track["release_name"]),
        recording_mbid=mapped or mbid_of(told["recording_mbid"].value),
        artist_mbids=tuple(artists),
        duration_ms=_duration_ms(told),
        isrc=next(iter(isrcs_of([told["isrc"].value])), None),
        spotify_id=spotify_id_of(told["spotify_id"].value)
        or spotify_id_of(told["origin_url"].value),
        mapped=mapped is not None,
    )


def _artist(credit: str, told: JsonCursor) -> str:
    """Return the first artist of a credit of several, where the player named them one by one."""
    names = [name for name in list_of(told["artist_names"]) if isinstance(name, str)]
    first = names[0] if names and is_named(names[0]) else credit
    return first if credit.startswith(first) else credit


def parse_listen_count(reply: JsonCursor) -> int:
    """Parse `user/{name}/listen-count`."""
    return reply["payload"]["count"].whole()


def parse_user_of_token(reply: JsonCursor) -> str | None:
    """Parse `validate-token`: the user's name, or None when the token is not valid."""
    return reply["user_name"].some_text() if reply["valid"].value is True else None


def parse_feedback(reply: JsonCursor) -> FeedbackPage:
    """Parse a page of `feedback/user/{name}/get-feedback` with its metadata."""
    rows = reply["feedback"].rows(_feedback)
    return FeedbackPage(tuple(rows), len(reply["feedback"].value), reply["total_count"].whole())


def _feedback(row: JsonCursor) -> Feedback:
    track = object_of(row["track_metadata"])
    return Feedback(
        score=row["score"].whole(),
        created_at=_second_or_none(row["created"]),
        artist=text_of(track["artist_name"]) or "",
        title=text_of(track["track_name"]) or "",
        recording_mbid=mbid_of(row["recording_mbid"].value)
        or mbid_of(object_of(track["mbid_mapping"])["recording_mbid"].value),
        msid=text_of(row["recording_msid"]),
    )


def object_of(place: JsonCursor) -> JsonCursor:
    """Return a place that is an object; an empty one for anything else."""
    if isinstance(place.value, dict):
        return place
    return JsonCursor(place.service, {}, place.path, place.odd_rows)


def list_of(place: JsonCursor) -> list[object]:
    """Return a list; an empty one for anything else."""
    return place.value if isinstance(place.value, list) else []


def rows_of(place: JsonCursor) -> list[JsonCursor]:
    """Return the objects of a list; none where there is no list."""
    return [] if place.absent else [row for row in place if isinstance(row.value, dict)]


def text_of(place: JsonCursor) -> str | None:
    """Return a text; None for anything else."""
    return place.text_or_none() if isinstance(place.value, str) else None


def _second_or_none(place: JsonCursor) -> datetime | None:
    """Return a moment in Unix seconds; None for 0, which stands for an unknown one."""
    seconds = place.whole_or_none()
    if seconds is None or not 0 < seconds < _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def whole_of(value: object) -> int | None:
    """Return a number that a player may have sent as text."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 18:
        return int(value)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _duration_ms(told: JsonCursor) -> int | None:
    exact, seconds = whole_of(told["duration_ms"].value), whole_of(told["duration"].value)
    length = exact or (seconds or 0) * 1000
    return length if 0 < length <= _MAX_LENGTH_MS else None


def length_of(place: JsonCursor) -> int | None:
    """Return a length in milliseconds; None for what can be none."""
    length = whole_of(place.value)
    return length if length and 0 < length <= _MAX_LENGTH_MS else None


def isrcs_of(values: Iterable[object]) -> list[str]:
    """Return the ISRCs among values, each once."""
    texts = (value.strip().upper().replace("-", "") for value in values if isinstance(value, str))
    return [text for text in dict.fromkeys(texts) if _ISRC.fullmatch(text)]
