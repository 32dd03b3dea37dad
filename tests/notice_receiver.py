"""A receiver of the notices that Airflow's Apprise provider sends."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.airflow_home import airflow_db

__all__ = ["airflow_db", "messenger"]


class NoticeReceiver:
    """A receiver of messages that Apprise can reach by `json://`."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        outer = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.got.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Log nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def messenger(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[NoticeReceiver]:
    """Yield a receiver behind the connection `messenger`; nothing was sent to anybody before."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    del airflow_db
    with create_session() as session:
        session.execute(delete(Variable).where(Variable.key.startswith("smallhours_told_")))
    made = NoticeReceiver()
    address = f"json://127.0.0.1:{made.server.server_port}/"
    connection = {"conn_type": "apprise", "extra": {"config": [{"path": address, "tag": "all"}]}}
    monkeypatch.setenv("AIRFLOW_CONN_MESSENGER", json.dumps(connection))
    yield made
    made.server.shutdown()
    made.server.server_close()
