"""A server on this machine that waits for the browser's redirect at the end of a login.

Browsers open connections that they don't use, ask for icons, and reload old pages. Each connection
has a thread and a time limit of its own, and only a redirect with the state of this login counts.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from smallhours.errors import SettingsError

Query = dict[str, list[str]]

MAX_CONNECTION_S = 10.0


@contextmanager
def redirect_server(port: int, state: str) -> Iterator["queue.Queue[Query]"]:
    """Serve redirects until the block is left.

    Args:
        port: Of 127.0.0.1.
        state: The one that this login sent; a redirect with another is refused.

    Yields:
        Takes the queries of redirects that count.

    Raises:
        SettingsError: when the port is taken.
    """
    answers: queue.Queue[Query] = queue.Queue()

    class Redirect(BaseHTTPRequestHandler):
        timeout = MAX_CONNECTION_S

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = parse_qs(address.query)
            if address.path != "/callback":
                self._say(404, "There is nothing here.")
            elif query.get("state") != [state]:
                self._say(400, "This page is of another login. Use the address in the terminal.")
            else:
                agreed = "code" in query
                said = "Thank you." if agreed else "You did not agree, and nothing is kept."
                self._say(200, f"{said} You can close this page and go back to the terminal.")
                answers.put(query)

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            """Log nothing: the address contains the code."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True  # the end of a login waits for no connection

        def handle_error(self, *_args: object) -> None:
            """Ignore a connection that broke off."""

    try:
        server = Server(("127.0.0.1", port), Redirect)
    except OSError:
        raise SettingsError(
            f"Port {port} is taken.", remedy="Choose another with --port, and register it."
        ) from None
    with server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield answers
        finally:
            server.shutdown()
