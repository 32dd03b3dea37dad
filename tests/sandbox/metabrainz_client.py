"""A client of the sandbox's MetaBrainz services for the tests, and a check of replies' shapes."""

from typing import Any

import requests

from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.server import SandboxServer

AGENT = {"User-Agent": "Smallhours/1.0 ( https://listenbrainz.org/user/ada )"}
TEXT_OR_NULL = (str, type(None))
WHOLE_OR_NULL = (int, type(None))


class MetaBrainzApi:
    """A client with a listener's token."""

    def __init__(self, server: SandboxServer, user: str = "ada") -> None:
        self.server = server
        self.state = server.state
        self.index = MusicBrainzIndex(server.state.world)
        self.session = requests.Session()
        self.session.headers.update(AGENT)
        self.token = {"Authorization": f"Token {listenbrainz_token(user)}"}

    def ask(self, path: str, *, token: bool = False, **params: Any) -> requests.Response:
        """Send a GET to ``/listenbrainz/1`` or, with a leading "//", to another root."""
        return self.session.get(
            self._address(path), params=params, headers=self.token if token else {}, timeout=10
        )

    def get(self, path: str, *, token: bool = False, **params: Any) -> Any:
        """Return the body of a successful GET."""
        answer = self.ask(path, token=token, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, path: str, body: Any, *, token: bool = True) -> requests.Response:
        """Send a POST, with the token unless told otherwise."""
        return self.session.post(
            self._address(path), json=body, headers=self.token if token else {}, timeout=10
        )

    def post(self, path: str, body: Any, *, token: bool = True) -> Any:
        """Return the body of a successful POST."""
        answer = self.send(path, body, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def listens(self, **params: Any) -> list[Any]:
        """Return a page of ada's listens."""
        page: list[Any] = self.get("/user/ada/listens", **params)["payload"]["listens"]
        return page

    def recordings(self, count: int) -> list[str]:
        """Return the ids of so many recordings."""
        return [self.index.ids[track] for track in self.index.recordings_of.ids[:count].tolist()]

    def _address(self, path: str) -> str:
        root = self.server.url if path.startswith("//") else f"{self.server.url}/listenbrainz/1"
        return root + path.removeprefix("/") if path.startswith("//") else root + path


def error_of(answer: requests.Response) -> tuple[int, str]:
    """Return status and message of ListenBrainz' error, after checking that the body says both."""
    body = answer.json()
    assert body["code"] == answer.status_code
    return answer.status_code, body["error"]


def check_shape(value: Any, shape: Any, where: str = "reply") -> None:
    """Check that a reply has a shape: a type, some types, a list of one shape, or members.

    A member whose name ends in "?" may be absent; no other than the named ones may be there.
    """
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        names = {name.removesuffix("?") for name in shape}
        assert set(value) <= names, f"{where}: {set(value) - names}"
        for name, part in shape.items():
            if name.endswith("?") and name[:-1] not in value:
                continue
            check_shape(value[name.removesuffix("?")], part, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for row in value:
            check_shape(row, shape[0], f"{where}[]")
    else:
        assert isinstance(value, shape), f"{where} is {value!r}"
        assert not isinstance(value, bool) or shape is bool, f"{where} is {value!r}"
