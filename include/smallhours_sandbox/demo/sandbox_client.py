"""The demo's client of the sandbox: its clock, and the listeners' playlists.

A playlist is read as its listener would read it, from the service's API with their login. Only the
clock uses the sandbox's own routes.
"""

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import requests

from smallhours.local.processes import ManagedProcess
from smallhours_sandbox.demo.demo_config import LISTENER
from smallhours_sandbox.listenbrainz_state import listenbrainz_token

_TIMEOUT_S = 30.0
_START_S = 120.0
_PROFILE = "https://listenbrainz.org/user/"


@dataclass(frozen=True, slots=True)
class PlaylistTrack:
    """One track of a playlist, as its service shows it."""

    uri: str
    artist: str
    title: str


def wait_for_sandbox(url: str, part: ManagedProcess) -> None:
    """Wait until the sandbox answers.

    Raises:
        ProcessStopped: when its process ended.
        TimeoutError: when it does not answer within two minutes.
    """
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        part.check()
        try:
            if requests.get(f"{url}/_sandbox/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(f"the sandbox did not start; its log is {part.log}")


def sandbox_date(url: str, timezone: ZoneInfo) -> dt.date:
    """Return the current date in the sandbox, in a time zone."""
    return _now(url).astimezone(timezone).date()


def advance_one_day(url: str) -> dict[str, Any]:
    """Advance the sandbox by a day and return the counts of its listener's events."""
    until = _now(url) + dt.timedelta(days=1)
    reply = requests.post(
        f"{url}/_sandbox/advance", json={"until": until.isoformat()}, timeout=_TIMEOUT_S
    )
    happened: dict[str, Any] = _answer(reply)["listeners"][LISTENER]
    return happened


def read_spotify_playlist(url: str, name: str) -> list[PlaylistTrack]:
    """Return the tracks of ada's playlist with a name at Spotify; empty when there is none."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {_access_token(url)}"
        mine = _answer(session.get(f"{url}/v1/me/playlists?limit=50", timeout=_TIMEOUT_S))
        playlist = next((each for each in mine["items"] if each["name"] == name), None)
        if playlist is None:
            return []
        items: list[PlaylistTrack] = []
        page_url: str | None = f"{url}/v1/playlists/{playlist['id']}/items?limit=50"
        while page_url:
            page = _answer(session.get(page_url, timeout=_TIMEOUT_S))
            items += [_item(row) for row in page["items"]]
            page_url = page["next"]
        return items


def read_listenbrainz_playlist(url: str, listener: str, name: str) -> list[PlaylistTrack]:
    """Return the tracks of a playlist at ListenBrainz; empty when there is none of that name."""
    api = f"{url}/listenbrainz/1"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {listenbrainz_token(listener)}"
        session.headers["User-Agent"] = f"Smallhours demo/1 ( {_PROFILE}{listener} )"
        mine = _answer(session.get(f"{api}/user/{listener}/playlists", timeout=_TIMEOUT_S))
        for each in mine["playlists"]:
            if each["playlist"]["title"] == name:
                key = each["playlist"]["identifier"].rpartition("/")[2]
                found = _answer(session.get(f"{api}/playlist/{key}", timeout=_TIMEOUT_S))
                return [
                    PlaylistTrack(
                        row["identifier"][0], row.get("creator", ""), row.get("title", "")
                    )
                    for row in found["playlist"]["track"]
                ]
    return []


def _now(url: str) -> dt.datetime:
    reply = _answer(requests.get(f"{url}/_sandbox/now", timeout=_TIMEOUT_S))
    return dt.datetime.fromisoformat(reply["now"])


def _access_token(url: str) -> str:
    reply = requests.post(
        f"{url}/api/token",
        data={"grant_type": "refresh_token", "refresh_token": f"refresh-{LISTENER}"},
        auth=("sandbox-client", "sandbox-secret"),
        timeout=_TIMEOUT_S,
    )
    return str(_answer(reply)["access_token"])


def _item(row: Any) -> PlaylistTrack:
    track = row.get("item") or row["track"]
    return PlaylistTrack(
        track["uri"], ", ".join(a["name"] for a in track["artists"]), track["name"]
    )


def _answer(reply: requests.Response) -> Any:
    reply.raise_for_status()
    return reply.json()
