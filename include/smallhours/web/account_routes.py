"""Routes of the Accounts page."""

from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from smallhours.web.app import MAY_WRITE, PREFIX, ListenerQuery, page
from smallhours.web.editing_routes import ListenerField, WholeForm
from smallhours.web.form_tokens import token_for
from smallhours.web.page_context import (
    AccountStore,
    AirflowBridge,
    PageContext,
    Service,
    open_page_context,
)

StateField = Annotated[str, Form(max_length=100)]


def add_account_routes(app: FastAPI) -> None:
    """Add the routes."""
    _add_accounts(app)
    _add_spotify_login(app)


def _require_connect(request: Request) -> None:
    if not request.state.may_connect:
        raise HTTPException(403, "Only people who may change connections in Airflow can do this.")


MAY_CHANGE = [*MAY_WRITE, Depends(_require_connect)]


def _store(request: Request) -> AccountStore:
    airflow_bridge: AirflowBridge = request.app.state.airflow_bridge
    return airflow_bridge.accounts()


def _visitor(request: Request) -> str:
    """Return what stands for the visitor's login to Airflow."""
    return token_for(request, request.app.state.airflow_bridge.secret())


def _show(request: Request, page_context: PageContext, **shown: Any) -> Response:
    from smallhours.web.accounts_page import accounts_page

    data = accounts_page(page_context, _store(request), **shown)
    may_connect = request.state.may_write and request.state.may_connect
    return page(request, "accounts", page_context, shown=data, may_connect=may_connect)


def _add_accounts(app: FastAPI) -> None:
    """Add the routes of the page, and of its buttons."""

    @app.get("/accounts", response_class=HTMLResponse)
    def show_accounts(request: Request, listener: ListenerQuery = None) -> Response:
        return _show(request, open_page_context(listener))

    @app.post("/accounts/notices/connect", dependencies=MAY_CHANGE)
    def connect_notices(
        request: Request, listener: ListenerField, address: Annotated[str, Form(max_length=2000)]
    ) -> Response:
        from smallhours.web.accounts_page import connect_notices as try_and_keep

        try_and_keep(_store(request), address.strip())
        told = "A notice was sent there, and later ones will be."
        return _show(request, open_page_context(listener), told=told)

    @app.post("/accounts/notices/disconnect", dependencies=MAY_CHANGE)
    def disconnect_notices(request: Request, listener: ListenerField) -> Response:
        from smallhours.web.accounts_page import disconnect_notices as forget

        forget(open_page_context(listener), _store(request))
        return _show(request, open_page_context(listener), told="No more notices are sent.")

    @app.post("/accounts/{service}/connect", dependencies=MAY_CHANGE)
    def connect(
        request: Request, service: Service, listener: ListenerField, form: WholeForm
    ) -> Response:
        from smallhours.web.accounts_page import connect as try_and_keep

        page_context = open_page_context(listener)
        told = try_and_keep(page_context, _store(request), service, form)
        return _show(request, open_page_context(listener), told=told)

    @app.post("/accounts/{service}/change", dependencies=MAY_CHANGE)
    def change(
        request: Request, service: Service, listener: ListenerField, do: Annotated[str, Form()]
    ) -> Response:
        from smallhours.web.accounts_page import NAMES, disconnect, try_account

        page_context = open_page_context(listener)
        if do == "disconnect":
            disconnect(page_context, _store(request), service)
            told = f"{NAMES[service]} is disconnected."
            return _show(request, open_page_context(listener), told=told)
        found = try_account(page_context, _store(request), service)
        return _show(request, page_context, findings=found)


def _add_spotify_login(app: FastAPI) -> None:
    """Add the routes of a login to Spotify."""

    @app.post("/accounts/spotify/begin", dependencies=MAY_CHANGE)
    def begin_login(
        request: Request,
        listener: ListenerField,
        client_id: Annotated[str, Form(max_length=200)] = "",
        client_secret: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        from smallhours.web.spotify_login import CALLBACK, begin

        page_context = open_page_context(listener)
        pending = begin(
            page_context,
            _store(request),
            own_address=f"{request.url.scheme}://{request.url.netloc}{PREFIX}/{CALLBACK}",
            visitor=_visitor(request),
            client_id=client_id,
            client_secret=client_secret,
        )
        return page(request, "spotify_login", page_context, pending=pending)

    @app.get("/accounts/spotify/callback", dependencies=[Depends(_require_connect)])
    def come_back(request: Request, state: str = "") -> Response:
        from smallhours.web.spotify_login import finish, pending_login

        pending = pending_login(state, _visitor(request))
        page_context = open_page_context(pending.listener)
        answer = parse_qs(request.url.query)
        account = finish(page_context, _store(request), pending, answer)
        told = f"Logged in to Spotify as {account}."
        return _show(request, open_page_context(pending.listener), told=told)

    @app.post("/accounts/spotify/paste", dependencies=MAY_CHANGE)
    def paste(
        request: Request,
        listener: ListenerField,
        state: StateField,
        address: Annotated[str, Form(max_length=4000)],
    ) -> Response:
        from smallhours.web.spotify_login import finish, pasted, pending_login

        pending = pending_login(state, _visitor(request))
        page_context = open_page_context(pending.listener)
        account = finish(page_context, _store(request), pending, pasted(address))
        told = f"Logged in to Spotify as {account}."
        return _show(request, open_page_context(listener), told=told)
