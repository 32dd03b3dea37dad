"""A small sandbox and a plain HTTP client for the Spotify tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import requests

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import READY_MADE_SCOPES, Grant, accounts_of
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

ME = "ada"
OTHER = "bruno"
SECRET = ("sandbox-client", "sandbox-secret")


@cache
def small_world() -> World:
    return generate_world(seed=11, artists=120, tracks=1_500, scrobbles=4_000)


def retitled(titles: dict[int, str], artists: dict[int, str] | None = None) -> World:
    """Return the small world with a few titles and artist names replaced."""
    world = small_world()
    names = {**dict(enumerate(world.artist_name)), **(artists or {})}
    return replace(
        world,
        track_title=[titles.get(index, title) for index, title in enumerate(world.track_title)],
        artist_name=list(names.values()),
        _lookup=None,
    )


class Api:
    """A client with one listener's access to one sandbox."""

    def __init__(self, server: SandboxServer, session: requests.Session) -> None:
        self.server = server
        self.state = server.state
        self.url = server.url
        self.session = session
        self.token = access_token(server.state)

    def call(
        self, method: str, path: str, *, token: str | None = None, **more: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        address = path if path.startswith("http") else f"{self.url}/v1{path}"
        return self.session.request(method, address, headers=headers, timeout=10, **more)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Return status and message of an error, after checking that the body repeats both."""
        answer = self.call(method, path, **more)
        error = answer.json()["error"]
        assert error["status"] == answer.status_code
        return answer.status_code, error["message"]

    def pages(self, first: Any) -> Iterator[Any]:
        """Return all pages, following absolute `next` addresses."""
        while first is not None:
            yield first
            first = self.get(first["next"]) if first["next"] else None

    def playlist(self, tracks: int = 0, **details: Any) -> Any:
        """Create a private playlist of the world's first tracks."""
        body = {"name": "Small hours", "public": False, **details}
        made = self.call("POST", "/me/playlists", json=body)
        assert made.status_code == 201, made.text
        if tracks:
            added = self.call(
                "POST", f"/playlists/{made.json()['id']}/items", json=self.uris(tracks)
            )
            assert added.status_code == 201, added.text
        return made.json()

    def uris(self, count: int, first: int = 0) -> list[str]:
        ids = self.state.world.track_spotify_id[first : first + count]
        return [f"spotify:track:{key}" for key in ids]

    def contents(self, playlist_id: str) -> list[str]:
        return [item.uri for item in self.state.playlists[playlist_id].items]


def access_token(
    state: SandboxState,
    listener: str | None = ME,
    scopes: frozenset[str] = READY_MADE_SCOPES,
    *,
    lifetime_s: float = 3600,
) -> str:
    grant = Grant(listener, scopes)
    return accounts_of(state).issue_access_token(grant, lifetime_s=lifetime_s)


@contextmanager
def running(world: World | None = None) -> Iterator[Api]:
    with (
        SandboxServer(SandboxState(world or small_world())) as server,
        requests.Session() as session,
    ):
        yield Api(server, session)
