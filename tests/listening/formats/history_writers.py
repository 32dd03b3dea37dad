"""Writers of the formats that people have of their histories, each with its own traps."""

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Played(NamedTuple):
    """A play to be written: unix seconds of its start, names, and the track's length."""

    at: int
    artist: str
    title: str
    album: str = ""
    length_s: int = 0


def _utc(at: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.UTC)


def _english(at: int, comma: str = "") -> str:
    moment = _utc(at)
    return f"{moment:%d} {_MONTHS[moment.month - 1]} {moment:%Y}{comma} {moment:%H:%M}"


def _table(path: Path, rows: Sequence[Sequence[object]], **options: Any) -> Path:
    text = io.StringIO()
    mark = "\ufeff" if options.pop("bom", False) else ""
    csv.writer(text, lineterminator="\r\n", **options).writerows(rows)
    path.write_bytes((mark + text.getvalue()).encode())
    return path


def _json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _lines(rows: Sequence[object]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def lastfm_to_csv(path: Path, plays: Sequence[Played]) -> Path:
    """Write artist, album, track and minute; commas and quotation marks are removed."""

    def plain(name: str) -> str:
        return name.replace('"', "").replace(",", "")

    newest_first = [["Now Artist", "", "Now Title", ""]] + [
        [plain(each.artist), plain(each.album), plain(each.title), _english(each.at)]
        for each in reversed(plays)
    ]
    return _table(path.with_suffix(".csv"), newest_first)


def ghan_csv(path: Path, plays: Sequence[Played]) -> Path:
    """Write the table of lastfm.ghan.nl, every field quoted."""
    header = [
        "uts",
        "utc_time",
        "artist",
        "artist_mbid",
        "album",
        "album_mbid",
        "track",
        "track_mbid",
    ]
    rows = [
        [str(each.at), _english(each.at, ","), each.artist, "", each.album, "", each.title, "dead"]
        for each in reversed(plays)
    ]
    playing = ["", "", "Now Artist", "", "", "", "Now Title", ""]
    return _table(path.with_suffix(".csv"), [header, playing, *rows], quoting=csv.QUOTE_ALL)


def _api_track(each: Played) -> dict[str, Any]:
    return {
        "artist": {"mbid": "", "#text": each.artist},
        "album": {"mbid": "", "#text": each.album},
        "name": each.title,
        "mbid": "",
        "date": {"uts": str(each.at), "#text": _english(each.at, ",")},
    }


_NOW_PLAYING = {
    "artist": {"#text": "Now Artist"}, "name": "Now Title", "@attr": {"nowplaying": "true"},
}  # fmt: skip


def ghan_json(path: Path, plays: Sequence[Played]) -> Path:
    """Write pages of Last.fm's replies; the last row of a page is repeated on the next."""
    rows = [_api_track(each) for each in reversed(plays)]
    pages = [
        {"track": [_NOW_PLAYING, *rows[max(at - 1, 0) : at + 200]]}
        for at in range(0, len(rows), 200)
    ]
    return _json(path.with_suffix(".json"), pages)


def lastfm_backup(path: Path, plays: Sequence[Played]) -> Path:
    """Write a flat list of Last.fm's tracks."""
    rows = [_api_track(each) for each in reversed(plays)]
    return _json(path.with_suffix(".json"), [_NOW_PLAYING, *rows])


def lastfmstats_csv(path: Path, plays: Sequence[Played]) -> Path:
    """Write semicolons after a byte-order mark, and milliseconds."""
    rows = [[each.artist, each.album, "", each.title, each.at * 1000] for each in plays]
    header = ["Artist", "Album", "AlbumId", "Track", "Date#ada"]
    return _table(path.with_suffix(".csv"), [header, *rows], delimiter=";", bom=True)


def lastfmstats_json(path: Path, plays: Sequence[Played]) -> Path:
    """Write one object with a list."""
    rows = [
        {"track": each.title, "artist": each.artist, "album": each.album, "date": each.at * 1000}
        for each in plays
    ]
    return _json(path.with_suffix(".json"), {"username": "ada", "scrobbles": rows})


def scrubbler_csv(path: Path, plays: Sequence[Played]) -> Path:
    """Write artist, album, track and the local time, as a machine in Germany does."""
    rows = [
        [each.artist, each.album, each.title,
         f"{_utc(each.at).astimezone(ZONE):%d.%m.%Y %H:%M:%S}", "", "00:00:00"]
        for each in plays
    ]  # fmt: skip
    return _table(path.with_suffix(".csv"), rows, bom=True)


def scrubbler_json(path: Path, plays: Sequence[Played]) -> Path:
    """Write local times without a zone."""
    rows = [
        {
            "trackName": each.title,
            "artistName": each.artist,
            "albumName": each.album,
            "time": f"{_utc(each.at).astimezone(ZONE):%Y-%m-%dT%H:%M:%S}",
            "albumArtist": "",
            "duration": "00:00:00",
        }
        for each in plays
    ]
    return _json(path.with_suffix(".json"), rows)


def universal_scrobbler(path: Path, plays: Sequence[Played]) -> Path:
    """Write artist, track, album: the other way round than the Scrubbler."""
    rows = [
        [each.artist, each.title, each.album,
         f"{_utc(each.at).astimezone(ZONE):%Y-%m-%d %H:%M:%S}", "", str(each.length_s or "")]
        for each in plays
    ]  # fmt: skip
    return _table(path.with_suffix(".csv"), rows, quoting=csv.QUOTE_ALL)


def scrobbler_log(path: Path, plays: Sequence[Played]) -> Path:
    """Write a player's log; nothing is quoted, and some tracks were skipped."""
    lines = ["#AUDIOSCROBBLER/1.1", "#TZ/UTC", "#CLIENT/Rockbox 4.0"]
    for each in plays:
        cells = (each.artist, each.album, each.title, "1", str(each.length_s), "L", str(each.at))
        lines.append("\t".join((*cells, "")))
        lines.append("\t".join((*cells[:5], "S", str(each.at + 1), "")))
    path = path.with_suffix(".log")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def librefm(path: Path, plays: Sequence[Played]) -> Path:
    """Write a table after lines of comments."""
    rows = [[each.artist, each.title, each.album, each.at] for each in plays]
    comments: list[list[object]] = [["# This is an export"], ["+ACM- of Libre.fm"]]
    return _table(
        path.with_suffix(".csv"), [*comments, ["Artist", "Track", "Album", "Time"], *rows]
    )


def listen(each: Played, **info: Any) -> dict[str, Any]:
    """Return a listen as ListenBrainz exports it."""
    more = {"duration_ms": each.length_s * 1000} if each.length_s else {}
    told = {"release_name": each.album} if each.album else {}
    return {
        "inserted_at": each.at + 56.52,
        "listened_at": float(each.at),
        "track_metadata": {
            "track_name": each.title,
            "artist_name": each.artist,
            **told,
            "recording_msid": "0b3a1a3c-0000-4000-8000-000000000000",
            "mbid_mapping": None,
            "additional_info": {**more, **info},
        },
    }


def listenbrainz_zip(path: Path, plays: Sequence[Played]) -> Path:
    """Write the zip: a file a month, and what else is in it."""
    months: dict[str, list[object]] = {}
    for each in plays:
        moment = _utc(each.at)
        months.setdefault(f"listens/{moment.year}/{moment.month}.jsonl", []).append(listen(each))
    path = path.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", json.dumps({"user_id": 7, "username": "ada"}))
        for name, rows in months.items():
            archive.writestr(name, _lines(rows))
        love = {"recording_msid": None, "recording_mbid": "x", "score": 1, "created": 1704207845}
        archive.writestr("feedback.jsonl", _lines([love]))
    return path


def maloja(path: Path, plays: Sequence[Played]) -> Path:
    """Write Maloja's export; two plays in one second are put a second apart."""
    taken: set[int] = set()
    rows = []
    for each in plays:
        at = each.at
        while at in taken:
            at += 1
        taken.add(at)
        album = {"artists": None, "albumtitle": each.album} if each.album else None
        track = {"artists": [each.artist], "title": each.title, "album": album,
                 "length": each.length_s or None}  # fmt: skip
        rows.append({"time": at, "track": track, "duration": None, "origin": "client:x"})
    return _json(path.with_suffix(".json"), {"maloja": {"export_time": 1}, "scrobbles": rows})


def koito(path: Path, plays: Sequence[Played]) -> Path:
    """Write Koito's export, with a user name that is not escaped."""

    def aliases(name: str) -> list[dict[str, Any]]:
        other = {"alias": "Other", "source": "MusicBrainz", "is_primary": False}
        return [other, {"alias": name, "source": "Canonical", "is_primary": False}]

    rows = [
        {
            "listened_at": f"{_utc(each.at):%Y-%m-%dT%H:%M:%SZ}",
            "client": "x",
            "track": {"mbid": None, "duration": each.length_s, "aliases": aliases(each.title)},
            "album": {"aliases": aliases(each.album) if each.album else []},
            "artists": [{"mbid": None, "is_primary": False, "aliases": aliases(each.artist)}],
        }
        for each in plays
    ]
    start = '{"version":"1","exported_at":"2026-01-01T00:00:00Z","user":"a "name"","listens":'
    path = path.with_suffix(".json")
    path.write_text(start + json.dumps(rows, ensure_ascii=False) + "}", encoding="utf-8")
    return path


def _pano_row(each: Played, event: str = "scrobble") -> dict[str, Any]:
    return {
        "timeHuman": "2. Januar 2024, 16:04",
        "timeMs": each.at * 1000,
        "artist": each.artist,
        "track": each.title,
        "album": each.album,
        "albumArtist": each.artist,
        "durationMs": each.length_s * 1000 or None,
        "mediaPlayerPackage": "x",
        "mediaPlayerName": "X",
        "mediaPlayerVersion": "1",
        "event": event,
    }


def pano_jsonl(path: Path, plays: Sequence[Played]) -> Path:
    """Write a log with a love after the first play."""
    love = [_pano_row(plays[0]._replace(at=plays[0].at + 40), "love")] if plays else []
    path = path.with_suffix(".jsonl")
    path.write_text(_lines([*map(_pano_row, plays), *love]), encoding="utf-8")
    return path


def pano_csv(path: Path, plays: Sequence[Played]) -> Path:
    """Write the same as a table, where a missing length is a word."""
    rows = [{**_pano_row(each), "durationMs": each.length_s * 1000 or "null"} for each in plays]
    header = list(_pano_row(Played(0, "", "")))
    return _table(path.with_suffix(".csv"), [header, *(list(row.values()) for row in rows)])


class Writer(Protocol):
    """What writes plays into a file beside `path`, with the ending of its format."""

    def __call__(self, path: Path, plays: Sequence[Played]) -> Path:
        """Write the plays, oldest first, and return the file."""


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "lastfm-to-csv": lastfm_to_csv,
        "ghan.nl CSV": ghan_csv,
        "ghan.nl JSON": ghan_json,
        "lastfm-backup": lastfm_backup,
        "lastfmstats CSV": lastfmstats_csv,
        "lastfmstats JSON": lastfmstats_json,
        "Scrubbler CSV": scrubbler_csv,
        "Scrubbler JSON": scrubbler_json,
        "Universal Scrobbler": universal_scrobbler,
        ".scrobbler.log": scrobbler_log,
        "Libre.fm": librefm,
        "ListenBrainz": listenbrainz_zip,
        "Maloja": maloja,
        "Koito": koito,
        "Pano JSONL": pano_jsonl,
        "Pano CSV": pano_csv,
    }
)
