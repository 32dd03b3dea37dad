"""The pages' web application: routes, permissions and error pages.

Every route asks Airflow whether the visitor may read, every button whether they may write. The
modules behind the pages are imported when a page is first opened: Airflow loads this file in each
of its components, and most never show a page.
"""

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException as StarletteHTTPException

from smallhours import __version__
from smallhours.errors import SettingsError, SmallhoursError
from smallhours.nights import parse_date
from smallhours.web.form_tokens import FORM_FIELD_NAME, check_form_token, token_for
from smallhours.web.metrics_app import create_metrics_app
from smallhours.web.page_context import AirflowBridge, PageContext, open_page_context

PREFIX = "/smallhours"
# Airflow's address that leads to its login page, whatever its auth manager, and back to `next`.
_LOGIN = "/api/v2/auth/login"
PAGES: Mapping[str, str] = {
    "tonight": "Tonight",
    "taste": "Taste",
    "explore": "Explore",
    "models": "Models",
    "history": "History",
    "settings": "Settings",
}
_TEMPLATES = Path(__file__).parent / "templates"
# The figures in a reason, which the bars of the track's sound show.
_FIGURES = re.compile(r" \((measured|predicted) [^)]*\)")
# The one script of the pages. It is inline, and no other runs: the policy holds its fingerprint.
_SCRIPT = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; connect-src 'self'; "
    "style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'; "
    "base-uri 'none'"
)
PAGE_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

ListenerQuery = Annotated[str | None, Query(max_length=40)]
NightQuery = Annotated[str | None, Query(max_length=10)]
IntentQuery = Annotated[str, Query(max_length=40)]


def create_app(airflow_bridge: AirflowBridge) -> FastAPI:
    """Return the pages as an application, to be mounted at `PREFIX`.

    Args:
        airflow_bridge: Access to Airflow.
    """

    def note_rights(
        request: Request,
        may_write: Annotated[bool, Depends(airflow_bridge.may_write)],
        may_connect: Annotated[bool, Depends(airflow_bridge.may_connect)],
    ) -> None:
        request.state.may_write, request.state.may_connect = may_write, may_connect

    app = FastAPI(
        title="Smallhours",
        version=__version__,
        dependencies=[Depends(airflow_bridge.may_read), Depends(note_rights)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.airflow_bridge = airflow_bridge
    app.mount("/metrics", create_metrics_app(airflow_bridge.login_days))
    _add_error_pages(app)
    _add_pages(app)
    _add_tab_of_runs(app)
    _add_actions(app)
    from smallhours.web.account_routes import add_account_routes
    from smallhours.web.editing_routes import add_editing_routes
    from smallhours.web.linked_routes import add_linked_routes

    add_linked_routes(app)
    add_editing_routes(app)
    add_account_routes(app)
    return app


# Airflow's answer to a login of before its last start, as 403.
_OLD_LOGIN = "Invalid JWT token"


def _add_error_pages(app: FastAPI) -> None:
    """Let every error be a page, and a missing or old login lead to the login page and back."""

    @app.exception_handler(SmallhoursError)
    def explain(request: Request, error: Exception) -> Response:
        told = cast("SmallhoursError", error)
        status = 400 if isinstance(error, SettingsError) else 503
        return page(request, "error", None, status=status, what=told.what, remedy=told.remedy)

    @app.exception_handler(StarletteHTTPException)
    def refuse(request: Request, error: Exception) -> Response:
        refused = cast("StarletteHTTPException", error)
        if refused.status_code == 401 or refused.detail == _OLD_LOGIN:
            if request.method == "GET":
                wanted = f"{request.url.path}?{request.url.query}".rstrip("?")
                return RedirectResponse(f"{_LOGIN}?{urlencode({'next': wanted})}", status_code=303)
            what, remedy = "You are not logged in any more.", "Log in, and press the button again."
        elif refused.status_code == 404:
            what, remedy = "There is no such page.", "Choose one of the pages at the top."
        else:
            what, remedy = str(refused.detail), ""
        return page(request, "error", None, status=refused.status_code, what=what, remedy=remedy)

    @app.exception_handler(RequestValidationError)
    def reject(request: Request, error: Exception) -> Response:
        wrong = cast("RequestValidationError", error).errors()
        names = ", ".join(dict.fromkeys(str(each["loc"][-1]) for each in wrong))
        what = f"This address or form holds something that can't be used: {names}."
        return page(request, "error", None, status=422, what=what, remedy="Go back, and try again.")


def _add_pages(app: FastAPI) -> None:
    """Add the routes of the pages."""

    @app.get("/")
    def start() -> Response:
        return RedirectResponse(f"{PREFIX}/tonight")

    @app.get("/tonight", response_class=HTMLResponse)
    def show_tonight(
        request: Request,
        listener: ListenerQuery = None,
        night: NightQuery = None,
        intent: IntentQuery = "main",
    ) -> Response:
        page_context = open_page_context(listener)
        airflow_bridge: AirflowBridge = request.app.state.airflow_bridge
        waiting = airflow_bridge.waiting()
        return _tonight(
            request,
            page_context,
            parse_date(night) if night else None,
            intent,
            paused=airflow_bridge.paused(),
            progress=airflow_bridge.progress(page_context.listener, page_context.today),
            waits=[each.night for each in waiting if each.listener == page_context.listener],
        )

    @app.get("/taste", response_class=HTMLResponse)
    def show_taste(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.taste_page import taste

        page_context = open_page_context(listener)
        return page(request, "taste", page_context, taste=taste(page_context))

    @app.get("/taste.svg")
    def save_taste_picture(listener: ListenerQuery = None) -> Response:
        """Return the tags over the years as a picture of its own."""
        from smallhours.web.taste_page import taste_picture

        picture = taste_picture(open_page_context(listener))
        saved = {"Content-Disposition": 'attachment; filename="taste.svg"'}
        return Response(picture, media_type="image/svg+xml", headers={**PAGE_HEADERS, **saved})

    @app.get("/explore", response_class=HTMLResponse)
    def show_explore(
        request: Request,
        listener: ListenerQuery = None,
        tags: Annotated[str, Query(max_length=1000)] = "",
        add: Annotated[str, Query(max_length=200)] = "",
        weight: Annotated[int, Query(ge=1, le=100)] = 100,
    ) -> Response:
        from smallhours.web.explore_page import explore, with_tag

        page_context = open_page_context(listener)
        if add.strip():
            return back("explore", listener=page_context.listener, tags=with_tag(tags, add, weight))
        return page(request, "explore", page_context, explore=explore(page_context, tags))

    @app.get("/models", response_class=HTMLResponse)
    def show_models(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.models_page import PURPOSES, models

        page_context = open_page_context(listener)
        shown = models(page_context)
        return page(request, "models", page_context, models=shown, purposes=PURPOSES)

    @app.get("/history", response_class=HTMLResponse)
    def show_history(
        request: Request,
        listener: ListenerQuery = None,
        intent: IntentQuery = "main",
        until: NightQuery = None,
    ) -> Response:
        from smallhours.web.history_page import history

        page_context = open_page_context(listener)
        shown = history(page_context, intent=intent, until=parse_date(until) if until else None)
        return page(request, "history", page_context, history=shown)


def _add_tab_of_runs(app: FastAPI) -> None:
    """Add the tab of a run."""

    @app.get("/run", response_class=HTMLResponse)
    def show_run(request: Request, dag: str, run: str) -> Response:
        """Show the night of a run, as a tab of that run."""
        key = request.app.state.airflow_bridge.partition_of(dag, run) or ""
        listener, _, night = key.partition("@")
        if not night:
            return page(request, "run_without_night", None)
        of_run: dict[str, Any] = {"paused": (), "progress": None, "waits": ()}
        return _tonight(request, open_page_context(listener), parse_date(night), "main", **of_run)


def _tonight(
    request: Request,
    page_context: PageContext,
    night: dt.date | None,
    intent: str,
    **of_airflow: Any,
) -> Response:
    """Return the Tonight page of a night, by default the newest."""
    from smallhours.vocabulary import BUTTONS
    from smallhours.web.tonight_page import tonight
    from smallhours.web.what_was_said import effects_on_list

    shown = tonight(page_context, night=night, intent=intent)
    said = effects_on_list(page_context, intent, shown.night) if shown.night else []
    told = {"tonight": shown, "said": said, "buttons": BUTTONS, **of_airflow}
    return page(request, "tonight", page_context, **told)


def _add_actions(app: FastAPI) -> None:
    """Add the routes behind the buttons."""

    @app.post("/feedback", dependencies=MAY_WRITE)
    def react(
        listener: Annotated[str, Form()],
        night: Annotated[str, Form()],
        intent: Annotated[str, Form()],
        track_key: Annotated[str, Form()],
        reaction: Annotated[str, Form()],
    ) -> Response:
        from smallhours.web.forms import save_reaction
        from smallhours.web.tonight_page import row_id

        page_context = open_page_context(listener)
        save_reaction(page_context, parse_date(night), intent, track_key, reaction)
        of_list = {"listener": listener, "night": night, "intent": intent}
        return back("tonight", row=row_id(track_key), **of_list)

    @app.post("/rollback", dependencies=MAY_WRITE)
    def put_back(
        request: Request,
        listener: Annotated[str, Form()],
        night: Annotated[str, Form()],
        intent: Annotated[str, Form()],
    ) -> Response:
        page_context = open_page_context(listener)
        date = parse_date(night)
        wanted = {"listener": page_context.listener, "night": str(date), "intent": intent}
        run = request.app.state.airflow_bridge.trigger("rollback_playlist", wanted)
        return page(request, "triggered", page_context, night=date, run=run)

    @app.post("/resume", dependencies=MAY_WRITE)
    def let_nights_run(request: Request, listener: Annotated[str, Form()]) -> Response:
        airflow_bridge: AirflowBridge = request.app.state.airflow_bridge
        airflow_bridge.resume(airflow_bridge.paused())
        return back("tonight", listener=open_page_context(listener).listener)

    @app.post("/night", dependencies=MAY_WRITE)
    def make_list_now(request: Request, listener: Annotated[str, Form()]) -> Response:
        """Run the whole night now, from any state: paused, failed, or never run."""
        page_context = open_page_context(listener)
        airflow_bridge: AirflowBridge = request.app.state.airflow_bridge
        running = airflow_bridge.progress(page_context.listener, page_context.today)
        airflow_bridge.resume(airflow_bridge.paused())
        if running is None or running.failed:
            wanted = {"listener": page_context.listener, "night": str(page_context.today)}
            airflow_bridge.trigger("sync_listening", wanted)
        return back("tonight", listener=page_context.listener)

    @app.post("/explore/save", dependencies=MAY_WRITE)
    def save(
        request: Request,
        listener: Annotated[str, Form()],
        tags: Annotated[str, Form(max_length=1000)],
        name: Annotated[str, Form(max_length=60)],
    ) -> Response:
        from smallhours.web.forms import save_intent

        page_context = open_page_context(listener)
        key = save_intent(page_context, name, tags)
        return page(request, "saved", page_context, title=name, key=key)


def _require_write(request: Request) -> None:
    if not request.state.may_write:
        raise HTTPException(403, "Only people who may start runs in Airflow can press this button.")


def _require_form_token(request: Request, form_token: Annotated[str, Form()] = "") -> None:
    check_form_token(request, form_token, request.app.state.airflow_bridge.secret())


MAY_WRITE = [Depends(_require_write), Depends(_require_form_token)]


def back(name: str, *, row: str = "", **where: str) -> Response:
    """Redirect the browser to a page, or a row of it, after a button; reloading repeats nothing."""
    anchor = f"#{row}" if row else ""
    return RedirectResponse(address(name, **where) + anchor, status_code=303)


def address(name: str, **where: str) -> str:
    """Return the address of a page."""
    return f"{PREFIX}/{name}?{urlencode(where)}"


def page(
    request: Request,
    name: str,
    page_context: PageContext | None,
    *,
    status: int = 200,
    **shown: Any,
) -> Response:
    """Render a template with the context that all pages need: listener, tabs, form token."""
    airflow_bridge: AirflowBridge = request.app.state.airflow_bridge
    content = (
        _templates()
        .get_template(f"{name}.html")
        .render(
            here=name,
            pages=PAGES,
            prefix=PREFIX,
            page_context=page_context,
            listeners=list(page_context.settings.listeners) if page_context else [],
            warning=airflow_bridge.warning(page_context.listener) if page_context else "",
            # An error may happen before the visitor's rights are known.
            may_write=getattr(request.state, "may_write", False),
            token=token_for(request, airflow_bridge.secret()),
            token_field=FORM_FIELD_NAME,
            **shown,
        )
    )
    headers = {**PAGE_HEADERS, "Content-Security-Policy": _policy(page_context)}
    return HTMLResponse(content, status_code=status, headers=headers)


def _policy(page_context: PageContext | None) -> str:
    """Return what a page may load: besides itself covers and, where it is wanted, the player."""
    if page_context is None:
        return _POLICY
    from smallhours.web.track_links import SPOTIFY, image_hosts

    services, mine = page_context.settings.services, page_context.playlist_settings
    covers = " ".join(image_hosts(services, mine))
    frames = SPOTIFY if mine.pages.player else "'none'"
    return f"{_POLICY}; img-src data: {covers}; frame-src {frames}"


@cache
def _templates() -> Environment:
    from smallhours.web.charts.canvas import format_percent
    from smallhours.web.track_links import service_links

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["script"] = _SCRIPT
    made.globals["service_links"] = service_links
    made.filters["percent"] = format_percent
    made.filters["in_words"] = lambda reason: _FIGURES.sub("", reason)
    made.filters["short"] = lambda value: f"{value:.2f}".removeprefix("0")
    return made
