"""Clients of the sandbox's Last.fm for the tests: pylast itself, and plain requests."""

from typing import Any

import httpx2
import pylast
import requests

from smallhours_sandbox.lastfm_api import LASTFM_API_KEY, LASTFM_API_SECRET
from smallhours_sandbox.server import SandboxServer


class ToSandbox(httpx2.HTTPTransport):
    """A transport that redirects pylast's requests for ws.audioscrobbler.com to the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = httpx2.URL(base)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(
            scheme=self._base.scheme, host=self._base.host, port=self._base.port
        )
        return super().handle_request(request)


def network(sandbox: SandboxServer, key: str = LASTFM_API_KEY) -> Any:
    """Return a pylast network whose Last.fm is the sandbox."""
    proxy = {"https://ws.audioscrobbler.com": ToSandbox(sandbox.url)}
    return pylast.LastFMNetwork(key, LASTFM_API_SECRET, proxy=proxy)


def ask(sandbox: SandboxServer, method: str, **params: object) -> requests.Response:
    """Send one JSON call with GET; ``api_key=None`` and ``format=None`` omit those."""
    sent = {"method": method, "api_key": LASTFM_API_KEY, "format": "json", **params}
    kept = {key: str(value) for key, value in sent.items() if value is not None}
    kept = {key.rstrip("_"): value for key, value in kept.items()}
    return requests.get(sandbox.lastfm_url, params=kept, timeout=10)


def node(sandbox: SandboxServer, method: str, **params: object) -> Any:
    """Return the content below the root of a successful JSON answer."""
    answer = ask(sandbox, method, **params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body) == 1, body
    return next(iter(body.values()))


def post_faults(sandbox: SandboxServer, *rules: dict[str, object]) -> None:
    """Add fault rules to the sandbox."""
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=list(rules), timeout=10)
    assert answer.status_code == 200, answer.text
