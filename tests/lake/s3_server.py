"""moto's S3 server as a process of its own, which counts requests and can misbehave.

    python -m tests.lake.s3_server

A line of stdout tells its port. `GET /-/requests` returns the requests since the last time, and
`PUT /-/fault?kind=...` chooses what goes wrong: `none`, `busy` (503), or `careless` (conditions on
writes are overlooked).
"""

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests

CHECKOUT = Path(__file__).parents[2]
BUCKET = "lake"
WHY_SKIPPED = "needs moto's server: make cluster"

Respond = Callable[..., Any]


def is_installed() -> bool:
    """Return whether `make cluster` was run."""
    return importlib.util.find_spec("moto") is not None


class CountedS3:
    """A WSGI application in front of moto's."""

    def __init__(self, s3: Callable[[dict[str, Any], Respond], Iterable[bytes]]) -> None:
        self._s3 = s3
        self._requests: list[tuple[str, str, int]] = []
        self._fault = "none"
        # S3 checks a condition and writes in one step; moto does so in two.
        self._one_at_a_time = threading.Lock()

    def __call__(self, request: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
        if path == "/-/requests":
            told, self._requests = self._requests, []
            respond("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(told).encode()]
        if path == "/-/fault":
            self._fault = parse_qs(request["QUERY_STRING"])["kind"][0]
            respond("200 OK", [])
            return []
        if self._fault == "busy":
            self._requests.append((method, path, 503))
            respond("503 Slow Down", [])
            return [b"<Error><Code>SlowDown</Code></Error>"]
        if self._fault == "careless":
            request.pop("HTTP_IF_MATCH", None)
            request.pop("HTTP_IF_NONE_MATCH", None)

        def count(status: str, *rest: Any) -> Any:
            self._requests.append((method, path, int(status[:3])))
            return respond(status, *rest)

        with self._one_at_a_time:
            return self._s3(request, count)


class S3Server:
    """A running server, as seen from outside."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        # What the product reads; it names no secret of anybody.
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
        }

    def ask(self, method: str, path: str) -> bytes:
        """Make a request past the product."""
        reply = requests.request(method, f"{self.url}{path}", timeout=30)
        reply.raise_for_status()
        return reply.content

    def requests(self) -> list[tuple[str, str, int]]:
        """Return method, path and status of the requests since the last time."""
        return [tuple(each) for each in json.loads(self.ask("GET", "/-/requests"))]

    def misbehave(self, kind: str) -> None:
        """Choose what goes wrong from now on."""
        self.ask("PUT", f"/-/fault?kind={kind}")


@contextlib.contextmanager
def running_s3() -> Iterator[S3Server]:
    """Run a server with one empty bucket."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lake.s3_server"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        server = S3Server(int(process.stdout.readline()))
        server.ask("PUT", f"/{BUCKET}")
        yield server
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve until killed."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    # Connections stay open, as S3's do.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    s3 = CountedS3(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, s3, threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
