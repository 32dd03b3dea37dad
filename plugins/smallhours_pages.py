"""Airflow plugin for the pages: an entry in the menu, and a tab on each run.

Every component of Airflow loads this file, and only one shows pages: they are built on first use.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/smallhours"

Message = MutableMapping[str, Any]


@cache
def _pages() -> Any:
    from smallhours.orchestration.pages import airflow_bridge
    from smallhours.web.app import create_app

    return create_app(airflow_bridge())


async def pages(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Serve the pages, as an ASGI application."""
    await _pages()(scope, receive, send)


class SmallhoursPages(AirflowPlugin):
    """The plugin that registers the pages."""

    name = "smallhours_pages"
    fastapi_apps: list[dict[str, Any]] = [  # noqa: RUF012 - as Airflow declares it
        {"app": pages, "url_prefix": PREFIX, "name": "Smallhours"}
    ]
    external_views: list[dict[str, Any]] = [  # noqa: RUF012
        {
            "name": "Smallhours",
            "href": f"{PREFIX}/tonight",
            "destination": "nav",
            "url_route": "smallhours",
        },
        {
            "name": "Tonight's list",
            "href": f"{PREFIX}/run?dag={{DAG_ID}}&run={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "smallhours-night",
        },
    ]
