"""The pages' web application: routes, permissions and error pages.

Every route asks Airflow whether the visitor may read, every button whether they may write. The
modules behind the pages are imported when a page is first opened: Airflow loads this file in each
of its components, and most never show a page.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from smallhours import __version__
from smallhours.errors import SettingsError, SmallhoursError
from smallhours.pages import forms
from smallhours.pages.host import Host
from smallhours.pages.place import Place, parse_night, place_of

PREFIX = "/smallhours"
PAGES: Mapping[str, str] = {
    "tonight": "Tonight",
    "taste": "Taste",
    "explore": "Explore",
    "models": "Models",
    "history": "History",
}
# A page is self-contained: styles and pictures are inline, and it runs no script.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

ListenerQuery = Annotated[str | None, Query(max_length=40)]
NightQuery = Annotated[str | None, Query(max_length=10)]
IntentQuery = Annotated[str, Query(max_length=40)]
NameQuery = Annotated[str, Query(max_length=100)]


def create_app(host: Host) -> FastAPI:
    """Return the pages as an application, to be mounted at `PREFIX`.

    Args:
        host: Access to Airflow.
    """

    def note_rights(request: Request, writes: Annotated[bool, Depends(host.writes)]) -> None:
        request.state.may_press = writes

    app = FastAPI(
        title="Smallhours",
        version=__version__,
        dependencies=[Depends(host.may_read), Depends(note_rights)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.host = host

    @app.exception_handler(SmallhoursError)
    def explain(request: Request, error: Exception) -> Response:
        told = cast("SmallhoursError", error)
        status = 400 if isinstance(error, SettingsError) else 503
        return page(request, "error", None, status=status, what=told.what, remedy=told.remedy)

    _reading(app)
    _reading_more(app)
    _writing(app)
    return app


def _reading(app: FastAPI) -> None:
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
        from smallhours.pages.tonight import BUTTONS, tonight

        place = place_of(listener)
        shown = tonight(place, night=parse_night(night) if night else None, intent=intent)
        paused = request.app.state.host.paused()
        return page(request, "tonight", place, tonight=shown, buttons=BUTTONS, paused=paused)

    @app.get("/taste", response_class=HTMLResponse)
    def show_taste(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.pages.taste import taste

        place = place_of(listener)
        return page(request, "taste", place, taste=taste(place))

    @app.get("/explore", response_class=HTMLResponse)
    def show_explore(
        request: Request,
        listener: ListenerQuery = None,
        tags: Annotated[str, Query(max_length=1000)] = "",
        add: Annotated[str, Query(max_length=200)] = "",
        weight: Annotated[int, Query(ge=1, le=100)] = 100,
    ) -> Response:
        from smallhours.pages.explore import explore, joined

        place = place_of(listener)
        if add.strip():
            return back("explore", listener=place.listener, tags=joined(tags, add, weight))
        return page(request, "explore", place, explore=explore(place, tags))

    @app.get("/models", response_class=HTMLResponse)
    def show_models(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.pages.models import models

        place = place_of(listener)
        return page(request, "models", place, models=models(place))

    @app.get("/history", response_class=HTMLResponse)
    def show_history(
        request: Request, listener: ListenerQuery = None, intent: IntentQuery = "main"
    ) -> Response:
        from smallhours.pages.history import history

        place = place_of(listener)
        return page(request, "history", place, history=history(place, intent=intent))


def _reading_more(app: FastAPI) -> None:
    """Add the routes that a page or a tab links to."""

    @app.get("/study", response_class=HTMLResponse)
    def show_study(name: NameQuery, listener: ListenerQuery = None) -> Response:
        """Show the report of a study, as it was written."""
        from smallhours.pages.study import POLICY, study_page

        place = place_of(listener)
        content = study_page(place, name, back=address("models", listener=place.listener))
        return HTMLResponse(content, headers={**_HEADERS, "Content-Security-Policy": POLICY})

    @app.get("/run", response_class=HTMLResponse)
    def show_run(request: Request, dag: str, run: str) -> Response:
        """Show the night of a run, as a tab of that run."""
        from smallhours.pages.tonight import BUTTONS, tonight

        key = request.app.state.host.partition_of(dag, run) or ""
        listener, _, night = key.partition("@")
        if not night:
            return page(request, "no_night", None)
        place = place_of(listener)
        shown = tonight(place, night=parse_night(night))
        return page(request, "tonight", place, tonight=shown, buttons=BUTTONS, paused=())


def _writing(app: FastAPI) -> None:
    """Add the routes behind the buttons."""
    may_write = [Depends(_may_press), Depends(_own_form)]

    @app.post("/feedback", dependencies=may_write)
    def react(
        listener: Annotated[str, Form()],
        night: Annotated[str, Form()],
        intent: Annotated[str, Form()],
        track_key: Annotated[str, Form()],
        reaction: Annotated[str, Form()],
    ) -> Response:
        from smallhours.pages.reactions import note_reaction

        place = place_of(listener)
        note_reaction(place, parse_night(night), intent, track_key, reaction)
        return back("tonight", listener=listener, night=night, intent=intent)

    @app.post("/rollback", dependencies=may_write)
    def put_back(
        request: Request,
        listener: Annotated[str, Form()],
        night: Annotated[str, Form()],
        intent: Annotated[str, Form()],
    ) -> Response:
        place = place_of(listener)
        date = parse_night(night)
        wanted = {"listener": place.listener, "night": str(date), "intent": intent}
        run = request.app.state.host.trigger("rollback_playlist", wanted)
        return page(request, "triggered", place, night=date, run=run)

    @app.post("/resume", dependencies=may_write)
    def let_nights_run(request: Request, listener: Annotated[str, Form()]) -> Response:
        host: Host = request.app.state.host
        host.resume(host.paused())
        return back("tonight", listener=place_of(listener).listener)

    @app.post("/explore/save", dependencies=may_write)
    def save(
        request: Request,
        listener: Annotated[str, Form()],
        tags: Annotated[str, Form(max_length=1000)],
        name: Annotated[str, Form(max_length=60)],
    ) -> Response:
        from smallhours.pages.intents import save_intent

        place = place_of(listener)
        key = save_intent(place, name, tags)
        return page(request, "saved", place, title=name, key=key)


def _may_press(request: Request) -> None:
    if not request.state.may_press:
        raise HTTPException(403, "Only who may start runs in Airflow may press this button.")


def _own_form(request: Request, form_token: Annotated[str, Form()] = "") -> None:
    forms.refuse_foreign(request, form_token, request.app.state.host.secret())


def back(name: str, **where: str) -> Response:
    """Redirect the browser to a page after a button; reloading that page repeats nothing."""
    return RedirectResponse(address(name, **where), status_code=303)


def address(name: str, **where: str) -> str:
    """Return the address of a page."""
    return f"{PREFIX}/{name}?{urlencode(where)}"


def page(
    request: Request, name: str, place: Place | None, *, status: int = 200, **shown: Any
) -> Response:
    """Render a template with the context that all pages need: listener, tabs, form token."""
    host: Host = request.app.state.host
    content = (
        _templates()
        .get_template(f"{name}.html")
        .render(
            here=name,
            pages=PAGES,
            prefix=PREFIX,
            place=place,
            listeners=list(place.settings.listeners) if place else [],
            warning=host.warning(place.listener) if place else "",
            # An error may happen before the visitor's rights are known.
            may_press=getattr(request.state, "may_press", False),
            token=forms.token_for(request, host.secret()),
            token_field=forms.FIELD,
            **shown,
        )
    )
    return HTMLResponse(content, status_code=status, headers=_HEADERS)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["short"] = lambda value: f"{value:.2f}".removeprefix("0")
    return made
