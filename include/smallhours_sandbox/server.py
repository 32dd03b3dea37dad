"""The sandbox as a web server: one application, in a thread for tests or blocking.

It listens on 127.0.0.1 only; anyone who can reach it may read and control everything.
"""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from smallhours_sandbox.acousticbrainz_api import acousticbrainz_routes
from smallhours_sandbox.admin import admin_routes
from smallhours_sandbox.cache import load_or_generate, load_or_replay
from smallhours_sandbox.fault_transport import FaultMiddleware
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.labs_api import labs_routes
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY, lastfm_routes
from smallhours_sandbox.listenbrainz_api import listenbrainz_routes
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.metabrainz_http import MetaBrainz
from smallhours_sandbox.musicbrainz_api import musicbrainz_routes
from smallhours_sandbox.reccobeats_api import reccobeats_routes
from smallhours_sandbox.replay import replay_world
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.spotify_api import accounts_routes, spotify_routes
from smallhours_sandbox.spotify_images import image_routes
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.subsonic_api import subsonic_routes
from smallhours_sandbox.subsonic_state import subsonic_password
from smallhours_sandbox.world import SCROBBLERS, World

HOST = "127.0.0.1"
DEFAULT_PORT = 8700
LISTENERS = ("ada", "bruno")
_START_S = 20.0
_STOP_S = 10.0


class SandboxServerError(RuntimeError):
    """The server can't start or stop; the message says why."""


def build_app(
    state: SandboxState,
    *,
    base_url: str | None = None,
    on_advance: Callable[[], None] | None = None,
) -> Starlette:
    """Return every service of the sandbox as one ASGI application.

    Args:
        state: the state it serves.
        base_url: scheme, host and port of every absolute address in an answer; None uses the
            address of the request.
        on_advance: called after the clock has moved.
    """
    metabrainz = MetaBrainz.over(state)
    routes: list[BaseRoute] = [
        *lastfm_routes(state),
        *spotify_routes(state, base_url=base_url),
        *accounts_routes(state),
        *image_routes(),
        *reccobeats_routes(state),
        *acousticbrainz_routes(state),
        *listenbrainz_routes(metabrainz),
        *labs_routes(metabrainz),
        *musicbrainz_routes(metabrainz),
        *subsonic_routes(state),
        *admin_routes(state, on_advance=on_advance),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(FaultMiddleware, state=state)],
        exception_handlers={HTTPException: _not_served},
    )


async def _not_served(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = "no such route" if status == 404 else str(getattr(error, "detail", error))
    message = f"{words}: {request.method} {request.url.path}"
    if request.url.path.startswith("/v1/"):
        return JSONResponse({"error": {"status": status, "message": message}}, status)
    return JSONResponse({"error": message}, status)


class SandboxServer:
    """The sandbox in a daemon thread.

    Example:
        ``with SandboxServer(SandboxState(world)) as sandbox: requests.get(sandbox.url + "/v1/me")``

    Attributes:
        state: the state it serves; tests may read and change it under ``state.lock``.
        url: "http://127.0.0.1:PORT" while it runs.
        on_request: called with method and path of each request before it is handled; its changes
            to the state happen between two requests of a client.
    """

    def __init__(
        self,
        state: SandboxState,
        *,
        port: int = 0,
        on_advance: Callable[[], None] | None = None,
    ) -> None:
        """Prepare to serve ``state`` on a port; 0 chooses a free one."""
        self.state = state
        self.url = ""
        self.on_request: Callable[[str, str], None] | None = None
        self._port = port
        self._advanced = on_advance
        self._app: ASGIApp | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def lastfm_url(self) -> str:
        """Return the root of the Last.fm API."""
        return f"{self.url}/2.0/"

    @property
    def spotify_url(self) -> str:
        """Return the root of the Spotify Web API, with the final slash of spotipy's ``prefix``."""
        return f"{self.url}/v1/"

    @property
    def reccobeats_url(self) -> str:
        """Return the root of the ReccoBeats API."""
        return f"{self.url}/reccobeats/v1"

    @property
    def listenbrainz_url(self) -> str:
        """Return the root of the ListenBrainz API."""
        return f"{self.url}/listenbrainz/"

    @property
    def subsonic_url(self) -> str:
        """Return the address of the music server."""
        return f"{self.url}/subsonic"

    @property
    def alive(self) -> bool:
        """Return whether the server is running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> Self:
        """Start listening, and return once requests are accepted.

        Raises:
            SandboxServerError: When the port is taken or the server does not come up.
        """
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, self._port))
        except OSError as error:
            listening.close()
            raise SandboxServerError(
                f"port {self._port} on {HOST} can't be used ({error}); choose another with --port"
            ) from None
        self.url = f"http://{HOST}:{listening.getsockname()[1]}"
        self.serve(self.state)
        config = uvicorn.Config(
            self._current,
            interface="asgi3",
            access_log=False,
            log_level="critical",
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listening), name="sandbox", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise SandboxServerError(f"the sandbox did not start on {self.url}")
            time.sleep(0.005)
        return self

    def serve(self, state: SandboxState) -> None:
        """Serve another state from now on, at the same address: much cheaper than a new server."""
        self.state = state
        self._app = build_app(state, base_url=self.url, on_advance=self._advanced)

    async def _current(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None  # noqa: S101 - set before the server starts
        if self.on_request is not None and scope["type"] == "http":
            self.on_request(scope["method"], scope["path"])
        scope.setdefault("extensions", {})["reset"] = lambda: _reset(send)
        await self._app(scope, receive, send)

    @staticmethod
    def _run(server: uvicorn.Server, listening: socket.socket) -> None:
        try:
            server.run(sockets=[listening])
        finally:
            listening.close()

    def stop(self) -> None:
        """Finish pending answers, for a second at most, and stop.

        Raises:
            SandboxServerError: When the thread does not end.
        """
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise SandboxServerError(f"the sandbox on {self.url} does not stop")
        self._server = self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def _reset(send: Send) -> None:
    """Close a request's connection without an answer."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined] # uvicorn's
    transport.abort()


@dataclass(slots=True, frozen=True)
class SandboxOptions:
    """The options of ``smallhours sandbox``.

    Attributes:
        port: on 127.0.0.1; 0 chooses a free one.
        seed: seed of the generated world.
        artists: number of artists.
        tracks: number of tracks.
        scrobbles: approximate number of scrobbles of the first listener.
        cache: folder that keeps the generated world, so that it is generated once.
        state_file: loaded when it exists, and saved after every advance and at the end.
        replay: a log of real scrobbles to serve instead of a generated world.
        artist_tags: real artist tags that go with ``replay``.
        user: listener's name with ``replay``.
    """

    port: int = DEFAULT_PORT
    seed: int = 1983
    artists: int = 3_000
    tracks: int = 40_000
    scrobbles: int = 90_000
    cache: Path | None = None
    state_file: Path | None = None
    replay: Path | None = None
    artist_tags: Path | None = None
    user: str = "listener"


def open_state(options: SandboxOptions) -> SandboxState:
    """Return the state of the options' world, as it was last saved.

    Raises:
        SandboxServerError: When there is a log to replay but no tags.
        SandboxStateError: When the state file belongs to another world.
        FileNotFoundError: When a file to replay is not there.
    """
    world = _open_world(options)
    if options.state_file is not None and options.state_file.exists():
        return SandboxState.load(options.state_file, world)
    return SandboxState(world)


def run(options: SandboxOptions, *, echo: Callable[[str], Any] = print) -> None:
    """Serve until SIGINT or SIGTERM, then save the state. Must be called from the main thread.

    Args:
        options: what to serve.
        echo: called with each line about where it listens and which credentials it accepts.

    Raises:
        SandboxServerError: When the port is taken.
        SandboxStateError: When the state file belongs to another world.
    """
    state = open_state(options)

    def save() -> None:
        if options.state_file is not None:
            state.save(options.state_file)

    stop = threading.Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {each: signal.signal(each, stopped) for each in (signal.SIGINT, signal.SIGTERM)}
    server = SandboxServer(state, port=options.port, on_advance=save)
    try:
        with server:
            for line in startup_lines(server):
                echo(line)
            while server.alive and not stop.wait(0.5):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        save()
    echo("The sandbox has stopped.")


def startup_lines(server: SandboxServer) -> list[str]:
    """Return the lines to print about the sandbox's addresses and credentials."""
    world = server.state.world
    clock = datetime.fromtimestamp(server.state.now, UTC)
    names = list(world.listeners)
    on_lastfm, on_listenbrainz = (
        [name for name in names if world.has_account(name, service)] for service in SCROBBLERS
    )
    size = f"{world.n_artists:,} artists, {world.n_tracks:,} tracks"
    return [
        f"The sandbox listens on {server.url} (stop it with Ctrl+C).",
        f"  {size}; its clock says {clock:%Y-%m-%d %H:%M} UTC.",
        f"  Last.fm     {server.lastfm_url}",
        f"              API key {LASTFM_API_KEY}, users {', '.join(on_lastfm)}",
        f"  Spotify     {server.spotify_url} and {server.url}/api/token",
        f"              client {CLIENT_ID}, secret {CLIENT_SECRET},",
        f"              refresh tokens {', '.join(f'refresh-{name}' for name in names)}",
        f"  ReccoBeats  {server.reccobeats_url}",
        f"  ListenBrainz {server.listenbrainz_url}, labs {server.url}/labs/",
        *(f"              token of {name}: {listenbrainz_token(name)}" for name in on_listenbrainz),
        f"  MusicBrainz {server.url}/musicbrainz/ws/2/",
        f'  Subsonic    {server.subsonic_url}, passwords "{subsonic_password("NAME")}"',
        f"  Steering    {server.url}/_sandbox/health, now, advance, calls, faults, playlists",
    ]


def _open_world(options: SandboxOptions) -> World:
    if options.replay is not None:
        if options.artist_tags is None:
            raise SandboxServerError("--replay needs --artist-tags: a table of real artist tags")
        logged = (options.replay, options.artist_tags, options.user)
        if options.cache is None:
            return replay_world(*logged)
        return load_or_replay(options.cache, *logged)
    size = (options.seed, options.artists, options.tracks, LISTENERS, options.scrobbles)
    if options.cache is None:
        return generate_world(*size)
    return load_or_generate(options.cache, *size)
