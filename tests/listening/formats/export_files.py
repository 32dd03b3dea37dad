"""Files as Spotify exports them, with private values that must not leave them."""

import datetime as dt
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smallhours_sandbox.world import PlayLog, World

SECRETS = ("ada.the.listener", "203.0.113.77", "Mozilla%2F5.0", "Android OS 13", "ZZ-LAND")
FOLDER = "Spotify Extended Streaming History"


def extended_row(ended_at: dt.datetime, ms_played: int, **fields: Any) -> dict[str, Any]:
    """Return one row of the extended streaming history as of 2026; None removes a field."""
    row = {
        "ts": f"{ended_at:%Y-%m-%dT%H:%M:%SZ}",
        "username": SECRETS[0],
        "platform": SECRETS[3],
        "ms_played": ms_played,
        "conn_country": SECRETS[4],
        "ip_addr": SECRETS[1],
        "user_agent_decrypted": SECRETS[2],
        "master_metadata_track_name": "Alison",
        "master_metadata_album_artist_name": "Slowdive",
        "master_metadata_album_album_name": "Souvlaki",
        "spotify_track_uri": "spotify:track:0123456789ABCDEFGHIJKL",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    }
    return {**row, **fields}


def account_row(ended_at: dt.datetime, ms_played: int, **fields: Any) -> dict[str, Any]:
    """Return one row of the shorter export."""
    row = {
        "endTime": f"{ended_at:%Y-%m-%d %H:%M}",
        "artistName": "Slowdive",
        "trackName": "Alison",
        "msPlayed": ms_played,
    }
    return {**row, **fields}


def rows_of(world: World, plays: PlayLog, *, account: bool = False) -> list[dict[str, Any]]:
    """Return the rows that Spotify would export of a listener's plays."""
    rows = []
    for at, track, ms, skipped in zip(
        plays.at.tolist(), plays.track.tolist(), plays.ms.tolist(), plays.skipped.tolist(),
        strict=True,
    ):  # fmt: skip
        ended_at = dt.datetime.fromtimestamp(at + ms / 1000, dt.UTC)
        artist = world.artist_name[world.track_artist[track]]
        title = world.track_title[track]
        if account:
            rows.append(account_row(ended_at, ms, artistName=artist, trackName=title))
            continue
        rows.append(
            extended_row(
                ended_at,
                ms,
                master_metadata_album_artist_name=artist,
                master_metadata_track_name=title,
                spotify_track_uri=f"spotify:track:{world.track_spotify_id[track]}",
                reason_end="fwdbtn" if skipped else "trackdone",
                skipped=skipped,
            )
        )
    return rows


def write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows to a history file in Spotify's format and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def write_zip(path: Path, files: Mapping[str, Iterable[Mapping[str, Any]] | bytes]) -> Path:
    """Write a zip of histories and other files by name, and return it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(list(content)).encode()
            archive.writestr(name, data)
    return path
