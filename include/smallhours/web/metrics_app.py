"""The page that Prometheus reads, an application of its own at `/smallhours/metrics/`.

Airflow's sessions end after a day. So whoever asks names the token in `SMALLHOURS_METRICS_TOKEN`;
where there is none, nobody is answered. The lake is read at most once in `MAX_AGE_S`, however often
the page is.
"""

import hmac
import os
import time
from collections.abc import Callable
from threading import Lock
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.responses import PlainTextResponse, Response

VARIABLE = "SMALLHOURS_METRICS_TOKEN"
MAX_AGE_S = 60.0


def create_metrics_app(login_days: Callable[[str], int | None]) -> FastAPI:
    """Return the page that Prometheus reads, as an application of its own.

    Args:
        login_days: Returns the days until a listener's Spotify login ends; None if unknown.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    lock = Lock()
    text, read_at = b"", float("-inf")

    @app.get("/")
    def metrics(authorization: Annotated[str, Header()] = "") -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        from smallhours.web.night_metrics import NightCollector

        nonlocal text, read_at
        token = os.environ.get(VARIABLE, "")
        if not token:
            return PlainTextResponse(f"Set {VARIABLE} to a long random text.\n", 403)
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            return PlainTextResponse(f"Send the text of {VARIABLE} as a bearer token.\n", 401)
        with lock:
            if time.monotonic() - read_at > MAX_AGE_S:
                text, read_at = generate_latest(NightCollector(login_days)), time.monotonic()
            return Response(text, media_type=CONTENT_TYPE_LATEST)

    return app
